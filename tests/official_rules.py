"""The benchmarks' scoring rules once more, as literally as they are stated, to hold the scorers against.

Slow, unsafe and simple on purpose: a program with the pasted text runs in a forked process of its own,
without a sandbox, under the guard, the silenced streams, the empty folder and the 3 s of wall time of the
published harness. Only for texts that a test wrote. Shares no code with the package. REval's rules:
`official_reval`.
"""

import json
import subprocess
import sys
from pathlib import Path

HARNESS = r'''
import numpy, pandas  # the published harness has loaded them before it forks
import builtins, faulthandler, io, json, os, shutil, signal, subprocess, sys, tempfile, warnings

warnings.simplefilter("ignore")
NONE = """kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate
replace unlink fchmod fchown chmod chown chroot lchflags lchmod lchown getcwd chdir""".split()


class Silent(io.StringIO):
    def read(self, *_, **__):
        raise OSError
    readline = readlines = read

    def readable(self, *_, **__):
        return False


def stop(*_):
    raise TimeoutError


def guard():
    faulthandler.disable()
    builtins.exit = builtins.quit = builtins.help = None
    for name in NONE:
        setattr(os, name, None)
    shutil.rmtree = shutil.move = shutil.chown = subprocess.Popen = None
    for name in ("ipdb", "joblib", "resource", "psutil", "tkinter"):
        sys.modules[name] = None


def passes(text):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.chdir(tempfile.mkdtemp(dir=BASE))
        leave = os._exit
        sys.stdout = sys.stderr = sys.stdin = Silent()
        guard()
        verdict = b"0"
        try:
            signal.signal(signal.SIGALRM, stop)
            signal.setitimer(signal.ITIMER_REAL, 3)
            exec(text, {})
            signal.setitimer(signal.ITIMER_REAL, 0)
            verdict = b"1"
        except BaseException:
            signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(write, verdict)
        leave(0)
    os.close(write)
    said = os.read(read, 1)
    os.close(read)
    os.waitpid(child, 0)
    return said == b"1"


with tempfile.TemporaryDirectory() as BASE:
    print(json.dumps([passes(text) for text in json.load(sys.stdin)]))
'''


def executes(texts: list[str]) -> list[bool]:
    """Does each text run to its end without an exception, as the published harness runs it?"""
    done = subprocess.run([sys.executable, "-I", "-c", HARNESS], input=json.dumps(texts), capture_output=True,
                          text=True, check=True)
    return json.loads(done.stdout)


def pass_at_k(n: int, c: int, k: int) -> float:
    """1 - C(n-c, k) / C(n, k), and 1.0 whenever n - c < k."""
    if n - c < k:
        return 1.0
    product = 1.0
    for size in range(n - c + 1, n + 1):
        product *= 1.0 - k / size
    return 1.0 - product


def cruxeval(mode: str, row: dict, generations: list[str], verdicts: dict[str, bool]) -> list[bool]:
    """The published list of a row, given whether ``code + assert`` executes for each text."""
    results = []
    for text in generations:
        if mode == "input" and "f(" not in text:
            continue
        if mode == "output" and f"f({row['input']})" in text:
            continue
        results.append(verdicts[text])
    if True not in results:
        results = [False] * len(generations)
    return results


def livecodebench(row: dict, generations: list[str], verdicts: dict[str, bool]) -> list[bool]:
    """The published list of an output-prediction row."""
    results = [verdicts[text] for text in generations if row["input"] not in text]
    return results if results else [False] * len(generations)


def extracted(name: str, mode: str, said: str, thought: bool) -> str:
    """The published answer in what a model said; `thought`: the model opens the mark, after a chain of
    thought.
    """
    if thought and "[ANSWER]" in said:
        said = said.split("[ANSWER]")[1].strip()
    if name == "cruxeval":
        said = said.split("[/ANSWER]")[0]  # its generations stop there
        if mode == "output":
            return (said.split("==")[1] if "==" in said else said).strip()
        said = said.split("==")[0]
        return (said.split("assert")[1] if "assert" in said else said).strip()
    if "==" in said:
        said = said.split("==")[1].strip()
    said = said.split("[/ANSWER]")[0] if "[/ANSWER]" in said else said.split("\n")[0]
    return said.strip()


def reval(data: list[dict], tasks: list[dict], pairs: list[str], answers: list[list]) -> tuple[dict, list]:
    """The truth of pairs ("idx.input_idx"), [covered, next lines, "Nil" or [[type, repr], …]] for each place,
    and the verdicts of answers [task, pair, line, expression, response]; None where a program cannot run.
    """
    job = {"data": data, "tasks": tasks, "pairs": pairs, "answers": answers}
    script = Path(__file__).with_name("official_reval.py")
    command = [sys.executable, "-I", script]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def consistency(coverage: list[bool], state: list[bool], path: list[bool], output: list[bool]) -> float:
    """The published score in percent of verdicts that are aligned by question."""
    score = 0.0
    for cover, value, following, whole in zip(coverage, state, path, output, strict=True):
        if cover and value and following and whole:
            score += 1
        elif cover and value and following:
            score += 0.5
        elif cover and value and not whole:
            score += 0.25
        elif cover and not value and not following and not whole:
            score += 0.125
    return 100 * score / len(coverage)


IMPORTS = """from itertools import accumulate, chain, combinations, count, permutations, product, groupby, islice, repeat
from copy import deepcopy
from string import ascii_lowercase
from math import floor, log2, log10, sqrt, comb, gcd, ceil, inf, isqrt
from collections import defaultdict, deque, Counter
from bisect import bisect, bisect_left, bisect_right, insort
from heapq import heappush, heappop, heapify, merge
from functools import reduce, cache, lru_cache
from random import randrange, shuffle
from operator import itemgetter, sub
from re import search as re_search
from os.path import commonprefix
from typing import List, Tuple, Dict, Set, Optional, Union, Any, Callable, Iterable, Iterator, Generator
import copy, string, math, collections, bisect, heapq, functools, random, itertools, operator, re
import numpy as np
import pandas as pd
from math import log, prod
from collections import OrderedDict
from itertools import zip_longest, cycle
from functools import partial
from operator import iand
import sys
"""  # noqa: E501 - as published
