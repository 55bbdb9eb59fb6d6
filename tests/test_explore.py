"""Explorers show the records that fit, escaped, statically and with menus."""

import pytest
import simulated

from cr_utils import exhibits, explore, schema

PROBLEMS = simulated.problems(40)


def test_filters_leave_what_fits():
    shown = explore.dataset(PROBLEMS, most=99, widgets=False, split="heldout", type="str").data
    fitting = [p for p in PROBLEMS if p["split"] == "heldout" and p["constraint"]["type"] == "str"]
    assert f"of {len(fitting)}<" in shown and all(p["id"] in shown for p in fitting)
    assert shown.count('class="row"') == len(fitting)
    with pytest.raises(ValueError, match="no filter 'colour'"):
        explore.dataset(PROBLEMS, colour="red")


def test_a_run_shows_its_steps_and_its_chain():
    chains = simulated.chains(PROBLEMS)
    shown = explore.runs(PROBLEMS, chains, widgets=False, task="input").data
    assert "s = &#x27;ab&#x27;, n = 1" in shown and "chain, input" in shown and "&lt;reasoning&gt;" in shown


def test_a_program_is_told_in_every_style():
    shown = explore.styles(PROBLEMS, widgets=False, split="train").data
    assert all(f"<h4>{style}</h4>" in shown for style in schema.STYLES)
    assert shown.count("&lt;reasoning&gt;") == len(schema.STYLES) and "1. f is called: " in shown
    assert "gives" in shown and "no words" not in shown
    unknown = {**PROBLEMS[0], "code": "def f(x):\n    import os\n    return x", "input": "1"}
    assert "no words for this run" in explore.styles([unknown], widgets=False).data
    assert "nothing fits" in explore.styles([{**unknown, "source": "pool"}], widgets=False).data


def test_rollouts_come_by_reward():
    rows = [{"step": 1, "question_id": q, "prompt": q, "completion": f"{q}{r}", "reward": r,
             "kind": "pass" if r else "wrong"} for q, rs in (("x", (0.0, 0.0)), ("y", (0.0, 1.0)))
            for r in rs]
    shown = explore.rollouts(rows, widgets=False).data
    assert shown.index("y1.0") < shown.index("y0.0") and "x0.0" not in shown
    assert "x0.0" in explore.rollouts(rows, widgets=False, spread="all wrong").data


def test_models_are_compared_item_by_item():
    items = simulated.items(PROBLEMS, cruxeval=2)
    shown = explore.compare(items, PROBLEMS, "base", "sft", most=999, widgets=False, outcome="only sft",
                            benchmark="heldout", task="output").data
    right = {model: {i["question_id"] for i in items if i["model"] == model and i["verdict"]
                     and i["task"] == "output"
                     and i["benchmark"] == "heldout"} for model in ("base", "sft")}
    assert right["sft"] - right["base"] and all(q in shown for q in right["sft"] - right["base"])
    assert not any(q in shown for q in right["base"])
    assert "not copied here" in explore.compare(items, PROBLEMS, "base", "sft", widgets=False,
                                                benchmark="cruxeval").data


def test_menus_filter_and_step(monkeypatch):
    monkeypatch.delenv("CR_DRIVER", raising=False)
    panel = explore.runs(PROBLEMS, split="heldout")
    bar, body = panel.children
    split, step = bar.children[0], bar.children[-1]
    assert split.value == "heldout" and f"of {sum(p['split'] == 'heldout' for p in PROBLEMS)}<" in body.value
    before = body.value
    step.value = 1
    assert body.value != before
    split.value = "train"
    assert f"of {sum(p['split'] == 'train' for p in PROBLEMS)}<" in body.value
    monkeypatch.setenv("CR_DRIVER", "1")
    assert hasattr(explore.runs(PROBLEMS), "data")


def test_programs_to_browse_are_chosen_by_rule_and_whole():
    items = simulated.items(simulated.problems(400))
    known = {p["id"]: p for p in simulated.problems(400)}
    chosen = exhibits.choose(items, known)
    assert chosen == exhibits.choose(sorted(items, key=lambda i: i["key"]), known)
    outputs = [a for a in chosen if a["sft"]["task"] == "output" and a["sft"]["benchmark"] == "heldout"]
    assert len(outputs) == exhibits.EACH["output"]
    assert len({tuple(sorted((m, i["verdict"]) for m, i in a.items())) for a in outputs}) > 3
    assert not {a["sft"]["benchmark"] for a in chosen} - set(exhibits.BENCHMARKS)
    one = exhibits.exhibit(known[outputs[0]["sft"]["question_id"].split("/")[0]], outputs[0])
    assert one["truth"] == [one["output"]] and one["steps"][-1]["line"] == 5
    assert set(one["answers"]) == set(simulated.SKILL)
