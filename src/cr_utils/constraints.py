"""The constraint space: which built-in operation, in which setting, at which control-flow depth.

Scope: reads params/constraints.yaml, samples cells (type, method, setting, depth) and says which of them are
held out. It does not write programs (grammar) or one-step facts (facts).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache

import yaml

from . import paths

HOLE = re.compile(r"\{(\w+)\}")
MAX_DEPTH = 3


@dataclass(frozen=True)
class Operation:
    """One built-in method, operator, indexing or slicing form.

    `template` holds typed holes such as ``{str}``; `result` is the type of its value, or None for a statement
    that changes its first operand in place.
    """

    type: str
    name: str
    template: str
    result: str | None

    @property
    def key(self) -> str:
        return f"{self.type}.{self.name}"

    @property
    def subject(self) -> str:
        """The type of the first operand (for a statement, of what it changes)."""
        return self.holes[0]

    @property
    def holes(self) -> tuple[str, ...]:
        return tuple(HOLE.findall(self.template))


@dataclass(frozen=True)
class Cell:
    """One cell of the constraint space; `depth` counts nested control-flow blocks (0-3)."""

    operation: Operation
    setting: str
    depth: int

    def record(self) -> dict:
        op = self.operation
        return {"type": op.type, "method": op.name, "setting": self.setting, "depth": self.depth}


@dataclass(frozen=True)
class Space:
    """All operations by key, those common in unconstrained code, and those kept out of every training program."""

    operations: dict[str, Operation]
    common: tuple[str, ...]
    ood: frozenset[str]
    settings: tuple[str, ...]

    def pool(self, *, common_only: bool = False, with_ood: bool = False) -> list[Operation]:
        """The operations a program may contain, in file order."""
        keys = self.common if common_only else self.operations
        return [self.operations[k] for k in keys if with_ood or k not in self.ood]


@cache
def space() -> Space:
    """The constraint space of params/constraints.yaml (parsed once)."""
    data = yaml.safe_load((paths.root() / "params" / "constraints.yaml").read_text())
    operations = {}
    for type_, entries in data["types"].items():
        for name, text in entries.items():
            template, _, result = text.partition(" -> ")
            op = Operation(type_, name, template, result or None)
            operations[op.key] = op
    unknown = (set(data["common"]) | set(data["ood"])) - operations.keys()
    if unknown:
        raise ValueError(f"params/constraints.yaml: common/ood name unknown operations {sorted(unknown)}")
    return Space(operations, tuple(data["common"]), frozenset(data["ood"]), tuple(data["settings"]))


def sample_cell(rng: random.Random, *, ood: bool = False, constrained: bool = True) -> Cell:
    """Draw one cell.

    In distribution: any operation outside the held-out set, depth at most 2. Out of distribution: a held-out
    operation at any depth, or any other operation at depth 3. Unconstrained synthesis draws from the few
    `common` operations, mostly straight-line code, as free prompting does.
    """
    sp = space()
    if not constrained:
        setting = rng.choices(sp.settings, (4, 4, 2, 1))[0]
        return Cell(rng.choice(sp.pool(common_only=True)), setting, 1 if setting == "control" else 0)
    if ood and rng.random() < 0.5:
        setting, depth = "control", MAX_DEPTH
        return Cell(rng.choice(sp.pool()), setting, depth)
    operations = [sp.operations[k] for k in sorted(sp.ood)] if ood else sp.pool()
    setting = rng.choices(sp.settings, (2, 2, 4, 1))[0]
    depth = rng.choice((1, 1, 2)) if setting == "control" else 0
    return Cell(rng.choice(operations), setting, depth)
