"""Rewards that look at the steps: questions about a completion's own run, answered by what its chain states.

Two options beside the terminal reward of `rewards`, for the task `output` and chains in the interpreter's
words:

- ``whitebox``: half the reward for the final answer, half for next-statement and variable questions about
  the same run (as in the released recipe, where they are asked in the prompt; here the chain is read).
- ``bilevel``: an approximation of a step-level advantage: to the terminal reward a second one of weight 0.3
  is added, the mean over the right steps of the share of right steps after them. Centred in its group, as
  GRPO centres the sum.

The truth is the interpreter's own narration of the run. Where it has none (other tasks, programs that it
cannot narrate) the reward is the terminal one. Steps are read in the styles of schema.STEPS only: a chain in
words, prose or states earns nothing for its steps, however right they are. For programs of our generator:
they are evaluated in this process.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable
from dataclasses import replace

from cr_utils import questions, rewards, teacher
from cr_utils.narrator import STEPS, Unsupported
from cr_utils.rewards import Scored
from cr_utils.wording import TooLong

KINDS = ("terminal", "whitebox", "bilevel")
PLACES = 8  # questions asked about one run, half of each kind where there are enough
SHARE, WEIGHT = 0.5, 0.3
REASONING = re.compile(r"<reasoning>(.*?)(?:</reasoning>|<answer>|$)", re.DOTALL)
STATED = re.compile(r"(?:^|[;,] )([A-Za-z_]\w*) = ([^;]+?)(?=; |, [A-Za-z_]\w* = |$)")


def reward(params: dict) -> Callable[..., list[Scored]]:
    """The reward that a profile asks for, as grpo.train takes it: grpo_reward and grpo_format_weight."""
    terminal = functools.partial(rewards.score, format_weight=params["grpo_format_weight"])
    kind = params.get("grpo_reward", "terminal")
    if kind == "terminal":
        return terminal

    def stepwise(asked, completions, truncated):
        scored = terminal(asked, completions, truncated)
        return [_mixed(kind, *row) for row in zip(asked, completions, truncated, scored, strict=True)]

    return stepwise


def _mixed(kind: str, question, completion: str, cut: bool, scored: Scored) -> Scored:
    """A terminal reward with the steps' part; what was cut off or could not be judged earns what it did."""
    steps = reference(question)
    if steps is None or cut or scored.kind == "reward_error" or not isinstance(completion, str):
        return scored
    given = stated(completion)
    if kind == "whitebox":
        gain = answered(question.id, steps, given) - scored.correct
        return replace(scored, total=scored.total + SHARE * gain)
    best = max(following(reference(question, style), given) for style in STEPS)
    return replace(scored, total=scored.total + WEIGHT * best)


@functools.lru_cache(maxsize=4096)
def reference(question: questions.Question, style: str = STEPS[0]) -> tuple | None:
    """The steps of the run in a style as `stated` reads them; None where no narration is the right one.

    Every style states the same lines, and the later ones no fewer values of variables than the first.
    """
    if question.task != "output":
        return None
    try:
        return stated(teacher.narrate(question, style=style))
    except (Unsupported, TooLong):
        return None


def stated(completion: str) -> tuple[tuple[str, str, dict[str, str]], ...]:
    """The steps of a chain: (whole line, its statement, the values it states for variables)."""
    found = REASONING.search(completion)
    lines = [line.strip() for line in found.group(1).splitlines()] if found else []
    steps = []
    for line in filter(None, lines):
        statement, _, facts = line.partition("  # ")
        steps.append((line, statement.strip(), dict(STATED.findall(facts))))
    return tuple(steps)


def places(identity: str, steps: tuple) -> list[tuple[int, str | None]]:
    """The questions about one run: (step, None) asks what runs next, (step, name) for a value after it.

    Drawn by the question's id alone, so that every completion of a group is asked the same.
    """
    dice = random.Random(f"whitebox/{identity}")
    following = [(k, None) for k in range(len(steps) - 1)]
    values = [(k, name) for k, (_, _, facts) in enumerate(steps) for name in facts]
    dice.shuffle(following)
    dice.shuffle(values)
    return sorted(following[: PLACES - min(len(values), PLACES // 2)] + values[: PLACES // 2],
                  key=lambda place: (place[0], place[1] or ""))


def answered(identity: str, steps: tuple, given: tuple) -> float:
    """Share of the questions about the run that the given steps answer rightly, 0 to 1."""
    asked = places(identity, steps)
    return sum(_right(steps, given, *place) for place in asked) / max(1, len(asked))


def _right(steps: tuple, given: tuple, k: int, name: str | None) -> bool:
    if k >= len(given) or given[k][1] != steps[k][1]:
        return False
    if name is None:
        return k + 1 < len(given) and given[k + 1][1] == steps[k + 1][1]
    return given[k][2].get(name) == steps[k][2][name]


def following(steps: tuple, given: tuple) -> float:
    """Mean over all steps of: is it right, times the share of right steps after it (1 for the last), 0 to 1.

    Steps beyond the end of the run count as wrong ones.
    """
    length = max(len(steps), len(given))
    right = [k < min(len(steps), len(given)) and given[k][0] == steps[k][0] for k in range(length)]
    total, after = 0.0, 0
    for k in range(length - 1, -1, -1):
        rest = length - 1 - k
        total += right[k] * (after / rest if rest else 1.0)
        after += right[k]
    return total / max(1, length)
