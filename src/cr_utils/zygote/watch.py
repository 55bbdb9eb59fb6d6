"""Watching one child: what it says, how much CPU time it has used, how it ended."""

import os
import select
import signal
import time

from . import child, jail

LARGEST = 4 << 20
# Seconds between looks, CPU seconds that count as life, wall limits after which all is over; see Watch.read.
SLICE, PROGRESS, PATIENCE = 0.25, 0.0025, 4
_SIGKILL = signal.SIGKILL


class Words:
    """What a child says, message by message: (VALUE or FAILURE, job number, text), None for a forgery.

    A program starts under a nonce that only the child's own code knows; one nonce for each job, and after an
    ALONE one no further job is believed.
    """

    def __init__(self):
        self.buffer, self.last, self._nonce = bytearray(), False, None

    def __iter__(self):
        while self.buffer:
            kind = bytes(self.buffer[:1])
            if kind in (child.SHARED, child.ALONE) and self._nonce is None:
                if len(self.buffer) <= child.NONCE:
                    return
                self._nonce, self.last = bytes(self.buffer[1 : 1 + child.NONCE]), kind == child.ALONE
                del self.buffer[: 1 + child.NONCE]
                continue
            if kind not in (child.VALUE, child.FAILURE):
                yield None, 0, b""
                return
            start = 1 + (child.NONCE if kind == child.VALUE else 0)
            if len(self.buffer) < start + child.HEADER.size:
                return
            index, length = child.HEADER.unpack_from(self.buffer, start)
            if (kind == child.VALUE and self.buffer[1:start] != self._nonce) or length > LARGEST:
                yield None, 0, b""
                return
            start += child.HEADER.size
            if len(self.buffer) < start + length:
                return
            body = bytes(self.buffer[start : start + length])
            del self.buffer[: start + length]
            self._nonce = None
            yield kind, index, body


class Watch:
    """A child being watched: its pipe, its CPU clock, its end."""

    def __init__(self, pid, pipe, link, cpu, wall):
        self.pid, self.pipe, self.cpu, self.wall = pid, pipe, cpu, wall
        self.status = self.usage = None
        self._clock = (~pid << 3) | 2 if jail.LINUX else None
        self._spent, self._idle, self._since = 0.0, 0.0, time.monotonic()
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
        self._idle, self._since = 0.0, time.monotonic()
        return used

    def read(self):
        """Bytes from the child, b"" when it closed its end, None when its time is up.

        Its time is CPU time, so that a busy machine changes no verdict.  The wall limit counts only
        stretches in which the child got nowhere, asleep or stopped; PATIENCE times the wall limit is the end
        in any case.
        """
        before = self.used()
        while True:
            begun = time.monotonic()
            left = self.cpu - before
            if left <= 0 or self._idle >= self.wall or begun - self._since >= PATIENCE * self.wall:
                return None
            for descriptor, event in self._poll.poll(
                1000 * max(0.002, min(left, SLICE, self.wall - self._idle))
            ):
                if descriptor == self._link:
                    self.end()
                    os._exit(0)
                if event:
                    return os.read(self.pipe, 1 << 18)
            now = self.used()
            if now - before < PROGRESS:
                self._idle += time.monotonic() - begun
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
