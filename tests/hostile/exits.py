"""Programs that leave early, send signals, or break the way home."""

ENTRIES = {
    "exit at once": ("import os\ndef f(x):\n    os._exit(0)", "f(1)", "4"),
    "exit after printing": ("import os\ndef f(x):\n    print(4, flush=True)\n    os._exit(0)", "f(1)", "4"),
    "exit with words on every descriptor": (
        """
import os
def f(x):
    for descriptor in range(3, 256):
        for text in (b'4\\n', b'{"k":"ok","v":4}', b'pass\\n', b'\\x00' * 64 + b'{"k":"ok","v":4}'):
            try:
                os.write(descriptor, text)
            except OSError:
                pass
    os._exit(0)
""",
        "f(1)",
        "4",
    ),
    "exit at module level": ("import os\nos._exit(0)\ndef f(x):\n    return 4", "f(1)", "4"),
    "words on every descriptor, then another value": (
        """
import os
def f(x):
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, b'V' + b'\\x00' * 16 + b'\\x00\\x00\\x00\\x00\\x10\\x00\\x00\\x00{"k":"ok","v":4}')
        except OSError:
            pass
    return 3
""",
        "f(1)",
        "4",
    ),
    "sys.exit": ("import sys\ndef f(x):\n    sys.exit(0)", "f(1)", "4"),
    "sys.exit with the answer": ("import sys\ndef f(x):\n    sys.exit(4)", "f(1)", "4"),
    "SystemExit": ("def f(x):\n    raise SystemExit", "f(1)", "None"),
    "KeyboardInterrupt": ("def f(x):\n    raise KeyboardInterrupt", "f(1)", "None"),
    "GeneratorExit": ("def f(x):\n    raise GeneratorExit(4)", "f(1)", "4"),
    "StopIteration with the answer": ("def f(x):\n    raise StopIteration(4)", "f(1)", "4"),
    "quit": ("def f(x):\n    quit(4)", "f(1)", "4"),
    "abort": ("import os\ndef f(x):\n    os.abort()", "f(1)", "4"),
    "kill itself": ("import os\ndef f(x):\n    os.kill(os.getpid(), 9)", "f(1)", "4"),
    "terminate itself": ("import os\ndef f(x):\n    os.kill(os.getpid(), 15)", "f(1)", "4"),
    "stop itself": ("import os, signal\ndef f(x):\n    os.kill(os.getpid(), signal.SIGSTOP)\n    return 3", "f(1)", "4"),
    "raise a signal": ("import signal\ndef f(x):\n    signal.raise_signal(signal.SIGSEGV)", "f(1)", "4"),
    "alarm": ("import signal\ndef f(x):\n    signal.alarm(1)\n    signal.pause()", "f(1)", "4"),
    "kill the parent": ("import os\ndef f(x):\n    os.kill(os.getppid(), 9)\n    return 4", "f(1)", "4"),
    "stop the parent": (
        "import os, signal\ndef f(x):\n    os.kill(os.getppid(), signal.SIGSTOP)\n    return 4",
        "f(1)",
        "4",
    ),
    "kill the group": ("import os\ndef f(x):\n    os.killpg(0, 9)\n    return 4", "f(1)", "4"),
    "kill everyone": ("import os\ndef f(x):\n    os.kill(-1, 9)\n    return 4", "f(1)", "4"),
    "kill the one who asks": ("import os\ndef f(x):\n    os.kill({client}, 9)\n    return 4", "f(1)", "4"),
    "signal a thread of the parent": (
        """
import ctypes, os
def f(x):
    libc = ctypes.CDLL(None)
    for number in (200, 234):
        libc.syscall(number, os.getppid(), os.getppid(), 9)
    return 3
""",
        "f(1)",
        "4",
    ),
    "owner of a descriptor": (
        """
import fcntl, os, signal
def f(x):
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, os.getppid())
    fcntl.fcntl(reading, 10, signal.SIGKILL)
    return 4
""",
        "f(1)",
        "4",
    ),
    "close every descriptor": ("import os\ndef f(x):\n    os.closerange(0, 4096)\n    return 4", "f(1)", "4"),
    "null device on every descriptor": (
        """
import os
def f(x):
    null = os.open('/dev/null', os.O_RDWR)
    for descriptor in range(3, 128):
        try:
            os.dup2(null, descriptor)
        except OSError:
            pass
    return 4
""",
        "f(1)",
        "4",
    ),
    "own pipe on every descriptor": (
        """
import atexit, os
reading, writing = os.pipe()
def later():
    text = os.read(reading, 65536)
    for descriptor in range(3, 128):
        try:
            os.write(descriptor, text.replace(b'3', b'4'))
        except OSError:
            pass
def f(x):
    atexit.register(later)
    for descriptor in range(3, 64):
        if descriptor not in (reading, writing):
            try:
                os.fstat(descriptor)
                os.dup2(writing, descriptor)
            except OSError:
                pass
    return 3
""",
        "f(1)",
        "4",
    ),
    "death with its parent refused": (
        """
import ctypes
def f(x):
    ctypes.CDLL(None).prctl(1, 0)
    return 3
""",
        "f(1)",
        "4",
    ),
    "crash in C": ("import ctypes\ndef f(x):\n    return ctypes.string_at(0)", "f(1)", "4"),
    "crash in the interpreter": (
        "def f(x):\n    g = (lambda: 0)\n    g.__code__ = g.__code__.replace(co_code=b'\\x64\\xff' * 8, co_stacksize=1)\n"
        "    return g()",
        "f(1)",
        "4",
    ),
}
