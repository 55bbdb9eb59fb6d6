"""What a notebook shows beside its figures: a program, its run and its chain next to each other.

Scope: static HTML, escaped; nothing is computed that the records do not hold, apart from the trace of a
problem's run. Needs IPython only when something is displayed.
"""

from __future__ import annotations

from html import escape

from . import traced

STYLE = ("display:inline-block;vertical-align:top;margin:0 1.5em 1em 0;max-width:34em;"
         "white-space:pre-wrap;font-family:monospace;font-size:12px;text-align:left")


def run_lines(problem: dict) -> list[str]:
    """The trace as text: line number, the line, and what changed while it ran."""
    code = problem["code"].split("\n")
    lines = []
    for event in traced.of(problem).events:
        changes = ", ".join(f"{name} = {kind_text[1]}" for name, kind_text in event.changes.items()
                            if kind_text)
        if event.line == 0:
            lines.append(f"call{'':10} {changes}")
        elif event.line > 0:
            lines.append(f"{event.line:>3}  {code[event.line - 1].strip():<28} {changes}".rstrip())
    return lines


def side_by_side(problem: dict, chain: dict):
    """Program, run and chain in three columns, as an object that Jupyter displays."""
    from IPython.display import HTML

    program = f"{problem['code']}\n\nf({problem['input']})\n== {problem['output']}"
    columns = (("program", program), ("run", "\n".join(run_lines(problem))), ("chain", chain["completion"]))
    return HTML("".join(f'<div style="{STYLE}"><b>{title}</b>\n\n{escape(text)}</div>'
                        for title, text in columns))
