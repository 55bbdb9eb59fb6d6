"""REval: truth of both kinds, and the verdicts on answers, with programs of our own in its format.

The published files are used where CR_BENCHMARKS names a folder that holds them: the rates of trivial
answers, which the benchmark's literature gives, must come out.
"""

import json
import os
from pathlib import Path

import pytest

from cr_utils import benchmarks, jsonl, reval, reval_output, score, score_reval
from cr_utils.errors import UserError
from cr_utils.sandbox import Sandbox

FIXTURES = Path(__file__).parent / "fixtures"
DATA = benchmarks.load("reval", where=FIXTURES)
TASKS = benchmarks.load("reval_tasks", where=FIXTURES)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


@pytest.fixture(scope="module")
def pairs(sandbox):
    return {pair.key: pair for pair in reval.add_truth(reval.pairs(DATA, TASKS), sandbox)}


def truth(pairs, idx, input_idx, line, var):
    pair = pairs[idx, input_idx]
    return pair.truths[pair.places.index((line, var))]


def verdicts(sandbox, task, place, responses):
    """[(passed, strict)] of responses to one question."""
    names = ("idx", "input_idx") if task == "output" else ("idx", "input_idx", "lineno", "var")
    rows = [{**dict(zip(names, place, strict=True)), "response": text} for text in responses]
    scored = score_reval.score(task, DATA, TASKS, rows, sandbox)
    assert [list(row) for row in scored] == [[*rows[0], "passed", "strict", "expected"]] * len(rows)
    return [(row["passed"], row["strict"]) for row in scored]


@pytest.mark.parametrize("place, covered, following, values", [
    ((0, 0, 9, "gap"), True, (10,), ["2; int"]),
    ((0, 1, 9, "gap"), False, (-1,), "Nil"),
    ((0, 0, 6, "(a, b)"), True, (7, 11),
     ["(1, 2); tuple", "(1, 4); tuple", "(4, 2); tuple", "(4, 4); tuple"]),  # combined in all ways
    ((2, 0, 9, "total"), True, (2,), "Nil"),  # the next state lies in the called function
    ((2, 0, 3, "y"), True, (10,), "Nil"),
    ((3, 1, 3, "q"), True, (4,), "Nil"),
    ((5, 0, 3, "self.values"), True, (6,), ["{}; dict"]),  # the next method that the test calls
    ((5, 0, 8, "self.values"), True, (9,), ["{'a': 2}; dict"]),
    ((7, 0, 10, "self.recent"), True, (11,), ["…; collections.deque"]),
    ((1, 0, 4, "seen[key]"), True, (5,), ["1; int", "2; int"]),
])
def test_the_published_truth_is_one_flat_list(pairs, place, covered, following, values):
    found = truth(pairs, *place)
    assert (found.covered, found.next_lines, reval.told(found.values)) == (covered, following, values)


@pytest.mark.parametrize("place, following, values", [
    ((0, 0, 6, "(a, b)"), (7, 11), ["(1, 4); tuple", "(4, 2); tuple"]),
    ((2, 0, 9, "total"), (10,), ["4; int", "6; int"]),
    ((2, 0, 3, "y"), (-1,), ["2; int", "4; int"]),
    ((4, 0, 3, "i"), (2,), ["0; int", "1; int", "2; int", "3; int"]),  # a generator has one frame
    ((5, 0, 3, "self.values"), (-1,), ["{}; dict"]),
    ((3, 1, 6, "q"), (-1,), ["None; NoneType"]),
    ((1, 0, 4, "seen[key]"), (5,), ["1; int"]),
])
def test_the_strict_truth_keeps_frames_apart(pairs, place, following, values):
    found = truth(pairs, *place)
    assert (found.strict_next_lines, reval.told(found.strict_values)) == (following, values)


def test_differences_are_listed(pairs):
    table = reval.differences(list(pairs.values()))
    assert {"idx": 2, "input_idx": 0, "lineno": 9, "var": "total", "task": "state", "official": "Nil",
            "strict": ["4; int", "6; int"]} in table
    assert not any(row["task"] == "coverage" for row in table)


