"""Programs that try to start others, or to leave something running."""

ENTRIES = {
    "fork": ("import os\ndef f(x):\n    os.fork()\n    return 4", "f(1)", "4"),
    "fork bomb": ("import os\ndef f(x):\n    while True:\n        os.fork()", "f(1)", "4"),
    "fork bomb that swallows": (
        "import os\ndef f(x):\n    while True:\n        try:\n            os.fork()\n        except OSError:\n            pass",
        "f(1)",
        "4",
    ),
    "child that answers": (
        """
import os
def f(x):
    if os.fork() == 0:
        return 4
    os.wait()
    return 3
""",
        "f(1)",
        "4",
    ),
    "daemon": (
        """
import os, time
def f(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open({target!r}, 'w').write('daemon')
            time.sleep(60)
        os._exit(0)
    return 4
""",
        "f(1)",
        "4",
    ),
    "vfork": (
        "import ctypes\ndef f(x):\n    if ctypes.CDLL(None).vfork() < 0:\n        return 3\n    return 4",
        "f(1)",
        "4",
    ),
    "raw clone": (
        "import ctypes\ndef f(x):\n    return 4 if ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0) >= 0 else 3",
        "f(1)",
        "4",
    ),
    "execute": ("import os\ndef f(x):\n    os.execv('/bin/echo', ['echo', '4'])", "f(1)", "4"),
    "execute Python": ("import os, sys\ndef f(x):\n    os.execv(sys.executable, ['python', '-c', 'print(4)'])", "f(1)", "4"),
    "spawn": ("import os\ndef f(x):\n    return os.posix_spawn('/bin/true', ['true'], {}) and 4", "f(1)", "4"),
    "system": ("import os\ndef f(x):\n    return 4 if os.system('true') == 0 else 3", "f(1)", "4"),
    "popen": ("import os\ndef f(x):\n    return int(os.popen('echo 4').read())", "f(1)", "4"),
    "subprocess": (
        "import subprocess\ndef f(x):\n    return int(subprocess.check_output(['/bin/echo', '4']))",
        "f(1)",
        "4",
    ),
    "multiprocessing": (
        """
import multiprocessing
def g(q):
    q.put(4)
def f(x):
    context = multiprocessing.get_context('fork')
    q = context.SimpleQueue()
    context.Process(target=g, args=(q,)).start()
    return q.get()
""",
        "f(1)",
        "4",
    ),
    "thread that outlives": (
        """
import threading, time
def g():
    time.sleep(1)
    open({target!r}, 'w').write('thread')
def f(x):
    threading.Thread(target=g).start()
    return 4
""",
        "f(1)",
        "4",
    ),
    "pseudo terminal": ("import pty\ndef f(x):\n    return 4 if pty.fork()[0] >= 0 else 3", "f(1)", "4"),
    "trace the parent": (
        "import ctypes, os\ndef f(x):\n    return 4 if ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0 else 3",
        "f(1)",
        "4",
    ),
    "higher priority": ("import os\ndef f(x):\n    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)\n    return 4", "f(1)", "4"),
    "limits of the parent": (
        "import os, resource\ndef f(x):\n    resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))\n    return 4",
        "f(1)",
        "4",
    ),
    "another user": ("import os\ndef f(x):\n    os.setuid(12345)\n    return 4", "f(1)", "4"),
    "new namespaces": (
        "import ctypes\ndef f(x):\n    return 4 if ctypes.CDLL(None).unshare(0x10000000) == 0 else 3",
        "f(1)",
        "4",
    ),
    "host name": ("import socket\ndef f(x):\n    socket.sethostname('hostile')\n    return 4", "f(1)", "4"),
    "shared memory": (
        "from multiprocessing import shared_memory\ndef f(x):\n    shared_memory.SharedMemory('cr', True, 4096)\n    return 4",
        "f(1)",
        "4",
    ),
    "system V shared memory": (
        "import ctypes\ndef f(x):\n    return 4 if ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0 else 3",
        "f(1)",
        "4",
    ),
}
