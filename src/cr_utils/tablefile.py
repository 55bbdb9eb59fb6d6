"""Tables on disk: any pandas frame as csv and as markdown, the same bytes every time.

A missing value is "—" in both; the markdown carries the reasons from `frame.attrs["notes"]` below the table.
Knows nothing about what a table means.
"""

from pathlib import Path

import pandas as pd

DASH = "—"


def write_table(frame: pd.DataFrame, folder: Path | str, name: str) -> list[Path]:
    """Write `name`.csv (six digits) and `name`.md (with the reasons for dashes below); returns both paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    csv, markdown = folder / f"{name}.csv", folder / f"{name}.md"
    shown = frame.map(lambda value: cell_text(value, 6))
    csv.write_text(shown.to_csv(index=False, lineterminator="\n"), encoding="utf-8", newline="\n")
    body = frame.map(lambda value: cell_text(value, 3).replace("|", "\\|"))
    lines = ["| " + " | ".join(body.columns) + " |", "|" + "---|" * len(body.columns),
             *("| " + " | ".join(row) + " |" for row in body.itertuples(index=False))]
    notes = [f"- {DASH} {note}" for note in frame.attrs.get("notes", ())]
    markdown.write_text("\n".join([*lines, *([""] if notes else []), *notes]) + "\n", encoding="utf-8",
                        newline="\n")
    return [csv, markdown]


def cell_text(value, digits: int = 3) -> str:
    """A cell as text: a dash where missing, counts whole, rates with `digits` decimals, tiny ones as such."""
    if value is None or value is pd.NA or value != value:
        return DASH
    if isinstance(value, float):
        return f"{value:.2e}" if 0 < abs(value) < 10**-digits else f"{value:.{digits}f}"
    return str(value)


def read_table(folder: Path | str, name: str) -> pd.DataFrame:
    """A table written by `write_table`; dashes come back as missing values."""
    return pd.read_csv(Path(folder) / f"{name}.csv", na_values=[DASH], keep_default_na=False)
