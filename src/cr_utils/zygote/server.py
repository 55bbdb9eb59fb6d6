"""The server: reads requests on one socket, forks a child for each, passes on what it says, watches its
clock.

Request: HEADER (length of the body, number of jobs, CPU seconds and wall seconds for each, profile bits),
then the body, JSON that only the child reads.  Answer: one frame for each job, REPLY (b"V" or b"F" with the
child's text of a value or a failure, b"D" with a kind of death; job number, CPU seconds, length), then the
text.  The client's end of the socket is the server's life: when it closes, the server and what it started
are gone.
"""

import gc
import os
import resource
import select
import signal
import socket
import struct
import sys
import time

from . import child, jail

HEADER = struct.Struct("<IIddI")
REPLY = struct.Struct("<cIdI")
LARGEST = 4 << 20
SLICE, PROGRESS, PATIENCE = (
    0.25,
    0.0005,
    4,
)  # seconds between looks, CPU seconds that count as life, see Watch.read
_SIGKILL = signal.SIGKILL


class Server:
    """One lane: the socket to the client, the cell its children enter, and a place for their words."""

    def __init__(self, link, cell):
        self.link, self.cell, self.pid = link, cell, os.getpid()

    def run(self):
        """Serve until the client is gone."""
        while True:
            header = self._read(HEADER.size)
            size, jobs, cpu, wall, scratch = HEADER.unpack(header)
            directory = self._read(scratch).decode() if scratch else None
            blob = self._read(size).decode()
            done = 0
            while done < jobs:  # every round answers at least one job
                done = self._cohort(blob, done, jobs, cpu, wall, directory)

    def _read(self, size):
        parts = []
        while size:
            part = self.link.recv(min(size, 1 << 20))
            if not part:
                os._exit(0)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _say(self, kind, index, cpu, body):
        try:
            self.link.sendall(REPLY.pack(kind, index, cpu, len(body)) + body)
        except OSError:
            os._exit(0)

    def _death(self, index, kind, cpu):
        self._say(b"D", index, cpu, kind.encode())

    def _cohort(self, blob, start, jobs, cpu, wall, directory):
        """Fork one child for the jobs from `start` on; the number of the first job without an answer."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._become(blob, start, jobs, cpu, writing, reading, directory)
        os.close(writing)
        watch = Watch(pid, reading, self.link, cpu, wall)
        try:
            return self._listen(watch, start, jobs)
        finally:
            os.close(reading)
            watch.end()

    def _become(self, blob, start, jobs, cpu, writing, reading, directory):
        try:
            self.link.close()
            os.close(reading)
            self.cell.enter(int(cpu * (jobs - start)) + 2, self.pid, directory)
            child.serve(blob, start, writing)
        finally:
            os._exit(99)

    def _listen(self, watch, start, jobs):
        """Pass on what the child says until it is done, silent, out of time, or caught saying something
        else.
        """
        done, words = start, Words()
        while True:
            part = watch.read()
            if not part:
                return self._over(watch, part, words.buffer, done, start)
            words.buffer += part
            for kind, index, body in words:
                if kind is None or index != done:
                    watch.end()
                    self._death(done, "forged", watch.used())
                    return done + 1
                spent, last = watch.next(), words.last or done + 1 == jobs
                if last:
                    watch.end()  # nothing of a program outlives the answer about it
                self._say(kind, done, spent, body)
                done += 1
                if last:
                    return done

    def _over(self, watch, part, buffer, done, start):
        """The child stopped talking: why?  A death after other jobs of the same child is tried again
        alone.
        """
        if part is None:
            kind = "timeout"
            watch.end()
        else:
            kind = watch.cause()
        if kind == "over" and not buffer:
            if done > start:
                return done  # it asked for a fresh process for the next job
            kind = "exited"
        elif kind == "over":
            kind = "forged"
        if done > start and kind != "timeout":
            return done
        self._death(done, kind, watch.used())
        return done + 1


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


_RAW = ("_ctypes", "_ctypes_test", "_testcapi", "_testinternalcapi", "_testlimitedcapi", "_testclinic")


def _forget(profile):
    """Leave no way to these modules by name; `pure` programs get no module that reads and writes raw
    memory.
    """
    for name in list(sys.modules):
        if (
            name.split(".")[0] in ("zygote", "socket", "_socket", "ctypes", "_ctypes")
            or name == "sys.monitoring"
        ):
            if profile == "pure" or "ctypes" not in name:
                del sys.modules[name]
    if profile == "pure":
        sys.modules.update(dict.fromkeys(_RAW))
    if hasattr(sys, "monitoring"):
        del sys.monitoring


def _preload(name):
    try:
        __import__(name)
    except ImportError:
        pass  # a program that needs it will say so


def main(descriptor, profile, memory, files, readable, writable, use, paths=(), preload=()):
    """Set up the lane and serve; the first thing the client hears is the names of the layers that hold."""
    sys.argv, sys.orig_argv = [""], [""]
    sys.path.extend(paths)
    for name in preload:
        _preload(name)
    link = socket.socket(fileno=descriptor)
    os.umask(0o077)
    os.dup2(1, 2)  # what went wrong until here, the client has read
    on = []
    if "namespaces" in use and jail.namespaces():
        on.append("namespaces")
    for name, value in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_AS", memory),
        ("RLIMIT_FSIZE", files),
        ("RLIMIT_NOFILE", 128),
    ):
        jail.limit(name, value)
    resource.setrlimit(resource.RLIMIT_CPU, resource.getrlimit(resource.RLIMIT_CPU))
    if "landlock" in use:
        jail.landlock(readable, writable)
    if "capabilities" in use:
        jail.drop_capabilities()
    cell = jail.Cell(profile, use, readable)
    _forget(profile)
    held = jail.layers(cell, on)
    gc.collect()
    gc.freeze()
    text = " ".join(held).encode()
    link.sendall(struct.pack("<I", len(text)) + text)
    Server(link, cell).run()
