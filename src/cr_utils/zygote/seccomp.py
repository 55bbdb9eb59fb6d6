"""The system calls a jailed program may make: a seccomp allow-list, written as BPF for x86_64 and aarch64.

Two profiles.  `pure` may read what Landlock leaves open, allocate memory, and talk to itself; `bench` may
also start threads and change files (in the one directory Landlock opens for it).  Neither may start
processes, open sockets (a stream pair with itself apart), signal others, or change limits and modes.
Everything not named fails with EPERM, so that a program sees an ordinary OSError; foreign architectures and
x32 calls kill the process.
"""

import ctypes
import os
import struct

_X86 = dict(
    read=0, write=1, open=2, close=3, stat=4, fstat=5, lstat=6, poll=7, lseek=8, mmap=9, mprotect=10,
    munmap=11, brk=12, rt_sigaction=13, rt_sigprocmask=14, rt_sigreturn=15, ioctl=16, pread64=17,
    pwrite64=18, readv=19, writev=20, access=21, pipe=22, select=23, sched_yield=24, mremap=25,
    mincore=27, madvise=28, dup=32, dup2=33, pause=34, nanosleep=35, getitimer=36, alarm=37, setitimer=38,
    getpid=39, sendfile=40, sendto=44, recvfrom=45, shutdown=48, getsockname=51, getpeername=52,
    socketpair=53, setsockopt=54, getsockopt=55, clone=56, exit=60, wait4=61, kill=62, uname=63, fcntl=72,
    flock=73, fsync=74, fdatasync=75, truncate=76, ftruncate=77, getdents=78, getcwd=79, chdir=80,
    fchdir=81, rename=82, mkdir=83, rmdir=84, creat=85, link=86, unlink=87, symlink=88, readlink=89,
    chmod=90, fchmod=91, umask=95, gettimeofday=96, getrlimit=97, getrusage=98, sysinfo=99, times=100,
    getuid=102, getgid=104, geteuid=107, getegid=108, getppid=110, getpgrp=111, getgroups=115,
    getresuid=118, getresgid=120, getpgid=121, getsid=124, rt_sigpending=127, rt_sigtimedwait=128,
    rt_sigsuspend=130, sigaltstack=131, utime=132, getpriority=140, sched_getparam=143,
    sched_getscheduler=145, prctl=157, arch_prctl=158, gettid=186, tkill=200, time=201, futex=202,
    sched_getaffinity=204, getdents64=217, set_tid_address=218, restart_syscall=219, fadvise64=221,
    clock_gettime=228, clock_getres=229, clock_nanosleep=230, exit_group=231, epoll_wait=232,
    epoll_ctl=233, tgkill=234, utimes=235, waitid=247, openat=257, mkdirat=258, futimesat=261,
    newfstatat=262, unlinkat=263, renameat=264, linkat=265, symlinkat=266, readlinkat=267, fchmodat=268,
    faccessat=269, pselect6=270, ppoll=271, set_robust_list=273, get_robust_list=274, utimensat=280,
    epoll_pwait=281, fallocate=285, eventfd2=290, epoll_create1=291, dup3=292, pipe2=293, preadv=295,
    pwritev=296, prlimit64=302, getcpu=309, renameat2=316, getrandom=318, membarrier=324,
    copy_file_range=326, statx=332, rseq=334, clone3=435, close_range=436, openat2=437, faccessat2=439,
)  # fmt: skip
_ARM = dict(
    getcwd=17, eventfd2=19, epoll_create1=20, epoll_ctl=21, epoll_pwait=22, dup=23, dup3=24, fcntl=25,
    ioctl=29, flock=32, mkdirat=34, unlinkat=35, symlinkat=36, linkat=37, renameat=38, truncate=45,
    ftruncate=46, fallocate=47, faccessat=48, chdir=49, fchdir=50, fchmod=52, fchmodat=53, openat=56,
    close=57, pipe2=59, getdents64=61, lseek=62, read=63, write=64, readv=65, writev=66, pread64=67,
    pwrite64=68, preadv=69, pwritev=70, sendfile=71, pselect6=72, ppoll=73, readlinkat=78, newfstatat=79,
    fstat=80, fsync=82, fdatasync=83, utimensat=88, exit=93, exit_group=94, waitid=95, set_tid_address=96,
    futex=98, set_robust_list=99, get_robust_list=100, nanosleep=101, getitimer=102, setitimer=103,
    clock_gettime=113, clock_getres=114, clock_nanosleep=115, sched_getscheduler=120, sched_getparam=121,
    sched_getaffinity=123, sched_yield=124, restart_syscall=128, kill=129, tkill=130, tgkill=131,
    sigaltstack=132, rt_sigsuspend=133, rt_sigaction=134, rt_sigprocmask=135, rt_sigpending=136,
    rt_sigtimedwait=137, rt_sigreturn=139, getpriority=141, getresuid=148, getresgid=150, times=153,
    getpgid=155, getsid=156, getgroups=158, uname=160, getrlimit=163, getrusage=165, umask=166, prctl=167,
    getcpu=168, gettimeofday=169, getpid=172, getppid=173, getuid=174, geteuid=175, getgid=176,
    getegid=177, gettid=178, sysinfo=179, socketpair=199, getsockname=204, getpeername=205, sendto=206,
    recvfrom=207, setsockopt=208, getsockopt=209, shutdown=210, brk=214, munmap=215, mremap=216,
    clone=220, mmap=222, fadvise64=223, mprotect=226, mincore=232, madvise=233, wait4=260, prlimit64=261,
    renameat2=276, getrandom=278, membarrier=283, copy_file_range=285, statx=291, rseq=293, clone3=435,
    close_range=436, openat2=437, faccessat2=439,
)  # fmt: skip

