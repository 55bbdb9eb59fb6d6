"""The wide constraint space: operations read from params/constraints-wide.yaml, and cells of it.

Scope: entries with generic holes (`list`, `item`, `set_`, `tuple_`) are kept once, with one variant for ints
and one for strings. A cell is an operation in a setting at a depth of control flow. Knows nothing of
programs.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import yaml

from cr_utils import paths
from cr_utils.errors import UserError

KINDS = frozenset(
    "str char int float bool ints strs floats rows pairs dict sdict groups set sset tup stup pair".split()
)
ROLES = frozenset("sub chars key n n0 idx w num two_up chr two low high digits".split())
GENERIC = {
    "list": ("ints", "strs"),
    "item": ("int", "str"),
    "set_": ("set", "sset"),
    "tuple_": ("tup", "stup"),
}
TOKEN = re.compile(r"\{\{|\}\}|\{([a-z_0-9]+)\}")
SETTINGS = ("nested", "methods", "control", "helper")
SLOTS = (("nested", 0), ("methods", 0), ("control", 1), ("control", 2), ("control", 3), ("helper", 0))
SLOT_WEIGHTS = (2.5, 2.5, 7, 8, 3, 1)
PLAIN_WEIGHTS = (4, 4, 2, 0, 0, 1)  # without constraints: mostly straight-line code
COMMON = 2.0  # weight from which an operation is one of those that come to mind first
MAX_DEPTH = 3


@dataclass(frozen=True)
class Operation:
    """One entry: `type.name`, and its variants (parts of the template, kind of the result or None)."""

    type: str
    name: str
    variants: tuple[Variant, ...]
    weight: float = 1.0

    @property
    def key(self) -> str:
        """Its name in the file: `str.upper`."""
        return f"{self.type}.{self.name}"


@dataclass(frozen=True)
class Variant:
    """A template for one kind of items: texts and holes by turns (a hole stands at every odd place)."""

    key: str
    parts: tuple[str, ...]
    result: str | None

    @cached_property
    def holes(self) -> tuple[str, ...]:
        """The holes in order."""
        return self.parts[1::2]

    @cached_property
    def loop(self) -> bool:
        """Whether this is the head of a loop."""
        return self.parts[0].startswith("for ")

    @cached_property
    def tight(self) -> bool:
        """Whether the expression may stand before a dot or a bracket without parentheses."""
        text = "x".join(self.parts[::2]).strip()
        return (
            bool(re.fullmatch(r"f?'.*'|\[.*\]|\{.*\}|x?[\w.']*(\(.*\)|\[[^\]]*\])+", text))
            and " + " not in text
            and " % (" not in text
        )


@dataclass(frozen=True)
class Cell:
    """What a program is asked to hold."""

    operation: Operation
    setting: str
    depth: int

    def record(self) -> dict:
        """As it stands in a problem's record."""
        return {
            "type": self.operation.type,
            "method": self.operation.name,
            "setting": self.setting,
            "depth": self.depth,
        }


class Space:
    """All operations, and those that give each kind of value."""

    def __init__(self, operations: dict[str, Operation], ood: frozenset[str]):
        self.operations, self.ood = operations, ood
        self.pool = [op for key, op in operations.items() if key not in ood]
        self.common = [op for op in self.pool if op.weight >= COMMON and not op.variants[0].loop]
        self.giving: dict[str, list[tuple[Variant, float]]] = {}
        for op in self.pool:
            for variant in op.variants:
                if variant.result:
                    self.giving.setdefault(variant.result, []).append((variant, op.weight))


@lru_cache(maxsize=1)
def space() -> Space:
    """The space of params/constraints-wide.yaml."""
    return read(paths.params_dir() / "constraints-wide.yaml")


def read(path: Path) -> Space:
    """Read and check a file of the space. UserError names the entry at fault."""
    if not path.is_file():
        raise UserError(f"{paths.shown(path)} is missing: restore it from the repository")
    data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    usual, operations = data.get("usual") or {}, {}
    for type_, entries in (data.get("types") or {}).items():
        for name, text in entries.items():
            op = _operation(path, str(type_), str(name), text, usual)
            operations[op.key] = op
    for key in (*usual, *(data.get("ood") or ())):
        if key not in operations:
            raise UserError(f"{paths.shown(path)}: {key} is no operation: add it under `types` or delete it")
    return Space(operations, frozenset(data.get("ood") or ()))


