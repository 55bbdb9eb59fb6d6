"""What runs inside the sandbox around a pasted program: the surroundings that the published harness gives it.

Shipped as text to a jailed process; the package itself calls nothing in it. Reproduced: an empty namespace,
streams that swallow what is printed and refuse to be read, functions and modules that are None, and a limit
of 3 s. The limit is CPU time plus the time that the main thread asked to sleep, so that a busy machine
changes no verdict. Other waiting ends by the sandbox's own limit. Not reproduced: a program that catches the
time-out and goes on.
"""

import builtins
import io
import os
import signal
import sys
import time

LIMIT = 2.9  # just below the sandbox's own 3 s
_NOTHING = """kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames
truncate replace unlink fchmod fchown chmod chown chroot lchflags lchmod lchown getcwd chdir""".split()


class TimeoutException(Exception):
    """The 3 s are over."""


class WriteOnly(io.StringIO):
    """A text stream that cannot be read."""

    def read(self, *_, **__):
        raise OSError

    readline = readlines = read

    def readable(self, *_, **__):
        return False


def run(text):
    """Execute a whole program; True where it comes to its end."""
    for name in ("numpy", "pandas"):  # loaded before the program starts in the harness too
        if name in text:
            __import__(name)
    if "tempfile" in text:  # the harness has found its folder before functions are taken away
        import tempfile
        tempfile.tempdir = os.getcwd()
    _limit()
    _guard()
    sys.stdout = sys.stderr = sys.stdin = WriteOnly()
    exec(text, {})
    return True


def _guard():
    import shutil
    import subprocess
    os.environ["OMP_NUM_THREADS"] = "1"
    builtins.exit = builtins.quit = builtins.help = None
    for name in _NOTHING:
        setattr(os, name, None)
    shutil.rmtree = shutil.move = shutil.chown = subprocess.Popen = None
    for name in ("ipdb", "joblib", "resource", "psutil", "tkinter"):
        sys.modules[name] = None


def _limit():
    """Raise TimeoutException in the main thread at the limit."""
    import _thread
    main, sleep, begun, slept = _thread.get_ident(), time.sleep, time.process_time(), [0.0]

    def stop(*_):
        raise TimeoutException("Timed out!")

    def counted(seconds, /):
        if isinstance(seconds, int | float) and seconds > 0 and _thread.get_ident() == main:
            slept[0] += seconds
            if slept[0] + time.process_time() - begun >= LIMIT:
                stop()
        sleep(seconds)

    time.sleep = counted
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
