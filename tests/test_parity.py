"""The scorers against the published rules restated (`official_rules`), on hostile and random generations."""

import json
import random
from pathlib import Path

import official_rules
import pytest

from cr_utils import benchmarks, pasted, score, score_cruxeval
from cr_utils.sandbox import Sandbox

FIXTURES = Path(__file__).parent / "fixtures"
ROWS = {name: benchmarks.load(name, where=FIXTURES) for name in ("cruxeval", "livecodebench")}

# {o} the right output, {f} the function's name, {i} the input. What a text can find out of its surroundings:
SURROUNDINGS = [
    "{o} if __name__ == 'builtins' else 0", "{o} if __name__ == '__main__' else 0", "{o} if __doc__ else 0",
    "{o} if {f}.__module__ == 'builtins' else 0", "{o} if {f}.__code__.co_filename == '<string>' else 0",
    "{o} if '{0.__module__}'.format({f}) == 'builtins' else 0", "{o} if globals() is locals() else 0",
    "{o} if '{0.\\x5f_module\\x5f_}'.format({f}) == 'builtins' else 0",
    "{o} if '__file__' not in globals() else 0",
    "{o} if str(type('X', (), {})).count('builtins') else 0", "{o} if isinstance(__builtins__, dict) else 0",
    "{o} if exit is None else 0", "{o} if ｅxit is None else 0", "{o} if help is None else 0",
    "quit() or {o}",
    "{o} if __import__('os').getcwd() else 0", "{o} if __import__('os').system is None else 0",
    "{o} if __import__('os').listdir('.') == [] else 0", "{o} if open('x', 'w').write('abc') == 3 else 0",
    "{o} if __import__('subprocess').Popen is None else 0", "{o}\nimport tkinter", "{o}\nimport resource",
    "{o}\nimport json, re, sys", "{o}\nimport numpy", "{o}\nimport tempfile\ntempfile.mkdtemp()",
    "{o}\nimport os\nos.makedirs('a/b')", "{o}\nimport os\nos.remove('x')",
    "{o}\nimport sys\nsys.stdin.read()",
    "{o}\ninput()", "{o}\nimport sys\nsys.stdout.write('y')",
    "{o}\nimport sys\nassert sys.stdout.getvalue() == ''",
    "__import__('time').sleep(9) or {o}", "{o}\nimport time\ntime.sleep(0.01)",
    "{o}\nimport sys\nsys.exit(0)",
    "{o}\nimport os\nos._exit(0)", "{o}\nraise BaseException", "{o}\nimport signal\nsignal.raise_signal(9)",
    "{o}\nimport atexit\natexit.register(lambda: 1 / 0)",
    "{o}\nimport threading\nthreading.Thread(target=print).start()",
    "{o} if list(__import__('concurrent.futures').futures.ThreadPoolExecutor(1).map(abs, [1])) else 0",
    "{o}\n__builtins__['len'] = 3",
    "{o} if __import__('sys')._getframe().f_code.co_name == '<module>' else 0",
]
# What Python makes of the pasted text:
SYNTAX = [
    "{o};", "{o} ;# x", "{o};;", "{o}; assert 0", "{o}, 1/0", "0, 1/0", "{o}\r", "{o}\rassert False",
    "{o}\x0c\n", "\x0b{o}",
    "\ufeff{o}", "\u00a0{o}", "{o}\u2028assert False", "１", "'\ud800'", "{o} # \ud800", "{o}\x00", "{o}\\",
    "{o}\\\n or 1",
    "(" * 150 + "{o}" + ")" * 150, "(" * 300 + "{o}" + ")" * 300, "-" * 20000 + "1", "{o} or " * 3000 + "1",
    "{o} == " * 400 + "{o}", "[" * 250 + "]" * 250, "9" * 4301, "(lambda: (yield))() or {o}", "(yield)",
    "(await x)",
    "{o} if 1", "*{o}", "**{o}", "{o} in [{o}]", "{o} < 5", "{o} @ 1", "{o}{o}", "= {o}", "!= 0 == {o}",
    "a:={o}",
    "{o}\nreturn", "{o}\nbreak", "{o}\nfrom __future__ import annotations", "{o}\nglobal zz",
    "{o}\nnonlocal zz",
    "{o}\nmatch 1:\n  case 1: pass", "{o}\n'''\nassert False\n'''", "{o} and '''a\nb'''", "\t{o}",
    "(\n{o}\n)", "\\\n{o}",
    "{o} if (lambda g: g(g, 2000))(lambda g, n: n and g(g, n - 1)) == 0 else 0", "10 ** 100000 and {o}",
    "type('E', (), {'__eq__': lambda s, o: 1 / 0})()", "type('E', (), {'__eq__': lambda s, o: []})()",
    "type('E', (str,), {'__eq__': lambda s, o: True, '__hash__': None})()", "{o}\ndef {f}(): pass",
    "{o}\ndel {f}",
]
CALLS = [
    "{f}({i})", "{f} ({i}) or {f}(", "{f}({i});", "{f}({i}); 1/0", "{f}({i}), 1/0", "g({i}) # {f}(",
    "{f}(*({i},))",
    "[{f}({i})][0]", "{f}({i}) == {f}({i})", "(lambda: {f}({i}))()", "{f}(\n{i}\n)", "{f}({i})# c",
    "\n{f}({i})",
    "{f}('\ud800')", "{f}(iter([1]), 3)", "{f}((x for x in 'abc'), 3)", "{f}(range(3), 1)", "{f}(b'abc', 1)",
    "{f}(**{})", "{f}(x:=3, 2)", "{o} if '{f}(' else 0", "{o} # {f}({i})", "'{f}(' and {o}", "{f}(set(), 1)",
    "{f}({f}({i}), 3)", "exec('def {f}(*a): return {o}') or {f}({i})", "{f}(__name__)", "{f}(exit)",
    "{f}(input(), 1)",
    "{f}({i}) if {f}.__module__ == 'builtins' else 0", "await {f}({i})", "not not {f}({i})",
    "{f}(sorted('cba'), 1)", "type('E', (), {'__eq__': lambda s, o: True})() or {f}(",
]
ATOMS = ["{o}", "0", "1", "''", "[]", "f", "True", "None", "x", "1/0", "{o}", "'a'", "{}", "(1,)", "1.0",
         "()"]
