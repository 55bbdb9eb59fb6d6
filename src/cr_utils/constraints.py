"""The constraint space: which built-in operation, in which setting, at which control-flow depth.

Scope: reads params/constraints.yaml, samples cells (type, method, setting, depth) and says which of them are
held out. It does not write programs (grammar) or one-step facts (facts).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import yaml

from . import paths
from .errors import UserError

HOLE = re.compile(r"\{(\w+)\}")
TYPES = ("str", "int", "list", "slist", "dict", "tuple", "set", "float", "bool")
CONSTANTS = ("chr", "pre", "idx", "n", "w")  # kinds of hole that only take a literal
SETTINGS = ("nested", "methods", "control", "helper")
MAX_DEPTH = 3
WEIGHTS = {"nested": 2, "methods": 2, "control": 4, "helper": 1}  # how often a setting is drawn
PLAIN_WEIGHTS = {"nested": 4, "methods": 4, "control": 2, "helper": 1}  # the same, without constraints


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
        """The operation's name in the file and in records, e.g. ``str.upper``."""
        return f"{self.type}.{self.name}"

    @property
    def subject(self) -> str:
        """The type of the first operand (for a statement, of what it changes)."""
        return self.holes[0]

    @cached_property
    def holes(self) -> tuple[str, ...]:
        """The kinds of its holes, in order."""
        return tuple(HOLE.findall(self.template))

    @cached_property
    def operands(self) -> tuple[str, ...]:
        """The kinds of those holes that take an expression rather than a constant."""
        return tuple(kind for kind in self.holes if kind not in CONSTANTS)


@dataclass(frozen=True)
class Cell:
    """One cell of the constraint space; `depth` counts nested control-flow blocks (0-3)."""

    operation: Operation
    setting: str
    depth: int

    def record(self) -> dict:
        """The cell as it stands in problem records."""
        op = self.operation
        return {"type": op.type, "method": op.name, "setting": self.setting, "depth": self.depth}


@dataclass(frozen=True)
class Space:
    """All operations by key, those common in unconstrained code, those kept out of every training program."""

    operations: dict[str, Operation]
    common: tuple[str, ...]
    ood: frozenset[str]
    settings: tuple[str, ...]

    @cached_property
    def _pools(self) -> dict[bool, tuple[Operation, ...]]:
        return {common: tuple(self.operations[key] for key in keys if key not in self.ood)
                for common, keys in ((False, self.operations), (True, self.common))}

    def pool(self, *, common_only: bool = False) -> tuple[Operation, ...]:
        """The operations a training program may contain, in file order."""
        return self._pools[common_only]

    def cells(self) -> list[Cell]:
        """Every cell: control flow at depth 1-3, the other settings at depth 0."""
        return [Cell(op, setting, depth) for op in self.operations.values() for setting in self.settings
                for depth in (range(1, MAX_DEPTH + 1) if setting == "control" else (0,))]


@cache
def space() -> Space:
    """The constraint space of params/constraints.yaml (parsed once). Raises UserError on a damaged file."""
    return load(paths.params_dir() / "constraints.yaml")


def load(path: Path) -> Space:
    """The constraint space of a file. Raises UserError with the entry that is wrong."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise _wrong(path, f"is not YAML{line}", "quote templates that begin with a brace") from None
    if not isinstance(data, dict) or not isinstance(data.get("types"), dict):
        raise _wrong(path, "has no `types`", "restore it from the repository")
    operations = {}
    for type_, entries in data["types"].items():
        for name, text in (entries or {}).items():
            op = _operation(path, type_, name, text)
            operations[op.key] = op
    lists = {key: _names(path, data, key) for key in ("common", "ood", "settings")}
    for key, known in (("common", operations), ("ood", operations), ("settings", SETTINGS)):
        unknown = sorted(set(lists[key]) - set(known))
        if unknown:
            raise _wrong(path, f"`{key}` names unknown {', '.join(unknown)}", "correct or remove it")
    both = sorted(set(lists["common"]) & set(lists["ood"]))
    if both:
        raise _wrong(path, f"{', '.join(both)} stands in both `common` and `ood`", "choose one")
    return Space(operations, tuple(lists["common"]), frozenset(lists["ood"]), tuple(lists["settings"]))


def _operation(path: Path, type_: str, name: str, text: object) -> Operation:
    """One entry of the file, checked."""
    if not isinstance(text, str):
        raise _wrong(path, f"{type_}.{name} is no text", 'write "template -> type" in quotes')
    template, _, result = text.partition(" -> ")
    op = Operation(type_, str(name), template, result or None)
    unknown = [hole for hole in op.holes if hole not in (*TYPES, *CONSTANTS)]
    if unknown:
        raise _wrong(path, f"{op.key} has an unknown hole {{{unknown[0]}}}",
                     f"use one of {' '.join((*TYPES, *CONSTANTS))}")
    if not op.holes:
        raise _wrong(path, f"{op.key} has no hole", "name a type in braces, such as {str}")
    if result and result not in TYPES:
        raise _wrong(path, f"{op.key} gives an unknown type {result!r}", f"use one of {' '.join(TYPES)}")
    return op


def _names(path: Path, data: dict, key: str) -> list[str]:
    """A list of names of the file; `common` and `settings` may not be empty."""
    found = data.get(key)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise _wrong(path, f"`{key}` is no list of names", "write it as [str.upper, ...]")
    if not found and key != "ood":
        raise _wrong(path, f"`{key}` is empty", "name at least one")
    return found


def _wrong(path: Path, what: str, remedy: str) -> UserError:
    return UserError(f"{paths.shown(path)}: {what}: {remedy}")


def sample_cell(rng: random.Random, *, ood: bool = False, constrained: bool = True) -> Cell:
    """Draw one cell.

    In distribution: any operation outside the held-out set, depth at most 2. Out of distribution: a held-out
    operation at any depth, or any other operation at depth 3. Unconstrained synthesis draws from the few
    `common` operations, mostly straight-line code, as free prompting does.
    """
    sp = space()
    if not constrained:
        setting = _setting(rng, sp, PLAIN_WEIGHTS)
        return Cell(rng.choice(sp.pool(common_only=True)), setting, 1 if setting == "control" else 0)
    if ood and rng.random() < 0.5 or ood and not sp.ood:
        return Cell(rng.choice(sp.pool()), "control", MAX_DEPTH)
    operations = [sp.operations[k] for k in sorted(sp.ood)] if ood else sp.pool()
    setting = _setting(rng, sp, WEIGHTS)
    depth = rng.choice((1, 1, 2)) if setting == "control" else 0
    return Cell(rng.choice(operations), setting, depth)


def _setting(rng: random.Random, sp: Space, weights: dict[str, int]) -> str:
    return rng.choices(sp.settings, [weights[name] for name in sp.settings])[0]
