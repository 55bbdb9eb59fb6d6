"""The report layer end to end on simulated records: tables, figures and the page, whole and with parts
missing.
"""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest
import simulated

from cr_utils import __main__ as command
from cr_utils import claims, gallery, jsonl, kept, page, report, samples, story
from cr_utils.errors import UserError
from cr_utils.results import Results

VOID = {"meta", "link", "br", "input", "img", "hr", "use", "path"}


class Balance(HTMLParser):
    """Collects tags left open or closed in the wrong order, ids, links and what a browser would load."""

    def __init__(self):
        super().__init__()
        self.open, self.faults, self.ids, self.links, self.loads = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        self.loads += [attrs["src"]] if "src" in attrs else []
        self.loads += [attrs["href"]] if tag == "link" else []
        self.open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.faults.append((tag, self.getpos()))


def parsed(path):
    found = Balance()
    found.feed(path.read_text(encoding="utf-8"))
    assert not found.faults and not found.open
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = simulated.write_run(tmp_path_factory.mktemp("run") / "tiny", n=120)
    report.build("tiny", folder)
    return folder


@pytest.fixture
def undrawn(monkeypatch):
    """The page alone: drawing takes most of the time, and most tests look at words."""
    monkeypatch.setattr(gallery, "save_all", lambda *_: {one.name: "left out" for one in gallery.FIGURES})


