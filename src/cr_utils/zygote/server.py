"""The server: reads requests on one socket, forks a child for each, passes on what it says, watches its
clock.

Request: HEADER (length of the body, number of jobs, CPU seconds and wall seconds for each, length of the
scratch directory's name), that name, then the body, JSON that only the child reads.  Answer: one frame for
each job, REPLY (b"V" or b"F" with the child's text of a value or a failure, b"D" with a kind of death; job
number, CPU seconds, length), then the text.  The client's end of the socket is the server's life: when it
closes, the server and what it started are gone.

Children inherit the server's memory, and a program may read all of its own.  So programs, calls and values
only ever lie in maps of their own here, given back to the system before the next child starts: no program
finds what an earlier one was asked or answered.
"""

import gc
import mmap
import os
import resource
import signal
import socket
import struct
import sys

from . import child, jail
from .watch import ANNOUNCED, PATIENCE, Watch, Words  # noqa: F401  (the client needs PATIENCE)

HEADER = struct.Struct("<IIddI")
REPLY = struct.Struct("<cIdI")


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
            done = 0
            with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE) as blob:
                self._fill(blob)
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

    def _fill(self, blob):
        with memoryview(blob) as view:
            done = 0
            while done < len(view):
                with view[done:] as rest:
                    size = self.link.recv_into(rest)
                if not size:
                    os._exit(0)
                done += size

    def _say(self, kind, index, cpu, body):
        head = REPLY.pack(kind, index, cpu, len(body))
        try:
            sent = self.link.sendmsg([head, body]) - len(head)  # the head is far shorter than any buffer
            if sent < len(body):
                with memoryview(body) as view, view[sent:] as rest:
                    self.link.sendall(rest)
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
        watch = Watch(pid, reading, self.link, cpu, wall, directory)
        try:
            with Words() as words:
                return self._listen(watch, words, start, jobs)
        finally:
            os.close(reading)
            watch.end()

    def _become(self, blob, start, jobs, cpu, writing, reading, directory):
        try:
            self.link.close()
            os.close(reading)
            self.cell.enter(int(cpu * (jobs - start)) + 2, self.pid, directory)
            child.serve(blob[:].decode(), start, writing)
        finally:
            os._exit(99)

    def _listen(self, watch, words, start, jobs):
        """Pass on what the child says until it is done, silent, out of time, or caught saying something
        else.
        """
        done = start
        while True:
            size = watch.read(words)
            if not size:
                return self._over(watch, words, size, done, start)
            for kind, index, body in words:
                if kind in ANNOUNCED:
                    if done > start:
                        watch.next()  # cleaning up after the last program is not this one's time
                    continue
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

    def _over(self, watch, words, size, done, start):
        """The child stopped talking: why?  A death after other jobs of the same child is tried again
        alone; so is a time-out before the program has started.
        """
        if size is None:
            kind = watch.excess or "timeout"
            watch.end()
        else:
            kind = watch.cause()
        if kind == "over" and words.empty():
            if done > start:
                return done  # it asked for a fresh process for the next job
            kind = "exited"
        elif kind == "over":
            kind = "forged"
        if done > start and not (kind == "timeout" and words.running()):
            return done
        self._death(done, kind, watch.used())
        return done + 1


_RAW = ("_ctypes", "_ctypes_test", "_testcapi", "_testinternalcapi", "_testlimitedcapi", "_testclinic")


def _forget(profile):
    """Hide these modules, and from `pure` programs those that read and write raw memory.

    A hurdle, not a wall: a program can load an extension again.  The layers of `jail` are the wall.
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
        return  # a program that needs it will say so
    if jail.LINUX and len(os.listdir("/proc/self/task")) > 1:
        sys.exit(f"preloading {name} leaves a thread running: a process with threads must not be forked")


def _own_signals():
    """Take back what the caller may have handed down: ignored and blocked signals.  One who ignores the
    end of its children could not wait for them.
    """
    for number in signal.valid_signals() - {signal.SIGPIPE, getattr(signal, "SIGXFSZ", None)}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


_SAMPLE = """\
def f(text, numbers):
    counts, pairs = {}, []
    for at, char in enumerate(text):
        if char in counts:
            counts[char] += 1
        else:
            counts[char] = numbers[at % 3]
        pairs.append([at, char])
    return [counts, pairs, sorted({*text})]"""


def _warm():
    """Run a program of our own some times, to nowhere, so that children start with code that the interpreter
    has already adapted to its use.
    """
    nowhere, compiled = os.open(os.devnull, os.O_WRONLY), {}
    for options in [None, {}] * 10:
        job = [0, None, None, "f('abca', [1, 2, 3])", options]
        child._job(job, [_SAMPLE], compiled, nowhere, 0, True, True)
    os.close(nowhere)


def main(descriptor, profile, memory, files, readable, writable, use, paths=(), preload=()):
    """Set up the lane and serve; the first thing the client hears is the names of the layers that hold."""
    sys.argv, sys.orig_argv = [""], [""]
    _own_signals()
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME"):  # the interpreter has started by them
        os.environ.pop(name, None)
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
    _warm()
    cell = jail.Cell(profile, use, readable)
    _forget(profile)
    held = jail.layers(cell, on)
    gc.collect()
    gc.freeze()
    text = " ".join(held).encode()
    link.sendall(struct.pack("<I", len(text)) + text)
    Server(link, cell).run()
