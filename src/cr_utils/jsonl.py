"""Records as lines of JSON: whole files written atomically, growing files that survive a kill.

Knows nothing about what the records mean. One writer per file at a time; readers may come and go.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from cr_utils.errors import UserError


def dumps(row: dict) -> str:
    """One record as one line without its end: keys in their order, non-ASCII kept, no NaN."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def _parse(line: bytes, path: Path, number: int) -> dict:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UserError(f"{path}, line {number} is not JSON ({error}): "
                        "delete the file and run its stage again") from None
    if not isinstance(row, dict):
        raise UserError(f"{path}, line {number} is no JSON object: delete the file and run its stage again")
    return row


def read(path: Path | str) -> list[dict]:
    """All records of a finished file, in order. Raises UserError on a missing file or a damaged line."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} does not exist: run the stage that writes it")
    lines = path.read_bytes().split(b"\n")
    return [_parse(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]


def write(path: Path | str, rows: Iterable[dict]) -> None:
    """Write a whole file at once: readers see the old content or the new, never a part."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(dumps(row) + "\n" for row in rows)
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Replace a text file atomically; its successor is on the disk, whatever happens to the machine."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def write_json(path: Path | str, content) -> None:
    """Write one JSON document atomically."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def read_json(path: Path | str):
    """One JSON document. Raises UserError on a missing or damaged file."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} does not exist: run the stage that writes it")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}): delete it and run its stage again") from None


class Appender:
    """A growing file of records with unique keys, used as a context manager.

    `done` is the set of keys present, `rows` the records in file order (those found and those added). Opening
    drops a last line that a kill tore off; a damaged line before it raises UserError. A file cut off at its
    last line's end by a full disk loses that line alone. `add_all` is all or nothing across kills.
    """

    def __init__(self, path: Path | str, key: str = "id"):
        self.path, self.key = Path(path), key
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.pending = self.path.with_name(self.path.name + ".pending")
        self.rows = self._recover()
        self.done = {row[key] for row in self.rows}
        self._file = None

    def _recover(self) -> list[dict]:
        """The whole records of the file, after cutting a torn end off."""
        if not self.path.exists():
            return []
        data = self.path.read_bytes()
        end = data.rfind(b"\n") + 1
        if end < len(data):
            with self.path.open("r+b") as file:
                file.truncate(end)
        lines = data[:end].split(b"\n")
        return [_parse(line, self.path, n) for n, line in enumerate(lines, 1) if line.strip()]

    def __enter__(self) -> "Appender":
        self._file = self.path.open("a", encoding="utf-8", newline="\n")
        if self.pending.is_file():  # a kill came between the promise of `add_all` and its keeping
            for row in read(self.pending):
                self.add(row)
            self.pending.unlink()
        return self

    def __exit__(self, *_) -> None:
        self._file.close()
        self._file = None

    def add(self, row: dict) -> bool:
        """Append a record and flush it; False (and nothing written) where its key is there already."""
        if row[self.key] in self.done:
            return False
        self._file.write(dumps(row) + "\n")
        self._file.flush()
        self.rows.append(row)
        self.done.add(row[self.key])
        return True

    def add_all(self, rows: Iterable[dict]) -> None:
        """Append records that belong together: after a kill, who opens the file finds all of them or none.

        What is asked next then never depends on where in a batch the kill came.
        """
        rows = list(rows)
        write(self.pending, rows)
        for row in rows:
            self.add(row)
        self.pending.unlink()
