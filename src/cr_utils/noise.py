"""Lines of libraries that tell a reader nothing, kept out of the terminal (log files keep them)."""

import re

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