_FILES = frozenset(
    """truncate ftruncate flock fsync fdatasync rename mkdir rmdir creat link unlink symlink mkdirat unlinkat
    renameat linkat symlinkat renameat2 fallocate copy_file_range sendfile""".split()
)
_PRETEND = frozenset("chmod fchmod fchmodat utime utimes futimesat utimensat".split())
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS, _EOPNOTSUPP = 1, 38, 95
_LOAD, _JUMP, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN, _AND = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06, 0x54
_PID = 0x5A5A5A5A  # stands in the program where the child's own process id belongs
_ARCHES = {"x86_64": (0xC000003E, _X86), "aarch64": (0xC00000B7, _ARM), "arm64": (0xC00000B7, _ARM)}
_SYS_SECCOMP = {"x86_64": 317, "aarch64": 277, "arm64": 277}


def _op(code, value, yes=0, no=0):
    return (code, yes, no, value)


def _result(value):
    return [_op(_RETURN, value)]


def _argument(index, high=False):
    return _op(_LOAD, 16 + 8 * index + (4 if high else 0))


_DENY, _PASS = _result(_ERRNO | _EPERM), _result(_ALLOW)


def _one_of(index, values):
    """Allow where the low half of an argument is one of the values."""
    tests = [_op(_EQUAL, value, yes=len(values) - at) for at, value in enumerate(values)]
    return [_argument(index), *tests, *_DENY, *_PASS]


def _null(index, otherwise=_DENY, then=_PASS):
    """Allow where a pointer argument is null."""
    skip = len(otherwise) + 2
    return [
        _argument(index), _op(_EQUAL, 0, no=2), _argument(index, True), _op(_EQUAL, 0, yes=skip - 2),
        *otherwise, *then,
    ]  # fmt: skip


