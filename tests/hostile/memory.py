"""Programs that eat memory or answer with more than anyone wants to read."""

ENTRIES = {
    "one huge allocation": ("def f(x):\n    return len(bytearray(10 ** 12))", "f(1)", "1000000000000"),
    "doubling": ("def f(x):\n    s = 'ab'\n    while True:\n        s += s", "f(1)", "4"),
    "doubling list": ("def f(x):\n    a = [0]\n    while True:\n        a = a + a", "f(1)", "4"),
    "swallowed MemoryError": (
        """
def f(x):
    hoard = []
    while True:
        try:
            hoard.append('x' * 10 ** 7)
        except MemoryError:
            pass
""",
        "f(1)",
        "4",
    ),
    "anonymous map": (
        "import mmap\ndef f(x):\n    m = mmap.mmap(-1, 1 << 34)\n    return len(m)",
        "f(1)",
        str(1 << 34),
    ),
    "long string": ("def f(x):\n    return 'a' * 10 ** 8", "f(1)", "'a'"),
    "long bytes": ("def f(x):\n    return b'a' * 10 ** 8", "f(1)", "b'a'"),
    "long list": ("def f(x):\n    return [0] * 10 ** 7", "f(1)", "[0]"),
    "big integer": ("def f(x):\n    return 10 ** 200000", "f(1)", "10"),
    "shared structure that doubles": (
        "def f(x):\n    a = []\n    for _ in range(60):\n        a = [a, a]\n    return a",
        "f(1)",
        "[]",
    ),
    "cyclic list": ("def f(x):\n    a = []\n    a.append(a)\n    return a", "f(1)", "[[...]]"),
    "cyclic dict": ("def f(x):\n    a = {}\n    a['a'] = a\n    return a", "f(1)", "{'a': {...}}"),
    "a million deep": (
        "def f(x):\n    a = []\n    for _ in range(10 ** 6):\n        a = [a]\n    return a",
        "f(1)",
        "[]",
    ),
    "a million deep tuple of dicts": (
        "def f(x):\n    a = ()\n    for _ in range(10 ** 5):\n        a = ({0: a},)\n    return a",
        "f(1)",
        "()",
    ),
    "flood of prints": ("def f(x):\n    while True:\n        print('4' * 10000)", "f(1)", "4"),
    "flood of the raw descriptors": (
        "import os\ndef f(x):\n    while True:\n        os.write(1, b'4' * 65536)\n        os.write(2, b'4' * 65536)",
        "f(1)",
        "4",
    ),
    "unbounded recursion": ("def f(x):\n    return f(x + 1)", "f(1)", "4"),
    "unbounded recursion without a limit": (
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x):\n    return f(x + 1)",
        "f(1)",
        "4",
    ),
    "recursion through C": (
        """
import sys
sys.setrecursionlimit(10 ** 9)
class A:
    def __repr__(self):
        return repr(self)
def f(x):
    return repr(A())
""",
        "f(1)",
        "'4'",
    ),
    "deep nesting for the compiler": (
        "def f(x):\n    return eval('(' * 10 ** 5 + '4' + ')' * 10 ** 5)",
        "f(1)",
        "4",
    ),
    "deep expression for the compiler": ("def f(x):\n    return eval('-' * 10 ** 6 + '4')", "f(1)", "4"),
    "huge exception": ("def f(x):\n    raise ValueError('4' * 10 ** 7)", "f(1)", "4"),
    "huge type name": ("def f(x):\n    raise type('4' * 10 ** 7, (Exception,), {})", "f(1)", "4"),
    "many small maps": (
        """
import mmap
def f(x):
    held = []
    while True:
        held.append(mmap.mmap(-1, 1 << 20))
""",
        "f(1)",
        "4",
    ),
    "memory in pipes": (
        """
import os
def f(x):
    while True:
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        os.write(writing, b'4' * 65536)
""",
        "f(1)",
        "4",
    ),
    "memory file": (
        """
import os
def f(x):
    descriptor = os.memfd_create('x')
    while True:
        os.write(descriptor, b'4' * 1000000)
""",
        "f(1)",
        "4",
    ),
}