def test_the_table_of_differences_can_be_written(tmp_path, capsys):
    out = tmp_path / "differences.jsonl"
    assert score.main(["reval", "--task", "differences", "--out", str(out), "--data", str(FIXTURES)]) == 0
    rows, told = jsonl.read(out), json.loads(capsys.readouterr().out)
    assert {"idx": 2, "input_idx": 0, "lineno": 9, "var": "total", "task": "state", "official": "Nil",
            "strict": ["4; int", "6; int"]} in rows
    assert told["state"] == sum(row["task"] == "state" for row in rows) and told["questions"] > len(rows)


@pytest.mark.parametrize("response, expected", [
    ("YES", (True, True)), ("yes", (True, True)), ("NO", (False, False)), ("", (False, False)),
    ("[ANSWER]YES[/ANSWER]", (True, True)), ("x [answer] yes[/ANSWER", (True, False)),
    ("YESNO", (True, False)),
    ("Yes, it runs", (True, False)), ("The answer is YES", (False, False)), ("YNO", (False, False)),
    ("<reasoning>r</reasoning><answer>YES</answer>", (True, True)), ("<answer>NO</answer>", (False, False)),
])
def test_coverage(sandbox, response, expected):
    assert verdicts(sandbox, "coverage", (0, 0, 9, "gap"), [response]) == [expected]


def test_an_ambiguous_answer_counts_as_no(sandbox):
    assert verdicts(sandbox, "coverage", (0, 1, 9, "gap"), ["", "maybe", "NO"]) == \
        [(True, False), (True, False), (True, True)]


@pytest.mark.parametrize("place, response, expected", [
    ((0, 0, 6, "(a, b)"), "gap = b - a", (True, True)),
    ((0, 0, 6, "(a, b)"), "  return total / (len(xs) - 1)\nand more", (True, False)),
    ((0, 0, 6, "(a, b)"), "return", (False, False)),
    ((0, 0, 6, "(a, b)"), "", (False, False)),
    ((0, 1, 6, "(a, b)"), "-1", (True, True)),
    ((2, 0, 3, "y"), "n -= 1", (True, False)),
    ((2, 0, 3, "y"), "-1", (False, True)),
    ((2, 0, 3, "y"), "[ANSWER]n -= 1[/ANSWER] as the call returns", (True, False)),
])
def test_path(sandbox, place, response, expected):
    assert verdicts(sandbox, "path", place, [response]) == [expected]


@pytest.mark.parametrize("place, response, expected", [
    ((3, 0, 3, "q"), "1.5; float", (True, True)),
    ((3, 0, 3, "q"), "1.5 + 5e-7; float", (True, False)),
    ((3, 0, 3, "q"), "float(1.5); float", (True, False)),
    ((3, 0, 3, "q"), "1.5;FLOAT", (True, False)),
    ((3, 0, 3, "q"), "1.5; <class 'float'>", (True, False)),
    ((3, 0, 3, "q"), "1.5", (False, False)),
    ((3, 0, 3, "q"), "1.5; int", (False, False)),
    ((3, 0, 3, "q"), "undefined; float", (False, False)),
    ((3, 0, 3, "q"), "Nil", (False, False)),
    ((0, 0, 9, "gap"), "2; integer", (True, False)),
    ((0, 0, 9, "gap"), "True; int", (False, False)),
    ((0, 0, 9, "gap"), "int(2); int", (True, False)),
    ((0, 0, 9, "gap"), "2 if True else 0; int", (True, False)),
    ((0, 0, 9, "gap"), "nil; int", (False, False)),
    ((0, 1, 9, "gap"), "NIL", (True, False)),
    ((0, 1, 9, "gap"), "nil; int", (True, False)),
    ((0, 1, 9, "gap"), "Nil", (True, True)),
    ((0, 0, 6, "(a, b)"), "(1, 4); (int, int)", (True, False)),
    ((1, 0, 7, "word"), "c; string", (True, False)),
    ((1, 0, 7, "word"), "\u2018c\u2019; str", (True, False)),
    ((1, 0, 7, "word"), "self; str", (False, False)),
    ((1, 0, 6, "best"), "['a']; list[str]", (True, False)),
    ((3, 1, 6, "q"), "None; NoneType", (True, True)),
    ((3, 1, 6, "q"), "None; int", (True, False)),
    ((7, 0, 10, "self.recent"), "deque(['x']); collections.deque", (False, False)),
    ((7, 0, 10, "self.recent"), "['x']; collections.deque", (True, False)),
    ((7, 0, 7, "self.kinds"), "{'n': int}; dict", (True, False)),
    ((3, 0, 3, "q"), "__import__('os')._exit(0); float", (False, False)),
])
def test_state(sandbox, place, response, expected):
    assert verdicts(sandbox, "state", place, [response]) == [expected]


