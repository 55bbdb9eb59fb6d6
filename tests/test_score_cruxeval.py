"""Scores of CRUXEval and LiveCodeBench: every verdict equal to the published rule, strict ones beside it.

The published rule is restated here by its definition (paste, run in a fresh process) and run on texts of
our own; the scorer must agree with it on every one of them.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from cr_utils import benchmarks, pasted, score, score_cruxeval
from cr_utils.errors import UserError
from cr_utils.sandbox import Sandbox

FIXTURES = Path(__file__).parent / "fixtures"
ROWS = {name: benchmarks.load(name, where=FIXTURES) for name in ("cruxeval", "livecodebench")}

REFERENCE = """
import json, os, signal, sys
for text in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr = open(os.devnull, "w")
        signal.setitimer(signal.ITIMER_PROF, 3)
        code = 1
        try:
            exec(text, {})
            code = 0
        except BaseException:
            pass
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

OUTPUT_TEXTS = [
    "{o}", " {o} ", "({o})", "{o} # note", "{o} or True", "True or {o}", "wrong or True", "0 or {o}",
    "{o} and {o}",
    "[{o}]", "{o}, 'message'", "{o} == {o}", "{o} if True else 0", "not {o}", "\n{o}", "{o}\n",
    "{o}\nassert False",
    "{o}; x = 1", "{o}\nimport sys; sys.exit(0)", "{o}\nraise SystemExit", "1\nimport os\nos._exit(0)", "f",
    "nan", "set()", "type('X', (), {'__eq__': lambda *a: True})()", "[c for c in {o}]", "(x := {o})",
    "x := {o}",
    "", " ", "=", ")", "({o}", "{o})", "lambda: 1", "yield", "await x", "\\", "'''",
    "True\n@staticmethod", "\x0c{o}",
    "{o} #", "1 if 0 else {o}", "{o} is {o}", "eval(repr({o}))", "print('x') or {o}",
    "open('/dev/null') and {o}",
    "[0][1]", "1/0", "undefined", "__name__", "f.__name__", "True", "1.0", "(1, 2), 3",
    "__import__('math').pi", "{o} != 0 or 1", "*{o}", "9" * 5000, "'" + "a" * 70_000 + "'",
    "{'a': 1} | {'b': 2}", "'\\d'", "'{o}'", "b''", "...", "None", "-{o}", "+{o}", "~0", "f'{{1}}'",
    "1_0", "0x1F",
]
# Costly ones: they run until a limit ends them.
ENDLESS = {"output": ["while True: pass", "{o}\nwhile True:\n    pass"], "input": ["{f}([0] * 10 ** 9 * 9)"]}
INPUT_TEXTS = [
    "{f}({i})", " {f}({i})", "{f}({i}) or 1", "{f}({i}) # note", "{f}({i}), 1", "{f}()", "{f}(*[{i}])",
    "1 or {f}(",
    "{f}({i})\nassert False", "[{f}({i})][0]", "{f}({i}) if 1 else 0", "{f}(1, 2, 3, 4)",
    "{f}(lambda: 1)", "{f}",
    "({f}({i}))", "{f}(", "\n{f}({i})", "{f}(None)", "{f}(x)", "{f}([])", "{f}('')", "{f}({i}) == 1",
    "{o} # {f}(",
    "{o} or {f}(0)", "{f}.__class__ or {f}(1)", "(lambda: {o})() or {f}(1)", "{f}({i}).real", "not {f}({i})",
    "{f}('a', 3)", "{f}({{'a': 2}}, 'c')", "{f}([1, 3, 9])", "no call", "{o}",
    "{f}({i})\ndef g(): pass", "{f}(dict(a=1), 'b')", "{f}('ab' * 2, 1)",
]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


