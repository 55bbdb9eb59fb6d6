"""Run untrusted Python in jailed child processes, and judge a model's answers without executing their text.

`Sandbox.run` gives the canonical text of a call's value, or what stopped it; `check` judges a predicted call
and an expected literal, both read as data.  Every program runs under CPU, memory and wall limits, without
network, files, processes or signals to others; the layers that hold on this machine are in `Sandbox.layers`.
Limits: a program can always decide its own return value; nothing here judges whether it is the value its
author meant.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from cr_utils import scratch, trust
from cr_utils.lanes import LaneLost, Pool, Settings, import_paths, processors
from cr_utils.runs import Run, read
from cr_utils.trust import SandboxWarning
from cr_utils.verdicts import Plan, Verdict

__all__ = ["Run", "Sandbox", "SandboxWarning", "Verdict"]

LAYERS = ("namespaces", "landlock", "seccomp", "capabilities")  # every layer that can be tried
_COHORT, _FEW = 128, 16  # programs that share a child, at most, and those not worth a second one


class Sandbox:
    """A pool of jailed helper processes; long-lived, safe to use from threads and after a fork.

    cpu, wall: seconds for one call.  memory: MiB of address space.  lanes: helper processes, by default one
    for each CPU this process may use, at most 8.  hash_seed: PYTHONHASHSEED of the programs.  use: the
    isolation layers to try.  weak_ok: run untrusted programs although Landlock or seccomp is missing.
    preload: modules that the `bench` helpers import once.

    >>> with Sandbox() as sandbox:
    ...     sandbox.run("def f(x): return x + 1", "f(2)").value_text
    '3'
    """

    def __init__(
        self, *, cpu: float = 0.5, wall: float = 5.0, memory: int = 512, lanes: int | None = None,
        hash_seed: int = 0, use: Sequence[str] = LAYERS, weak_ok: bool = False, bench_cpu: float = 3.0,
        bench_wall: float = 15.0, bench_memory: int = 4096, preload: Sequence[str] = (),
    ):  # fmt: skip
        self.cpu, self.wall, self.weak_ok = cpu, wall, weak_ok
        self.bench_cpu, self.bench_wall = bench_cpu, bench_wall
        self._memory, self._bench_memory, self._preload = memory << 20, bench_memory << 20, tuple(preload)
        self._size = lanes or min(8, processors())
        self._use, self._seed = tuple(use), hash_seed
        self._options = dict(
            cpu=cpu, wall=wall, memory=memory, lanes=lanes, hash_seed=hash_seed, use=use, weak_ok=weak_ok,
            bench_cpu=bench_cpu, bench_wall=bench_wall, bench_memory=bench_memory, preload=preload,
        )  # fmt: skip
        self._pools: dict[str, Pool] = {}
        self._folders: list[str] = []  # the scratch directory of `bench`, once there is one
        self._lock, self._owner = threading.Lock(), os.getpid()
        self._end = weakref.finalize(self, _end, self._pools, self._folders, self._owner)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the helper processes and remove the scratch directories."""
        self._end()

    def __reduce__(self):
        return _rebuild, (self._options,)

    # ---- running -------------------------------------------------------------------------------------------

    def run(self, code: str, call: str, *, profile: str = "pure", untrusted: bool = False) -> Run:
        """Execute a program in a child of its own, then evaluate `call`, an expression, in its namespace.

        untrusted: the program was written by a model; raises UserError where Landlock or seccomp is missing.
        Neither text is checked beforehand: `check` is the way to judge a model's answers.
        """
        return self._submit([code], [[0, None, None, call, None]], profile, untrusted)[0]

    def run_many(
        self, code: str, calls: Sequence[str], *, profile: str = "pure", untrusted: bool = False
    ) -> list[Run]:
        """Evaluate many calls of one program, each in a fresh namespace of one child.

        A program that could leave something behind (imports, classes, globals) gets a child for each call.

        >>> with Sandbox() as sandbox:
        ...     [run.value_text for run in sandbox.run_many("def f(x): return x * 2", ["f(1)", "f('a')"])]
        ['2', "'aa'"]
        """
        jobs = [[0, None, None, call, None] for call in calls]
        return self._spread([code], jobs, profile, untrusted)

    def map(
        self, pairs: Iterable[tuple[str, str]], *, profile: str = "pure", untrusted: bool = False
    ) -> list[Run]:
        """Execute many (program, call) pairs; those that pass the static screen share children.

        >>> with Sandbox() as sandbox:
        ...     runs = sandbox.map([("def f(x): return x", "f(1)"), ("def g(): return 1 / 0", "g()")])
        ...     [(run.kind, run.value_text, run.error) for run in runs]
        [('ok', '1', None), ('error', None, 'ZeroDivisionError: division by zero')]
        """
        codes, jobs, numbers = [], [], {}
        for code, call in pairs:
            number = numbers.setdefault(code, len(codes))
            if number == len(codes):
                codes.append(code)
            jobs.append([number, None, None, call, None])
        return self._spread(codes, jobs, profile, untrusted)

    def trace(
        self, pairs: Iterable[tuple[str, str]], options: dict | list[dict], *, profile: str = "pure",
        untrusted: bool = False,
    ) -> list[Run]:  # fmt: skip
        """As `map`, recording line events into `Run.trace`; `cr_utils.trace` gives them their meaning."""
        pairs = list(pairs)
        options = options if isinstance(options, list) else [options] * len(pairs)
        calls = zip((call for _, call in pairs), options, strict=True)
        jobs = [[at, None, None, call, chosen] for at, (call, chosen) in enumerate(calls)]
        return self._spread([code for code, _ in pairs], jobs, profile, untrusted)

    # ---- judging -------------------------------------------------------------------------------------------

    def check(
        self, code: str, call: str, expected: str, entry_point: str | None = None, compare: str = "python",
        profile: str = "pure", *, untrusted: bool = False,
    ) -> Verdict:  # fmt: skip
        """Whether `call`, a predicted call of the program's function, gives the literal `expected`.

        Both are read as data.  entry_point: by default the last function at top level.  compare: "python"
        for `==`, "strict" for the same types.  profile: "bench" allows imports, threads and a private
        directory.

        >>> with Sandbox() as sandbox:
        ...     sandbox.check("def f(x): return x * 2", "f(21)", "42").kind
        'pass'
        """
        return self.check_many([(code, call, expected, entry_point)], compare, profile, untrusted=untrusted)[
            0
        ]

    def check_many(
        self,
        items: Iterable[tuple],
        compare: str = "python",
        profile: str = "pure",
        *,
        untrusted: bool = False,
    ) -> list[Verdict]:
        """Verdicts of many (code, call, expected[, entry_point]) in order; equal calls are executed once.

        >>> code = "def f(x): return x * 2"
        >>> with Sandbox() as sandbox:
        ...     verdicts = sandbox.check_many([(code, "f(2)", "4"), (code, "f(2)", "5"), (code, "g()", "4")])
        >>> [verdict.kind for verdict in verdicts]
        ['pass', 'fail', 'bad_call']
        """
        if compare not in ("python", "strict"):
            raise ValueError(f"compare={compare!r}: choose 'python' or 'strict'")
        plan = Plan()
        for item in items:
            plan.add(*item)
        runs = self._spread(plan.codes, plan.jobs, profile, untrusted) if plan.jobs else []
        return plan.verdicts(runs, compare)

    # ---- machinery -----------------------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the isolation layers that hold for `pure` programs; starts a helper if none runs."""
        with self._pool("pure").lane() as lane:
            return lane.layers

    def _pool(self, profile: str) -> Pool:
        if os.getpid() != self._owner:  # in a fork: locks may be held by threads that are not here
            for pool in self._pools.values():
                pool.abandon()
            self._lock, self._owner, self._pools, self._folders = threading.Lock(), os.getpid(), {}, []
            self._end = weakref.finalize(self, _end, self._pools, self._folders, self._owner)
        with self._lock:
            if not self._end.alive:
                raise RuntimeError("the sandbox is closed")
            if profile not in self._pools:
                self._pools[profile] = Pool(self._settings(profile), self._size)
            return self._pools[profile]

    def _settings(self, profile: str) -> Settings:
        if profile == "pure":
            return Settings(memory=self._memory, hash_seed=self._seed, use=self._use)
        if profile != "bench":
            raise ValueError(f"profile={profile!r}: choose 'pure' or 'bench'")
        folder = scratch.make()
        self._folders.append(folder)
        one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        return Settings(
            profile="bench", memory=self._bench_memory, hash_seed=self._seed, use=self._use,
            writable=("/dev/null", folder), paths=import_paths(), preload=self._preload, environment=one,
        )  # fmt: skip

    def _spread(self, codes: list, jobs: list, profile: str, untrusted: bool) -> list[Run]:
        """Run jobs in cohorts on all lanes at once; calls of one program go together and compile it once."""
        rounds = -(-len(jobs) // (_COHORT * self._size)) or 1  # every lane gets a cohort in each, of one size
        size = max(_FEW, -(-len(jobs) // (self._size * rounds))) if profile == "pure" else 1
        order = sorted(range(len(jobs)), key=lambda at: jobs[at][0])
        ordered = [jobs[at] for at in order]
        parts = [_part(codes, ordered[at : at + size]) for at in range(0, len(jobs), size)]
        if len(parts) == 1:
            found = [self._submit(*parts[0], profile, untrusted)]
        else:
            with ThreadPoolExecutor(min(self._size, len(parts) or 1)) as threads:
                found = list(threads.map(lambda part: self._submit(*part, profile, untrusted), parts))
        runs = dict(zip(order, (run for some in found for run in some), strict=True))
        return [runs[at] for at in range(len(jobs))]

    def _submit(self, codes: list, jobs: list, profile: str, untrusted: bool) -> list[Run]:
        """Run jobs in one cohort; a job whose helper was lost is tried once more."""
        pool = self._pool(profile)
        limits = (self.cpu, self.wall) if profile == "pure" else (self.bench_cpu, self.bench_wall)
        runs: list[Run] = []
        failures = 0
        while len(runs) < len(jobs):
            left = jobs[len(runs) :]
            body = json.dumps({"codes": codes, "jobs": left}).encode()
            try:
                with self._place(profile) as place, pool.lane() as lane:
                    trust.demand(lane.layers, untrusted and not self.weak_ok)
                    replies = lane.ask(body, len(left), *limits, place)
                    layers = lane.layers
            except LaneLost as lost:
                replies, layers = lost.replies, ()
                failures = 1 if replies else failures + 1
            runs += [read(reply, layers) for reply in replies]
            if failures > 1:
                runs.append(Run("lost"))
                failures = 0
        return runs

    @contextmanager
    def _place(self, profile: str):
        """A fresh private directory for one `bench` request, removed afterwards."""
        if profile != "bench":
            yield None
            return
        place = scratch.make(self._folders[0])
        try:
            yield place
        finally:
            scratch.remove(place)


def _part(codes: list, jobs: list) -> tuple[list, list]:
    """The jobs of one cohort with only the programs they use."""
    numbers = list(dict.fromkeys(job[0] for job in jobs))
    new = {number: at for at, number in enumerate(numbers)}
    return [codes[number] for number in numbers], [[new[job[0]], *job[1:]] for job in jobs]


def _end(pools: dict[str, Pool], folders: list[str], owner: int) -> None:
    """End the helpers and remove the folders of one sandbox, in the process that made them."""
    if os.getpid() != owner:
        return
    for pool in pools.values():
        pool.close()
    for folder in folders:
        scratch.remove(folder)


def _rebuild(options: dict) -> Sandbox:
    return Sandbox(**options)
