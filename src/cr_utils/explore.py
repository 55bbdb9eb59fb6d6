"""Looking at records in a notebook: runs step by step, problems by filters, rollouts by reward, models item
by item.

Each function filters its records, and shows the first `most` of what is left as static HTML, which every
notebook viewer displays. In JupyterLab, where ipywidgets is installed, the same filters are menus above it;
under the driver (and with widgets=False) the static form stands alone. Text of records is escaped; only
programs of our own generator are traced. Nothing is computed that the records do not hold, apart from those
traces.
"""

import os
from collections.abc import Callable, Iterable
from html import escape

from cr_utils import departures, frames, questions, teacher
from cr_utils.exhibits import walk
from cr_utils.schema import STYLES
from cr_utils.wording import TooLong, Unsupported

ANY = "any"
STYLE = """<style>.crx{font:13px/1.5 system-ui,sans-serif;max-width:76em;color:inherit} .crx code,.crx pre{
font:12px/1.5 ui-monospace,Menlo,Consolas,monospace;background:none;color:inherit}
.crx pre{white-space:pre-wrap;margin:.3em 0;padding:0} .crx .row{display:flex;flex-wrap:wrap;gap:1em 2em;
border-top:1px solid #8884;padding:.6em 0;align-items:flex-start}
.crx .row>div{flex:1 1 18em;min-width:0;max-width:34em}
.crx table{border-collapse:collapse;margin:0}
.crx td,.crx th{text-align:left!important;padding:.1em .7em .1em 0;
vertical-align:top;border-bottom:1px solid #8883} .crx .now{background:#f3c32340} .crx h4{margin:0 0 .2em}
.crx .good{color:#00845f;font-weight:600} .crx .bad{color:#c2500a;font-weight:600}
.crx .off{background:#d55e0033}
</style>"""


def runs(problems: list[dict], chains: Iterable[dict] = (), most: int = 1, widgets: bool | None = None,
         **chosen):
    """Programs with their runs: every step and what it sets; beside them an accepted chain of each task.

    Filters (keyword arguments, or menus): split, type, setting, method, task (of the chain).
    """
    found: dict[str, dict[str, dict | None]] = {} if chains else {one["id"]: {"—": None} for one in problems}
    for chain in chains:
        if chain["verdict"]:
            found.setdefault(chain["problem_id"], {}).setdefault(chain["task"], chain)
    rows = [{"problem": one, "chain": chain, **_facts(one), "task": task} for one in problems
            for task, chain in found.get(one["id"], {}).items()]
    return _show(rows, ("split", "type", "setting", "method", "task"), _run, most, widgets, chosen,
                 stepped=True)


def dataset(problems: list[dict], most: int = 3, widgets: bool | None = None, **chosen):
    """Problems: program, call, value and constraint.

    Filters: split, type, setting, method, result, length.
    """
    rows = [{"problem": one, **_facts(one), "result": frames.type_name(one["output"]),
             "length": frames.step_bin(one.get("difficulty"))} for one in problems]
    return _show(rows, ("split", "type", "setting", "method", "result", "length"), _problem, most, widgets,
                 chosen)


def styles(problems: list[dict], most: int = 1, widgets: bool | None = None, **chosen):
    """Programs of our own generator with their chain, for the output, in every style of `distill_styles`.

    Filters: split, type, setting, method, length.
    """
    rows = [{"problem": one, **_facts(one), "length": frames.step_bin(one.get("difficulty"))}
            for one in problems if one.get("source") == "grammar"]
    return _show(rows, ("split", "type", "setting", "method", "length"), _styles, most, widgets, chosen)


def rollouts(rows: list[dict], most: int = 1, widgets: bool | None = None, **chosen):
    """Groups of answers to one question, best reward first; groups of widest spread, which teach most, first.

    Filters: step; spread (mixed, all right, all wrong); kind (of any answer).
    """
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault((row["step"], row["question_id"]), []).append(row)
    found = []
    for (step, _), group in groups.items():
        passed = {row["kind"] == "pass" for row in group}
        spread = "mixed" if len(passed) > 1 else "all right" if True in passed else "all wrong"
        ordered = sorted(group, key=lambda row: -row["reward"])
        found.append({"group": ordered, "step": step, "spread": spread,
                      "kind": {row["kind"] for row in group},
                      "width": ordered[0]["reward"] - ordered[-1]["reward"]})
    found.sort(key=lambda one: (-one["width"], one["step"]))
    return _show(found, ("step", "spread", "kind"), _group, most, widgets, chosen)


