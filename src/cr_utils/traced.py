"""The trace of a problem's run, made where its program may run: in this process if the grammar wrote it,
else in the sandbox.

Scope: decides by the record's `source`; a record without one (our own tests, benchmark rows) counts as
trusted.
"""

from __future__ import annotations

from . import answers, trust
from .trace import Trace, trace, trace_call


def of(problem: dict, sandbox=None) -> Trace:
    """The trace of a problem's call. Raises UserError where an untrusted program may not run on this
    machine.
    """
    if problem.get("source", "grammar") == "grammar":
        return trace_call(problem["code"], problem["entry_point"], problem["input"])
    sandbox = sandbox or answers.shared_sandbox()
    trust.demand(sandbox.layers, untrusted=not sandbox.weak_ok)
    return trace(problem["code"], f"{problem['entry_point']}({problem['input']})", sandbox)