def reference(texts):
    """Does each text execute without an exception, each in a process of its own?"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", REFERENCE], input=json.dumps(texts),
                          capture_output=True, text=True, check=True)
    return [line == "0" for line in done.stdout.split()]


def fill(template, name, row):
    one = benchmarks.problem(name, row)
    return (template.replace("{o}", row["output"]).replace("{i}", one["input"])
            .replace("{f}", one["entry_point"]).replace("{{", "{").replace("}}", "}"))


@pytest.mark.parametrize("number", [0, 2, 3])
@pytest.mark.parametrize("mode", ["output", "input"])
def test_every_verdict_is_the_published_one(mode, number, sandbox):
    row = ROWS["cruxeval"][number]
    templates = OUTPUT_TEXTS if mode == "output" else INPUT_TEXTS
    texts = [fill(text, "cruxeval", row) for text in templates + ENDLESS[mode] * (number == 0)]
    kept = [text for text in texts if not score_cruxeval.skipped("cruxeval", mode, row, text)]
    true = dict(zip(kept, reference([f"{row['code']}\nassert {row['output']} == {text}" for text in kept]),
                    strict=True))
    # One generation at a time beside a right one, so that no verdict hides behind the rule for lists.
    right = row["output"] if mode == "output" else f"f({row['input']})"
    rows = [{**row, "id": f"sample_{index}"} for index in range(len(texts))]
    given = {one["id"]: [text, right] for one, text in zip(rows, texts, strict=True)}
    scored = score_cruxeval.score("cruxeval", mode, rows, given, sandbox)
    found = [scored.official[one["id"]] for one in rows]
    assert found == [[true[text], True] if text in true else [True] for text in texts]
    assert {len(verdicts) for verdicts in scored.strict.values()} == {2}


@pytest.mark.parametrize("mode", ["output", "input"])
def test_livecodebench_verdicts_with_its_imports(mode, sandbox):
    for row in ROWS["livecodebench"][:3]:
        right = row["output"] if mode == "output" else row["input"]
        texts = [right, f"{right} or 1", "0", f"{row['function_name']}(None)", "Counter()", "math.pi",
                 "re_search"]
        scored = score_cruxeval.score("livecodebench", mode, [row], {row["id"]: texts}, sandbox)
        assert scored.official[row["id"]][:2] == [True, True]
        assert True not in scored.official[row["id"]][2:]
        assert scored.strict[row["id"]] == [True] + [False] * 6


def test_skipping_is_by_plain_text():
    row = ROWS["cruxeval"][5]
    assert score_cruxeval.skipped("cruxeval", "input", row, "g(1)")
    assert not score_cruxeval.skipped("cruxeval", "input", row, "xf(1)")
    assert score_cruxeval.skipped("cruxeval", "output", row, "12 # f(84, 36)")
    assert not score_cruxeval.skipped("cruxeval", "output", row, "12 # f(84,36)")
    row = ROWS["livecodebench"][0]
    assert score_cruxeval.skipped("livecodebench", "output", row, "2 # " + row["input"])
    assert score_cruxeval.skipped("livecodebench", "input", row, "2")
    assert not score_cruxeval.skipped("livecodebench", "input", row, row["input"])


def test_what_becomes_of_skipped_generations(sandbox):
    crux, live = ROWS["cruxeval"][5], ROWS["livecodebench"][1]
    skip, skip_live = "f(84, 36)", live["input"]

    def official(name, row, texts):
        return score_cruxeval.score(name, "output", [row], {row["id"]: texts}, sandbox).official[row["id"]]

    assert official("cruxeval", crux, [skip, "12"]) == [True]
    assert official("cruxeval", crux, [skip, "13", "12"]) == [False, True]
    assert official("cruxeval", crux, [skip, "13"]) == [False, False]
    assert official("cruxeval", crux, [skip, skip]) == [False, False]
    assert official("cruxeval", crux, []) == []
    assert official("livecodebench", live, [skip_live, live["output"]]) == [True]
    assert official("livecodebench", live, [skip_live, "-1"]) == [False]
    assert official("livecodebench", live, [skip_live, skip_live]) == [False, False]


def test_strict_verdicts_skip_nothing(sandbox):
    row = ROWS["cruxeval"][5]
    texts = ["12", "f(84, 36)", "12.0", "12 or 1", "True", "assert f(84, 36) == 12"]
    scored = score_cruxeval.score("cruxeval", "output", [row], {row["id"]: texts}, sandbox)
    assert scored.official[row["id"]] == [True, True, True, False]
    assert scored.strict[row["id"]] == [True, False, False, False, False, True]
    given = {row["id"]: texts}
    assert score_cruxeval.differing("cruxeval", "output", [row], given, scored) == 3


@pytest.mark.parametrize("k", [1, 5])
def test_pass_at_k_is_the_published_formula(k):
    for n in range(0, 60):
        for right in range(0, n + 1):
            published = 1.0 if n - right < k else \
                1.0 - numpy.prod(1.0 - k / numpy.arange(n - right + 1, n + 1))
            assert score_cruxeval.pass_at_k(n, right, k) == published


def test_strict_pass_at_k_needs_k_generations():
    verdicts = {"a": [True, False], "b": [False, False]}
    assert score_cruxeval.percent(verdicts, 1, published=False) == 25.0
    assert score_cruxeval.percent(verdicts, 5) == 100.0
    assert score_cruxeval.percent(verdicts, 5, published=False) is None
    assert score_cruxeval.percent({}, 1) is None


def test_imports_are_those_that_a_text_mentions():
    assert pasted.imports("cruxeval", "math np") == ""
    assert pasted.imports("livecodebench", "x = Counter(a)") == "from collections import Counter\n"
    assert pasted.imports("livecodebench", "np.zeros(bisect)") == "import bisect\nimport numpy as np\n"
    assert pasted.imports("livecodebench", "globals()").count("import") > 70


def test_every_import_works():
    space = {}
    exec(pasted.imports("livecodebench", "globals"), space)
    assert space["bisect"].__name__ == "bisect" and space["inf"] == float("inf")


def test_the_command_reads_and_writes_the_published_format(tmp_path, capsys, monkeypatch):
    given = {row["id"]: [row["output"], "(0, 9)"] for row in ROWS["cruxeval"]}
    (tmp_path / "generations.json").write_text(json.dumps(given))
    words = ["cruxeval", "--mode", "output", "--generations", str(tmp_path / "generations.json"),
             "--data", str(FIXTURES), "--out", str(tmp_path / "scored.json")]
    assert score.main(words) == 0
    result = json.loads((tmp_path / "scored.json").read_text())
    assert result["raw_generations"] == given
    assert result["raw_scored_generations"]["sample_0"] == [True, False]
    assert result["strict_scored_generations"]["sample_0"] == [True, False]
    assert result["pass_at_1"] == 50.0 and result["pass_at_5"] == 100.0
    assert result["strict_pass_at_5"] is None
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed["pass_at_1"] == 50.0 and "raw_generations" not in printed


def test_livecodebench_by_its_file(tmp_path, capsys):
    given = {row["id"]: [row["input"]] for row in ROWS["livecodebench"]}
    (tmp_path / "generations.json").write_text(json.dumps(given))
    assert score.main(["livecodebench", "--mode", "input",
                       "--generations", str(tmp_path / "generations.json"), "--data",
                       str(FIXTURES / "livecodebench_execution.jsonl"),
                       "--out", str(tmp_path / "out.json")]) == 0
    assert json.loads(capsys.readouterr().out)["pass_at_1"] == 100.0


@pytest.mark.parametrize("content, message", [
    (None, "cannot be read"), ("{", "is not JSON"), ("[]", "no JSON object"), ("{}", "no entry for sample_0"),
    ('{"sample_0": "x"}', "no entry for sample_1 and 6 other"),
])
def test_bad_files_are_user_errors(tmp_path, content, message):
    if content is not None:
        (tmp_path / "g.json").write_text(content)
    with pytest.raises(UserError, match=message):
        score.main(["cruxeval", "--mode", "output", "--generations", str(tmp_path / "g.json"),
                    "--data", str(FIXTURES), "--out", str(tmp_path / "o.json")])


def test_generations_must_be_lists_of_texts():
    given = {row["id"]: [row["output"]] for row in ROWS["cruxeval"]}
    with pytest.raises(UserError, match="no list of texts"):
        score_cruxeval.score("cruxeval", "output", ROWS["cruxeval"], {**given, "sample_3": [1]})
    with pytest.raises(UserError, match="cannot score reval"):
        score_cruxeval.score("reval", "output", [], {})


@pytest.mark.parametrize("task, answer, expected", [
    ("output", "'abc-def-g'", True), ("output", "wrong or True", False), ("output", "0 or 1", True),
    ("output", "assert f('abcdefg', 3) == 'abc-def-g'", True), ("output", "f('abcdefg', 3)", False),
    ("output", None, False), ("output", "", False), ("input", "f('abcdefg', 3)", True), ("input", "3", False),
    ("input", "assert f('abcdefg', 3) == 'abc-def-g'", True), ("input", "f('abcdefg', 2 + 1)", True),
    ("input", "assert f('x', 3) == 'abc-def-g'", False),
])
def test_one_answer_by_the_published_rule(task, answer, expected, sandbox):
    question = benchmarks.questions("cruxeval", ROWS["cruxeval"][:1], (task,))
    assert score_cruxeval.single_verdicts("cruxeval", question, [answer], sandbox) == [expected]


def test_one_livecodebench_answer_by_the_published_rule(sandbox):
    asked = benchmarks.questions("livecodebench", ROWS["livecodebench"][:2])
    texts = [one.truth[0] if one.task == "output" else f"{one.entry_point}({one.input})" for one in asked]
    assert score_cruxeval.single_verdicts("livecodebench", asked, texts, sandbox) == [True] * 4
