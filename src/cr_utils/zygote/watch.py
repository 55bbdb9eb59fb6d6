"""Watching one child: what it says, how much CPU time it has used, how it ended."""

import mmap
import os
import select
import signal
import stat
import time

from . import child, jail

# Seconds between looks, CPU seconds that count as life, wall limits after which all is over; see Watch.read.
SLICE, PROGRESS, PATIENCE = 0.25, 0.0005, 8
# What a program may leave in its scratch directory, and seconds between looks at it.
MOST_BYTES, MOST_FILES, GLANCE = 256 << 20, 10_000, 0.05
ANNOUNCED = child.SHARED, child.ALONE
_SIGKILL = signal.SIGKILL
_ROOM = child.LARGEST + (1 << 16)


class Words:
    """What a child says, message by message: (VALUE or FAILURE, job number, text), None for a forgery.

    A program starts under a nonce that only the child's own code knows; one nonce for each job, and after an
    ALONE one no further job is believed.  That start is told too: (SHARED or ALONE, job number 0, nothing).
    The words lie in a map that is gone afterwards; the text is a view of it, good until the next one.
    """

    def __init__(self):
        self._room = mmap.mmap(-1, _ROOM, flags=mmap.MAP_PRIVATE)
        self._view, self._start, self._end = memoryview(self._room), 0, 0
        self.last, self._nonce = False, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._view.release()
        self._room.close()

    def empty(self):
        """Whether everything that came in has been understood."""
        return self._start == self._end

    def running(self):
        """Whether a program has started and has not answered."""
        return self._nonce is not None

    def take(self, pipe):
        """Read what a pipe holds; the number of bytes, 0 at its end."""
        if self._start and _ROOM - self._end < 1 << 15:
            self._room.move(0, self._start, self._end - self._start)
            self._start, self._end = 0, self._end - self._start
        with self._view[self._end :] as free:
            size = os.readv(pipe, [free])
        self._end += size
        return size

    def __iter__(self):
        while self._start < self._end:
            at, size = self._start, self._end - self._start
            kind = self._room[at : at + 1]
            if kind in ANNOUNCED and self._nonce is None:
                if size <= child.NONCE:
                    return
                self._start += 1 + child.NONCE
                self._nonce, self.last = self._room[at + 1 : self._start], kind == child.ALONE
                yield kind, 0, b""
                continue
            head = 1 + (child.NONCE if kind == child.VALUE else 0)
            if kind not in (child.VALUE, child.FAILURE):
                yield None, 0, b""
                return
            if size < head + child.HEADER.size:
                return
            index, length = child.HEADER.unpack_from(self._room, at + head)
            forged = kind == child.VALUE and self._room[at + 1 : at + head] != self._nonce
            if length > child.LARGEST or forged:
                yield None, 0, b""
                return
            head += child.HEADER.size
            if size < head + length:
                return
            self._start, self._nonce = at + head + length, None
            with self._view[at + head : self._start] as body:
                yield kind, index, body
            if self._start == self._end:
                self._start = self._end = 0


class Watch:
    """A child being watched: its pipe, its CPU clock, its end."""

    def __init__(self, pid, pipe, link, cpu, wall, directory=None):
        self.pid, self.pipe, self.cpu, self.wall = pid, pipe, cpu, wall
        self.status = self.usage = self.excess = None
        self._directory, self._slice = directory, GLANCE if directory else SLICE
        self._clock = (~pid << 3) | 2 if jail.LINUX else None
        self._spent, self._idle, self._waited, self._since = 0.0, 0.0, 0.0, time.monotonic()
        self._poll = select.poll()
        self._poll.register(pipe, select.POLLIN)
        self._poll.register(link.fileno(), 0)  # hang-up only
        self._link = link.fileno()

    def _now(self):
        """CPU seconds of the child so far, threads included."""
        if self.usage is not None:
            return self.usage.ru_utime + self.usage.ru_stime
        try:
            return time.clock_gettime(self._clock) if self._clock else time.monotonic() - self._since
        except OSError:
            return self._spent

    def used(self):
        """CPU seconds since the last job."""
        return max(0.0, self._now() - self._spent)

    def next(self):
        """A job is done: its CPU seconds; the next one's begin."""
        used = self.used()
        self._spent += used
        self._idle, self._waited, self._since = 0.0, 0.0, time.monotonic()
        return used

    def read(self, words):
        """Number of bytes that came for `words`, 0 when the child closed its end, None when its time is up
        or its directory is too full (`excess` then names the kind).

        Its time is CPU time, so that a busy machine changes no verdict.  The wall limit counts only
        stretches in which the child got nowhere, asleep or stopped; PATIENCE times the wall limit is the end
        in any case.  When this process is woken late, the machine was too busy for either of the two, and
        the delay counts for nothing; what it does itself, such as looking through a directory that the
        program made tedious, counts as the CPU time it takes.
        """
        before = self.used()
        while True:
            left = self.cpu - before
            if left <= 0 or self._idle >= self.wall or self._waited >= PATIENCE * self.wall:
                return None
            begun, most = time.monotonic(), max(0.002, min(left, self._slice, self.wall - self._idle))
            found = self._poll.poll(1000 * most)
            passed = min(most, time.monotonic() - begun)
            for descriptor, event in found:
                if descriptor == self._link:
                    self.end()
                    os._exit(0)
                if event:
                    self._waited += passed
                    return words.take(self.pipe)
            if self._directory:
                begun = time.process_time()
                if overfull(self._directory):
                    self.excess = "too_big"
                    return None
                passed += time.process_time() - begun
            self._waited += passed
            now = self.used()
            if now - before < PROGRESS:
                self._idle += passed
            before = now

    def end(self):
        """Kill what is left and take its leave."""
        if self.status is None:
            for kill in (os.kill, os.killpg):
                try:
                    kill(self.pid, _SIGKILL)
                except OSError:
                    pass
            _, self.status, self.usage = os.wait4(self.pid, 0)

    def cause(self):
        """Why the child closed its pipe: `over` for an orderly end, else exited, signal or timeout."""
        deadline = time.monotonic() + 0.2  # the pipe may be closed while the process goes on
        while self.status is None and time.monotonic() < deadline:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.status, self.usage = status, usage
                break
            time.sleep(0.0002)
        self.end()
        if os.WIFEXITED(self.status):
            return "over" if os.WEXITSTATUS(self.status) == 0 else "exited"
        number = os.WTERMSIG(self.status)
        if number in (signal.SIGXCPU, _SIGKILL) and self.used() >= self.cpu:
            return "timeout"
        return "signal"


def overfull(directory, most_bytes=MOST_BYTES, most_files=MOST_FILES):
    """Whether a directory holds more bytes on the disk or more entries, or hides any from us."""
    folders, files, size = [directory], 0, 0
    while folders:
        try:
            found = os.scandir(folders.pop())
        except FileNotFoundError:
            continue  # the program is at work
        except OSError:
            return True
        with found:
            for entry in found:
                try:
                    about = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                files, size = files + 1, size + about.st_blocks * 512
                if files > most_files or size > most_bytes:
                    return True
                if stat.S_ISDIR(about.st_mode):
                    folders.append(entry.path)
    return False
