"""Lines of libraries that tell a reader nothing, kept out of the terminal (log files keep them)."""

import contextlib
import logging
import re

HUB = "huggingface_hub.utils._http"  # tells of every retry before the error that says it all

PATTERNS = re.compile("|".join((
    r"^\s*$",
    r"\d+%\|.*\|",                                              # tqdm bars
    r"IProgress not found|from \.autonotebook import tqdm",
    r"Debugger warning|frozen modules|make the debugger miss breakpoints|PYDEVD_DISABLE_FILE_VALIDATION",
    r"^NOTE: When using the `ipython kernel`|To exit, you will have to|to quit the kernel|--existing kernel-",
    r"over TCP|TCP transport|\[IPKernelApp\]",
    r"kernels-community|pip install kernels",                   # bitsandbytes, where no 4-bit is asked for
    r"TRANSFORMERS_CACHE|Xet Storage|unauthenticated requests to the HF Hub",
)))


def is_noise(line: str) -> bool:
    """Whether a line is empty or one of the known messages that ask nothing of anybody."""
    return bool(PATTERNS.search(line))


@contextlib.contextmanager
def hub_hushed():
    """The hub client's lines on retries off inside; its errors are raised all the same."""
    logger = logging.getLogger(HUB)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
