"""Memory, descriptors, processes and temporary files of the sandbox over many checks.

python speed/leaks.py [--checks 100000]

Runs checks of every kind (right, wrong, raising, exiting, too big, refused; alone, in groups, and with files
in the `bench` profile) and prints, ten times on the way, what the asking process and the helpers hold. Ends
with status 1 when anything but noise has grown.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

from cr_utils.sandbox import Sandbox

KINDS = [
    ("def f(x):\n    return x + {0}", "f(1)", "{1}"),
    ("def f(x):\n    return x + {0}", "f(1)", "0"),
    ("def f(x):\n    return x / 0 + {0}", "f(1)", "0"),
    ("import os\ndef f(x):\n    os._exit({0} % 3)", "f(1)", "0"),
    ("def f(x):\n    return 'a' * 10 ** 7 + str({0})", "f(1)", "0"),
    ("def f(x):\n    return {0}", "f(lambda: 0)", "0"),
    ("import re\ndef f(x):\n    return re.sub('a', 'b', x) + str({0})", "f('a')", "'b{0}'"),
]


FILES = "import os\ndef f(x):\n    os.makedirs('a/b')\n    open('a/b/c', 'w').close()\n    return x + {0}"


def item(number: int) -> tuple[str, str, str]:
    """The check of a number: every one another program."""
    code, call, expected = KINDS[number % len(KINDS)]
    return code.format(number), call, expected.format(number, number + 1)


def family(pid: int) -> list[int]:
    """A process and everything below it."""
    found = [pid]
    for one in found:
        found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found


def held(box: Sandbox) -> dict[str, int]:
    """KiB, descriptors and processes of this process and the helpers; our files in the temporary
    directory.
    """
    gc.collect()
    lanes = [lane.process.pid for pool in box._pools.values() for lane in pool._all]
    pids = [os.getpid(), *(one for pid in lanes for one in family(pid))]
    memory = [int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) for pid in pids]
    return {
        "own KiB": memory[0],
        "helper KiB": sum(memory[1:]),
        "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
        "processes": len(pids),
        "files": sum(len(names) for _, *both in os.walk(tempfile.gettempdir()) for names in both),
    }


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--checks", type=int, default=100_000)
    checks = asked.parse_args().checks
    warnings.simplefilter("ignore")
    step, seen = checks // 10, []
    with tempfile.TemporaryDirectory() as folder, Sandbox() as box:
        tempfile.tempdir = folder  # so that the files are ours
        begun = time.perf_counter()
        for part in range(10):
            numbers = range(part * step, (part + 1) * step)
            alone = numbers[: step // 20]  # one in twenty by itself, the others in groups
            for number in alone:
                box.check(*item(number))
                if number % 10 == 0:
                    box.check(FILES.format(number), "f(1)", str(number + 1), profile="bench")
            for at in range(len(alone), step, 200):
                box.check_many([item(number) for number in numbers[at : at + 200]])
            seen.append(held(box))
            seconds = time.perf_counter() - begun
            print(f"{(part + 1) * step:>8} checks  {seconds:>7.0f} s  {seen[-1]}", flush=True)
    # Caches fill in the first rounds, and a helper that is just being replaced holds a descriptor more or
    # less: what the first three looks saw at most is what the last may hold.
    first, last = {name: max(one[name] for one in seen[:3]) for name in seen[0]}, seen[-1]
    grown = {name for name in first if last[name] > first[name] + (4096 if "KiB" in name else 0)}
    print("grown:", ", ".join(sorted(grown)) or "nothing")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
