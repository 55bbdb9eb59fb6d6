"""The answer in a whole completion, as the published code of CRUXEval and LiveCodeBench reads it.

Scope: text to text, and only for the published verdicts; the strict rule reads answers in `answers`.
Reproduced with its quirks: the first [ANSWER] counts, and an assertion is cut at its first ``==``, so that an
answer which holds ``==`` itself is cut short. Where a prompt ends with [ANSWER] (the published direct form),
the mark is not looked for again.
"""

OPENING, CLOSING = "[ANSWER]", "[/ANSWER]"


def is_opened(prompt: str) -> bool:
    """Does a prompt end with the opening mark, so that a completion starts inside it?"""
    return prompt.rstrip().endswith(OPENING)


def published(name: str, mode: str, completion: str, opened: bool = False) -> str:
    """The text that the published scorer of "cruxeval" or "livecodebench" judges.

    mode: "output" or "input". LiveCodeBench has no input prediction of its own: CRUXEval's reading is taken.

    >>> published("livecodebench", "output", "[ANSWER]assert f(1) == '=='[/ANSWER]")
    "'"
    """
    if not opened and OPENING in completion:
        completion = completion.split(OPENING)[1].strip()
    if name == "livecodebench" and mode == "output":
        return _livecodebench(completion)
    text = completion.split(CLOSING)[0].strip()  # there the closing mark ends the generation
    if "==" in text:
        text = text.split("==")[mode == "output"].strip()
    if mode == "input" and "assert" in text:
        text = text.split("assert")[1].strip()
    return text


def of_reply(name: str, mode: str, prompt: str, answer: str | None, completion: str | None = None) -> str:
    """As `published`, for a reply to a prompt of any form.

    answer: what stands inside our own tags. The completion is read instead where there are none, and the
    prompt or the reply has the benchmarks' marks.
    """
    if completion is not None and "<answer>" not in completion and OPENING in prompt + completion:
        return published(name, mode, completion, is_opened(prompt))
    return published(name, mode, (answer or "") + CLOSING, opened=True)


def _livecodebench(text: str) -> str:
    if "==" in text:
        text = text.split("==")[1].strip()
    return text.split(CLOSING if CLOSING in text else "\n")[0].strip()
