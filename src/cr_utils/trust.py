"""Which isolation layers a program needs, and what is said about those that are missing.

Limits of resources exist everywhere; Landlock and seccomp need Linux; namespaces are welcome and never
needed.
"""

from __future__ import annotations

import logging
import warnings

from cr_utils.errors import UserError

__all__ = ["SandboxWarning", "demand"]

_CORE = ("rlimits", "landlock", "seccomp")
_warned = False


class SandboxWarning(UserWarning):
    """Some isolation layers are missing on this machine."""


def demand(layers: tuple[str, ...], untrusted: bool) -> None:
    """Warn once about missing layers; raise UserError where a program of unknown origin must not run
    without.
    """
    missing = [name for name in (*_CORE, "namespaces") if name not in layers]
    if missing:
        _warn(missing, layers)
    if untrusted and not set(_CORE) <= set(layers):
        raise UserError(
            f"untrusted programs need {' and '.join(_CORE[1:])}, missing here: {', '.join(missing)}; "
            "use Linux 5.13 or newer, or pass Sandbox(weak_ok=True), on the command line --weak-ok"
        )


_warned = False


def _warn(missing: list[str], layers: tuple[str, ...]) -> None:
    """Say once in a process which layers are missing."""
    global _warned
    if not _warned:
        _warned = True
        text = f"sandbox layers missing here: {', '.join(missing)}; in use: {', '.join(layers) or 'none'}"
        try:
            warnings.warn(text, SandboxWarning, stacklevel=4)
        except SandboxWarning:  # where warnings are errors: a missing layer is not one
            logging.getLogger(__name__).warning(text)
