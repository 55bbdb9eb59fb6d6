"""A reward that raises or hangs costs one zero each, of a kind that is counted."""

import threading
import time

from cr_utils import grpo, guarding
from cr_utils.guarding import Failed, guard

FINE = Failed(total=1.0, correct=1.0, format=1.0, kind="pass")


def ask(reward, texts, **how):
    return guard(reward, **how)([f"q{i}" for i in range(len(texts))], texts, [False] * len(texts))


def test_a_sound_reward_is_called_once_for_a_batch():
    calls = []

    def reward(questions, completions, truncated):
        calls.append((questions, completions, truncated))
        return (FINE for _ in completions)

    assert ask(reward, ["a", "b"]) == [FINE, FINE]
    assert calls == [(["q0", "q1"], ["a", "b"], [False, False])]


def test_the_completion_that_raises_alone_earns_nothing():
    def reward(questions, completions, truncated):
        if "bad" in completions:
            raise RuntimeError("boom")
        return [FINE] * len(completions)

    scored = ask(reward, ["a", "bad", "c"])
    assert scored == [FINE, Failed(), FINE] and scored[1].kind == "reward_error" and scored[1].total == 0


def test_the_completion_that_hangs_alone_earns_nothing():
    free = threading.Event()

    def reward(questions, completions, truncated):
        if "slow" in completions:
            free.wait(60)
        return [FINE] * len(completions)

    began = time.monotonic()
    assert ask(reward, ["a", "slow", "c"], patience=0.3, alone=0.3) == [FINE, Failed(), FINE]
    assert time.monotonic() - began < 30
    free.set()


def test_too_few_scores_are_a_failure():
    assert ask(lambda *_: [FINE], ["a", "b"]) == [FINE, FINE]
    assert ask(lambda *_: [], ["a", "b"]) == [Failed(), Failed()]


def test_training_uses_this_guard():
    assert grpo.guard is guarding.guard and grpo.Failed is guarding.Failed