@pytest.mark.parametrize("place, response, expected", [
    ((0, 0), "assert mean_gap([1, 4, 2]) == 2.5", (True, True)),
    ((0, 0), "assert mean_gap([1, 4, 2]) == 2.0", (False, False)),
    ((0, 0), "assert mean_gap([1, 4, 2]) == 5 / 2", (True, False)),
    ((0, 0), "assert 1 == 1", (True, False)),
    ((0, 0), "assert True", (False, False)),
    ((0, 0), "mean_gap([1, 4, 2]) == 2.5", (False, False)),
    ((0, 0), "assert mean_gap([1]) == 0.0", (True, False)),
    ((0, 0), "assert all(mean_gap([x]) == 0 for x in [1])", (False, False)),  # its name is a local
    ((0, 0), "raise SystemExit # assert", (False, False)),
    ((0, 0), "[ANSWER]assert mean_gap([1, 4, 2]) == 2.5[/ANSWER].", (True, True)),
    ((5, 0), "counter = Counter2()\nassertTrue(counter.add('a', 2))\nassertEqual(counter.values, {'a': 2})",
     (True, False)),
    ((5, 0), "counter = Counter2()\nassertTrue(True)\nassertEqual(counter.values, {'a': 2})",
     (False, True)),  # the literal asked for, which the published rule refuses as vacuous
    ((5, 1), "self.counter.add('a')\nself.counter.add('b', 3)\nassertEqual(self.counter.most(), 'b')",
     (True, True)),
    ((5, 1), "assertEqual(self.counter.most(), 'b')", (True, True)),  # padded from the question
    ((5, 1), "assertEqual(self.counter.most(), 'a')", (False, False)),
    ((5, 1), "assertEqual('b', 'b')", (True, False)),
    ((6, 0), "circle = Circle(2)\nassertAlmostEqual(12.566, 12.57, delta=0.01)", (True, True)),
    ((6, 0), "circle = Circle(2)\nassertAlmostEqual(12.566, circle.area(), delta=0.01)", (True, False)),
    ((6, 0), "circle = Circle(2)\nassertAlmostEqual(1, 1)", (True, False)),
    ((6, 0), "assertEqual(Counter2().values, {})", (True, False)),  # an earlier program's class
    ((5, 1), "assertEqual(Circle(1).radius, 1)", (False, False)),  # a later one's is not there yet
    ((7, 0), "registry = Registry()\nassertEqual(registry.kinds, {'n': int})\n"
     "assertEqual(registry.put('x'), 1)", (True, True)),
    ((7, 0), "registry = Registry()\nassertEqual(registry.kinds, {'n': str})\n"
     "assertEqual(registry.put('x'), 1)", (False, False)),
])
def test_output(sandbox, place, response, expected):
    assert verdicts(sandbox, "output", place, [response]) == [expected]


@pytest.mark.parametrize("text", ["f(1) == 2", "assert f(1) == g()", "assert f(1) == 2 or 1", "",
                                  "assert f(2) == 2", "assert f(1) == 2\nx = 1", "assert f(1) == x",
                                  "assert f(1) == (lambda: 2)()"])
def test_only_the_asked_test_with_literals_fills_the_holes(text):
    assert reval_output.holes("assert f(1) == ??", "assert f(1)==[2]").texts == ("[2]",)
    assert reval_output.holes("assert f(1) == ??", text) is None


def test_metrics_are_the_published_ones():
    # (was YES said, is it expected)
    said = [(True, True), (True, False), (False, True), (False, False), (True, True)]
    scored = [{"passed": yes == actual, "strict": False, "expected": actual} for yes, actual in said]
    found = score_reval.metrics("coverage", scored)
    assert found["acc"] == 3 / 5 and found["prec"] == 2 / 3 and found["rec"] == 2 / 3
    assert found["f1"] == 2 * (2 / 3 * 2 / 3) / (2 / 3 + 2 / 3)
    assert score_reval.metrics("path", []) == {
        "n": 0, "without_truth": 0, "acc": None, "strict_acc": None, "judged_differently": 0}


