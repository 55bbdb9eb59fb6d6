"""Kills one run again and again at random moments, lets it end, and compares its tables with an undisturbed run's.

`python tests/kills.py --kills 25 --seed 1 FOLDER` works in FOLDER/undisturbed (kept if finished) and FOLDER/killed.
Victims are drawn among the driver (SIGKILL, Ctrl-C, SIGTERM), the process that executes the notebook, the kernel
(as the system does when memory runs out), and what the kernel has started: data workers and sandbox helpers.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

from cr_utils import paths

HOW = {"driver killed": signal.SIGKILL, "driver interrupted": signal.SIGINT, "driver terminated": signal.SIGTERM,
       "executor killed": signal.SIGKILL, "kernel killed": signal.SIGKILL, "worker killed": signal.SIGKILL}


class Killed:
    """A run under attack. After each shot everything it had started must be gone, or still have its driver."""

    def __init__(self, folder: Path, profile: str, seed: int, log=print):
        self.folder, self.profile, self.rng, self.log = folder, profile, random.Random(seed), log
        self.shots: list[tuple[str, str]] = []  # (victim, stage at work)
        self.orphans: list[str] = []
        self.codes: Counter = Counter()
        self.failures: list[str] = []
        self.longest = 6.0

    def start(self) -> psutil.Popen:
        with (self.folder / "driver.txt").open("a") as out:
            return psutil.Popen([sys.executable, "-m", "cr_utils", "run", "--profile", self.profile], stdout=out,
                                stderr=subprocess.STDOUT, env=environment(self.folder), start_new_session=True,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def stage(self) -> str:
        done = [(self.folder / self.profile / stage / "manifest.json").is_file() for stage in paths.STAGES]
        return paths.STAGES[done.index(False)] if False in done else "none"

    def attack(self, kills: int, limit: float) -> int:
        """Shoot `kills` times, then let the run end; the exit code of the last driver."""
        end, progress = time.monotonic() + limit, self.size()
        driver = self.start()
        while len(self.shots) < kills and time.monotonic() < end and self.stage() != "none":
            with contextlib.suppress(psutil.TimeoutExpired):
                self.codes[driver.wait(timeout=self.rng.uniform(0.2, self.longest))] += 1
                driver = self.start()
                continue
            driver = self.shoot(driver)
            # Where shots come so fast that nothing gets on, leave more time; where stages finish unhurt, less.
            behind = len(self.shots) < kills * (paths.STAGES.index(self.stage()) + 1) / len(paths.STAGES) \
                if self.stage() != "none" else False
            self.longest *= 1.2 if self.size() == progress else 0.6 if behind else 1.0
            self.longest = max(2.0, self.longest)
            progress = self.size()
        while (code := driver.wait(timeout=limit)) and self.codes.total() < 10 * kills:
            self.failures.append(self.last_words())
            driver = self.start()  # shot just before
        return code

    def size(self) -> int:
        return sum(file.stat().st_size for file in self.folder.glob(f"{self.profile}/*/*.jsonl")) + len(
            list(self.folder.glob(f"{self.profile}/*/manifest.json")))

    def shoot(self, driver: psutil.Popen) -> psutil.Popen:
        """One shot at one of the processes at hand; the driver that goes on (the same or a new one)."""
        stage, tree = self.stage(), family(driver)
        how, victim = self.aim(driver, tree)
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.send_signal(HOW[how])
        self.shots.append((how, stage))
        code, end = None, time.monotonic() + (4 if how == "worker killed" else 20)
        while code is None and time.monotonic() < end and self.stage() == stage:
            with contextlib.suppress(psutil.TimeoutExpired):
                code = driver.wait(timeout=0.1)
                self.codes[code] += 1
        self.log(f"{len(self.shots):3d} {how:<18} in {stage:<13} driver {'goes on' if code is None else f'ended: {code}'}")
        if code is None:
            return driver
        _, left = psutil.wait_procs(tree, timeout=20)
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.orphans.append(f"{how} in {stage}: {' '.join(one.cmdline())[:100]}")
                self.log(f"    orphan: {self.orphans[-1]}")
                one.kill()
        return self.start()

    def aim(self, driver, tree: list) -> tuple[str, psutil.Process]:
        found = {"driver killed": [driver], "driver interrupted": [driver], "driver terminated": [driver]}
        for one in tree:
            with contextlib.suppress(psutil.Error):
                words = " ".join(one.cmdline())
                kind = "executor killed" if "cr_utils.execute" in words else "kernel killed" \
                    if "ipykernel" in words else "worker killed"
                found.setdefault(kind, []).append(one)
        how = self.rng.choice(sorted(found))
        return how, self.rng.choice(found[how])

    def last_words(self) -> str:
        return "\n".join((self.folder / "driver.txt").read_text().splitlines()[-3:])


def family(driver) -> list:
    """All that a driver has started, down to the sandbox's helpers."""
    try:
        return driver.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def environment(folder: Path) -> dict:
    return os.environ | {"CR_RESULTS": str(folder), "CR_PROGRESS_SECONDS": "1"}


def whole(folder: Path, profile: str) -> dict[str, str]:
    """Run to the end and report; name to content of every table."""
    for words in (["run"], ["report"]):
        subprocess.run([sys.executable, "-m", "cr_utils", *words, "--profile", profile], check=True,
                       env=environment(folder), stdout=subprocess.DEVNULL)
    return {file.name: file.read_text(encoding="utf-8") for file in sorted((folder / profile / "tables").glob("*.csv"))}


def trial(folder: Path, profile: str = "smoke", kills: int = 25, seed: int = 0, limit: float = 3600, log=print) -> dict:
    """Both runs; {"shots", "orphans", "codes", "differing" tables, "code" of the last driver, "attempts"}."""
    expected = whole(folder / "undisturbed", profile)
    log(f"undisturbed run finished: {len(expected)} tables")
    shutil.rmtree(folder / "killed", ignore_errors=True)
    (folder / "killed").mkdir(parents=True)
    run = Killed(folder / "killed", profile, seed, log)
    code = run.attack(kills, limit)
    got = whole(folder / "killed", profile) if code == 0 else {}
    return {"shots": run.shots, "orphans": run.orphans, "codes": dict(run.codes), "code": code,
            "failures": run.failures, "tables": len(expected),
            "differing": sorted(name for name in {*expected, *got} if expected.get(name) != got.get(name))}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--profile", default="smoke")
    asked.add_argument("--kills", type=int, default=25)
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    found = trial(given.folder.resolve(), given.profile, given.kills, given.seed,
                  log=lambda text: print(time.strftime("%X"), text, flush=True))
    print({key: value for key, value in found.items() if key != "shots"})
    print(Counter(how for how, _ in found["shots"]), Counter(stage for _, stage in found["shots"]))
    return 0 if found["code"] == 0 and not found["orphans"] and not found["differing"] else 1


if __name__ == "__main__":
    sys.exit(main())
