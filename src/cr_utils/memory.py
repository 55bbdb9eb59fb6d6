"""Peak memory of this process and of all that it started, by looking at them now and then.

Scope: a thread adds up what the processes of the tree hold: on Linux the memory that each has for itself, and
once the largest part that one of them shares (libraries, files, shared tensors); elsewhere resident sizes, in
which shared pages count in each. The system's own record of a peak (`ru_maxrss`) is of no use here: it knows
one process at a time, and a started program inherits that of the process which started it. Limits: a peak
between two looks is missed; processes that left the tree, and those on other machines, are not seen; pages
that a forked process has not written yet count twice.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

EVERY = 0.5  # seconds between two looks, and more where a look is costly:
SHARE = 0.003  # of a core's time at most
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
LINUX = sys.platform.startswith("linux")
KIND = "process tree, sampled"  # what `peak_memory` of a manifest is


def tree() -> int:
    """Bytes that this process and its descendants hold now."""
    if LINUX:
        own, shared = zip(*map(_sizes, _descendants(os.getpid())), strict=True)
        return sum(own) + max(shared)
    import psutil

    found, this = 0, psutil.Process()
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            found += process.memory_info().rss
    return found


def _descendants(pid: int) -> Iterator[int]:
    """A process and all below it; by the lists of children that Linux keeps for each thread."""
    yield pid
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                for child in Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split():
                    yield from _descendants(int(child))


def _sizes(pid: int) -> tuple[int, int]:
    """Resident bytes of one process: its own, and those of files and shared memory; zeros for one that is
    gone. A line of numbers that the kernel keeps: exact sharing (smaps) would cost a walk through all pages.
    """
    with contextlib.suppress(OSError):
        _, resident, shared = map(int, Path(f"/proc/{pid}/statm").read_bytes().split()[:3])
        return (resident - shared) * PAGE, shared * PAGE
    return 0, 0


class Watch:
    """Keeps the largest `tree()` from now on, in a thread that ends with `stop` or with the watch itself."""

    def __init__(self):
        self.peak, self.seconds, self._over = 0, 0.0, threading.Event()  # seconds: CPU time of the looking
        self.look()
        weakref.finalize(self, self._over.set)
        threading.Thread(target=_watch, args=(weakref.ref(self), self._over), name="memory",
                         daemon=True).start()

    def look(self) -> float:
        """Take one more measurement; returns its CPU seconds."""
        began = time.thread_time()
        with contextlib.suppress(OSError):
            self.peak = max(self.peak, tree())
        spent = time.thread_time() - began
        self.seconds += spent
        return spent

    def stop(self) -> int | None:
        """End, after a last look; the peak in bytes, or None where nothing could be read."""
        self._over.set()
        self.look()
        return self.peak or None


def _watch(watch: weakref.ref, over: threading.Event) -> None:
    pause = EVERY
    while not over.wait(pause):
        found = watch()
        if found is None:
            return
        pause = max(EVERY, found.look() / SHARE)
        del found
