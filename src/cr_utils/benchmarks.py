"""The benchmarks' files: find or fetch them, read their rows, make questions, keep our data apart.

CRUXEval and REval come from GitHub at pinned commits and are checked by hash; LiveCodeBench-execution
comes from the Hugging Face hub, whose hash is recorded at the first download. A folder named by
CR_BENCHMARKS replaces all downloads. No benchmark text is part of this package, only hashed fingerprints
of its programs. Scoring by the benchmarks' own rules lives elsewhere.
"""

import functools
import hashlib
import os
import random
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

from cr_utils import fingerprints as prints
from cr_utils import jsonl, noise, pasted, paths
from cr_utils import questions as ask
from cr_utils.errors import UserError
from cr_utils.wide import near

fingerprint = prints.fingerprint

TIMEOUT = 10.0
MODES = ("auto", "require", "never")
_CRUX = ("https://raw.githubusercontent.com/facebookresearch/cruxeval/"
         "190faf16d175b5847b0af05d937872b1fb395942/data/")
_REVAL = "https://raw.githubusercontent.com/r-eval/REval/2f148b913deb4ae0e0ce41f0245ef35054ede8d6/data/"


@dataclass(frozen=True)
class File:
    """One benchmark file: its name on disk, where it comes from, its hash and number of rows."""

    name: str
    url: str | None
    sha256: str | None
    rows: int


FILES = {
    "cruxeval": File("cruxeval.jsonl", _CRUX + "cruxeval.jsonl",
                     "8368b81047dc5014e4caf5a2f97604eff7644e0ecd7415e3ceeb184bbc2e0c96", 800),
    "reval": File("DREval_data.jsonl", _REVAL + "DREval_data.jsonl",
                  "b8e72ef344cd575b220363e7a361e892ef2bdfcee1cab79f702d60e255844965", 154),
    "reval_tasks": File("DREval_tasks.jsonl", _REVAL + "DREval_tasks.jsonl",
                        "a4fea071a4e3108ae00cc8a6a586505bff4237244b2dc8433b22303948fe7fa5", 154),
    "livecodebench": File("livecodebench_execution.jsonl", None, None, 479),
}
HUB = {"livecodebench": "livecodebench/execution-v2"}


def load(name: str, where: Path | None = None, mode: str = "auto") -> list[dict] | None:
    """The rows of a benchmark file ("cruxeval", "reval", "reval_tasks", "livecodebench").

    `where` is a folder to use as it is (nothing is downloaded into it); by default CR_BENCHMARKS, else
    the project's cache, filled by download. Mode "auto" returns None where there are no data and says why
    in one line on standard error; "require" raises UserError instead; "never" returns None without looking.
    """
    path = find(name, where, mode)
    return jsonl.read(path) if path is not None else None


def find(name: str, where: Path | None = None, mode: str = "auto") -> Path | None:
    """The file that `load` reads, said and refused in the same words."""
    path, reason = locate(name, where, mode)
    if path is None and mode == "require":
        raise UserError(f"{name}: {reason}")
    if path is None and mode == "auto":
        print(f"{name}: {reason}; its cells stay —", file=sys.stderr)
    elif path is not None and reason:
        print(f"{name}: {reason}", file=sys.stderr)
    return path


