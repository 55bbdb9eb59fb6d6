"""The benchmarks' own prompts as template files: fetched from their repositories at pinned revisions.

No prompt text is part of this package. CRUXEval and LiveCodeBench keep theirs in Python functions, which are
read as syntax and never executed; REval in format strings. Each becomes a file with the placeholders of
`templates`. The hashes are recorded at the first download and checked at every later one. Not reproduced:
system messages, chat forms, and the comment lines that REval's own code puts before a class's test.
"""

import ast
import hashlib
import re
import string
import urllib.error
import urllib.request
from pathlib import Path

from cr_utils import jsonl, paths, templates
from cr_utils.errors import UserError

TIMEOUT = 10.0
FORMS = ("direct", "cot")
_GITHUB = "https://raw.githubusercontent.com/"
SOURCES = {
    "cruxeval": (
        _GITHUB + "facebookresearch/cruxeval/190faf16d175b5847b0af05d937872b1fb395942/",
        ("prompts.py",),
    ),
    "livecodebench": (
        _GITHUB + "LiveCodeBench/LiveCodeBench/f05cda286956b0a976df08afe2e2a323358d32d1/",
        ("lcb_runner/prompts/code_execution.py",),
    ),
    "reval": (
        _GITHUB + "r-eval/REval/2f148b913deb4ae0e0ce41f0245ef35054ede8d6/",
        tuple(f"prompts/{form}_{task}.txt" for task in ("coverage", "path", "state", "output")
              for form in FORMS),
    ),
}
# What the sources call the parts of a question, and what `templates` calls them.
_PARTS = {
    "cruxeval": {"code": "code", "input": "input", "output": "output"},
    "livecodebench": {"code": "code", "input": "call"},
    "reval": {"code": "code", "invocation": "call", "invocation_abbr": "short_call", "line": "line",
              "codeline": "whole_line", "var": "var"},
}
_REVAL_PARTS = {"path": {"code": "lined_code"}, "output": {"invocation": "asked_test"}}
_FUNCTION = re.compile(r"make_(direct|cot)_(output|input)_prompt")


def fetch(name: str, folder: Path | None = None) -> list[Path]:
    """Download a benchmark's prompts and write them as templates <name>_<task>_<form>.txt; returns the files.

    Raises UserError where the network is closed, a file differs from its first download, or has no prompt in
    it.
    """
    if name not in SOURCES:
        raise UserError(f"unknown benchmark {name!r}: one of {', '.join(SOURCES)}")
    folder = folder or paths.prompts()
    address, files = SOURCES[name]
    found: dict[tuple[str, str], str] = {}
    for file in files:
        text = _download(address + file, folder / "sources" / f"{name}_{Path(file).name}")
        found |= _functions(name, text) if file.endswith(".py") else _formatted(Path(file).stem, text)
    if not found:
        raise UserError(f"{name}: {address} holds no prompt in the form that is known here")
    made = []
    for (task, form), text in found.items():
        made.append(folder / f"{name}_{task}_{form}.txt")
        jsonl.write_text(made[-1], text)
        templates.read({task: str(made[-1])})
    return made


def main(names: list[str]) -> int:
    """``data fetch-templates [NAME ...]``: the command line. Exit status."""
    for name in names or list(SOURCES):
        for path in fetch(name):
            print(f"{name:14} {paths.shown(path)}")
    return 0


def _download(address: str, path: Path) -> str:
    """The text at an address; kept beside its hash, and refused where that is no longer the recorded one."""
    recorded = path.with_name(path.name + ".sha256")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as reply:  # noqa: S310 - a fixed https address
            data = reply.read(2**20)
        text = data.decode("utf-8")
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"{address} cannot be downloaded ({reason}): connect, or write the template yourself "
                        "(docs/05_eval.md)") from None
    sha = hashlib.sha256(data).hexdigest()
    known = recorded.read_text(encoding="utf-8").strip() if recorded.is_file() else sha
    if known != sha:
        raise UserError(f"{address} has sha256 {sha[:12]}, not {known[:12]} as at its first download: "
                        f"compare it with {paths.shown(path)}, and delete that to take the new one")
    jsonl.write_text(path, text)
    jsonl.write_text(recorded, sha + "\n")
    return text


def _functions(name: str, source: str) -> dict[tuple[str, str], str]:
    """The f-strings that the prompt functions of a Python file return, as templates: {(task, form): text}."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return {}
    found = {}
    for node in body:
        named = _FUNCTION.fullmatch(getattr(node, "name", ""))
        if named and isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Return):
            form, task = named.groups()
            found[task, form] = _joined(node.body[-1].value, _PARTS[name])
    return found


def _joined(node: ast.expr | None, parts: dict[str, str]) -> str:
    """An f-string's text with our placeholders."""
    if not isinstance(node, ast.JoinedStr):
        raise UserError("a prompt function no longer returns one f-string")
    return "".join(
        piece.value if isinstance(piece, ast.Constant) else _placeholder(ast.unparse(piece.value), parts)
        for piece in node.values
    )


def _formatted(stem: str, text: str) -> dict[tuple[str, str], str]:
    """A format string of REval, from a file <form>_<task>.txt, as a template."""
    form, _, task = stem.partition("_")
    parts = _PARTS["reval"] | _REVAL_PARTS.get(task, {})
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise UserError(f"reval: {stem}.txt is no format string ({error})") from None
    whole = [plain + ("" if field is None else _placeholder(field, parts)) for plain, field, *_ in pieces]
    return {(task, form): "".join(whole)}


def _placeholder(name: str, parts: dict[str, str]) -> str:
    if name not in parts:
        raise UserError(f"a published prompt has a part {name!r} that is not known here")
    return "{" + parts[name] + "}"
