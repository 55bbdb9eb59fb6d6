"""Programs that do not end, or try to outstay their limit."""

ENTRIES = {
    "plain loop": ("def f(x):\n    while True:\n        pass", "f(1)", "4"),
    "loop that swallows exceptions": (
        """
def f(x):
    while True:
        try:
            while True:
                x += 1
        except BaseException:
            pass
""",
        "f(1)",
        "4",
    ),
    "ignored signals": (
        """
import signal
def f(x):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
""",
        "f(1)",
        "4",
    ),
    "blocked signals": (
        """
import signal
def f(x):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True:
        pass
""",
        "f(1)",
        "4",
    ),
    "one long C call": ("def f(x):\n    return sum(range(10 ** 12))", "f(1)", "4"),
    "power tower": ("def f(x):\n    return len(str(9 ** 9 ** 9))", "f(1)", "4"),
    "catastrophic regular expression": (
        "import re\ndef f(x):\n    return re.match(r'(a+)+$', 'a' * 60 + 'b')",
        "f(1)",
        "None",
    ),
    "loop in __del__": (
        """
class A:
    def __del__(self):
        while True:
            pass
def f(x):
    a = A()
    del a
    return 4
""",
        "f(1)",
        "4",
    ),
    "loop in a comparison": (
        """
class A:
    def __eq__(self, other):
        while True:
            pass
def f(x):
    return A() == 1
""",
        "f(1)",
        "False",
    ),
    "loop at module level": ("while True:\n    pass\ndef f(x):\n    return 4", "f(1)", "4"),
    "sleep": ("import time\ndef f(x):\n    time.sleep(1000)\n    return 4", "f(1)", "4"),
    "wait for a signal": ("import signal\ndef f(x):\n    signal.pause()\n    return 4", "f(1)", "4"),
    "dead lock": (
        "import _thread\ndef f(x):\n    lock = _thread.allocate_lock()\n    lock.acquire()\n    lock.acquire()\n"
        "    return 4",
        "f(1)",
        "4",
    ),
    "endless generator": ("import itertools\ndef f(x):\n    return max(itertools.count())", "f(1)", "4"),
    "endless sort key": (
        "def f(x):\n    def key(y):\n        while True:\n            pass\n    return sorted([1, 2], key=key)",
        "f(1)",
        "[1, 2]",
    ),
    "more CPU time, please": (
        """
import resource
def f(x):
    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return 4
""",
        "f(1)",
        "4",
    ),
    "generator that will not close": (
        """
def g():
    try:
        yield 1
    finally:
        while True:
            pass
def f(x):
    for y in g():
        break
    return 4
""",
        "f(1)",
        "4",
    ),
    "endless exception text": (
        """
class E(Exception):
    def __str__(self):
        while True:
            pass
    __repr__ = __str__
def f(x):
    raise E(4)
""",
        "f(1)",
        "4",
    ),
    "endless decorator": (
        "def deco(g):\n    while True:\n        pass\n@deco\ndef f(x):\n    return 4",
        "f(1)",
        "4",
    ),
    "handler that restarts the work": (
        """
import signal
def handler(number, frame):
    while True:
        pass
def f(x):
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while True:
        pass
""",
        "f(1)",
        "4",
    ),
    "huge repetition of a string search": (
        "def f(x):\n    return ('a' * 4000000 + 'b').count('a' * 2000000 + 'b')\n" "def g():\n    pass\n",
        "f(1)",
        "1",
    ),
}
del ENTRIES["huge repetition of a string search"]