def locate(name: str, where: Path | None = None, mode: str = "auto",
           download: bool = True) -> tuple[Path | None, str]:
    """The file of a benchmark and "", or None and the reason why it is not here.

    A file in a folder that the user names is taken even where its hash is not the published one (own
    items in the benchmark's format); the second value then says so.
    """
    if name not in FILES:
        raise UserError(f"unknown benchmark {name!r}: one of {', '.join(FILES)}")
    if mode not in MODES:
        raise UserError(f"unknown benchmarks mode {mode!r}: one of {', '.join(MODES)}")
    if mode == "never":
        return None, "not looked for (benchmarks: never)"
    file = FILES[name]
    folder = Path(where) if where is not None else paths.benchmarks()
    path = folder / file.name
    given = where is not None or bool(os.environ.get("CR_BENCHMARKS"))
    if path.is_file():
        reason = _damage(path, file)
        if given or not reason:
            return path, reason and f"not the published file: {reason}"
    elif given:
        return None, f"{file.name} is not in {folder}: put it there, or name no folder, to download it"
    if file.url is None:
        why = reason if path.is_file() else "not downloaded yet"
        return None, f"{why}: `python -m cr_utils data fetch {name}`"
    if not download:
        return None, f"not downloaded yet: {file.url}"
    reason = _download(file, path)
    return (None, reason) if reason else (path, "")


def questions(name: str, rows: list[dict], tasks=("output", "input"), n: int | None = None, seed: int = 0,
              direct: bool = False) -> list[ask.Question]:
    """Questions about CRUXEval or LiveCodeBench rows: `n` rows drawn with `seed`, every task about each.

    All rows where `n` is None or not smaller than their number; always in the rows' order.
    """
    if n is not None and n < len(rows):
        keep = sorted(random.Random(f"{seed}/{name}").sample(range(len(rows)), n))
        rows = [rows[index] for index in keep]
    asked = [ask.at(problem(name, row), task, direct=direct) for row in rows for task in tasks]
    # LiveCodeBench programs rely on imports that are not shown: they run with them, and are asked without.
    return [replace(one, code=pasted.imports(name, f"{one.code} {one.input}") + one.code) for one in asked]


def problem(name: str, row: dict) -> dict:
    """A benchmark row as a problem (id, code, entry_point, input, output)."""
    if name == "cruxeval":
        return {"id": row["id"], "code": row["code"], "entry_point": "f", "input": row["input"],
                "output": row["output"]}
    if name == "livecodebench":
        entry, call = row["function_name"], row["input"].strip()
        if not (call.startswith(entry + "(") and call.endswith(")")):
            raise UserError(f"livecodebench row {row.get('id')}: input {call[:40]!r} is no call of {entry}")
        return {"id": row["id"], "code": row["code"], "entry_point": entry,
                "input": call[len(entry) + 1:-1], "output": row["output"]}
    raise UserError(f"{name} has no input and output rows: use cruxeval or livecodebench")


def split(row_id: str) -> str:
    """"dev" or "test" for a CRUXEval id: a fixed hash split of 200 and 600. Only dev may steer anything."""
    if row_id not in _all_ids():
        raise ValueError(f"{row_id!r} is no CRUXEval id (sample_0 ... sample_799)")
    return "dev" if row_id in _dev_ids() else "test"


@functools.lru_cache(maxsize=1)
def _all_ids() -> frozenset[str]:
    return frozenset(f"sample_{number}" for number in range(800))


@functools.lru_cache(maxsize=1)
def _dev_ids() -> frozenset[str]:
    by_hash = sorted(_all_ids(), key=lambda one: hashlib.sha256(f"cr_utils split {one}".encode()).digest())
    return frozenset(by_hash[:200])


def fetch(name: str) -> Path:
    """Download a benchmark file into the cache and return its path. UserError where it cannot be had."""
    if name in HUB:
        return _from_hub(name)
    path, reason = locate(name, mode="require")
    if path is None:
        raise UserError(f"{name}: {reason}")
    return path


def status() -> list[dict]:
    """What is here: a row per file: name, file, path (or None), rows, sha256, reason why absent or odd."""
    table = []
    for name, file in FILES.items():
        path, reason = locate(name, download=False)
        table.append({"name": name, "file": file.name, "path": str(path) if path else None,
                      "rows": len(jsonl.read(path)) if path else None,
                      "sha256": _sha256(path.read_bytes()) if path else None, "reason": reason})
    return table


def fingerprints() -> frozenset[str]:
    """The committed fingerprints of all benchmark programs (CRUXEval, REval) and their functions."""
    return prints.committed()


