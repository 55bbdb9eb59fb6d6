"""Where and with what a run took place: hardware, versions, commit, time, memory, hashes of files.

Looks at torch only if the caller has imported it; imports nothing heavy itself. What cannot be had is None.
"""

import functools
import hashlib
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from cr_utils import memory, paths

PACKAGES = ("cr-utils", "torch", "transformers", "trl", "peft", "bitsandbytes", "datasets", "accelerate",
            "tokenizers", "numpy", "pandas", "matplotlib", "seaborn", "papermill", "jupyterlab")


def sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(path: Path) -> None:
    """Have a file's content on the disk before anything is said to rest on it."""
    with Path(path).open("rb") as file:
        os.fsync(file.fileno())


@functools.cache
def versions() -> dict[str, str]:
    """Version of Python and of each named package that is installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git() -> dict:
    """Commit of the checkout and whether anything but results/ differs from it; None for both without git."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--", ".", ":!results"))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=paths.root(), capture_output=True, text=True, check=True,
                          timeout=30)
    return done.stdout.strip()


def hardware() -> dict:
    """System, processor, usable cores, memory in bytes, and the names of GPUs that torch sees."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch else []
    return {"system": f"{platform.system()} {platform.machine()}", "processor": _processor(), "cores": cores,
            "memory": _memory(), "gpus": gpus}


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


class Meter:
    """Wall and CPU seconds (this process and its finished children) and peak memory since it was made."""

    def __init__(self):
        self.wall, self.cpu = time.monotonic(), sum(os.times()[:4])
        self.memory = memory.Watch()

    def read(self) -> dict:
        """wall_seconds, cpu_seconds, device_seconds, peak_memory in bytes; gpu_peak_memory on a GPU.

        Ends the meter. peak_memory_of: what that peak is (`memory.KIND`; records without it hold the largest
        single process, and that perhaps of a process that started this one). device_seconds: the wall time of
        a process that holds a GPU (busy or not), else the CPU time.
        """
        torch = sys.modules.get("torch")
        used = {"wall_seconds": round(time.monotonic() - self.wall, 2),
                "cpu_seconds": round(sum(os.times()[:4]) - self.cpu, 2), "peak_memory": self.memory.stop(),
                "peak_memory_of": memory.KIND}
        gpu = torch is not None and torch.cuda.is_available()
        used["device_seconds"] = used["wall_seconds" if gpu else "cpu_seconds"]
        if gpu:
            used["gpu_peak_memory"] = torch.cuda.max_memory_allocated()
        return used


def end_with_parent(seconds: float = 1.0, before: Callable[[], object] | None = None) -> None:
    """End this process soon after its parent is gone, however that went; `before` is called first.

    For processes that wait on a queue which others hold open too: they would wait for ever.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        if before:
            before()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@functools.cache
def end_with_run() -> None:
    """In a kernel that the driver started: end with the process that executes the notebook; else nothing.

    Jupyter's own watch gives up where that process was gone before the kernel had quite started.
    """
    if os.environ.get("CR_DRIVER") and "ipykernel" in sys.modules:
        end_with_parent()


def limit_memory(size: int = 8 << 30) -> None:
    """Bound this process's address space in bytes (Linux), for workers that run generated programs: a value
    that grows without end then raises MemoryError there instead of exhausting the machine."""
    if sys.platform.startswith("linux"):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))