def test_consistency_by_its_table():
    patterns = {(1, 1, 1, 1): 100, (1, 1, 1, 0): 50, (1, 1, 0, 0): 25, (1, 0, 0, 0): 12.5, (1, 0, 1, 1): 0,
                (0, 1, 1, 1): 0, (1, 1, 0, 1): 0, (0, 0, 0, 0): 0}
    for (cover, state, path, output), score_ in patterns.items():
        def one(verdict):
            return [{"idx": 0, "input_idx": 0, "passed": bool(verdict), "strict": False}]
        files = {"coverage": one(cover) * 2, "state": one(state) * 2, "path": one(path) * 2,
                 "output": one(output)}
        assert score_reval.consistency(files) == {"consistency": score_, "strict_consistency": 0, "n": 2}


def test_files_that_do_not_fit_are_user_errors():
    row = {"idx": 0, "input_idx": 0, "passed": True, "strict": True}
    files = {"coverage": [row], "path": [row], "state": [row], "output": []}
    with pytest.raises(UserError, match="no answer for program 0"):
        score_reval.consistency(files)
    with pytest.raises(UserError, match="not aligned"):
        score_reval.consistency({**files, "path": []})


@pytest.mark.parametrize("row, message", [
    ({"idx": 99, "input_idx": 0, "lineno": 1, "var": "x", "response": ""}, "needs a pair's idx"),
    ({"idx": 0, "input_idx": 0, "lineno": 1, "var": "x", "response": ""}, "no question about line 1"),
    ({"idx": 0, "input_idx": 0, "lineno": 9, "var": "gap"}, "a response text"),
])
def test_answers_to_no_question_are_user_errors(sandbox, row, message):
    with pytest.raises(UserError, match=message):
        score_reval.score("path", DATA, TASKS, [row], sandbox)


def test_a_program_that_cannot_run_has_no_truth(sandbox):
    data = json.loads(json.dumps(DATA))
    data[0]["code"] = "import module_that_is_not_there\n" + data[0]["code"]
    row = {"idx": 0, "input_idx": 0, "lineno": 9, "var": "gap", "response": "YES"}
    scored = score_reval.score("coverage", data, TASKS, [row], sandbox)[0]
    assert (scored["passed"], scored["strict"]) == (None, None)
    assert "ModuleNotFoundError" in scored["expected"]
    assert score_reval.metrics("coverage", [scored])["without_truth"] == 1


def test_the_command_scores_files(tmp_path, capsys):
    answers = {"coverage": "YES", "path": "-1", "state": "Nil", "output": "assert 1 == 1"}
    for task, response in answers.items():
        rows = [{"idx": row["idx"], "input_idx": one["input_idx"], **place, "response": response}
                for row in TASKS for one in row["tasks"]
                for place in ([{}] if task == "output" else one["task"])]
        (tmp_path / task).write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert score.main(["reval", "--task", task, "--answers", str(tmp_path / task),
                           "--data", str(FIXTURES), "--out", str(tmp_path / f"{task}.out")]) == 0
        assert json.loads(capsys.readouterr().out)["n"] == len(rows)
    words = ["reval", "--task", "consistency"]
    for task in answers:
        words += [f"--{task}", str(tmp_path / f"{task}.out")]
    assert score.main(words) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 46
    with pytest.raises(UserError, match="needs --path"):
        score.main(["reval", "--task", "consistency", "--coverage", "a", "--state", "b", "--output", "c"])
    with pytest.raises(UserError, match="needs --answers"):
        score.main(["reval", "--task", "path"])


def test_trivial_answers_on_the_published_files(sandbox):
    folder = os.environ.get("CR_BENCHMARKS", "")
    if not folder or not (Path(folder) / "DREval_data.jsonl").is_file():
        pytest.skip("needs the published DREval files in a CR_BENCHMARKS folder")
    data, tasks = (benchmarks.load(name, where=Path(folder)) for name in ("reval", "reval_tasks"))
    many = reval.add_truth(reval.pairs(data, tasks), sandbox)
    assert len(many) == 690 and sum(len(pair.places) for pair in many) == 3152
    found = [one for pair in many for one in pair.truths or ()]
    rates = [sum(one.covered for one in found), sum(-1 in one.next_lines for one in found),
             sum(one.values is None for one in found)]
    # 53.7, 58.7 and 50.2 % where every program can run; a few need packages that may be missing here.
    for rate, known in zip(rates, (53.7, 58.7, 50.2), strict=True):
        assert abs(100 * rate / len(found) - known) < 1