def _special(profile):
    """Calls that are allowed for some arguments only."""
    own = _one_of(0, [_PID])
    rules = {
        "kill": own,
        "tkill": own,
        "tgkill": own,
        "ioctl": _one_of(
            1, [0x5401, 0x5450, 0x5451, 0x5421, 0x541B]
        ),  # TCGETS, FIO(N)CLEX, FIONBIO, FIONREAD
        "fcntl": _one_of(1, [0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032]),  # flags and locks; no owner, no signal
        "prctl": _one_of(0, [15, 16]),  # the thread's name
        "prlimit64": _null(2, then=_one_of(0, [0])),  # read one's own limits, set none
        "socketpair": [_argument(0), _op(_EQUAL, 1, yes=1), *_DENY, _argument(1), _op(_AND, 0xF), *_is(1)],
        "sendto": _null(4),
        "open": _no_truncation(1),
        "openat": _no_truncation(2),
        "openat2": _result(_ERRNO | _ENOSYS),  # its flags lie in memory
        "clone3": _result(_ERRNO | _ENOSYS),  # its flags lie in memory; the C library falls back to clone
        "clone": _DENY,
    }
    if profile == "bench":
        rules["clone"] = [_argument(0), _op(_ANY_BIT, 0x10000, yes=1), *_DENY, *_PASS]  # threads only
        rules |= dict.fromkeys(_PRETEND, _result(_ERRNO))  # copying a file sets its mode and times
        rules["fallocate"] = _result(_ERRNO | _EOPNOTSUPP)  # it fills a disk faster than anyone can look
    return rules


def _no_truncation(index):
    """Deny emptying a file that is opened for reading: Landlock learned to refuse that in its third
    version.
    """
    return [_argument(index), _op(_AND, 0o1003), _op(_EQUAL, 0o1000, no=1), *_DENY, *_PASS]


def _is(value):
    return [_op(_EQUAL, value, yes=1), *_DENY, *_PASS]


def _search(ranges):
    """A binary search over [(first number, program)]: each program serves from its number to the next."""
    if len(ranges) == 1:
        return ranges[0][1]
    half = len(ranges) // 2
    low, high = _search(ranges[:half]), _search(ranges[half:])
    if len(low) < 256:
        return [_op(_AT_LEAST, ranges[half][0], yes=len(low)), *low, *high]
    return [_op(_AT_LEAST, ranges[half][0], no=1), _op(_JUMP, len(low)), *low, *high]


def program(profile, machine, without=()):
    """The BPF instructions of a profile as (code, yes, no, value), `without` some calls it would have.

    Raises KeyError for an unknown machine.
    """
    arch, numbers = _ARCHES[machine]
    special = _special(profile)
    hidden = _PRETEND | (frozenset(without) if profile == "bench" else _FILES)
    rules = {
        number: special.get(name, _DENY if name in hidden else _PASS) for name, number in numbers.items()
    }
    ranges, last = [(0, _DENY)], _DENY
    for number in range(max(rules) + 2):
        rule = rules.get(number, _DENY)
        if rule is not last:
            ranges.append((number, rule))
            last = rule
    if ranges[1][0] == 0:
        ranges.pop(0)
    ranges.append((0x40000000, _result(_KILL)))
    return [
        _op(_LOAD, 4), _op(_EQUAL, arch, yes=1), *_result(_KILL), _op(_LOAD, 0), *_search(ranges),
    ]  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


class Filter:
    """A prepared filter; `install()` puts it on the calling process for good.  Raises OSError."""

    def __init__(self, profile, libc, without=()):
        machine = os.uname().machine
        instructions = program(profile, machine, without)
        packed = b"".join(struct.pack("<HBBI", *item) for item in instructions)
        self._buffer = ctypes.create_string_buffer(packed, len(packed))
        self._own = [at * 8 + 4 for at, item in enumerate(instructions) if item[3] == _PID]
        self._program = _Program(len(instructions), ctypes.addressof(self._buffer))
        self._call, self._number = libc.syscall, _SYS_SECCOMP[machine]

    def install(self):
        pid = os.getpid()
        for place in self._own:
            struct.pack_into("<I", self._buffer, place, pid)
        if self._call(self._number, 1, 0, ctypes.byref(self._program)) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")
