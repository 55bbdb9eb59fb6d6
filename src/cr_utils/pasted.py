"""Run what the published scorers run: a program with a model's text pasted into it, inside the sandbox.

Used for parity only. A verdict is True where the whole text executes without an exception, as published; CPU
time and sleep (3 s), not wall time, decide a time-out. What is no more than one comparison, and cannot see
its surroundings, is evaluated many to a process; the rest pays for a process of its own, in the surroundings
of the published harness (`pasted_runner`). The imports are those that LiveCodeBench puts before a program,
limited to the names that a text mentions.
"""

import ast
import functools
import re
import unicodedata
from pathlib import Path

from cr_utils import literals
from cr_utils.sandbox import Sandbox

PROFILE = "bench"  # imports, threads and a private directory, 3 s of CPU time
# What a text needs in order to notice more than its own values: names of the namespace it runs in, the
# harness's changes, modules, streams; also spelled by escapes or taken apart in a format.
_LOOKS_AROUND = re.compile(
    r"__|\bimport\b|\\(?:x5f|u005f|u0000005f|137|n\{)|\b(?:exit|quit|help|copyright|credits|license|open|"
    r"input|print|globals|locals|vars|dir|eval|exec|compile|getattr|hasattr|setattr|delattr|memoryview|"
    r"breakpoint|type|class|chr|bytes|bytearray|format|format_map|[acgt][a-z]_(?:frame|code)|tb_\w+|f_\w+)\b",
    re.IGNORECASE,
)
# The same for a benchmark's own program, which means no harm.
_CODE_LOOKS_AROUND = re.compile(
    r"__|\b(?:import|exit|quit|help|globals|locals|vars|dir|eval|exec|compile|open)\b")
_MAY_GO_ON = re.compile(r"""[#;\\]|'''|\"\"\"""")  # beyond its line, or beyond its statement
_MODULES = "copy string math collections bisect heapq functools random itertools operator re sys".split()
_NAMES = {
    "itertools": "accumulate chain combinations count cycle groupby islice permutations product repeat"
                 " zip_longest",
    "copy": "deepcopy",
    "string": "ascii_lowercase",
    "math": "ceil comb floor gcd inf isqrt log log10 log2 prod sqrt",
    "collections": "Counter OrderedDict defaultdict deque",
    "bisect": "bisect_left bisect_right insort",
    "heapq": "heapify heappop heappush merge",
    "functools": "cache lru_cache partial reduce",
    "random": "randrange shuffle",
    "operator": "iand itemgetter sub",
    "os.path": "commonprefix",
    "typing": "Any Callable Dict Generator Iterable Iterator List Optional Set Tuple Union",
}
_STATEMENTS = {
    **{name: f"from {module} import {name}" for module, names in _NAMES.items() for name in names.split()},
    **{name: f"import {name}" for name in _MODULES},
    "re_search": "from re import search as re_search",
    "np": "import numpy as np", "pd": "import pandas as pd",
}
# A text that looks names up by other means gets every import.
_REFLECTIVE = frozenset({"globals", "locals", "vars", "dir", "eval", "exec", "compile", "__import__"})
_WORD = re.compile(r"\w+")


def imports(name: str, text: str, every: bool = False) -> str:
    """The published prelude of a benchmark, ending in a newline: all, or as far as `text` can notice it."""
    if name != "livecodebench":
        return ""
    words = set(_WORD.findall(text))
    every = every or not words.isdisjoint(_REFLECTIVE) or "f_globals" in words or "f_back" in words
    return "".join(statement + "\n" for word, statement in _STATEMENTS.items() if every or word in words)


def run_all(programs: list[str], sandbox: Sandbox) -> list[bool]:
    """Does each text execute without an exception? Equal texts run once; each in a process of its own."""
    distinct = [text for text in dict.fromkeys(programs) if _is_python(text)]
    runs = sandbox.map([(_runner(), f"run({text!r})") for text in distinct], profile=PROFILE, untrusted=True)
    passed = {text for text, run in zip(distinct, runs, strict=True) if run.kind == "ok" and run.tree is True}
    return [text in passed for text in programs]


