"""The interpreter teacher: reasoning chains written down while a program is evaluated.

Scope: completions for the five tasks, forward and backward. Forward: walk through the call, then answer.
Backward (input prediction): propose a call, walk through it, compare with the wanted value; on a mismatch
propose the next. The other tasks walk through the same run and then read the answer off it. The styles are
those of schema.STYLES: steps (narrator), words and states (voices), prose (monologue). Limits: programs that
the narrator can evaluate; anything else raises `narrator.Unsupported`. Whether a chain is right is
decided elsewhere (answers), by the same code that judges a model.
"""

from __future__ import annotations

import ast
import random

from . import literals, monologue, narrator, voices
from .questions import Question
from .schema import STEPS

REASONING = "<reasoning>\n{body}\n</reasoning>\n<answer>{answer}</answer>"
DIRECT = "<answer>{answer}</answer>"


def walk(code: str, entry_point: str, input_text: str, max_lines: int = 200, style: str = "facts",
         task: str = "output", dice: random.Random | None = None) -> tuple[list[str], str]:
    """Narrate a call: (lines, literal text of the value).

    `input_text` is the argument text inside the parentheses, `style` one of schema.STYLES, `dice` what varies
    the words of a monologue; `max_lines` holds for steps, the other styles tell long loops in brief. Raises
    Unsupported or TooLong, or whatever exception the program itself raises.
    """
    if style == "monologue":
        return monologue.walk(code, entry_point, arguments(input_text), dice or random.Random(0))
    if style not in STEPS:
        return voices.walk(code, entry_point, arguments(input_text), style, task)
    n = narrator.Narrator(code, max_lines, style)
    value = n.call(entry_point, arguments(input_text))
    return n.lines, narrator.show(value)


def arguments(input_text: str) -> list:
    """Values of positional literal arguments."""
    call = ast.parse(f"f({input_text})", mode="eval").body
    if call.keywords:
        raise narrator.Unsupported("keyword arguments")
    return [ast.literal_eval(a) for a in call.args]


def narrate(question: Question, wrong_inputs: tuple[str, ...] = (), max_lines: int = 200,
            style: str = "facts", seed: int = 0) -> str:
    """The completion that teaches one question: reasoning, then the answer.

    `wrong_inputs` (input task only) are argument texts tried first; `seed`, with the question's id, draws the
    words of a monologue. Raises Unsupported where the narration does not arrive at the question's output: its
    steps would be wrong, whatever the answer.
    """
    dice = random.Random(f"words:{seed}:{question.id}")
    if question.task == "input":
        tried = (*wrong_inputs, question.input)
        lines = [line for text in tried for line in attempt(question, text, max_lines, style, dice)]
        answer = f"{question.entry_point}({question.input})"
    else:
        lines, value = walk(question.code, question.entry_point, question.input, max_lines, style,
                            question.task, dice)
        if not agrees(value, question.output):
            raise narrator.Unsupported("the narration arrives at another value")
        answer = value if question.task == "output" else question.truth[0]
    if style == "monologue":
        lines = [*monologue.opening(question, dice), *lines, *monologue.closing(question, dice)]
    return REASONING.format(body="\n".join(lines), answer=answer)


def narrations(question: Question) -> list[str]:
    """The right completions of a question in steps, one in each style of STEPS. Raises as `narrate`."""
    return [narrate(question, style=style) for style in STEPS]


def attempt(question: Question, text: str, max_lines: int, style: str, dice: random.Random) -> list[str]:
    """The lines of trying one input: the call, its walk, and whether it gives the wanted value."""
    steps, value = walk(question.code, question.entry_point, text, max_lines, style, question.task, dice)
    match = agrees(value, question.output)
    if not match and text == question.input:
        raise narrator.Unsupported("the narration arrives at another value")
    call = f"{question.entry_point}({text})"
    if style == "monologue":
        return [monologue.proposal(call, dice), *steps,
                monologue.verdict(value, question.output, match, dice)]
    verdict = "match" if match else "no match"
    return [f"try {call}", *steps, f"{value} and {question.output}: {verdict}"]


def agrees(value: str, output: str) -> bool:
    """Whether two literal texts stand for the same value of the same type (sets in any order)."""
    return value == output or literals.equal(literals.parse(value), literals.parse(output), "strict")


def direct(question: Question) -> str:
    """The completion without reasoning: the known answer alone."""
    call = f"{question.entry_point}({question.input})"
    answers = {"output": question.output, "input": call}
    return DIRECT.format(answer=answers.get(question.task) or question.truth[0])