def _operation(path: Path, type_: str, name: str, text: object, usual: dict) -> Operation:
    if not isinstance(text, str):
        raise UserError(f'{paths.shown(path)}: {type_}.{name} is no text: write "template -> kind" in quotes')
    template, _, result = text.partition(" -> ")
    holes = [hole for hole in TOKEN.findall(template) if hole]
    for kind in (*holes, *([result] if result else ())):
        if kind not in KINDS | ROLES and kind not in GENERIC:
            raise UserError(
                f"{paths.shown(path)}: {type_}.{name} has an unknown hole {{{kind}}}: "
                f"one of {' '.join(sorted(KINDS | ROLES | GENERIC.keys()))}"
            )
    generic = any(kind in GENERIC for kind in (*holes, result))
    key = f"{type_}.{name}"
    made = []
    for which in range(2 if generic else 1):

        def kind_of(kind: str, which: int = which) -> str:
            return GENERIC[kind][which] if kind in GENERIC else kind

        made.append(Variant(key, _parts(template, kind_of), kind_of(result) if result else None))
    return Operation(type_, name, tuple(made), float(usual.get(key, 1)))


def _parts(template: str, kind_of) -> tuple[str, ...]:
    """Texts and holes by turns."""
    parts, text, at = [], "", 0
    for token in TOKEN.finditer(template):
        text += template[at : token.start()]
        at = token.end()
        if token[1] is None:
            text += token[0][0]
        else:
            parts += [text, kind_of(token[1])]
            text = ""
    return (*parts, text + template[at:])


def cells(*, ood: bool = False) -> list[Cell]:
    """Every cell of training, or (`ood`) of the held-out operations and depth 3."""
    sp = space()
    pool = [sp.operations[key] for key in sorted(sp.ood)] if ood else sp.pool
    found = [
        Cell(op, setting, depth)
        for op in pool
        for setting, depth in SLOTS
        if (ood or depth < MAX_DEPTH)
        and not (setting != "control" and op.variants[0].loop and setting == "nested")
    ]
    return found


def sample_cell(
    rng: random.Random, split: str = "train", thin: Counter | None = None, constrained: bool = True
) -> Cell:
    """Draw a cell: the operation evenly, the setting by weight.

    `thin` counts accepted problems by (operation key, setting, depth): of three drawn cells the one with the
    fewest is taken. Depth 3 and the held-out operations come in `heldout_ood` only. Unconstrained synthesis
    draws one of the common operations by how usual it is, mostly in straight-line code, whatever is thin.
    """
    if not constrained:
        setting, depth = rng.choices(SLOTS, PLAIN_WEIGHTS)[0]
        return Cell(rng.choices(space().common, [op.weight for op in space().common])[0], setting, depth)
    drawn = [_draw(rng, split) for _ in range(3 if thin is not None else 1)]
    return min(drawn, key=lambda cell: thin[place(cell)]) if thin is not None else drawn[0]


def place(cell: Cell) -> tuple[str, str, int]:
    """What a coverage table counts by."""
    return cell.operation.key, cell.setting, cell.depth


def place_of(problem: dict) -> tuple[str, str, int]:
    """The same of a problem's record."""
    cell = problem["constraint"]
    return f"{cell['type']}.{cell['method']}", cell["setting"], cell["depth"]


def _draw(rng: random.Random, split: str) -> Cell:
    sp = space()
    ood = split == "heldout_ood"
    if ood and rng.random() < 0.5:
        return Cell(rng.choice(sp.pool), "control", MAX_DEPTH)
    op = sp.operations[rng.choice(sorted(sp.ood))] if ood and sp.ood else rng.choice(sp.pool)
    weights = [
        weight if depth < MAX_DEPTH or ood else 0
        for (_, depth), weight in zip(SLOTS, SLOT_WEIGHTS, strict=True)
    ]
    setting, depth = rng.choices(SLOTS, weights)[0]
    return Cell(op, setting, depth)
