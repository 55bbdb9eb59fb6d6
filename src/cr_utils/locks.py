"""Who is at work where: one driver per profile, one process per stage, by locks that end with their process.

No lock file has to be cleared away after a kill or a restart of the machine: what is written in one, if
anything, decides nothing. On a system without fcntl (Windows), or a disk that knows no locks, there are none.
"""

import atexit
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from cr_utils import paths
from cr_utils.errors import UserError

PATIENCE = 30  # seconds to wait for a process that was killed and is still ending
_held: dict[Path, object] = {}  # by this process


def _take(file) -> bool:
    """Lock an open file for this process; whether that was possible."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without locks (some network file systems) must not look like another run
        return True
    return True


@contextlib.contextmanager
def driver(profile: str) -> Iterator[None]:
    """Hold a profile's results for this process. Raises UserError where another driver holds them."""
    folder = paths.results(profile)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        if not _take(file):
            raise UserError(f"another run is at work in {paths.shown(folder)}: wait for it, stop it, "
                            "or set CR_RESULTS to another folder")
        yield


def hold(profile: str, stage: str) -> None:
    """Hold a stage for this process until it finishes or ends; again and again if it likes.

    Raises UserError where another process still holds it after PATIENCE seconds: one that was killed has ended by
    then.
    """
    path = paths.results(profile) / f".{stage}.lock"
    if path in _held:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file, end = path.open("a+"), time.monotonic() + PATIENCE
    while not _take(file):
        if time.monotonic() > end:
            file.close()
            raise UserError(f"another process is at work on {stage} in {paths.shown(path.parent)}: wait for it "
                            "(or shut its notebook down), or set CR_RESULTS to another folder")
        time.sleep(0.2)
    _held[path] = file


def release(profile: str, stage: str) -> None:
    """Let another process have a stage."""
    file = _held.pop(paths.results(profile) / f".{stage}.lock", None)
    if file:
        file.close()


@atexit.register
def _close() -> None:
    for file in _held.values():
        file.close()
