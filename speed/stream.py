"""Memory of the wide grammar's stream as it grows, with a kill -9 in between.

python speed/stream.py [--n 150000] [--look 10000] [--kill 60000] [--workers 1] [--out FOLDER]

Runs `python -m cr_utils data --grammar wide --out ...`, notes the peak resident size (VmHWM) of the writing
process, its workers and their second-run processes once `look` problems are on disk, kills the writing
process without warning at `kill`, starts the same command again, and notes the peaks at the end. Then every
line is read: n problems, no id twice. Linux only.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

POLL = 0.2  # seconds


def peaks(pid: int) -> list[float]:
    """Peak resident size in MiB of a process and all below it, the writing process first."""
    found = []
    for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        try:
            status = Path(f"/proc/{one.pid}/status").read_text(encoding="ascii")
        except OSError:  # it has just ended
            continue
        found += [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return found


def written(out: Path) -> int:
    """Problems that the last snapshot counts."""
    state = out.with_name(out.name + ".state.json")
    try:
        return json.loads(state.read_text(encoding="utf-8"))["written"]
    except (OSError, ValueError):
        return 0


def until(process: subprocess.Popen, out: Path, n: int) -> list[float]:
    """Wait until n problems are on disk (or the process ends); the last peaks that were seen."""
    last: list[float] = []
    while process.poll() is None and written(out) < n:
        last = peaks(process.pid) or last
        time.sleep(POLL)
    return last


def told(name: str, found: list[float], out: Path, began: float) -> None:
    """One line of what was found."""
    sizes = ", ".join(f"{size:.0f}" for size in found)
    seconds = time.monotonic() - began
    print(f"{name:12} {written(out):8d} problems  {seconds:6.0f} s  peak MiB: {sizes}", flush=True)


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("n", 150_000), ("look", 10_000), ("kill", 60_000), ("workers", 1)):
        asked.add_argument(f"--{name}", type=int, default=value)
    asked.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "wide-stream")
    given = asked.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    out = given.out / "wide.jsonl"
    words = [sys.executable, "-m", "cr_utils", "data", "--grammar", "wide", "--out", str(out),
             "-n", str(given.n), "--workers", str(given.workers)]
    began = time.monotonic()
    first = subprocess.Popen(words)
    told("first look", until(first, out, given.look), out, began)
    told("before kill", until(first, out, given.kill), out, began)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second = subprocess.Popen(words)
    found = until(second, out, given.n)
    told("end", found, out, began)
    if second.wait():
        sys.exit("the second run failed")
    ids = [json.loads(line)["id"] for line in out.open(encoding="utf-8")]
    size = out.stat().st_size / 2**20
    print(f"{len(ids)} problems, {len(ids) - len(set(ids))} ids twice, {size:.0f} MiB on disk")


if __name__ == "__main__":
    main()
