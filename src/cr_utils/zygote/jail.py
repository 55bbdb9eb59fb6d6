"""The layers around a program: limits, namespaces, Landlock, seccomp, no capabilities.

Each layer is optional: `enclose` puts the lasting ones on the server itself, `Cell.enter` the rest on each
child, and `layers` proves in a throw-away child which of them hold, because layers fail silently.  Linux has
all of them; elsewhere only the POSIX limits remain.
"""

import ctypes
import os
import resource
import signal
import struct
import sys

LINUX = sys.platform == "linux"
if LINUX:
    from . import seccomp

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_NEW = dict(user=0x10000000, pid=0x20000000, net=0x40000000, ipc=0x08000000, uts=0x04000000)
_READ, _WRITE = (1 << 2) | (1 << 3), 0x7FFE  # to write is every access to files except running them
_FILE_ONLY = (1 << 1) | (1 << 2) | (1 << 14)


def limit(name, value):
    """Lower one resource limit, soft and hard; False where the system does not have it."""
    number = getattr(resource, name, None)
    if number is None:
        return False
    hard = resource.getrlimit(number)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(number, (value, value))
    except (ValueError, OSError):
        return False
    return True


def namespaces():
    """Move to new user, network, IPC, host name and process namespaces: all, or none where that is not
    allowed.

    On success the caller goes on as process 1 of its namespace, and everything in it dies with it.
    """
    if not LINUX:
        return False
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(sum(_NEW.values())) != 0:
        return False
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        try:
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        except OSError:
            pass  # unmapped ids read as nobody: nothing here depends on them
    child = os.fork()
    if child:
        os.closerange(0, 1024)
        os.waitpid(child, 0)
        os._exit(0)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return True


def drop_capabilities():
    """Give up every capability: what is left of root is the ownership of its files."""
    number = {"x86_64": 126, "aarch64": 91, "arm64": 91}.get(os.uname().machine)
    if not LINUX or number is None:
        return
    header = ctypes.create_string_buffer(struct.pack("<Ii", 0x20080522, 0))
    _libc.syscall(number, header, ctypes.create_string_buffer(24))


def landlock_version():
    """The version of the kernel's Landlock, 0 or less where it has none."""
    return _libc.syscall(444, None, ctypes.c_size_t(0), 1) if LINUX else 0


def landlock(readable, writable=()):
    """Leave only these files and directories readable (writable), no TCP, no signals to and sockets of
    others.

    False where the kernel has no Landlock.  Raises OSError when it has but does not apply.
    """
    abi = landlock_version()
    if abi < 1:
        return False
    handled = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)) - 1
    attributes = struct.pack("<QQQ", handled, 3, 3)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _libc.syscall(444, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock ruleset")
    for path in readable:
        _open_path(ruleset, path, _READ & handled)
    for path in writable:
        _open_path(ruleset, path, _WRITE & handled)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    failed = _libc.syscall(446, ruleset, 0)
    os.close(ruleset)
    if failed:
        raise OSError(ctypes.get_errno(), "landlock")
    return True


def _open_path(ruleset, path, access):
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this system
    if not os.path.isdir(path):
        access &= _FILE_ONLY
    rule = struct.pack("<Qi", access, descriptor)
    failed = _libc.syscall(445, ruleset, 1, rule, 0)
    os.close(descriptor)
    if failed:
        raise OSError(ctypes.get_errno(), f"landlock {path}")


class Cell:
    """What a child puts on after the fork.  `use` names the layers; `enter` raises OSError when one fails."""

    def __init__(self, profile, use, readable):
        self._linux, self._readable, self._landlock = LINUX, readable, "landlock" in use
        self._filter = None
        if LINUX and "seccomp" in use:
            try:
                # The first two versions of Landlock let anyone empty a file by its name.
                self._filter = seccomp.Filter(
                    profile, _libc, ("truncate",) if landlock_version() < 3 else ()
                )
            except KeyError:
                pass  # a machine whose system calls are not known here
        if LINUX:
            _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)

    def enter(self, seconds, parent, scratch=None):
        """Die with the parent, take the CPU limit, leave the group, own one directory, filter system
        calls.
        """
        if self._linux:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
        if self._filter is None:
            os.setsid()  # so that whatever it starts can be killed as a group
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        if scratch:
            os.chdir(scratch)
            if self._landlock:
                landlock(self._readable, [scratch, "/dev/null"])
        if self._filter is not None:
            self._filter.install()


def layers(cell, on):
    """Names of the layers that hold, proved in a throw-away child by trying what they forbid."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        found = []
        try:
            cell.enter(2, os.getppid())
            found = ["rlimits", *(name for name in ("namespaces",) if name in on)]
            found += [name for name, denied in _PROOFS if denied()]
        finally:
            os.write(writing, " ".join(found).encode())
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(child, 0)
    return text.split()


def _denied(action, *arguments):
    try:
        action(*arguments)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _forks():
    try:
        child = os.fork()
    except PermissionError:
        return False
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


_PROOFS = (
    ("landlock", lambda: _denied(os.listdir, "/etc") and _denied(os.open, "/proc/self/status", os.O_RDONLY)),
    ("seccomp", lambda: _denied(os.kill, os.getppid(), 0) and _libc.socket(2, 2, 0) < 0 and not _forks()),
)
