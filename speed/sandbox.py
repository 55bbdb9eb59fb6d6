"""Checks per second of the sandbox against the usual ways of executing untrusted Python, in one run.

python speed/sandbox.py [--rounds 3] [--programs 200]

The programs are CRUXEval's where CR_BENCHMARKS names a folder with cruxeval.jsonl, else small ones written
here. The other ways are our own versions of what others do: a manager and a process for each check (the
benchmark's official way), a fresh interpreter for each check, and `exec` in the same process (no isolation:
the floor). Figures for each way: checks per second of wall clock, the best of the rounds; milliseconds of
CPU for one check over all rounds, helpers and ended children included; how many times less that is than the
official way's; the rate that it allows on two free cores. A busy machine spoils those of CPU time least. What
tracing costs is a table of its own: untraced and traced runs of all programs in turn, in the same place, in
CPU time.
"""

import argparse
import json
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cr_utils import literals, trace
from cr_utils.sandbox import Sandbox
from cr_utils.zygote import tracer

PASSES = 4  # over all programs, for each figure of a table row


def programs() -> list[tuple[str, str, str]]:
    """(program, arguments, output) of 800 programs."""
    folder = os.environ.get("CR_BENCHMARKS")
    if folder and (Path(folder) / "cruxeval.jsonl").exists():
        rows = map(json.loads, (Path(folder) / "cruxeval.jsonl").read_text().splitlines())
        lambdas = {"sample_258", "sample_344", "sample_364"}  # inputs that a model may not write
        return [(row["code"], row["input"], row["output"]) for row in rows if row["id"] not in lambdas]
    body = "def f(text, n):\n    out = []\n    for i, c in enumerate(text):\n        if i % {0} == n:\n"
    body += "            out.append(c.upper())\n        else:\n            out.append(c * {1})\n"
    body += "    return ''.join(out)"
    found = []
    for number in range(800):
        code, given = body.format(number % 7 + 2, number % 3 + 1), f"'abcdefgh{number}', {number % 2}"
        space: dict = {}
        exec(code, space)
        found.append((code, given, repr(eval(f"f({given})", space))))
    return found


# ---- The ways of others


def _official_child(code: str, told: list) -> None:
    sys.stdout = sys.stderr = open(os.devnull, "w")
    try:
        exec(code, {})
        told.append(True)
    except BaseException:
        told.append(False)


def official(rows: list) -> int:
    """A manager and a forked process for each assertion, as the benchmark's scorer does it."""
    right = 0
    context = multiprocessing.get_context("fork")
    for code, given, output in rows:
        with context.Manager() as manager:
            told = manager.list()
            text = f"{code}\nassert {output} == f({given})"
            process = context.Process(target=_official_child, args=(text, told))
            process.start()
            process.join(timeout=4)
            right += bool(told and told[0])
    return right


def interpreter(rows: list) -> int:
    """A fresh interpreter for each assertion, two at a time."""

    def one(row: tuple) -> bool:
        text = f"{row[0]}\nassert {row[2]} == f({row[1]})"
        return subprocess.run([sys.executable, "-I", "-S", "-c", text], capture_output=True).returncode == 0

    with ThreadPoolExecutor(2) as threads:
        return sum(threads.map(one, rows))


def same_process(rows: list) -> int:
    """No isolation at all."""
    right = 0
    for code, given, output in rows:
        space: dict = {}
        exec(f"{code}\nassert {output} == f({given})", space)
        right += 1
    return right


# ---- Ours


def alone(box: Sandbox, rows: list) -> int:
    """A child for each program, asked by four threads."""
    with ThreadPoolExecutor(4) as threads:
        return sum(map(bool, threads.map(lambda row: box.check(row[0], f"f({row[1]})", row[2]), rows)))


def mapped(box: Sandbox, rows: list) -> int:
    """Programs that pass the screen share children."""
    runs = box.map([(code, f"f({given})") for code, given, _ in rows])
    return sum(run.value_text == output for run, (_, _, output) in zip(runs, rows, strict=True))


