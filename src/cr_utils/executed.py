"""An executed notebook as a page: one HTML file without scripts that loads nothing from anywhere.

Scope: text, code, printed lines, tables, figures, the static form of what can be explored. Outputs that
quote one of the `withheld` texts are left out, and say so. Widgets and scripts are left out too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape, unescape
from pathlib import Path

from nbconvert.filters.markdown import markdown2html

QUOTE = 60  # characters from which on an answer may quote a program
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
TAG = re.compile(r"<[^>]*>")
ACTIVE = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)
BADGE = re.compile(r"^\[!\[[^\]]*\]\(https?:[^)]*\)\]\([^)]*\)\s*$", re.MULTILINE)  # comes from the network
SHELL = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>:root{{color-scheme:light dark}}
body{{font:15px/1.55 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}
pre{{font:12px/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;
overflow-wrap:anywhere;margin:.4em 0}}
.code{{background:#8881;border-left:3px solid #8886;padding:.5em .8em}}
.out{{margin:.4em 0 1.2em;overflow-x:auto}}
.out img{{max-width:100%;height:auto;background:#fff}} table{{border-collapse:collapse;font-size:13px}}
td,th{{padding:.15em .7em;text-align:right;border-bottom:1px solid #8883}}
.left{{color:#888;font-style:italic}}
</style></head><body>
{body}
</body></html>
"""


def html(book: dict, title: str, withheld: Iterable[str] = ()) -> str:
    """The page of an executed notebook (its JSON).

    withheld: texts, such as answers about a benchmark's programs, that no output may quote, marked up or not.
    """
    secret = [_bare(text) for text in withheld if len(text) >= QUOTE]
    parts = []
    for cell in book["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(markdown2html(BADGE.sub("", source)))
        elif cell["cell_type"] == "code" and "colab" not in cell["metadata"].get("tags", []):
            parts.append(f'<pre class="code">{escape(source)}</pre>')
            parts += [_output(one, secret) for one in cell["outputs"]]
    return SHELL.format(title=escape(title), body="\n".join(parts))


def _bare(text: str) -> str:
    """A text without white space, by which two are compared that are laid out differently."""
    return "".join(text.split())


def _output(output: dict, secret: list[str]) -> str:
    """One output: what is printed, the best form of what is displayed, or the trace of an error."""
    data = output.get("data", {})
    kinds = {kind: "".join(text) for kind, text in data.items() if not isinstance(text, dict)}
    plain = "".join(output.get("text", output.get("traceback", kinds.get("text/plain", ""))))
    shown = kinds.get("text/html", plain)
    forms = _bare(unescape(TAG.sub("", shown))), _bare(plain)
    if any(text in form for text in secret for form in forms):
        return '<p class="left">left out: it quotes a benchmark</p>'
    if "image/png" in kinds:
        source = f"data:image/png;base64,{kinds['image/png'].strip()}"
        return f'<div class="out"><img alt="figure" src="{source}"></div>'
    if "text/html" in kinds:
        return f'<div class="out">{ACTIVE.sub("", shown)}</div>'
    return f'<pre class="out">{escape(COLOURS.sub("", plain))}</pre>' if plain.strip() else ""


def write(source: Path, target: Path, withheld: Iterable[str] = (), places: dict[str, str] | None = None):
    """Write the page of an executed notebook; `places`: folders here, and their names on the page."""
    text = html(json.loads(source.read_text(encoding="utf-8")), source.stem, withheld)
    for folder, name in sorted((places or {}).items(), key=lambda pair: -len(pair[0])):
        text = text.replace(folder, name) if len(folder) > 1 else text
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
