"""REval's scorer and tracer against the published rules restated (`official_rules.reval`), on hostile texts.

On the fixture, and on a seeded sample of the published questions where CR_BENCHMARKS names a folder that has
them.
"""

import json
import os
import random
from pathlib import Path

import official_rules
import pytest

from cr_utils import benchmarks, reval, score_reval
from cr_utils.sandbox import Sandbox

FIXTURES = Path(__file__).parent / "fixtures"

# fmt: off
COVERAGE = [
    "YES", "yes", "NO", "", " ", "Y", "YES.", "YESNO", "NOYES", "Yes, but NO", "\nYES", "[ANSWER]YES",
    "NYES", "YNO", "[ANSWER]\nNO\n[/ANSWER]", "[answer]yes[/answer]",
    "x [ANSWER] YES [/ANSWER] [ANSWER] NO [/ANSWER]", "\x00YES", "[/ANSWER]YES", "YES[/ANSWER",
    "[ANSWER][/ANSWER]YES", "ＹＥＳ", "ßYES", "ﬁYES", "[ANSWER]ŉo[/ANSWER]", "\u2003yes",
    "[THOUGHT]no[/THOUGHT]\n[ANSWER]\nYES\n[/ANSWER]", "[ANSWER YES", "[answer]yes <answer>no</answer>",
    "yeſ", "ye\u0301s",
]
PATH = [
    "{line}", "  {line}  ", "\t{line}", "\n{line}", "{line}\nmore", "[ANSWER]\n{line}\n[/ANSWER]",
    "{line}[/ANSWER", "`{line}`", "{line}\r\n", "{line}\x0c", "\u2028{line}", "{line} ", "{line}\u00a0",
    "{LINE}", "{line}:", "{line} #", "-1", " -1", "- 1", "-1\n{line}", "[ANSWER]-1[/ANSWER]", "-01", "-1.0",
    "-2", "−1", "", "\n", "return", "pass", "[ANSWER]{line}[/ANSWER] [ANSWER]-1[/ANSWER]", "[/ANSWER]{line}",
    "[answer]{line}[/answer]",
]
STATE = [
    "{v}; {t}", "{v};{t}", "{v} ; {T}", "{v}; <class '{t}'>", "{v}; {t}[int]", "{v}; list[{t}]",
    "{v}; ({t}, {t})", "({v}); {t}", "({v},)[0]; {t}", "type({v})({v}); {t}", "{v}", ";", "; {t}", "{v};",
    "Nil", "NIL", "nIL; x", "[Nil]", "[nil]", "Nil;", " Nil; int", "None; NoneType", "None; int",
    "{v}; nonetype", "{v}; builtins.{t}", "{v}; typing.List", "idx; int", "len(resp) and {v}; {t}",
    "semicolon and {v}; {t}", "parts[0]; str", "parts and {v}; {t}", "resp; str", "_match; {t}",
    "{v} if _match is None else 0; {t}", "{v} if _match else 0; {t}[x]", "self and {v}; {t}",
    "[{v} for _ in 'a' if idx][0]; {t}", "np.array({v}); numpy.ndarray", "{v}; np.ndarray",
    "np.float64({v}); {t}", "datetime.now(); datetime", "2020-01-01; datetime.datetime",
    "locate('{t}')({v}); {t}", "__name__; str", "{v} if __name__ == '__main__' else 0; {t}",
    "json.loads('1'); int", "re.sub('a', 'b', 'a'); str", "os.sep; str",
    "{v} if argparse and glob else 0; {t}", "ast and {v}; {t}", "deepcopy and {v}; {t}", "1/0; {t}",
    "1/0; str", "{v}\n; {t}", "{v}; {t}\nmore", "{v}; {t}; {t}", "'{v}'; {t}", "{v}; str", "'a;b'; str",
    "“{v}”; str", "‘{v}’; str", "{v}; integer", "{v}; string", "{v}; float", "{v}+0; {t}", "+{v}; {t}",
    "{v} if 1 else 0; {t}", "{v} or 0; {t}", "True; bool", "1; bool", "True; int", "1.0; int", "1; float",
    "float('nan'); float", "float('{v}'); float", "-0.0; float", "{v}+1e-7; {t}", "{v}+9e-7; {t}",
    "{v}+2e-6; {t}", "1e400; float", "{v}; frozenset", "frozenset({v}); frozenset", "{v}; set",
    "{v}; collections.deque", "collections.deque({v}); collections.deque", "[ANSWER]{v}; {t}[/ANSWER]",
    "[ANSWER] Nil [/ANSWER]", "[ANSWER]x[/ANSWER]{v}; {t}", "{v}; {t}[/ANSWER", "<class '{t}'>",
    "{v}; <class '{t}'", "{v}; class {t}", "{v}; {t}.", "{v}; tuple[{t}]", "{v}; a tuple",
    "lambda: 1; function", "int; type", "(yield); int", "await x; int", "\ud83d; str", "'\ud83d'; str",
    "{v}; object", "{v}; x.y", "{v}; os.system", "{v}; json", "exit(); int", "(0).__class__({v}); {t}",
    "[1,; list", "'''{v}'''; str", "{v} # ; {t}", "\\; str", "x" * 9 + "; str", "(x := {v}); {t}",
    "{v}, ; {t}", "*{v}; list", "[*{v}]; list", "{**{v}}; dict", "{v}; dict[str, int]", "0x2; int",
]
OUTPUT = [
    "{test}", "{asked}", "{test}; x = 1", "{test}\nassert 1 == 1", "assert 1", "assert True", "assert  True",
    "assert not 0", "assert(True)", "assert 1 == 1, 'assert'", "pass # assert", "'assert'", "assert {f}",
    "assert code", "assert ans", "assert not status", "assert fn_name == '{f}'",
    "assert _input.endswith('??')", "assert self", "assert p and task", "assert [x for x in [1]] == [1]",
    "assert [{f} for x in [1]]", "def g(): return {f}\nassert g()", "assert 1 == 2",
    "import math\nassert math.pi > 3", "assert os.getcwd()", "assert json.dumps(1) == '1'",
    "assert datetime.now()", "raise SystemExit # assert", "[ANSWER]{test}[/ANSWER]",
    "[ANSWER]\n{test}\n[/ANSWER", "ERROR", "", "if 1: {test}",
    "try:\n    assert 0\nexcept AssertionError: pass", "assert 'self' in locals()",
    "assert __name__ == '__main__'", "assert 'ast' not in globals()", "assert {f}.__doc__ == code",
    "assert {f}.__module__", "  {test}", "\t{test}", "{test}\x0c", "assert locate('int') is int",
    "assert assert", "assert 1 if 1 else 0", "return # assert", "assert {f}.__globals__['itertools']",
    "assert argparse.Namespace", "assert False", "assert 0 or {f}", "{test}\x00",
]
CLASS = [
    "{test}", "{asked}", "{last}", "{test}\nassertEqual(1, 1)", "# assert assert assert assert",
    "self.assertTrue(1)", "assertTrue(True)\n# assert assert", "assertEqual(1, 1) # assert assert assert",
    "self.dreval_test() # assert assert", "self.{method}() # assert assert assert",
    "assertEqual(__name__, 'dynamics') # assert assert", "assertTrue(ast) # assert assert",
    "assertTrue(deepcopy and itertools and tempfile) # assert assert",
    "assertTrue(json) # assert assert assert", "return # assert assert assert",
    "raise Exception # assert assert assert", "self.skipTest('x') # assert assert assert",
    "self.fail() # assert assert assert", "'''\nx = assert\n''' # assert assert",
    "assertEqual(type(self).__name__[-1], 'x') # assert assert", "def g(): pass # assert assert assert",
    "assertRaises(KeyError, lambda: {}['a']) # assert assert", "ERROR", "", "[ANSWER]{test}[/ANSWER]",
    "  {test}", "with self.assertRaises(KeyError): {}['a'] # assert", "assert 1 # assert assert",
    "yield # assert assert assert", "self.dreval_output_pred = 1 # assert assert assert",
    "assertTrue({f}.__doc__) # assert assert assert", "assertFalse(False) # assert assert",
    "assertTrue(undefined) # assert assert assert", "assertEqual({f}, {f}) # assert assert",
]
JOINTS = [
    "", " ", "\n", "[ANSWER]", "[/ANSWER]", "[/ANSWER", "; ", ";", " or ", ", ", "\t", "[answer]",
]
# fmt: on


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


