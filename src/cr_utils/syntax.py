"""Every node of a syntax tree, quickly: `ast.walk` takes most of the time of a filter that looks at each.

Scope: one function. Contexts and operators (`Load`, `Add`, `Lt`) are left out: they hold nothing.
"""

from __future__ import annotations

import ast

OPERATORS = (*ast.operator.__subclasses__(), *ast.unaryop.__subclasses__(), *ast.cmpop.__subclasses__())
LEAVES = frozenset((int, str, float, bool, bytes, complex, type(None), type(...),
                    ast.Load, ast.Store, ast.Del, ast.And, ast.Or, *OPERATORS))


def nodes(tree: ast.AST) -> list[ast.AST]:
    """The node and all below it, parents first, level by level."""
    found, leaves = [tree], LEAVES
    for node in found:
        for value in node.__dict__.values():
            kind = type(value)
            if kind is list:
                found += [item for item in value if type(item) not in leaves]
            elif kind not in leaves:
                found.append(value)
    return found