def looks_around(text: str) -> bool:
    """Might a text notice where it runs? Then only the published surroundings give the published verdict."""
    return bool(_LOOKS_AROUND.search(text if text.isascii() else unicodedata.normalize("NFKC", text)))


def expression_verdicts(items: list[tuple[str, str, str, str]], sandbox: Sandbox) -> list[bool | None]:
    """Verdicts of ``assert output == text`` after a program, for texts that keep it one plain assertion.

    items: (imports, program, output, text). The comparison is evaluated in the program's namespace; programs
    and texts that pass the sandbox's screen share processes. None where the text does more than that, where
    program or text may look around, or where the run was ended by a limit, which is smaller than the
    published one.
    """
    fit = [index for index, item in enumerate(items) if _is_one_assertion(*item[2:])
           and not _needs_more(*item)]
    pairs = [(prelude + code, f"not not ({output} == {text}\n)")
             for prelude, code, output, text in (items[index] for index in fit)]
    runs = sandbox.map(pairs, untrusted=True)
    verdicts: list[bool | None] = [None] * len(items)
    for index, run in zip(fit, runs, strict=True):
        if run.kind in ("ok", "error"):
            verdicts[index] = run.kind == "ok" and run.tree is True
    return verdicts


def literal_verdict(output: str, text: str) -> bool | None:
    """The verdict of ``assert output == text`` where both are plain literals; None where it has to be run.

    The text is parsed behind ``x ==``, so that a bare tuple, a comparison or an `or` in it is seen for what
    it does to the assertion; a name such as nan and a call such as set() are left to the sandbox.
    """
    node = _right_side(text)
    if node is None or any(isinstance(part, ast.Name | ast.Call) for part in ast.walk(node)):
        return None
    try:
        return literals.equal(literals.parse(output), literals.value_of(node), "python")
    except literals.LiteralError:
        return None


def _is_one_assertion(output: str, text: str) -> bool:
    """Is ``assert output == text`` a single statement without a message, and the same test in brackets?"""
    if len(text) > literals.MAX_CHARS:
        return False
    try:
        body = _parsed(f"assert {output} == {text}").body
        if len(body) != 1 or not isinstance(body[0], ast.Assert) or body[0].msg is not None:
            return False
        if text.isascii() and text.isprintable() and not _MAY_GO_ON.search(text):
            return True  # a single line reads the same in brackets, and comparing syntax trees is slow
        inside = _parsed(f"({output} == {text}\n)").body
        return ast.dump(inside[0].value) == ast.dump(body[0].test)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _needs_more(prelude: str, code: str, output: str, text: str) -> bool:
    return "numpy" in prelude or "pandas" in prelude or _code_looks_around(code) or looks_around(text)


def _code_looks_around(code: str) -> bool:
    return bool(_CODE_LOOKS_AROUND.search(code))


@functools.lru_cache(maxsize=1)
def _runner() -> str:
    return Path(__file__).with_name("pasted_runner.py").read_text(encoding="utf-8")


def _is_python(text: str) -> bool:
    """False where executing the text could only raise a SyntaxError; True also where that is not clear."""
    try:
        _parsed(text)
    except (SyntaxError, ValueError):
        return False
    except (RecursionError, MemoryError):
        pass
    return True


def _parsed(text: str) -> ast.Module:
    return literals.parse_quietly(text, "exec")


def _right_side(text: str) -> ast.expr | None:
    """What stands to the right in ``x == text`` where the text adds nothing else to the comparison."""
    if any(end in text for end in "\n\r\f"):
        return None
    try:
        tree = literals.expression("x == " + text)
    except literals.LiteralError:
        return None
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and isinstance(tree.ops[0], ast.Eq):
        return tree.comparators[0]
    return None