def compare(items: list[dict], problems: list[dict], a: str, b: str, name: str = "model", most: int = 2,
            widgets: bool | None = None, **chosen):
    """Two models (or arms, with name="arm") on the questions that both answered, item by item.

    Filters: outcome ("only A", "only B", "both", "neither"), benchmark, task, kind (of b's answer). Programs
    are shown where `problems` has them; a benchmark's are not copied here.
    """
    known, answers = {one["id"]: one for one in problems}, {}
    for item in items:
        if item.get(name) in (a, b) and not item.get("sample"):
            answers.setdefault((item["benchmark"], item["question_id"]), {}).setdefault(item[name], item)
    words = {(True, False): f"only {a}", (False, True): f"only {b}", (True, True): "both",
             (False, False): "neither"}
    rows = [{"pair": pair, "names": (a, b), "problem": known.get(question.split("/")[0]),
             "benchmark": benchmark, "task": pair[b]["task"], "kind": pair[b]["kind"],
             "outcome": words[bool(pair[a]["verdict"]), bool(pair[b]["verdict"])]}
            for (benchmark, question), pair in answers.items() if len(pair) == 2]
    rows.sort(key=lambda row: list(words.values()).index(row["outcome"]))
    return _show(rows, ("outcome", "benchmark", "task", "kind"), _pair, most, widgets, chosen)


def select(rows: list[dict], chosen: dict) -> list[dict]:
    """The rows with all chosen values; a set in a row matches any of its values.

    Raises ValueError on no such filter.
    """
    for key in chosen:
        if rows and key not in rows[0]:
            raise ValueError(f"no filter {key!r}")

    def fits(found, value) -> bool:
        return value == ANY or (value in found if isinstance(found, set) else found == value)

    return [row for row in rows if all(fits(row[key], value) for key, value in chosen.items())]


def interactive(widgets: bool | None) -> bool:
    """Whether to show menus: as asked, else where ipywidgets is installed and not under the driver."""
    if widgets is None and not os.environ.get("CR_DRIVER"):
        try:
            import ipywidgets  # noqa: F401
            return True
        except ImportError:
            return False
    return bool(widgets)


def page(rows: list[dict], draw: Callable, most: int, first: int = 0, **how) -> str:
    """HTML of `most` rows from the `first` on, and how many there are."""
    shown = "".join(f'<div class="row">{draw(row, **how)}</div>' for row in rows[first:first + most])
    places = (f"{first + 1}–{min(len(rows), first + most)} of {len(rows):,}" if rows
              else "— nothing fits these filters")
    return f'{STYLE}<div class="crx"><small>{places}</small>{shown}</div>'


def _show(rows: list[dict], filters: tuple, draw: Callable, most: int, widgets: bool | None, chosen: dict,
          stepped: bool = False):
    """Static HTML of the first rows that fit, or one row at a time below menus."""
    left = select(rows, chosen)
    if rows and interactive(widgets):
        from cr_utils import menus
        return menus.panel(rows, filters, draw, chosen, stepped)
    from IPython.display import HTML
    return HTML(page(left, draw, most))


def _facts(problem: dict) -> dict:
    constraint = problem.get("constraint") or {}
    return {"split": problem.get("split"), "type": constraint.get("type"), "method": constraint.get("method"),
            "setting": frames.setting(problem.get("constraint"))}


def _column(title: str, html: str) -> str:
    return f"<div><h4>{escape(title)}</h4>{html}</div>"


def _code(text: str, now: int | None = None) -> str:
    lines = (f'<span class="now">{escape(line) or " "}</span>' if n == now else escape(line)
             for n, line in enumerate(text.split("\n"), 1))
    return f"<pre>{'<br>'.join(lines)}</pre>"


def _call(problem: dict) -> str:
    return (f"<pre>{escape(problem['entry_point'])}({escape(problem['input'])})\n"
            f"== {escape(problem['output'])}</pre>")


def _problem(row: dict) -> str:
    problem, about = row["problem"], " · ".join(str(row[k]) for k in ("split", "type", "method", "setting")
                                                if row[k])
    steps = problem.get("difficulty")
    told = f"<p>{escape(about)} · {steps} steps · <code>{escape(problem['id'])}</code></p>"
    return _column("program", _code(problem["code"])) + _column("call and value", _call(problem) + told)