def groups(box: Sandbox, rows: list) -> int:
    """16 predicted inputs for each program, as a GRPO step asks: the right one, and others of its kind."""
    items = [(row[0], f"f({_varied(row[1], k)})", row[2]) for row in rows for k in range(16)]
    return len(box.check_many(items))


def _varied(given: str, k: int) -> str:
    """An input with larger numbers and longer strings."""
    larger = re.sub(r"(?<![\w.'\"])\d{1,6}(?![\w.'\"])", lambda found: str(int(found[0]) + k), given)
    return re.sub(r"(?<=[(\[{, ])'(?=\w)", "'" + "xyz"[k % 3] * (k // 3), larger) if k else given


def strangers(box: Sandbox, rows: list) -> int:
    """16 predicted inputs for each program that belong to other programs: most raise, some never end."""
    calls = [f"f({other[1]})" for other in rows]
    items = [(row[0], calls[(at + k) % len(calls)], row[2]) for at, row in enumerate(rows) for k in range(16)]
    return len(box.check_many(items))


def outputs(rows: list) -> int:
    """Output answers: no execution, a literal against the stored value; half of them wrong."""
    answers = [row[2] for row in rows]
    right = 0
    for at, row in enumerate(rows):
        for text in (row[2], answers[at - 1]):
            right += text == row[2] or literals.equal(literals.parse(text), literals.parse(row[2]))
    return right


def scoring(box: Sandbox, rows: list) -> tuple[int, float]:
    """A whole run, ten generations for each item and direction, a third of them repeated: (answers,
    seconds).
    """
    begun = time.perf_counter()
    items = []
    for at, row in enumerate(rows):
        for k in range(10):
            other = rows[(at + k // 3) % len(rows)]
            items.append((row[0], f"f({other[1]})", row[2]))
            items.append((row[0], f"f({row[1]})", other[2]))
    return len(box.check_many(items)), time.perf_counter() - begun


# ---- Measuring


def best(box: Sandbox, function, count: int, rounds: int) -> tuple[float, float]:
    """Largest number of checks per second of wall clock in some rounds, and CPU milliseconds a check."""
    rates, spent = [], cpu_seconds(box)
    for _ in range(rounds):
        begun = time.perf_counter()
        function()
        rates.append(count / (time.perf_counter() - begun))
    return max(rates), 1000 * (cpu_seconds(box) - spent) / count / rounds


def helpers(box: Sandbox) -> list[Path]:
    """The /proc directories of a sandbox's helpers and of what they have started."""
    found = [lane.process.pid for lane in box._pools["pure"]._all]
    for pid in found:
        try:
            found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            continue  # it has ended
    return [Path(f"/proc/{pid}") for pid in found]


def cpu_seconds(box: Sandbox) -> float:
    """CPU time of this process, its ended children and the helpers."""
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    total = sum(usage.ru_utime + usage.ru_stime for usage in own)
    for place in helpers(box):
        try:
            fields = (place / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def helper_memory(box: Sandbox) -> float:
    """MiB of the largest helper process."""
    texts = [(place / "status").read_text() for place in helpers(box)]
    return max(int(text.split("VmRSS:")[1].split()[0]) / 1024 for text in texts)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--programs", type=int, default=200, help="how many for the slow ways")
    options = asked.parse_args()
    warnings.simplefilter("ignore")
    rows, few = programs(), programs()[: options.programs]
    begun = time.perf_counter()
    with Sandbox() as box:
        box.run("def f(): pass", "f()")
        start = time.perf_counter() - begun
        ways = [
            ("official way: manager and process", lambda: official(few[:60]), 60),
            ("fresh interpreter", lambda: interpreter(few[:100]), 100),
            ("same process, no isolation", lambda: same_process(rows), len(rows)),
            ("sandbox: one child for each program", lambda: alone(box, few), len(few)),
            ("sandbox: map", lambda: mapped(box, rows), len(rows)),
            ("sandbox: groups of 16 inputs", lambda: groups(box, few), 16 * len(few)),
            ("sandbox: groups of 16 strange inputs", lambda: strangers(box, few), 16 * len(few)),
            ("output answers, literals only", lambda: outputs(rows), 2 * len(rows)),
            ("sandbox: traces", lambda: traced(box, rows), len(rows)),
            ("traces in this process", lambda: traced_here(box, rows), len(rows)),
        ]
        measured = [(name, *best(box, way, count, options.rounds)) for name, way, count in ways]
        tracing = [
            ("in the sandbox", *beside(box, (mapped, traced), rows, options.rounds)),
            ("in this process", *beside(box, (run_here, traced_here), rows, options.rounds)),
            ("the bare call, in this process", *bare_and_traced(rows, options.rounds)),
        ]
        count, seconds = scoring(box, rows)
        memory = helper_memory(box)
        layers = ", ".join(box.layers)
    for name, rate, cost in measured:
        ratio = measured[0][2] / cost
        print(f"{name:<38}{rate:>9.0f}/s{cost:>9.3f} ms CPU{ratio:>9.1f} x{2000 / cost:>9.0f}/s on 2 cores")
    print(f"\n{'CPU time of one run':<34}untraced      traced    ratio     traces/s: one core, two cores")
    for name, without, cost in tracing:
        times = f"{without:>9.3f} ms{cost:>9.3f} ms{cost / without:>8.1f}x"
        print(f"{name:<32}{times}{1000 / cost:>29.0f}{2000 / cost:>11.0f}")
    print(f"\n{count} generations scored in {seconds:.1f} s; start {start:.2f} s; helper {memory:.0f} MiB")
    print(f"layers: {layers}")


def beside(box: Sandbox, ways: tuple, rows: list, rounds: int) -> tuple[float, float]:
    """CPU milliseconds of an untraced and a traced run, both measured in turn: the fewest of the rounds."""
    costs: tuple[list, list] = ([], [])
    for _ in range(rounds):
        for way, found in zip(ways, costs, strict=True):
            begun = cpu_seconds(box)
            for _ in range(PASSES):  # helpers' clocks tick in hundredths of a second
                way(box, rows)
            found.append(1000 * (cpu_seconds(box) - begun) / len(rows) / PASSES)
    return min(costs[0]), min(costs[1])


def traced(box: Sandbox, rows: list) -> int:
    """Untrusted programs traced in the sandbox."""
    return len(trace.trace_many([(code, f"f({given})") for code, given, _ in rows], box))


def traced_here(_: Sandbox, rows: list) -> int:
    """Trusted programs traced in this process."""
    return len([trace.trace_call(code, "f", given) for code, given, _ in rows])


def run_here(_: Sandbox, rows: list) -> int:
    """Trusted programs run in this process without tracing, their values written as a trace's are."""
    for code, given, _ in rows:
        space: dict = {"__name__": "program"}
        exec(compile(code, "<program>", "exec", dont_inherit=True), space)
        literals.canonical(eval(f"f({given})", space))
    return len(rows)


def bare_and_traced(rows: list, rounds: int) -> tuple[float, float]:
    """CPU milliseconds of a call, and of the call with every line and value recorded: no compiling, no
    process, nothing that both have in common; the fewest of the rounds.
    """
    costs: tuple[list, list] = ([], [])
    for _ in range(rounds):
        spent = [0.0, 0.0]
        for code, given, _ in rows:
            module = compile(code, "<program>", "exec")
            for tracing in (0, 1):
                space: dict = {}
                exec(module, space)
                called = eval(f"lambda: f({given})", space)
                recorder = tracer.Recorder(module)
                begun = time.process_time()
                if tracing:
                    recorder.install()
                called()
                sys.settrace(None)
                spent[tracing] += time.process_time() - begun
        for found, seconds in zip(costs, spent, strict=True):
            found.append(1000 * seconds / len(rows))
    return min(costs[0]), min(costs[1])


if __name__ == "__main__":
    main()
