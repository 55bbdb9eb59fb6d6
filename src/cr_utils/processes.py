"""Ending processes: a whole tree of them, and those that have lost their parents but carry our mark."""

import contextlib

import psutil


def kill_tree(pid: int, patience: float = 3.0) -> None:
    """End a process and all below it, kindly, then not (kernels lead their own sessions: no one group)."""
    try:
        top = psutil.Process(pid)
        tree = [*top.children(recursive=True), top]
    except psutil.NoSuchProcess:
        return
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(tree, timeout=patience)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=patience)


def end_marked(name: str, value: str) -> None:
    """End every process of this user whose environment has `name` set to `value`.

    A worker whose parent was killed hangs on no tree any more; the mark, which it inherited, still tells
    whose it is.
    """
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(name) == value:
                process.kill()
                left.append(process)
    psutil.wait_procs(left, timeout=3)
