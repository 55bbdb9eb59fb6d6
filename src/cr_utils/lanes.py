"""Lanes: helper processes that fork and watch the programs, seen from the process that asks.

A lane is one server (`zygote.server`) on a socket, started by `Popen`, so that a process with threads, CUDA
or a large heap is never forked.  One request at a time for each lane; several threads share a pool of lanes.
A lane that does not answer in time is killed and replaced, and the job it lost is tried once more.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cr_utils.errors import UserError
from cr_utils.zygote import server

__all__ = ["Lane", "LaneLost", "Pool", "Settings", "import_paths", "processors"]

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from zygote import server; from json import loads; "
    "del sys.path[0]; server.main(**loads(sys.argv[2]))"
)
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/localtime", "/etc/ld.so.cache",
    "/etc/mime.types", "/etc/ssl/openssl.cnf", "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
_PATIENCE = 1.0  # seconds for an idle helper to end by itself
# A silent lane counts as lost after some times the longest wait of a server (it may be woken late on a busy
# machine), and some seconds more.
_BUSY, _GRACE = 3, 5.0


class LaneLost(Exception):
    """The helper process died or stopped answering; `replies` holds what it had said."""

    def __init__(self, replies: list):
        super().__init__("the helper process is gone")
        self.replies = replies


@dataclass(frozen=True)
class Settings:
    """How the servers of a pool are started; `memory` and `files` in bytes."""

    profile: str = "pure"
    memory: int = 512 << 20
    files: int = 16 << 20
    hash_seed: int = 0
    use: tuple[str, ...] = ("namespaces", "landlock", "seccomp", "capabilities")
    writable: tuple[str, ...] = ("/dev/null",)
    paths: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    environment: dict = field(default_factory=dict)

    def surroundings(self) -> dict[str, str]:
        """The helper's environment: nothing of the caller's but what the interpreter may need to start."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**kept, "PYTHONHASHSEED": str(self.hash_seed), **self.environment}

    def readable(self) -> list[str]:
        """What a program may read: the standard library, system libraries, and the import paths of
        `bench`.
        """
        own = [
            sysconfig.get_path("stdlib"),
            sysconfig.get_path("platstdlib"),
            os.path.join(sys.base_prefix, "lib"),
            os.path.realpath(sys.executable),
        ]
        return [*own, *_SYSTEM, *self.paths]


class Lane:
    """One helper process.  `layers` are the names of the isolation layers that it proved to hold."""

    def __init__(self, settings: Settings):
        ours, theirs = map(_beyond_standard, socket.socketpair())
        arguments = dict(
            descriptor=theirs.fileno(), profile=settings.profile, memory=settings.memory,
            files=settings.files, readable=settings.readable(), writable=settings.writable, use=settings.use,
            paths=settings.paths, preload=settings.preload,
        )  # fmt: skip
        command = [sys.executable, "-s", "-S", "-P", "-B", "-W", "ignore", "-X", "utf8", "-c", _BOOT]
        self._link = ours
        with theirs, tempfile.TemporaryFile() as words:
            self.process = subprocess.Popen(
                [*command, str(Path(__file__).parent), json.dumps(arguments)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=words, cwd="/",
                env=settings.surroundings(),
                pass_fds=(theirs.fileno(),), start_new_session=True,
            )  # fmt: skip
            self._begin(words)

    def _begin(self, words) -> None:
        """Hear which layers hold; raises UserError with what the helper said instead."""
        self._link.settimeout(30)
        try:
            (size,) = struct.unpack("<I", self._read(4))
            self.layers = tuple(self._read(size).decode().split())
        except OSError:
            self.close()
            words.seek(0)
            lines = words.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise UserError(f"the sandbox helper ({sys.executable}) does not start: {lines[-1]}") from None

    def ask(self, body: bytes, jobs: int, cpu: float, wall: float, scratch: str | None = None) -> list:
        """Send one request; [(kind byte, CPU seconds, text bytes)] in the order of the jobs.  Raises
        LaneLost.
        """
        replies: list = []
        place = (scratch or "").encode()
        self._link.settimeout(_BUSY * server.PATIENCE * wall + _GRACE)
        try:
            self._link.sendall(server.HEADER.pack(len(body), jobs, cpu, wall, len(place)) + place + body)
            while len(replies) < jobs:
                kind, _, spent, size = server.REPLY.unpack(self._read(server.REPLY.size))
                replies.append((kind, spent, self._read(size)))
        except OSError:
            raise LaneLost(replies) from None
        return replies

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._link.recv(min(size, 1 << 20))
            if not part:
                raise ConnectionResetError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def leave(self) -> None:
        """Hang up: a helper that is well clears up and ends by itself."""
        self._link.close()

    def close(self, reap: bool = True, patience: float = 0.0) -> None:
        """End the helper process and everything it started; `reap=False` in a process that did not start
        it.  patience: seconds it has to end by itself, and so to take leave of its own children.
        """
        self.leave()
        if not reap:
            self.process.returncode = 0  # someone else's child: nothing to wait for, nothing to warn about
            return
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Pool:
    """Up to `size` lanes, started when they are first needed, shared by threads, never by forked
    processes.
    """

    def __init__(self, settings: Settings, size: int):
        self.settings, self.size = settings, size
        self._free: list[Lane] = []
        self._all: list[Lane] = []
        self._starting = 0
        self._change = threading.Condition()
        self._closed = False

    @contextmanager
    def lane(self):
        """A lane for the duration of one request; one that raises LaneLost is replaced."""
        lane = self._take()
        try:
            yield lane
        except BaseException:  # an interrupted request leaves the lane out of step
            lane.close()
            with self._change:
                self._all.remove(lane)
                self._change.notify()
            raise
        with self._change:
            if self._closed:
                lane.close(patience=_PATIENCE)
                self._all.remove(lane)
            else:
                self._free.append(lane)
            self._change.notify()

    def _take(self) -> Lane:
        with self._change:
            while not self._closed and not self._free and len(self._all) + self._starting >= self.size:
                self._change.wait()
            if self._closed:
                raise RuntimeError("the sandbox is closed")
            if self._free:
                return self._free.pop()
            self._starting += 1
        lane = None
        try:
            lane = Lane(self.settings)
            return lane
        finally:
            with self._change:
                self._starting -= 1
                if lane:
                    self._all.append(lane)
                self._change.notify()

    def abandon(self) -> None:
        """Let go of the lanes in a fork of the process that started them."""
        for lane in self._all:
            lane.close(reap=False)

    def close(self) -> None:
        """End the lanes that are free now; busy ones end when their request does."""
        with self._change:
            self._closed = True
            free, self._free = self._free, []
            self._change.notify_all()
        for lane in free:
            lane.leave()
        for lane in free:
            lane.close(patience=_PATIENCE)
            self._all.remove(lane)


def _beyond_standard(item: socket.socket) -> socket.socket:
    """The socket under a number that is no standard stream's, even where the caller has closed those."""
    if item.fileno() > 2:
        return item
    with item:
        return socket.socket(fileno=fcntl.fcntl(item.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))


def processors() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def import_paths() -> tuple[str, ...]:
    """Where installed packages lie: the directories that `bench` programs may import from."""
    return tuple(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))
