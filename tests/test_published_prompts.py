"""The benchmarks' prompts as templates: fetched from a local server in the place of their repositories.

The stand-ins have the published files' form and our own words.
"""

import functools
import http.server
import threading
from pathlib import Path

import pytest

from cr_utils import (
    benchmarks,
    data_cli,
    extraction,
    published_prompts,
    questions,
    reval_questions,
    templates,
)
from cr_utils.errors import UserError

FIXTURES = Path(__file__).parent / "fixtures"
CRUXEVAL = '''
import os
raise RuntimeError("never executed")

def make_direct_output_prompt_other(s):
    return f"""{s}"""

def make_direct_output_prompt(s):
    code, input = s
    return f"""Say it. {{}} \\\\n
{code}
assert f({input}) == ??
[ANSWER]
"""

def make_cot_input_prompt(s):
    code, output = s
    return f"""Think.
{code}
assert f(??) == {output}
[THOUGHT]
"""
'''
LIVECODEBENCH = '''
def make_cot_output_prompt(s):
    code, input = s
    return f"""{code}
assert {input} == ??
[THOUGHT]
"""
'''
REVAL = {
    "coverage": "{code}\n{invocation}\nIs Line {line} ({codeline}) run by {invocation_abbr}? {{x}}\n[ANSWER]",
    "path": "{code}\n{invocation}\nAfter `{codeline}` in {invocation_abbr}?\n[ANSWER]",
    "state": "{code}\n{invocation}\n{var} after Line {line} ({codeline})?\n[ANSWER]",
    "output": "{code}\n{invocation}\n[ANSWER]",
}


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The folder that a local server serves; templates go to another one."""
    folder = tmp_path / "served"
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts.py").write_text(CRUXEVAL)
    (folder / "code_execution.py").write_text(LIVECODEBENCH)
    for task, text in REVAL.items():
        (folder / "prompts" / f"direct_{task}.txt").write_text(text)
        (folder / "prompts" / f"cot_{task}.txt").write_text(text.replace("[ANSWER]", "[THOUGHT]"))
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder))
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{web.server_port}/"
    monkeypatch.setattr(
        published_prompts,
        "SOURCES",
        {
            "cruxeval": (address, ("prompts.py",)),
            "livecodebench": (address, ("code_execution.py",)),
            "reval": (address, published_prompts.SOURCES["reval"][1]),
        },
    )
    monkeypatch.setattr(published_prompts.paths, "prompts", lambda: tmp_path / "made")
    yield folder
    web.shutdown()
    web.server_close()
    thread.join()


def prompt(path, task, asked):
    return templates.apply([asked], templates.read({task: str(path)}))[0].prompt


def test_the_command_writes_one_template_per_task_and_form(served, tmp_path, capsys):
    assert data_cli.main(["fetch-templates"]) == 0
    names = sorted(path.name for path in (tmp_path / "made").glob("*.txt"))
    assert names == sorted(
        [
            "cruxeval_output_direct.txt",
            "cruxeval_input_cot.txt",
            "livecodebench_output_cot.txt",
            *(f"reval_{task}_{form}.txt" for task in REVAL for form in ("direct", "cot")),
        ]
    )
    assert capsys.readouterr().out.count("\n") == len(names)


def test_cruxeval_and_livecodebench_prompts_are_filled_in_as_published(served):
    direct, chain = published_prompts.fetch("cruxeval")
    row = benchmarks.load("cruxeval", where=FIXTURES)[0]
    output, given = benchmarks.questions("cruxeval", [row])
    assert (
        prompt(direct, "output", output)
        == f"Say it. {{}} \\n\n{row['code']}\nassert f({row['input']}) == ??\n[ANSWER]\n"
    )
    assert (
        prompt(chain, "input", given)
        == f"Think.\n{row['code']}\nassert f(??) == {row['output']}\n[THOUGHT]\n"
    )
    assert extraction.is_opened(prompt(direct, "output", output))
    (path,) = published_prompts.fetch("livecodebench")
    row = benchmarks.load("livecodebench", where=FIXTURES)[0]
    output, _ = benchmarks.questions("livecodebench", [row])
    assert prompt(path, "output", output) == f"{row['code']}\nassert {row['input']} == ??\n[THOUGHT]\n"


def test_reval_prompts_are_filled_in_as_published(served):
    made = {path.stem: path for path in published_prompts.fetch("reval")}
    data, tasks = (benchmarks.load(name, where=FIXTURES) for name in ("reval", "reval_tasks"))
    asked = {one.id: one for one in reval_questions.questions(data, tasks)}
    code, call = data[0]["code"].rstrip(), "mean_gap([1, 4, 2])"
    numbered = "".join(f"{at}\t{line}\n" for at, line in enumerate(code.split("\n"), 1))
    line = "    return total / (len(xs) - 1)"
    coverage = next(one for key, one in asked.items() if key.startswith("0.0/coverage/"))
    whole = code.split("\n")[coverage.line - 1]
    assert (
        prompt(made["reval_coverage_direct"], "coverage", coverage)
        == f"{code}\n{call}\nIs Line {coverage.line} ({whole}) run by {call}? {{x}}\n[ANSWER]"
    )
    path = next(one for key, one in asked.items() if key.startswith("0.0/path/"))
    assert prompt(made["reval_path_cot"], "path", path).startswith(f"{numbered}\n{call}\nAfter `")
    assert line in numbered
    test = next(one for key, one in asked.items() if key.startswith("5.1/path/"))
    shown = prompt(made["reval_path_direct"], "path", test)
    assert (
        shown.startswith(data[5]["code"].rstrip() + "\n" + test.input) and "in the above test code?" in shown
    )
    output = asked["0.0/output"]
    assert prompt(made["reval_output_direct"], "output", output).endswith(f"assert {call} == ??\n[ANSWER]")


def test_a_hole_is_no_question_mark_in_a_text(tmp_path):
    (tmp_path / "mine.txt").write_text("{code}\n{asked_test}")
    problem = {
        "id": "p",
        "code": "def f(x):\n    return x",
        "entry_point": "f",
        "input": "'a?', \"?\"",
        "output": "1",
    }
    assert prompt(tmp_path / "mine.txt", "output", questions.at(problem, "output")).endswith(
        "f('a?', \"?\") == ??"
    )


def test_a_template_that_would_show_a_completed_test_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("{code}\n{call}")
    texts = templates.read({"output": str(tmp_path / "mine.txt")})
    data, tasks = (benchmarks.load(name, where=FIXTURES) for name in ("reval", "reval_tasks"))
    asked = [one for one in reval_questions.questions(data, tasks) if one.task == "output"]
    with pytest.raises(UserError, match="gives the answer of .* away"):
        templates.apply(asked, texts)


def test_no_network_is_one_clear_line(served, monkeypatch):
    monkeypatch.setitem(published_prompts.SOURCES, "cruxeval", ("http://127.0.0.1:9/", ("prompts.py",)))
    with pytest.raises(
        UserError, match="127.0.0.1:9/prompts.py cannot be downloaded .*refused.*: connect"
    ) as caught:
        data_cli.main(["fetch-templates", "cruxeval"])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="unknown benchmark 'crux'"):
        data_cli.main(["fetch-templates", "crux"])


def test_a_source_that_changed_since_its_first_download_is_refused(served, tmp_path):
    published_prompts.fetch("cruxeval")
    assert published_prompts.fetch("cruxeval")
    (served / "prompts.py").write_text(CRUXEVAL + "\n")
    with pytest.raises(UserError, match="not .* as at its first download"):
        published_prompts.fetch("cruxeval")


@pytest.mark.parametrize(
    "text, words",
    [
        ("def g(): pass", "holds no prompt"),
        ("def make_cot_output_prompt(s):\n    return s", "no longer returns"),
        ("def make_cot_output_prompt(s):\n    return f'{code} {other}'", "a part 'other'"),
        ("(", "holds no prompt"),
    ],
)
def test_sources_of_another_form_are_refused(served, text, words):
    (served / "prompts.py").write_text(text)
    with pytest.raises(UserError, match=words):
        published_prompts.fetch("cruxeval")


def test_the_sources_are_pinned():
    for address, files in published_prompts.SOURCES.values():
        assert len(address.rstrip("/").rpartition("/")[2]) == 40 and files
