"""Progress as plain lines: `label 120/400 · 35.0/s · ETA 0:12 · loss 0.41`.

No cursor tricks: a line is a line in a terminal, a notebook cell and a log file. Lines are throttled.
"""

import os
import time


def clock(seconds: float) -> str:
    """A duration as m:ss or h:mm:ss."""
    minutes, rest = divmod(int(round(max(0.0, seconds))), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def number(value) -> str:
    """A metric at a glance: integers whole, floats at three significant digits, the rest as text."""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


class Progress:
    """Counts towards a total and prints a line now and then.

    label: what is counted; total: how many (None: unknown); unit: word after the rate, as in "35 items/s";
    start: how many were done before (a resumed run), left out of the rate; seconds: least time between
    lines (default 5, or CR_PROGRESS_SECONDS). The first update and the end always print.
    """

    def __init__(self, label: str, total: int | None = None, unit: str = "", start: int = 0,
                 seconds: float | None = None):
        self.label, self.total, self.unit = label, total, f" {unit}" if unit else ""
        self.start, self.done, self.metrics = start, start, {}
        self.seconds = float(os.environ.get("CR_PROGRESS_SECONDS", 5)) if seconds is None else seconds
        self.began = time.monotonic()
        self.printed = None
        self.last = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self.finish()

    def note(self, done: int, **metrics) -> None:
        """State how many are done in all, with metrics worth seeing, and print nothing yet."""
        self.done = done
        self.metrics.update(metrics)

    def update(self, done: int, **metrics) -> None:
        """As `note`; prints if it is time."""
        self.note(done, **metrics)
        if done == self.total:
            self.finish()
        elif self.printed is None or time.monotonic() - self.printed >= self.seconds:
            self._print()

    def finish(self) -> None:
        """Print where it stands, unless the last line said so."""
        if self.last != (self.done, tuple(self.metrics.items())):
            self._print()

    def line(self) -> str:
        """The line as it stands now."""
        elapsed = time.monotonic() - self.began
        rate = (self.done - self.start) / elapsed if elapsed > 0 else 0.0
        count = f"{self.label} {self.done}" + (f"/{self.total}" if self.total is not None else "")
        parts = [count]
        if rate > 0:
            parts.append(f"{number(float(rate))}{self.unit}/s")
        if self.total is not None and self.done >= self.total:
            parts.append(f"took {clock(elapsed)}")
        elif self.total is not None and rate > 0:
            parts.append(f"ETA {clock((self.total - self.done) / rate)}")
        return " · ".join(parts + [f"{name} {number(value)}" for name, value in self.metrics.items()])

    def _print(self) -> None:
        self.printed = time.monotonic()
        self.last = (self.done, tuple(self.metrics.items()))
        print(self.line(), flush=True)