def files(folder):
    return [benchmarks.load(name, where=folder) for name in ("reval", "reval_tasks")]


def published():
    folder = Path(os.environ.get("CR_BENCHMARKS") or "nowhere")
    if not (folder / "DREval_data.jsonl").is_file():
        pytest.skip("needs the published DREval files in a CR_BENCHMARKS folder")
    return files(folder)


def drawn(pairs, draw, n):
    """Some pairs' keys, and one place of each."""
    chosen = draw.sample([pair for pair in pairs if pair.error is None], n)
    return {f"{pair.idx}.{pair.input_idx}": (pair, draw.randrange(len(pair.places))) for pair in chosen}


def random_text(draw, texts):
    parts = draw.choices(texts, k=draw.randrange(1, 4))
    return "".join(draw.choice(JOINTS) + part for part in parts)


def texts_for(task, pair, truth, draw, n):
    """n texts of a task, hostile and random ones, filled in with what is right for a place."""
    if task == "output":
        texts = OUTPUT if pair.test is None else CLASS
        test = pair.given.strip()
        if pair.test is None:
            call = pair.program["entry_point"] + pair.given[:-2]
            test = f"assert {call}) == {pair.program['outputs'][pair.input_idx]}"
        words = (pair.test or "").split()
        method = next((word.split("(")[0] for word in words if word.startswith("test_")), "x")
        parts = {
            "{test}": test,
            "{asked}": pair.output_pred,
            "{f}": pair.program["entry_point"],
            "{last}": test.split("\n")[-1],
            "{method}": method,
        }
    else:
        texts = {"coverage": COVERAGE, "path": PATH, "state": STATE}[task]
        covered, following, values = truth
        kind, value = draw.choice(values) if values not in ("Nil", []) else ("int", "1")
        line = next((one for one in following if one != -1), 1)
        text = pair.program["code"].split("\n")[line - 1].strip()
        parts = {"{line}": text, "{LINE}": text.upper(), "{v}": value, "{t}": kind, "{T}": kind.upper()}
    made = draw.sample(texts, min(n, len(texts)))
    made += [random_text(draw, texts) for _ in range(n // 4)]
    for mark, part in parts.items():
        made = [text.replace(mark, part) for text in made]
    return [text for text in dict.fromkeys(made) if "<answer>" not in text or task == "coverage"]


def answers_for(task, chosen, truths, draw, n):
    """[task, pair, line, expression, response] of some texts for every chosen place."""
    made = []
    for key, (pair, at) in chosen.items():
        if truths.get(key) is not None:
            line, var = pair.places[at]
            made += [[task, key, line, var, text] for text in texts_for(task, pair, truths[key][at], draw, n)]
    return made


def found(answers, data, tasks, sandbox):
    verdicts = []
    for task, key, line, var, response in answers:
        idx, input_idx = map(int, key.split("."))
        place = {} if task == "output" else {"lineno": line, "var": var}
        verdicts.append({"idx": idx, "input_idx": input_idx, **place, "response": response})
    return [row["passed"] for row in score_reval.score(answers[0][0], data, tasks, verdicts, sandbox)]


def held_against_the_rules(task, data, tasks, sandbox, seed, pairs, n):
    """The answers that the scorer judges otherwise than the rules, and how many were right."""
    draw = random.Random(f"{seed}/{task}")
    many = reval.add_truth(reval.pairs(data, tasks), sandbox)
    chosen = drawn(many, draw, min(pairs, len(many)))
    truths, _ = official_rules.reval(data, tasks, list(chosen), [])
    answers = answers_for(task, chosen, truths, draw, n)
    _, true = official_rules.reval(data, tasks, list(chosen), answers)
    mine = found(answers, data, tasks, sandbox)
    other = [(answer, rule) for answer, rule, one in zip(answers, true, mine, strict=True) if rule != one]
    return other, sum(map(bool, true))


@pytest.mark.parametrize("task", score_reval.TASKS)
def test_hostile_answers_to_the_fixture(task, sandbox):
    n = {"coverage": 40, "path": 40, "state": 25, "output": 25}[task]
    other, right = held_against_the_rules(task, *files(FIXTURES), sandbox, 1, 8, n)
    assert other == [] and right > 20


@pytest.mark.parametrize("task", score_reval.TASKS)
def test_hostile_answers_to_published_questions(task, sandbox):
    n = {"coverage": 20, "path": 20, "state": 12, "output": 8}[task]
    other, right = held_against_the_rules(task, *published(), sandbox, 2, 16, n)
    assert other == [] and right > 10


def as_told(truth):
    """A truth of ours in the form of the rules: values as a set of texts, where they have one."""
    plain = (
        "Nil" if truth.values is None else {(one.type, repr(one.value)) for one in truth.values if one.plain}
    )
    return [truth.covered, sorted(truth.next_lines), plain]


def held_truths(data, tasks, sandbox):
    """Places whose traced truth is not that of the rules."""
    many = [pair for pair in reval.add_truth(reval.pairs(data, tasks), sandbox) if pair.error is None]
    truths, _ = official_rules.reval(data, tasks, [f"{pair.idx}.{pair.input_idx}" for pair in many], [])
    other = []
    for pair in many:
        for place, mine, true in zip(
            pair.places, pair.truths, truths[f"{pair.idx}.{pair.input_idx}"], strict=True
        ):
            values = true[2] if true[2] == "Nil" else {tuple(one) for one in true[2]}
            covered, following, plain = as_told(mine)
            same = (
                plain == values
                if "Nil" in (plain, values)
                else plain <= values
                and len(plain) >= len({one for one in values if one[0] in ("int", "str", "bool")})
            )
            if (covered, following) != (true[0], true[1]) or not same:
                other.append((pair.key, place, as_told(mine), true))
    return other


def test_the_truth_of_the_fixture(sandbox):
    assert held_truths(*files(FIXTURES), sandbox) == []


def test_the_truth_of_published_questions(sandbox):
    data, tasks = published()
    rows = sorted(random.Random(3).sample(tasks, 40), key=lambda row: row["idx"])
    # Objects whose text shows an address have none that could be compared.
    other = [
        one for one in held_truths(data, spread(tasks, rows), sandbox) if " at 0x" not in json.dumps(one[3])
    ]
    assert other == []


def spread(tasks, rows):
    """All programs in order, so that they run one after the other, but only the questions of some."""
    kept = {row["idx"] for row in rows}
    return [row if row["idx"] in kept else {**row, "tasks": []} for row in tasks]


@pytest.mark.parametrize("seed", range(5))
def test_random_consistency(seed):
    draw = random.Random(seed)
    pairs = [(idx, at) for idx in range(6) for at in range(3)]
    places = [pair for pair in pairs for _ in range(draw.randrange(1, 5))]
    scored = {
        task: [
            {"idx": idx, "input_idx": at, "passed": draw.random() < 0.7, "strict": False}
            for idx, at in places
        ]
        for task in ("coverage", "path", "state")
    }
    whole = {pair: draw.random() < 0.6 for pair in pairs}
    scored["output"] = [
        {"idx": idx, "input_idx": at, "passed": one, "strict": False} for (idx, at), one in whole.items()
    ]
    true = official_rules.consistency(
        *([row["passed"] for row in scored[task]] for task in ("coverage", "state", "path")),
        [whole[pair] for pair in places],
    )
    assert score_reval.consistency(scored)["consistency"] == true


@pytest.mark.parametrize(
    "task, response, right",
    [
        ("coverage", "[/THOUGHT][ANSWER]YES[/ANSWER]", True),
        ("coverage", "[ANSWER]YES[/ANSWER]", False),
        ("coverage", "[/thought]yes", False),
        ("coverage", "[/thought][answer]yes", True),
        ("path", "[/THOUGHT]\n", False),
        ("path", "[/THOUGHT][ANSWER]return total / (len(xs) - 1)", True),
        ("path", "return total / (len(xs) - 1)", False),
        ("state", "[/THOUGHT][ANSWER]2; int", True),
        ("state", "2; int", False),
        ("state", "[/thought][ANSWER]2; int", False),
        ("output", "[/THOUGHT][ANSWER]assert mean_gap([1, 4, 2]) == 2.5", True),
        ("output", "assert mean_gap([1, 4, 2]) == 2.5", False),
    ],
)
def test_a_chain_of_thought_that_did_not_end_is_no_answer(task, response, right, sandbox):
    place = {"path": (6, "(a, b)"), "output": None}.get(task, (9, "gap"))
    row = {"idx": 0, "input_idx": 0, "response": response}
    row |= {"lineno": place[0], "var": place[1]} if place else {}
    (scored,) = score_reval.score(task, *files(FIXTURES), [row], sandbox, thought=True)
    assert scored["passed"] is right
    if not right and "THOUGHT" not in response.upper():
        assert not scored["strict"]
