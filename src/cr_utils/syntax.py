"""Every node of a syntax tree, quickly: `ast.walk` takes most of the time of a filter that looks at each.

Scope: one function. The order is that of `ast.walk` (parents first, level by level).
"""

from __future__ import annotations

import ast


def nodes(tree: ast.AST) -> list[ast.AST]:
    """The node and all below it; contexts and operators included, as in `ast.walk`."""
    found = [tree]
    for node in found:
        for value in node.__dict__.values():
            if isinstance(value, ast.AST):
                found.append(value)
            elif type(value) is list:
                found += [item for item in value if isinstance(item, ast.AST)]
    return found