JOINTS = [" or ", " and ", " == ", " if 1 else ", " if 0 else ", ", ", " + ", " in ", "; ", "\n", " # ",
          " is ", " not in "]
WRAPS = ["{}", "({})", "[{}][0]", "not {}", " {}", "{};", "[{}]", "({}, 1)", "(lambda: {})()", "'{}'",
         "{}\npass", "-{}"]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


def filled(texts, name, row):
    one = benchmarks.problem(name, row)
    parts = (("{o}", row["output"]), ("{i}", one["input"]), ("{f}", one["entry_point"]))
    for mark, part in parts:
        texts = [text.replace(mark, part) for text in texts]
    return texts


def random_texts(seed, count):
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        text = draw.choice(ATOMS)
        for _ in range(draw.randrange(4)):
            other = draw.choice(ATOMS)
            text = draw.choice(WRAPS).replace("{}", draw.choice([text + draw.choice(JOINTS) + other, text]),
                                              1)
        made.append(text)
    return made


def held_against_the_rules(name, mode, row, texts, sandbox):
    """Both lists of verdicts of a row with these generations, each beside a right one."""
    prelude = official_rules.IMPORTS if name == "livecodebench" else ""
    runs = official_rules.executes([f"{prelude}{row['code']}\nassert {row['output']} == {text}"
                                    for text in texts])
    true = dict(zip(texts, runs, strict=True))
    right = row["output"] if mode == "output" else filled(["{f}({i})"], name, row)[0]
    true[right] = True
    rows = [{**row, "id": f"sample_{number}"} for number in range(len(texts))]
    given = {one["id"]: [text, right] for one, text in zip(rows, texts, strict=True)}
    found = score_cruxeval.score(name, mode, rows, given, sandbox).official
    if name == "cruxeval":
        return found, {key: official_rules.cruxeval(mode, row, made, true) for key, made in given.items()}
    return found, {key: official_rules.livecodebench(row, made, true) for key, made in given.items()}


@pytest.mark.parametrize("texts", [SURROUNDINGS, SYNTAX], ids=["surroundings", "syntax"])
def test_hostile_outputs(texts, sandbox):
    row = ROWS["cruxeval"][5]
    found, true = held_against_the_rules("cruxeval", "output", row, filled(texts, "cruxeval", row), sandbox)
    assert found == true


def test_hostile_inputs(sandbox):
    row = ROWS["cruxeval"][0]
    found, true = held_against_the_rules("cruxeval", "input", row, filled(CALLS, "cruxeval", row), sandbox)
    assert found == true


def test_hostile_outputs_behind_livecodebench_s_imports(sandbox):
    row = ROWS["livecodebench"][0]
    texts = ["{o} if np.array([1]).sum() else 0", "{o} if len(globals()) > 60 else 0",
             "{o} and Counter('a')['a']",
             "{o} if bisect.bisect([1], 2) else 0", "{o} if 'pd' in {f}.__globals__ else 0", "{o};",
             "{o} and math.pi",
             "{o} if List[int] else 0", "{o} if copy.copy([]) == [] else 0", "inf",
             "{o} if exit is None else 0"]
    found, true = held_against_the_rules("livecodebench", "output", row, filled(texts, "livecodebench", row),
                                         sandbox)
    assert found == true
    assert sum(map(all, true.values())) == len(texts) - 1


@pytest.mark.parametrize("seed", range(3))
def test_random_outputs(seed, sandbox):
    row = ROWS["cruxeval"][2 * seed]
    texts = filled(list(dict.fromkeys(random_texts(seed, 150))), "cruxeval", row)
    found, true = held_against_the_rules("cruxeval", "output", row, texts, sandbox)
    assert found == true


def test_random_lists_of_verdicts_and_metrics():
    """Skips, shrinking lists, [False] x n and both pass@k, for random numbers of generations of each kind."""
    draw, verdicts, rows, generations, true = random.Random(0), {}, [], {}, {}
    for number in range(300):
        row = {"id": f"sample_{number}", "code": "def f(x): return x", "input": "7", "output": "7"}
        texts = draw.choices(["7", "8", "f(7)", "7 or 1", "f (7)", "9 # f(7)"], k=draw.randrange(12))
        verdicts = {"7": True, "8": False, "f(7)": True, "7 or 1": True, "f (7)": True, "9 # f(7)": False}
        rows.append(row)
        generations[row["id"]] = texts
        true[row["id"]] = official_rules.cruxeval("output", row, texts, verdicts)
    with Sandbox() as sandbox:
        result = score.score_generations("cruxeval", "output", rows, generations, sandbox)
    assert result["raw_scored_generations"] == true
    for k in (1, 5):
        values = [official_rules.pass_at_k(len(one), one.count(True), k) for one in true.values()]
        assert result[f"pass_at_{k}"] == sum(values) / len(values) * 100
    assert json.dumps(result)


@pytest.mark.parametrize("text", ["exit", "ｅxit", "a.__class__", "'\\x5f'", "import x", "x.f_back",
                                  "type(1)"])
def test_texts_that_may_look_around(text):
    assert pasted.looks_around(text)
    assert not pasted.looks_around("f('import_ant'.upper(), [existing, formats]) or x_y")