def _run(row: dict, at: int | None = None) -> str:
    """Program, run and chain; with `at`, the line and the variables after that step too."""
    problem, chain = row["problem"], row["chain"]
    steps = walk(problem)
    now = steps[min(at, len(steps) - 1)] if steps and at is not None else None
    state = _values(steps[:at + 1], now["frame"]) if now else ""
    table = "".join(f'<tr{" class=now" if one is now else ""}><td>{n}</td>'
                    f'<td>{one["line"] or "call"}</td><td><code>'
                    f'{escape(_changes(one["set"]))}</code></td></tr>' for n, one in enumerate(steps, 1))
    run = (f"<table><tr><th>step</th><th>line</th><th>sets</th></tr>{table}</table>" if steps
           else "— not our program")
    return (_column("program", _code(problem["code"], now["line"] if now else None) + _call(problem) + state)
            + _column("run", run)
            + (_column(f"chain, {row['task']}", f"<pre>{escape(chain['completion'])}</pre>") if chain
               else ""))


def _styles(row: dict) -> str:
    """A program and its chains, one in each style."""
    asked = questions.build(row["problem"], "output")
    shown = _column("program", _code(asked.code) + _call(row["problem"]))
    for style in STYLES:
        try:
            told = f"<pre>{escape(teacher.narrate(asked, style=style))}</pre>"
        except (Unsupported, TooLong):
            told = "— no words for this run"
        shown += _column(style, told)
    return shown


def _values(steps: list[dict], frame: int) -> str:
    """The variables of a frame after some steps."""
    values: dict[str, str | None] = {}
    for step in steps:
        values |= step["set"] if step["frame"] == frame else {}
    rows = "".join(f"<tr><td>{escape(name)}</td><td><code>{escape(text)}</code></td></tr>"
                   for name, text in values.items() if text is not None)
    return f"<table>{rows}</table>"


def _changes(values: dict) -> str:
    return ", ".join(f"{name} = {text}" if text is not None else f"{name} deleted"
                     for name, text in values.items()) or "—"


def _verdict(good: bool, text: str) -> str:
    return f'<span class="{"good" if good else "bad"}">{"✓" if good else "✗"} {escape(text)}</span>'


def _group(row: dict) -> str:
    group = row["group"]
    told = "".join(f"<p>{_verdict(one['kind'] == 'pass', one['kind'])} · reward {one['reward']:.2f}</p>"
                   f"<pre>{escape(one['completion'])}</pre>" for one in group)
    asked = _column(f"step {row['step']}, {row['spread']}", f"<pre>{escape(group[0]['prompt'])}</pre>")
    return asked + _column(f"{len(group)} answers, best first", told)


def _pair(row: dict) -> str:
    problem = row["problem"]
    shown = (_code(problem["code"]) + _call(problem) if problem
             else f"<p>— the program of {escape(row['benchmark'])} is not copied here</p>")
    question = escape(row["pair"][row["names"][0]]["question_id"])
    left = f"{shown}<p><code>{question}</code> · {escape(row['outcome'])}</p>"
    return _column(f"{row['benchmark']}, {row['task']}", left) + "".join(
        _column(name, _answer(row["pair"][name])) for name in row["names"])


def _answer(item: dict) -> str:
    """Verdict, answer and text; the first step that leaves the run is marked, where it is known."""
    text, wrong = item.get("completion"), item.get("first_wrong_step")
    steps = departures.lines(text or "") or []
    off = steps[wrong - 1] if wrong and wrong <= len(steps) else None
    seen, lines = 0, []
    for line in (text or "").split("\n"):
        seen += line.strip() in steps
        marked = off is not None and line.strip() == off and seen == wrong
        lines.append(f'<span class="off">{escape(line)}</span>' if marked else escape(line))
    told = f"<pre>{'<br>'.join(lines)}</pre>" if text is not None else "<p>— text not recorded</p>"
    where = f" · leaves the run at step {wrong} ({item.get('departure')})" if wrong else ""
    answer = escape(str(item["answer"])) if item.get("answer") is not None else "—"
    return (f"<p>{_verdict(bool(item['verdict']), item['kind'])} · <code>{answer}</code> · "
            f"{item.get('tokens') or 0} tokens{escape(where)}</p>{told}")