def write_fingerprints() -> str:
    """Rewrite the committed fingerprints from the benchmark files (fetched if need be); what it wrote."""
    found: set[str] = set()
    counts, codes = [], []
    for name in ("cruxeval", "reval"):
        rows = load(name, mode="require")
        counts.append(f"{len(rows)} {name}")
        codes += [row["code"] for row in rows]
        found.update(*(prints.function_fingerprints(row["code"]) for row in rows))
    path = paths.package() / "assets" / "fingerprints.txt"
    jsonl.write_text(path, "".join(f"{one}\n" for one in sorted(found)))
    jsonl.write_text(path.with_name(near.ASSET), near.lines(codes))  # for near copies
    prints.committed.cache_clear()
    near.index.cache_clear()
    return f"{path.name}: {len(found)} fingerprints of {' and '.join(counts)} programs"


def data_main(argv: list[str]) -> int:
    """``data status``, ``data fetch [NAME ...]`` or ``data fingerprints``: the command line. Exit status."""
    command, *names = argv or ["status"]
    if command == "status":
        for row in status():
            held = "missing"
            if row["path"]:
                held = f"{row['rows']} rows, sha256 {row['sha256'][:12]}, {row['path']}"
            print(f"{row['name']:14} {held}" + (f": {row['reason']}" if row["reason"] else ""))
    elif command == "fetch":
        for name in names or [name for name, file in FILES.items() if file.url]:
            print(f"{name:14} {fetch(name)}")
    elif command == "fingerprints" and not names:
        print(write_fingerprints())
    else:
        raise UserError(f"data {' '.join(argv)}: use data status, data fetch [NAME ...], "
                        "data fetch-templates [NAME ...] or data fingerprints")
    return 0


def _damage(path: Path, file: File) -> str:
    """Why a file on disk is not the one meant, or "".

    What was no known hash is the one of the first download.
    """
    recorded = path.with_suffix(".sha256")
    known = file.sha256 or (recorded.read_text(encoding="utf-8").strip() if recorded.is_file() else None)
    found = _sha256(path.read_bytes())
    return "" if known in (None, found) else f"{path} has sha256 {found[:12]}, not {known[:12]}"


def _download(file: File, path: Path) -> str:
    """Fetch a file, check its hash, then put it in place. The reason why it failed, or ""."""
    try:
        with urllib.request.urlopen(file.url, timeout=TIMEOUT) as reply:  # noqa: S310 - a fixed https address
            data = reply.read(64 * 2**20)
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return f"cannot be downloaded ({reason}): connect, or put {file.name} into a CR_BENCHMARKS folder"
    if _sha256(data) != file.sha256:
        return f"the download of {file.url} has another hash than recorded: it was changed or cut"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_bytes(data)
        os.replace(new, path)
    except OSError as error:
        return f"cannot be stored in {path.parent} ({error.strerror})"
    return ""


def _from_hub(name: str) -> Path:
    """Fetch a data set from the hub with `datasets`, store it as JSONL and record its hash beside it."""
    try:
        import datasets
    except ImportError:
        raise UserError(f"{name}: the library `datasets`, which fetches it, is not in this environment: run "
                        "`make setup`, then use .venv/bin/python") from None
    try:
        with noise.hub_hushed():
            rows = list(datasets.load_dataset(HUB[name], split="test"))
    except Exception as error:  # noqa: BLE001 - the hub's client raises many unrelated types
        cause = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise UserError(f"{name}: cannot be fetched from the hub ({cause}): put "
                        f"{FILES[name].name} into a CR_BENCHMARKS folder") from None
    path = paths.benchmarks() / FILES[name].name
    jsonl.write(path, [{key: _plain(value) for key, value in row.items()} for row in rows])
    jsonl.write_text(path.with_suffix(".sha256"), _sha256(path.read_bytes()) + "\n")
    return path


def _plain(value):
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
