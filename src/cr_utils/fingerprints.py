"""Hashed fingerprints of programs: equal for programs that differ only in names, literals or layout.

Used to keep benchmark programs out of our data. The fingerprints of all CRUXEval and REval programs are
package data (`assets/fingerprints.txt`, hashes only), so that the data do not depend on which benchmark
files are present. LiveCodeBench is not covered: it is not freely at hand.
"""

import ast
import functools
import hashlib

from cr_utils import paths
from cr_utils.syntax import nodes

# Fields without meaning for what a program does, or that differ between Python versions.
_SKIPPED = frozenset({"ctx", "type_comment", "type_params", "kind", "annotation", "returns", "decorator_list",
                      "level", "simple", "type_ignores"})


def fingerprint(code: str, tree: ast.Module | None = None) -> str:
    """16 hex digits of a program's normal form; the same on every supported Python version.

    The normal form is the syntax tree with: every name that the program binds (functions, classes,
    arguments, variables) replaced by a number in order of appearance; literals by their type; docstrings,
    annotations, decorators and imports left out. Names it does not bind (builtins) and names of
    attributes and methods stay. `tree` is the program's, where the caller has it. Raises SyntaxError for text
    that is not Python.
    """
    tree = ast.parse(code) if tree is None else tree
    return _digest(tree.body, _bound(tree))


def function_fingerprints(code: str) -> set[str]:
    """The fingerprint of a program and of each function in it (methods included)."""
    tree = ast.parse(code)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {_digest(tree.body, _bound(tree))} | {_digest([one], _bound(one)) for one in functions}


@functools.lru_cache(maxsize=1)
def committed() -> frozenset[str]:
    """The committed fingerprints of all benchmark programs and their functions."""
    return frozenset(paths.asset("fingerprints.txt").read_text(encoding="ascii").split())


def _digest(body: list[ast.AST], bound: set[str]) -> str:
    parts: list[str] = []
    _write(body, bound, {}, parts)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def _bound(tree: ast.AST) -> set[str]:
    """Every name that the tree itself gives a meaning to."""
    bound = set()
    for node in nodes(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return bound


def _write(node, bound: set[str], numbers: dict[str, int], parts: list[str]) -> None:
    """Append the normal form of a node, or of a list of nodes, to `parts`."""
    if isinstance(node, list):
        parts.append("[")
        for item in node:
            _write(item, bound, numbers, parts)
        parts.append("]")
    elif isinstance(node, ast.Constant):
        parts.append(f"<{type(node.value).__name__}>")
    elif isinstance(node, ast.AST):
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node):
            return
        parts.append("(" + type(node).__name__)
        for field in node._fields:
            value = getattr(node, field, None)
            if field in _SKIPPED or value is None or value == []:
                continue
            parts.append(field)
            if field == "attr" or field == "arg" and isinstance(node, ast.keyword):
                parts.append(value)  # a method or keyword keeps its name, whatever else is called so
            else:
                _write(value, bound, numbers, parts)
        parts.append(")")
    elif isinstance(node, str) and node in bound:
        parts.append(f"#{numbers.setdefault(node, len(numbers))}")
    else:
        parts.append(str(node))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
