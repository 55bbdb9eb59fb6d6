"""Guards a reward: what raises or hangs costs one zero, counted by its kind, and never the training run.

A batch that fails is scored again one completion at a time, so that only the one at fault earns nothing. A
reward that hangs is left behind in a thread of its own, which nothing in Python can end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

Reward = Callable[[list, list[str], list[bool]], list]
PATIENCE = 300.0  # seconds for a batch; judging takes milliseconds for each completion
ALONE = 30.0  # seconds for a single completion, once its batch has failed


@dataclass(frozen=True)
class Failed:
    """Stands for the score of a completion whose reward raised or hung."""

    total: float = 0.0
    correct: float = 0.0
    format: float = 0.0
    kind: str = "reward_error"


def guard(reward: Reward, patience: float = PATIENCE, alone: float = ALONE) -> Reward:
    """The reward, with `Failed` for every completion that it raises on or takes too long for.

    patience, alone: seconds of wall time for a batch, and for each completion of a batch that failed.
    """

    def guarded(questions, completions, truncated):
        scored = within(patience, reward, questions, completions, truncated)
        if scored is not None and len(scored) == len(completions):
            return scored
        if len(completions) == 1:
            return [Failed()]
        found = []
        for row in zip(questions, completions, truncated, strict=True):
            one = within(alone, reward, *([part] for part in row))
            found.append(one[0] if one and len(one) == 1 else Failed())
        return found

    return guarded


def within(seconds: float, reward: Reward, *columns) -> list | None:
    """The scores as a list; None where the reward raised or did not answer in time."""
    found: list = []

    def work() -> None:
        try:
            found.append(list(reward(*columns)))
        except Exception:  # noqa: BLE001 - one bad answer must not end a run
            found.append(None)

    thread = threading.Thread(target=work, name="reward", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None
