"""A machine that goes down: all processes end at once, and after the restart others have their numbers.

Each boot is a process namespace of its own, in which numbers begin at 1 again: what a run wrote down of its
own processes then names strangers, as after a real restart.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time

import kills
import psutil
import pytest
from test_run import FINISH, SLOW, make  # noqa: F401 - a fixture

from cr_utils import jsonl, paths, record

BOOT = ["unshare", "-Urpf", "--mount-proc", "--kill-child"]


def can_boot():
    return shutil.which("unshare") and subprocess.run([*BOOT, "true"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_boot(), reason="needs unshare and namespaces")
# Strangers that take the numbers of the first boot's processes before the run begins.
AGAIN = ('i=0; while [ $i -lt 60 ]; do sleep 600 & i=$((i+1)); done; '
         '"$@"; code=$?; kill $(jobs -p); exit $code')


def numbers(boot):
    """The processes of a boot, by their numbers outside."""
    return [one for one in psutil.Process(boot.pid).children(recursive=True)]


def lose_power(boot):
    """End a boot's first process and with it all others; those that are left after some seconds."""
    family = numbers(boot)
    boot.kill()
    boot.wait()
    return psutil.wait_procs(family, timeout=20)[1]


def litter(folder):
    """What a machine that went down may leave: torn lines, half-written files, locks with process numbers."""
    for lock in folder.glob(".*.lock"):
        lock.write_text(f"{os.getpid()}\n")
    (folder / ".lock").write_text("1\n")
    for begun in folder.glob("*/started.json"):
        (begun.parent / "manifest.json.new").write_text('{"stage": ')
        (begun.parent / "started.json.new").write_bytes(b"\0" * 40)
        growing = [file for file in begun.parent.glob("*.jsonl") if file.name != "problems.jsonl"]
        for rows in growing:  # that one is replaced as a whole
            with rows.open("ab") as file:
                file.write(b'{"id": "torn", "st' + b"\0" * 300)
            rows.with_name(rows.name + ".pending.new").write_bytes(b'{"id": 1')


def at_work(stage):
    """Whether a stage has begun and has its first records."""
    with contextlib.suppress(OSError):
        return (stage / "manifest.json").is_file() or any(
            file.stat().st_size for file in stage.rglob("*.jsonl"))
    return False


def boot_until(words, ready, folder, **more):
    """Boot, run a command, and go down as soon as `ready` says so."""
    environment = os.environ | {"CR_RESULTS": str(folder)} | more
    boot = subprocess.Popen([*BOOT, *words], env=environment, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    end = time.monotonic() + 600
    while not ready():
        assert boot.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    return lose_power(boot)


def again(words, folder, **more):
    """Boot once more, with strangers under the old numbers, and run to the end: code and lines of output."""
    environment = os.environ | {"CR_RESULTS": str(folder)} | more
    done = subprocess.run([*BOOT, "sh", "-c", AGAIN, "sh", *words], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.splitlines()


def test_a_stage_goes_on_after_a_restart_whoever_has_its_old_numbers(make, results):  # noqa: F811
    make("01_data", SLOW, FINISH)
    words = [sys.executable, "-m", "cr_utils", "run", "01", "--profile", "smoke"]
    rows = paths.stage_dir("smoke", "01_data") / "rows.jsonl"
    left = boot_until(words, lambda: rows.is_file() and rows.read_text().count("\n") >= 3, results)
    assert left == [] and not (rows.parent / "manifest.json").exists()
    before = jsonl.read(rows)[:3]
    litter(paths.results("smoke"))
    code, lines = again(words, results)
    assert code == 0 and any("taking up" in line for line in lines), lines
    assert [row["id"] for row in jsonl.read(rows)] == list(range(6)) and jsonl.read(rows)[:3] == before
    assert record.manifest("smoke", "01_data")["attempts"] == 2


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_run_that_is_cut_off_in_every_stage_by_a_machine_going_down_ends_with_the_same_tables(tmp_path):
    given = os.environ.get("CR_KILLS")
    undisturbed = (kills.Path(given) if given else tmp_path) / "undisturbed"
    expected, folder = kills.whole(undisturbed, "smoke"), tmp_path / "down"
    for stage in paths.STAGES:
        here = folder / "smoke" / stage
        left = boot_until(kills.command("run", "smoke"), lambda here=here: at_work(here), folder)
        assert left == []
        litter(folder / "smoke")
    code, lines = again(kills.command("run", "smoke"), folder)
    assert code == 0, lines[-20:]
    assert kills.whole(folder, "smoke") == expected
    manifests = [json.loads((folder / "smoke" / stage / "manifest.json").read_text())
                 for stage in paths.STAGES]
    assert sum(made["attempts"] > 1 for made in manifests) >= 4  # the others had just finished
