"""Prompt templates that a user names: a text file per task, in which the parts of a question are filled in.

Placeholders: {code} (the program as it is shown), {numbered_code}, {query} (our line that states the
question), {call}, {entry_point}, {input}, {output}, {line}, {line_text}, {var}, and four that the benchmarks'
own prompts need: {short_call} (a call, or "the above test code"), {asked_test} ({query} with ``??``),
{whole_line} (a line with its indentation), {lined_code} (a function's code with numbers and tabs). Other
braces stay as they are. An answer may come in <answer>…</answer> or, as the benchmarks' own prompts ask for
it, in [ANSWER]…[/ANSWER].
"""

import re
from dataclasses import replace

from cr_utils import extraction, paths
from cr_utils import questions as ask
from cr_utils.errors import UserError
from cr_utils.questions import Question

FIELDS = (
    "code",
    "numbered_code",
    "query",
    "call",
    "entry_point",
    "input",
    "output",
    "line",
    "line_text",
    "var",
    "short_call",
    "asked_test",
    "whole_line",
    "lined_code",
)
_FIELD = re.compile("{(" + "|".join(FIELDS) + ")}")
_HIDDEN = {"output": ("output",), "input": ("input", "call", "short_call")}  # what would give the answer away
# A question mark outside of texts stands for what is asked.
_HOLE = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|\?""")


def read(files: dict[str, str]) -> dict[str, str]:
    """The templates of some tasks from {task: path}; a relative path is one from the project's root.

    Raises UserError for a task that does not exist, a file that cannot be read, one that shows no program,
    and one that gives the answer away.
    """
    texts = {}
    for task, path in files.items():
        if task not in ask.TASKS:
            raise UserError(f"template for {task!r}: the tasks are {', '.join(ask.TASKS)}")
        try:
            texts[task] = (paths.root() / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"template {path} cannot be read ({type(error).__name__})") from None
        used = set(_FIELD.findall(texts[task]))
        if not used & {"code", "numbered_code", "lined_code"}:
            raise UserError(f"template {path} shows no program: write {{code}} where it belongs")
        told = [name for name in _HIDDEN.get(task, ()) if name in used]
        if told:
            raise UserError(
                f"template {path} gives the answer away: {{{told[0]}}} cannot stand in a template for {task}"
            )
    return texts


def apply(asked: list[Question], texts: dict[str, str]) -> list[Question]:
    """The same questions in a template's words; those of tasks without a template stay as they are."""
    return [
        replace(one, prompt=_FIELD.sub(lambda found, one=one: _part(one, found.group(1)), texts[one.task]))
        if one.task in texts
        else one
        for one in asked
    ]


def tagged(completion: str, prompt: str = "") -> str:
    """A completion with [ANSWER] marks turned into our tags, where it has marks and no tags.

    A missing end mark is added: servers cut it off where it is a stop text. Where the prompt ends with the
    opening mark, the completion starts inside it, and what follows the first end mark is no answer.
    """
    if "<answer>" in completion:
        return completion
    if extraction.is_opened(prompt):
        answer = completion.lstrip().removeprefix("[ANSWER]").partition("[/ANSWER]")[0]
        return f"<answer>{answer}</answer>"
    if "[ANSWER]" not in completion:
        return completion
    before, _, rest = completion.rpartition("[ANSWER]")
    answer, _, after = rest.partition("[/ANSWER]")
    return f"{before}<answer>{answer}</answer>{after}"


def _part(question: Question, name: str) -> str:
    """The text of one placeholder."""
    code, query = _shown(question)
    if name in ("code", "query"):
        return {"code": code, "query": query}[name]
    is_test = question.input.startswith("assert") or "\n" in question.input
    if is_test and question.task == "output" and name in ("call", "input", "short_call"):
        told = f"a template with {{{name}}} gives the answer of {question.id} away"
        raise UserError(f"{told}: use {{asked_test}}")
    if name == "numbered_code":
        return "\n".join(f"{number} {line}" for number, line in enumerate(code.split("\n"), 1))
    if name == "lined_code":
        return code if is_test else "".join(f"{n}\t{line}\n" for n, line in enumerate(code.split("\n"), 1))
    if name == "short_call" and is_test:
        return "the above test code"
    if name in ("call", "short_call"):
        whole = is_test or question.input.startswith(f"{question.entry_point}(")
        return question.input if whole else f"{question.entry_point}({question.input})"
    if name == "asked_test":
        return _HOLE.sub(lambda found: "??" if found.group() == "?" else found.group(), query)
    if name == "whole_line":
        return "" if question.line is None else question.code.split("\n")[question.line - 1]
    if name == "line_text":
        return "" if question.line is None else ask.line_text(question.code, question.line)
    value = getattr(question, name)
    return "" if value is None else str(value)


def _shown(question: Question) -> tuple[str, str]:
    """The program and the stating line of a question's own prompt, without its instruction.

    A program may run with imports that are not shown.
    """
    forms = (ask.PROMPTS[question.task], ask.DIRECT_PROMPTS[question.task])
    body = next(
        (question.prompt.removesuffix(form) for form in forms if question.prompt.endswith(form)), None
    )
    if body is None:
        raise ValueError(f"{question.id} has been asked in other words already")
    lines = question.code.rstrip().split("\n")
    code = next(text for start in range(len(lines)) if body.startswith(text := "\n".join(lines[start:])))
    return code, body[len(code):].strip("\n")