def text(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


def test_everything_is_written(built):
    for name in ("main", "paired", "ablations", "claims", "generalization", "length", "failures", "data"):
        assert (built / "tables" / f"{name}.csv").stat().st_size > 30
        assert (built / "tables" / f"{name}.md").exists()
    for one in gallery.FIGURES:
        assert (built / "figures" / f"{one.name}.png").stat().st_size > 5000
        assert (built / "figures" / f"{one.name}.svg").exists()


def test_page_needs_nothing_but_itself(built):
    found = parsed(built / "index.html")
    assert all(url.startswith("data:") for url in found.loads)
    assert not re.search(r"@import|url\((?!#|&quot;data|\"data)", text(built))
    assert not re.search(r"https?://(?!www\.w3\.org/)", text(built))


def test_links_lead_somewhere(built):
    found = parsed(built / "index.html")
    assert len(found.ids) == len(set(found.ids))
    for target in found.links:
        assert target[1:] in found.ids if target.startswith("#") else (built / target).is_file(), target


def test_page_tells_the_story_in_order(built):
    shown = text(built)
    places = [shown.index(f'<section id="{anchor}"') for anchor, *_ in story.SECTIONS]
    assert places == sorted(places)
    assert "no evidence for or against the claims about 7B and 14B" in shown
    alone = shown.split('<section id="scaling">')[0]  # the figure of runs compared is no figure of this run
    assert alone.count("<svg") == len(gallery.FIGURES)
    assert all(page.escape(one.look) in shown for one in gallery.FIGURES)


def test_tables_without_rows_are_left_out(built):
    assert "pass@k" not in text(built)  # one answer per question: no row
    assert (built / "tables/pass_at_k.md").exists() and "<summary>0 rows</summary>" not in text(built)


def test_page_shows_the_recorded_numbers_with_their_source(built):
    results = Results("tiny", built)
    mine = [i for i in results.items if (i["model"], i["benchmark"],
                                         i["task"]) == ("grpo", "heldout", "output")]
    rate = f"{100 * sum(i['verdict'] for i in mine) / len(mine):.1f}"
    assert re.search(rf'<a href="05_eval/items.jsonl" title="[^"]*'
                     rf'model=grpo, benchmark=heldout, task=output">{re.escape(rate)}</a>', text(built))
    assert results.manifests["05_eval"]["outputs"]["items.jsonl"] in text(built)


def test_same_records_same_bytes(tmp_path, undrawn):
    pages = [report.build("tiny", simulated.write_run(tmp_path / name / "tiny", n=60)) for name in "ab"]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    tables = [sorted((page.parent / "tables").iterdir()) for page in pages]
    assert [path.read_bytes() for path in tables[0]] == [path.read_bytes() for path in tables[1]]


def test_missing_stages_are_dashes_with_reasons(tmp_path):
    folder = simulated.write_run(tmp_path / "tiny", n=60, skip=("03_sft", "05_eval", "06_ablations"))
    (folder / "figures").mkdir()
    (folder / "figures/ablations.svg").write_text("of an earlier run")
    report.build("tiny", folder)
    shown = text(folder)
    parsed(folder / "index.html")
    assert "not run: 05_eval has not finished (make reproduce PROFILE=tiny)" in shown
    assert not (folder / "figures/ablations.svg").exists() and not (folder / "figures/accuracy.png").exists()
    assert (folder / "figures/grpo_curves.png").exists()
    assert "sft,heldout,output,strict,—" in (folder / "tables/main.csv").read_text()


def test_a_page_of_nothing_still_explains_itself(tmp_path, undrawn):
    (tmp_path / "tiny").mkdir()
    assert report.build("tiny", tmp_path / "tiny").is_file()
    assert "No stage has finished yet" in text(tmp_path / "tiny")
    with pytest.raises(UserError, match="make reproduce PROFILE=other"):
        report.build("other", tmp_path / "other")


def test_an_unfinished_stage_is_not_shown(tmp_path):
    folder = simulated.write_run(tmp_path / "tiny", n=40)
    (folder / "05_eval/manifest.json").unlink()
    results = Results("tiny", folder)
    assert results.items == [] and "05_eval has not finished" in results.reason("05_eval")


@pytest.mark.parametrize("make", ["report", "figures"])
def test_an_edited_record_is_named_and_nothing_is_made_from_it(tmp_path, undrawn, capsys, make):
    folder = simulated.write_run(tmp_path / "tiny", n=40, skip=("06_ablations",))
    with (folder / "03_sft/log.jsonl").open("a") as file:
        file.write('{"step": 999, "loss": 0.0}\n')
    assert Results("tiny", folder).verify() == ["03_sft/log.jsonl is not the file that its manifest names"]
    assert command.main([make, "--profile", "tiny", "--folder", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("error: ") and err.count("\n") == 2 and out == ""
    assert "03_sft/log.jsonl" in err and "05_eval" not in err and "make reproduce ARGS=--update" in err
    assert not (folder / "index.html").exists() and not (folder / "tables").exists()


def test_the_report_is_made_from_what_is_kept_of_a_run(tmp_path, undrawn):
    """Answers without their texts are not the file that the manifest names; many others are not there."""
    folder = simulated.write_run(tmp_path / "tiny", n=40)
    for stage in ("05_eval", "06_ablations"):
        path = folder / stage / "items.jsonl"
        jsonl.write(path, kept.items(jsonl.read(path), []))
    (folder / "01_data/problems.jsonl").unlink()
    assert Results("tiny", folder).edited == [] and report.build("tiny", folder).is_file()


def test_records_without_texts_and_texts_that_look_like_html(tmp_path, undrawn):
    folder = simulated.write_run(tmp_path / "tiny", n=60)
    path = folder / "05_eval/items.jsonl"
    items = [json.loads(line) for line in path.read_text().splitlines()]
    for i, one in enumerate(items):
        one["completion"] = None if i % 2 else "</pre><script>alert(1)</script>"
        one["answer"] = "<img src=x>"
    path.write_text("".join(json.dumps(one) + "\n" for one in items))
    made = simulated.manifest("05_eval", "tiny", {"items.jsonl": path})
    (folder / "05_eval/manifest.json").write_text(json.dumps(made))
    report.build("tiny", folder)
    parsed(folder / "index.html")
    assert "<script>alert" not in text(folder) and "<img src=x>" not in text(folder)
    assert "text not recorded" in text(folder)


def test_samples_are_picked_by_rule():
    items = simulated.items(simulated.problems(200))
    chosen = samples.pick(items, each=2)
    for title, _, answers in chosen:
        wanted = dict(samples.GROUPS)[title]
        assert all(answers[model]["verdict"] == verdict for model, verdict in wanted.items())
    assert chosen == samples.pick(list(reversed(items)), each=2)


def test_the_run_of_a_sample_is_the_real_one():
    problem = simulated.problems(1)[0]
    steps = samples.walk(problem)
    assert steps[0]["set"] == {"s": "'ab'", "n": "1"} and steps[-1]["line"] == 5
    assert [step["set"].get("out") for step in steps if "out" in step["set"]] == ["'AB'", "'AB0'"]
    assert samples.walk({**problem, "source": "llm"}) == []  # foreign code is never run here


def test_tables_sort_missing_values_apart_and_escape():
    frame = pd.DataFrame({"a": ["<b>", None], "p_value": [0.5, float("nan")]})
    frame.attrs["notes"] = ["b: <none>"]
    shown = page.table(frame, links=lambda row, column: ("x.jsonl", "rows"))
    assert "&lt;b&gt;" in shown and "b: &lt;none&gt;" in shown and ">p value<" in shown
    assert 'data-v="0.5"><a href="x.jsonl" title="rows">0.500</a>' in shown and 'data-v="">—' in shown
    assert '<td data-v="">—</td>' in shown and '<td class="num" data-v="">—</td>' in shown  # words, numbers


def test_words_between_backticks_are_set_as_code(built):
    assert page.prose("the arm minus `a<b`.") == "the arm minus <code>a&lt;b</code>."
    words = re.sub(r"<(script|style|svg|pre)\b.*?</\1>|<[^>]+>", " ", text(built), flags=re.DOTALL)
    assert "`" not in words


def test_the_command_at_the_top_is_set_as_code(built):
    head = text(built).split("</header>")[0]
    assert page.command("make reproduce PROFILE=tiny") + " makes it again" in head


def test_a_try_says_that_nothing_is_learnt(tmp_path, undrawn):
    folder = simulated.write_run(tmp_path / "smoke", "smoke", n=40)
    report.build("smoke", folder)
    assert "nothing is learnt" in text(folder).split("</header>")[0]


def test_verdicts_stand_beside_what_they_mean(built):
    section = text(built).split('<section id="claims">')[1].split("</section>")[0]
    before = section.split("<table")[0]
    for verdict in set(pd.read_csv(built / "tables/claims.csv")["verdict"]):
        assert claims.VERDICTS[verdict] in page.escape(before) or claims.VERDICTS[verdict] in before, verdict


def test_a_command_breaks_between_its_words_only():
    assert page.command("run 05_eval --profile <x>") == (
        '<code class="command"><span>run</span> <span>05_eval</span> <span>--profile</span> '
        "<span>&lt;x&gt;</span></code>")


def test_inline_svg_follows_the_theme_and_keeps_ids_apart():
    drawn = ('<?xml version="1.0"?><!DOCTYPE svg><svg width="5pt" height="5pt" viewBox="0 0 5 5">'
             '<path id="a" style="fill: #1f2430"/><use xlink:href="#a" clip-path="url(#c)"/></svg>')
    shown = page.svg(drawn, "one", "a label")
    assert shown.startswith("<svg viewBox") and 'aria-label="a label"' in shown
    assert 'id="one-a"' in shown and 'xlink:href="#one-a"' in shown and "url(#one-c)" in shown
    assert "fill: var(--ink)" in shown


def test_commands(built, capsys, monkeypatch):
    monkeypatch.setattr(gallery, "save_all", lambda *_: {"accuracy": "left out"})
    assert report.main(["--profile", "tiny", "--folder", str(built)]) == 0
    assert "index.html" in capsys.readouterr().out
    assert report.main_figures(["--profile", "tiny", "--folder", str(built)]) == 0
    assert f"{len(gallery.FIGURES) - 1} drawn" in capsys.readouterr().out
    with pytest.raises(UserError):
        report.main(["--profile", "../x"])


def test_the_report_loads_no_torch():
    code = "import sys, cr_utils.report; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
