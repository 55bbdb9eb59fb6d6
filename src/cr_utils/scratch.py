"""Private directories for programs that write files: made for one request, removed whatever lies in them.

A program may leave directories thousands deep, or without rights, to outlast a recursive removal; so nothing
here recurses, and rights are taken back first.  Only for directories in which nothing runs any more.
"""

from __future__ import annotations

import os
import tempfile

__all__ = ["make", "remove"]


def make(parent: str | None = None) -> str:
    """A new directory of our own, in `parent` or among the temporary files; its real path."""
    return os.path.realpath(tempfile.mkdtemp(prefix="cr-utils-", dir=parent))


def remove(place: str) -> None:
    """Remove a directory and all it holds; what cannot be removed stays, without an error.

    Directories are moved to the top before they are emptied, so that no path grows long.
    """
    moved, folders = 0, [place]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as found:
                entries = list(found)
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, 0o700)
                    moved += 1
                    folders.append(_move(entry.path, f"{place}.{moved}"))
                else:
                    os.unlink(entry.path)
            os.rmdir(folder)
        except OSError:
            continue


def _move(source: str, target: str) -> str:
    os.rename(source, target)
    return target
