"""Programs that ask the kernel directly, past every Python module: each answers 4 where it was heard.

`pure` programs find `_ctypes` hidden; these take it back first, so that the system-call filter itself
answers.
"""

_RAW = """
import os, platform, sys
sys.modules.pop('_ctypes', None)
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
room = ctypes.create_string_buffer(4096)
def call(number, *given):
    if platform.machine() != 'x86_64':
        return -1
    return libc.syscall(ctypes.c_long(number), *[
        ctypes.c_char_p(item) if type(item) is bytes else ctypes.c_void_p(item) if type(item) is int else item
        for item in given])
"""


def _asks(number, *given):
    """A program that makes one system call; `room` and `parent` are names in it."""
    text = ", ".join(item if type(item) is str else repr(item) for item in given)
    code = _RAW + (f"def f(x):\n    parent = os.getppid()\n"
                   f"    return 4 if call({number}, {text}) >= 0 else 3\n")
    return code, "f(1)", "4"


def _runs(body):
    """A program with a body of its own on the same footing."""
    return _RAW + "def f(x):\n    " + body.strip().replace("\n", "\n    ") + "\n", "f(1)", "4"


_NUMBERS = {
    "io_uring": (425, 8, "room"),
    "user fault handling": (323, 0),
    "kernel keys, add": (248, b"user", b"crcanary", b"x", 1, 2**32 - 3),
    "kernel keys, join a session": (250, 1, b"crcanary"),
    "watch files": (294, 0),
    "watch files of everyone": (300, 0, 0),
    "memory file": (319, b"x", 0),
    "secret memory file": (447, 0),
    "performance events": (298, "room", 0, 2**64 - 1, 2**64 - 1, 0),
    "kernel programs": (321, 5, "room", 72),
    "descriptor of the parent": (434, "parent", 0),
    "compare with the parent": (312, "parent", "os.getpid()", 0, 0, 0),
    "read the parent's memory": (310, "parent", "room", 1, "room", 1, 0),
    "write the parent's memory": (311, "parent", "room", 1, "room", 1, 0),
    "advice on the parent's memory": (440, 0, 0, 0, 0, 0),
    "trace me": (101, 0, 0, 0, 0),
    "trace the parent": (101, 16, "parent", 0, 0),
    "seize the parent": (101, 0x4206, "parent", 0, 0),
    "queue a signal": (129, "parent", 9, "room"),
    "queue a signal for a thread": (297, "parent", "parent", 9, "room"),
    "signal a thread by number": (200, "parent", 9),
    "limits of the parent by number": (302, "parent", 0, "room", 0),
    "own limits by number": (302, 0, 7, "room", 0),
    "own limits the old way": (160, 7, "room"),
    "processors of its own choice": (203, 0, 8, "room"),
    "scheduling with promises": (314, 0, "room", 0),
    "priority of the group": (141, 1, 0, 5),
    "priority of input and output": (251, 1, 0, 8),
    "session of its own": (112,),
    "group of its own": (109, 0, 0),
    "namespace for files": (272, 0x00020000),
    "namespace for users": (272, 0x10000000),
    "namespace of the parent": (308, 3, 0),
    "root directory": (161, b"/tmp"),
    "another root": (155, b"/tmp", b"/tmp"),
    "mount": (165, b"none", b"/tmp", b"tmpfs", 0, 0),
    "unmount": (166, b"/proc", 2),
    "open a tree": (428, 2**64 - 100, b"/", 0),
    "open a file system": (430, b"tmpfs", 0),
    "file by handle": (304, 2**64 - 100, "room", 0),
    "handle of a file": (303, 2**64 - 100, b"/etc/passwd", "room", "room", 0),
    "space of a disk": (137, b"/", "room"),
    "quota": (179, 0x80000100, 0, 0, "room"),
    "clock of the machine": (227, 0, "room"),
    "time of the machine": (164, "room", 0),
    "tuning of the clock": (159, "room"),
    "kernel messages": (103, 3, "room", 100),
    "domain name": (171, b"crcanary", 8),
    "user by number": (105, 0),
    "groups by number": (116, 0, 0),
    "capabilities": (126, "room", "room"),
    "another filter": (317, 1, 0, "room"),
    "another personality": (135, 0x0040000),
    "ports of the machine": (173, 0x80, 1, 1),
    "segments": (154, 1, "room", 16),
    "timer of the kernel": (222, 0, 0, "room"),
    "timer by descriptor": (283, 0, 0),
    "signals by descriptor": (289, 2**64 - 1, "room", 8, 0),
    "message queue by number": (240, b"crcanary", 0o102, 0o666, 0),
    "shared memory by number": (29, 0, 4096, 0o1666),
    "semaphores by number": (64, 0, 1, 0o1666),
    "messages by number": (68, 0, 0o1666),
    "pages of the parent moved": (279, "parent", 0, 0, 0, 0, 0),
    "pipe to pipe": (276, 0, 1, 1, 0),
    "socket for the kernel": (41, 16, 3, 0),
    "socket for addresses": (41, 38, 5, 0),
    "connect anything": (42, 3, "room", 16),
    "bind anything": (49, 3, "room", 16),
    "send with descriptors": (46, 1, "room", 0),
    "pair of datagrams": (53, 1, 2, 0, "room"),
    "execute by descriptor": (322, 2**64 - 100, b"/bin/true", 0, 0, 0),
    "execute by number": (59, b"/bin/true", 0, 0),
    "fork by number": (57,),
    "fork by clone": (56, 17, 0, 0, 0, 0),
    "thread by clone": (56, 0x10F00, 0, 0, 0, 0),
    "load a library the old way": (134, b"/etc/passwd"),
    "own Landlock": (444, 0, 0, 0),
    "stop the machine": (169, 0xFEE1DEAD, 672274793, 0x89ABCDEF, 0),
    "swap on a file": (167, b"/etc/passwd", 0),
    "account of processes": (163, b"/tmp/crcanary"),
    "module of the kernel": (313, 0, b"", 0),
}  # fmt: skip

