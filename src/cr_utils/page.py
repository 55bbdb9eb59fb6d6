"""Pieces of HTML: escaped text, sortable tables, figures as inline SVG, code with line numbers.

Everything returned is a complete, balanced fragment that needs no network and no script to be read. Text from
records is always escaped. The page's style and script lie in the package's assets/report/.
"""

import json
import re
from html import escape
from typing import NamedTuple

import pandas as pd

from cr_utils.figure_style import GRID, INK, PAPER
from cr_utils.tablefile import DASH, cell_text

__all__ = ["Cell", "DASH", "badge", "code", "command", "data", "details", "escape", "figure", "json_text",
           "lines", "link", "prose", "svg", "table"]


class Cell(NamedTuple):
    """A table cell that is HTML already, and the value that it sorts by."""

    html: str
    value: float | str | None = None


def link(text: str, target: str | None, title: str = "") -> str:
    """A link, or the plain text where there is nothing to link to."""
    hint = f' title="{escape(title)}"' if title else ""
    return f'<a href="{escape(target)}"{hint}>{escape(text)}</a>' if target else escape(text)


def prose(text: str) -> str:
    """Escaped text; what stands in `backticks` is set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def command(text: str) -> str:
    """A command that a click copies; it may break between its words, not at the hyphens in them."""
    words = " ".join(f"<span>{escape(word)}</span>" for word in text.split(" "))
    return f'<code class="command">{words}</code>'


def lines(text: str) -> str:
    """The parts of a text ("a; b") on lines of their own; intervals, p-values and counts stay unbroken."""
    whole = r"\[[^\]]+\]|p=\S+|\d+ : \d+"
    return re.sub(whole, lambda found: f'<span class="nowrap">{found[0]}</span>',
                  "<br>".join(map(escape, text.split("; "))))


def badge(verdict: str, good: bool | None = None) -> str:
    """A verdict as a small label; good colours it as such, None leaves it neutral."""
    kind = "" if good is None else " good" if good else " bad"
    return f'<span class="badge{kind}">{escape(verdict)}</span>'


def details(summary: str, body: str, opened: bool = False, name: str = "") -> str:
    """A block that opens on a click; `summary` and `body` are HTML."""
    return (f'<details{" open" if opened else ""}{f" class={name}" if name else ""}>'
            f"<summary>{summary}</summary>\n{body}\n</details>")


def data(name: str, content) -> str:
    """Data for the page's script."""
    return f'<script type="application/json" id="{escape(name)}">{json_text(content)}</script>'


def json_text(content) -> str:
    """JSON that no text in it can end."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def code(text: str, numbered: bool = True) -> str:
    """A program; with line numbers that are not copied along."""
    if not numbered:
        return f'<pre class="text"><code>{escape(text)}</code></pre>'
    lines = "".join(f'<span class="line" data-line="{n}">{escape(line) or " "}\n</span>'
                    for n, line in enumerate(text.split("\n"), 1))
    return f'<pre class="program"><code>{lines}</code></pre>'


def table(frame: pd.DataFrame, caption: str = "", links=None, digits: int = 3, labels: bool = False) -> str:
    """A frame as a sortable table, with the reasons for its dashes below; a value may be a Cell.

    links: a function (row, column) -> (target, title) or None, for the cells that are numbers. labels: each
    cell carries its column's name, for a narrow screen where the head is not shown.
    """
    rows = [[_cell(row, name, links, digits, labels) for name in frame.columns]
            for row in frame.to_dict("records")]
    head = []
    for i, name in enumerate(frame.columns):
        kind = ' class="num"' if any('class="num"' in row[i] for row in rows) else ""
        for row in rows if kind else ():  # a dash stands where the number would
            row[i] = row[i].replace("<td", f"<td{kind}", 1) if row[i].endswith(f">{DASH}</td>") else row[i]
        head.append(f'<th scope="col"{kind} aria-sort="none">'
                    f'<button type="button">{escape(name.replace("_", " "))}'
                    "</button></th>")
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    notes = "".join(f"<li>{prose(note)}</li>" for note in frame.attrs.get("notes", ()))
    return (f'<div class="scroll" tabindex="0"><table class="sortable">'
            f'{f"<caption>{caption}</caption>" if caption else ""}<thead><tr>{"".join(head)}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
            + (f'<details class="why"><summary>{DASH} reasons and notes</summary><ul>{notes}</ul></details>'
               if notes else ""))


def _cell(row: dict, name: str, links, digits: int, labels: bool) -> str:
    value, label = row[name], f' data-label="{escape(name.replace("_", " "))}"' if labels else ""
    if isinstance(value, Cell):
        sorted_by = "" if value.value is None else str(value.value)
        return f'<td{label} data-v="{escape(sorted_by)}">{value.html}</td>'
    text = cell_text(value, digits)
    if text == DASH:
        return f'<td{label} data-v="">{DASH}</td>'
    if isinstance(value, str):
        return f"<td{label}>{escape(text)}</td>"
    found = links(row, name) if links else None
    shown = f"{value:,}" if isinstance(value, int) else text
    linked = link(shown, *found) if found else escape(shown)
    return f'<td class="num"{label} data-v="{float(value)!r}">{linked}</td>'


def svg(text: str, name: str, label: str) -> str:
    """A matplotlib SVG for inlining: no prolog, own ids, colours of the page's theme, size of its box."""
    body = text[text.index("<svg"):]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", body)
    for colour, variable in ((INK, "--ink"), (GRID, "--grid"), (PAPER, "--card")):
        body = re.sub(rf"{colour}\b", f"var({variable})", body, flags=re.IGNORECASE)
    opening = re.match(r"<svg[^>]*>", body).group(0)
    new = re.sub(r'\s(width|height)="[^"]*"', "", opening)
    new = new[:-1] + f' role="img" aria-label="{escape(label)}">'
    return new + body[len(opening):].strip()


def figure(name: str, title: str, look: str, drawing: str | None, source: str, reason: str = "") -> str:
    """A figure with its paragraph and sources; without a drawing, a dash and the reason. `source` is HTML."""
    shown = f'<div class="plot scroll" tabindex="0">{drawing}</div>' if drawing else \
        f'<p class="missing">{DASH} {prose(reason)}</p>'
    return (f'<figure id="figure-{name}"><h3>{escape(title)}</h3><p>{prose(look)}</p>{shown}'
            f"<figcaption>{source}</figcaption></figure>")
