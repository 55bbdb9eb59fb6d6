"""What came of running a program: the kind of its end, its value as data, its trace."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property

from cr_utils import literals
from cr_utils.zygote import values

__all__ = ["Run", "read"]

# What reading may raise; only a forgery makes it happen.  (A LiteralError is a ValueError.)
_BROKEN = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OverflowError)
_TOLD = ("ok", "error", "memory", "too_big", "exited", "bad_call")  # what a child may say of itself


@dataclass
class Run:
    """What came of a call: `kind` is "ok" or what stopped it (error, timeout, memory, too_big, exited,
    signal, forged, lost, bad_call); `error` names the exception; `cpu` in seconds.
    """

    kind: str
    error: str | None = None
    cpu: float = 0.0
    layers: tuple[str, ...] = ()
    tree: object = field(default=None, repr=False)
    trace: dict | None = field(default=None, repr=False)

    @cached_property
    def value_text(self) -> str | None:
        """Canonical text of the value; None where there is none or it is not a builtin value through and
        through.
        """
        if self.kind != "ok":
            return None
        try:
            return literals.canonical(values.decode(self.tree, derived=True))
        except _BROKEN:
            return None

    def equals(self, expected: object, compare: str = "python") -> bool:
        """Whether the call gave this value; see `literals.equal`."""
        if self.kind != "ok":
            return False
        try:
            value = values.decode(self.tree, derived=compare == "strict")
        except _BROKEN:
            return False
        return literals.equal(value, expected, compare)


def read(reply: tuple, layers: tuple[str, ...]) -> Run:
    """A Run from a helper's reply; text that is not what a child writes counts as forged."""
    kind, cpu, text = reply
    if kind == b"D":
        return Run(text.decode(), None, cpu, layers)
    try:
        told = json.loads(text)
        if (kind == b"V") != (told["k"] == "ok") or told["k"] not in _TOLD:
            raise ValueError(told["k"])
        run = Run(told["k"], str(told.get("e") or "")[:400] or None, cpu, layers, told.get("v"))
        if "t" in told:
            run.trace = {name: _PARTS[name](item) for name, item in told["t"].items()}
            run.trace["complete"] = told["c"] is True
    except _BROKEN:
        return Run("forged", None, cpu, layers)
    return run


def _records(items: list) -> list:
    """The records of `zygote.tracer` as they stand; raises ValueError where they are not of that shape."""
    for item in items:
        if type(item) is not list or list(map(type, item)) not in _RECORD:
            raise ValueError("no record")
        for change in item[2].values():
            if change is not None and (type(change) is not list or list(map(type, change)) not in _CHANGE):
                raise ValueError("no change")
    return items


def _of(kind: type):
    """Reads a tagged value that must be of this type."""

    def read_part(item):
        value = values.decode(item)
        if type(value) is not kind:
            raise ValueError(f"not a {kind.__name__}")
        return value

    return read_part


def _watched(items: list) -> list:
    """The values of watched expressions, None for those without a value."""
    return [None if part is None else values.decode(part) for part in items]


_RECORD = [int, int, dict], [int, int, dict, str]
_CHANGE = [str, str], [str, type(None)]
_PARTS = {"records": _records, "hidden": _of(set), "lines": _of(list), "watch": _watched}