ENTRIES = {
    **{name: _asks(*given) for name, given in _NUMBERS.items()},
    "numbers of another size": _runs("""
return 4 if call(0x40000000 + 41, 2, 1, 0) >= 0 else 3"""),
    "gate of another size": _runs("""
import mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex('53b814000000cd805bc3'))  # push rbx; mov eax, getpid; int 0x80; pop rbx; ret
run = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
return 4 if platform.machine() == 'x86_64' and run() > 0 else 3"""),
    "first break of memory": _runs("""
libc.sbrk.restype = ctypes.c_void_p
while libc.sbrk(1 << 24) != ctypes.c_void_p(-1).value:
    pass
return 4 if libc.sbrk(ctypes.c_long(1 << 33)) != ctypes.c_void_p(-1).value else 3"""),
    "parent's death unheard": _runs("""
return 4 if libc.prctl(1, 0, 0, 0, 0) == 0 else 3"""),
    "memory open to others": _runs("""
return 4 if libc.prctl(4, 1, 0, 0, 0) == 0 else 3"""),
    "any tracer": _runs("""
return 4 if libc.prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0) == 0 else 3"""),
    "filter by process control": _runs("""
return 4 if libc.prctl(22, 2, room, 0, 0) == 0 else 3"""),
    "orphans adopted": _runs("""
return 4 if libc.prctl(36, 1, 0, 0, 0) == 0 else 3"""),
    "terminal keystrokes": _runs("""
return 4 if any(libc.ioctl(n, ctypes.c_ulong(0x5412), b'x') == 0 for n in range(64)) else 3"""),
    "controlling terminal": _runs("""
return 4 if any(libc.ioctl(n, ctypes.c_ulong(0x540E), 1) == 0 for n in range(64)) else 3"""),
    "owner of a descriptor by control": _runs("""
return 4 if any(libc.ioctl(n, ctypes.c_ulong(0x8901), (ctypes.c_int * 1)(os.getppid())) == 0
                for n in range(64)) else 3"""),
    "lease on a library": _runs("""
import fcntl
descriptor = os.open(os.__file__, os.O_RDONLY)
fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
return 4"""),
    "notes about a directory": _runs("""
import fcntl
fcntl.fcntl(os.open(os.path.dirname(os.__file__), os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_MODIFY)
return 4"""),
    "larger pipes": _runs("""
import fcntl
return 4 if fcntl.fcntl(os.pipe()[0], 1031, 1 << 20) >= 1 << 20 else 3"""),
    "jump into the middle of nowhere": _runs("""
ctypes.CFUNCTYPE(ctypes.c_int)(0x1234)()
return 4"""),
    "jump back through the C library": _runs("""
buffer = ctypes.create_string_buffer(1024)
libc.longjmp(buffer, 1)
return 4"""),
    "exit through the C library": _runs("""
libc._exit(0)"""),
    "exit handlers of the C library": _runs("""
@ctypes.CFUNCTYPE(None)
def late():
    while True:
        pass
libc.atexit(late)
libc.exit(0)"""),
    "sleep that holds the interpreter": _runs("""
ctypes.PyDLL(None).pause()
return 4"""),
    "small integers renumbered": _runs("""
ctypes.memmove(id(3) + ctypes.sizeof(ctypes.c_void_p) * 3, bytes((9, 0, 0, 0)), 4)
return 5"""),
    "tracing switched off in C": _runs("""
ctypes.pythonapi.PyEval_SetTrace(None, None)
ctypes.pythonapi.Py_Finalize()
return 4"""),
    "interpreter ended in C": _runs("""
ctypes.pythonapi.Py_Exit(0)"""),
    "another interpreter": _runs("""
ctypes.pythonapi.Py_NewInterpreter.restype = ctypes.c_void_p
ctypes.pythonapi.Py_NewInterpreter()
return 5"""),
}
