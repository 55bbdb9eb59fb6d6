"""Kills one run again and again at random moments, lets it end, and compares its tables with an undisturbed run's.

`python tests/kills.py --kills 25 --seed 1 FOLDER` works in FOLDER/undisturbed (kept if finished) and
FOLDER/killed-<n>: a run that ends before all shots are fired is compared, and another one is shot at.
`--once` fires the driver's shot in each stage, and one each at a worker, a kernel, and by Ctrl-C. `-p KEY VALUE` sets
parameters of all runs. Victims are the driver (SIGKILL, Ctrl-C, SIGTERM), the process that executes the
notebook, the kernel (as the system does when memory runs out), and what the kernel has started: data workers
and sandbox helpers.
"""

import argparse
import contextlib
import json
import math
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
ONCE = [("driver killed", stage) for stage in paths.STAGES] + [
    ("worker killed", "01_data"), ("kernel killed", "05_eval"), ("driver interrupted", "06_ablations")]
START = 8.0  # seconds from the driver's start to a stage's first work, on a free machine


class Killed:
    """A run under attack. After each shot everything it had started must be gone, or still have its driver.

    spans: seconds that each stage takes undisturbed, by which the moments of the shots are drawn.
    """

    def __init__(self, folder: Path, profile: str, seed: int, spans: dict[str, float], given=(), log=print):
        self.folder, self.profile, self.rng, self.log = folder, profile, random.Random(seed), log
        self.spans, self.given = spans, given
        self.shots: list[tuple[str, str]] = []  # (victim, stage at work)
        self.orphans: list[str] = []
        self.codes: Counter = Counter()
        self.failures: list[str] = []
        self.reach = 0.7  # the latest moment of a shot, as a share of the stage's span

    def start(self) -> psutil.Popen:
        with (self.folder / "driver.txt").open("a") as out:
            return psutil.Popen(command("run", self.profile, self.given), stdout=out,
                                stderr=subprocess.STDOUT, env=environment(self.folder), start_new_session=True,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def stage(self) -> str:
        done = [(self.folder / self.profile / stage / "manifest.json").is_file() for stage in paths.STAGES]
        return paths.STAGES[done.index(False)] if False in done else "none"

    def attack(self, kills: int, limit: float) -> int:
        """Shoot up to `kills` times while the run lasts, then let it end; the last exit code."""
        end, progress = time.monotonic() + limit, self.size()
        driver, share = self.start(), math.ceil(kills / len(paths.STAGES))
        while len(self.shots) < kills and time.monotonic() < end and self.stage() != "none":
            stage = self.stage()
            if sum(where == stage for _, where in self.shots) >= share:  # the other stages shall have theirs
                driver = self.alive(driver, 0.2)
                continue
            wait = self.rng.uniform(0.2, max(0.5, self.reach * self.spans[stage]))
            driver = self.alive(driver, wait)
            if self.stage() == "none":
                break
            driver = self.shoot(driver)
            # Where shots come so fast that nothing gets on, leave more time; where stages finish unhurt, less.
            due = share * (paths.STAGES.index(stage) + 1)
            behind = stage != self.stage() and len(self.shots) < due
            self.reach *= 1.25 if self.size() == progress else 0.7 if behind else 1.0
            self.reach = min(2.0, max(0.1, self.reach))
            progress = self.size()
        return self.to_the_end(driver, limit)

    def once(self, limit: float) -> int:
        """Fire the shots of ONCE, each within its stage, at random moments of it; then let the run end."""
        driver, end = self.start(), time.monotonic() + limit
        for stage in paths.STAGES:
            for how in [kind for kind, where in ONCE if where == stage]:
                before = self.attempts(stage) if self.stage() == stage else 0
                while self.attempts(stage) == before and self.stage() != "none" and time.monotonic() < end:
                    driver = self.alive(driver, 0.1)
                driver = self.alive(driver, self.rng.uniform(0, 0.4) * (self.spans[stage] - START))
                while how not in self.aims(driver) and self.stage() == stage and time.monotonic() < end:
                    driver = self.alive(driver, 0.05)
                driver = self.shoot(driver, how)
        return self.to_the_end(driver, limit)

    def attempts(self, stage: str) -> int:
        """How often a stage that is not finished has begun its work."""
        path = self.folder / self.profile / stage / "started.json"
        with contextlib.suppress(OSError):
            return json.loads(path.read_text())["attempts"]
        return 0

    def alive(self, driver: psutil.Popen, seconds: float) -> psutil.Popen:
        """Wait; the driver, or a new one where it has ended (for a worker that was shot before, say)."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(psutil.TimeoutExpired):
                code = driver.wait(timeout=left)
                if self.stage() == "none":
                    return driver
                self.codes[code] += 1
                driver = self.start()
        return driver

    def to_the_end(self, driver: psutil.Popen, limit: float) -> int:
        """The exit code of the last driver: started again where what was shot had ended one."""
        tries = len(self.shots) + 5
        while (code := driver.wait(timeout=limit)) and tries:
            self.failures.append(self.last_words())
            driver, tries = self.start(), tries - 1
        _, left = psutil.wait_procs(ours(self.folder), timeout=20)
        self.orphans += [f"after the end: {one}" for one in left]
        return code

    def size(self) -> int:
        """Bytes that the run has got done so far."""
        done, finished = 0, len(list(self.folder.glob(f"{self.profile}/*/manifest.json")))
        files = self.folder.glob(f"{self.profile}/**/*")
        for file in [one for one in files if one.suffix in (".jsonl", ".pt", ".safetensors")]:
            with contextlib.suppress(OSError):
                done += file.stat().st_size
        return done + finished

    def shoot(self, driver: psutil.Popen, how: str = "") -> psutil.Popen:
        """One shot at one of the processes at hand; the driver that goes on (the same or a new one)."""
        stage, tree = self.stage(), family(driver)
        aims = self.aims(driver, tree)
        how = how if how in aims else self.rng.choice(sorted(aims))
        victim = self.rng.choice(aims[how])
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

    def aims(self, driver, tree: list | None = None) -> dict[str, list[psutil.Process]]:
        """What can be shot at now, by kind."""
        found = {"driver killed": [driver], "driver interrupted": [driver], "driver terminated": [driver]}
        for one in family(driver) if tree is None else tree:
            with contextlib.suppress(psutil.Error):
                words = " ".join(one.cmdline())
                kind = "executor killed" if "cr_utils.execute" in words else "kernel killed" \
                    if "ipykernel" in words else "worker killed"
                found.setdefault(kind, []).append(one)
        return found

    def last_words(self) -> str:
        return "\n".join((self.folder / "driver.txt").read_text().splitlines()[-3:])


def family(driver) -> list:
    """All that a driver has started, down to the sandbox's helpers."""
    try:
        return driver.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def ours(folder: Path) -> list[psutil.Process]:
    """Every process of this user, with a parent or without, that works on the results in a folder."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            found += [one] if one.environ().get("CR_RESULTS") == str(folder) else []
    return found


def environment(folder: Path) -> dict:
    return os.environ | {"CR_RESULTS": str(folder), "CR_PROGRESS_SECONDS": "1"}


def command(name: str, profile: str, given=()) -> list[str]:
    """The words of a command on a profile, with parameters where it runs stages."""
    more = [word for pair in given for word in ("-p", *pair)] if name == "run" else []
    return [sys.executable, "-m", "cr_utils", name, "--profile", profile, *more]


def whole(folder: Path, profile: str, given=()) -> dict[str, str]:
    """Run to the end and report; name to content of every table."""
    for name in ("run", "report"):
        subprocess.run(command(name, profile, given), check=True, env=environment(folder),
                       stdout=subprocess.DEVNULL)
    return {file.name: file.read_text(encoding="utf-8") for file in sorted((folder / profile / "tables").glob("*.csv"))}


def spans(folder: Path, profile: str) -> dict[str, float]:
    """Seconds that each stage of a finished run took, with the start of driver and kernel."""
    manifests = {stage: folder / profile / stage / "manifest.json" for stage in paths.STAGES}
    return {stage: START + json.loads(path.read_text())["wall_seconds"] for stage, path in manifests.items()}


def trial(folder: Path, profile: str = "smoke", kills: int = 25, seed: int = 0, limit: float = 3600, given=(),
          log=print) -> dict:
    """An undisturbed run, and as many under attack as it takes to fire `kills` shots (0: those of ONCE).

    {"shots", "orphans", "codes", "differing" tables, "code" of the last driver, "failures", "tables", "runs"}
    limit: seconds for all attacks together.
    """
    expected = whole(folder / "undisturbed", profile, given)
    log(f"undisturbed run finished: {len(expected)} tables")
    found = {"shots": [], "orphans": [], "codes": Counter(), "failures": [], "differing": [], "code": 0,
             "tables": len(expected), "runs": 0}
    end = time.monotonic() + limit
    while found["code"] == 0 and not found["differing"] and time.monotonic() < end and (
            len(found["shots"]) < kills or not found["runs"]):
        place = folder / f"killed-{found['runs']}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        run = Killed(place, profile, seed + 1000 * found["runs"], spans(folder / "undisturbed", profile),
                     given, log)
        found["code"] = run.attack(kills - len(found["shots"]), limit) if kills else run.once(limit)
        got = whole(place, profile, given) if found["code"] == 0 else {}
        names = sorted({*expected, *got})
        found["differing"] += [name for name in names if expected.get(name) != got.get(name)]
        for name in ("shots", "orphans", "failures"):
            found[name] += getattr(run, name)
        found["codes"] += run.codes
        found["runs"] += 1
        log(f"run {found['runs']} ended with {found['code']} after {len(run.shots)} shots; "
            f"differing tables: {found['differing'] or 'none'}")
    return found


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--profile", default="smoke")
    asked.add_argument("--kills", type=int, default=25)
    asked.add_argument("--once", action="store_true", help="the driver in every stage, and others")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("-p", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), dest="given")
    words = asked.parse_args()
    found = trial(words.folder.resolve(), words.profile, 0 if words.once else words.kills, words.seed,
                  given=words.given, log=lambda text: print(time.strftime("%X"), text, flush=True))
    print({key: value for key, value in found.items() if key != "shots"})
    print(Counter(how for how, _ in found["shots"]), Counter(stage for _, stage in found["shots"]))
    return 0 if found["code"] == 0 and not found["orphans"] and not found["differing"] else 1


if __name__ == "__main__":
    sys.exit(main())
