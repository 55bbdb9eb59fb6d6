"""A whole run under attack: 25 random kills, one in every stage of a small tiny run, a disk that fills up, a
machine that goes down; the tables are those of an undisturbed run.
"""

import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter

import kills
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600),
              pytest.mark.skipif(sys.platform != "linux", reason="aims by /proc and Linux's namespaces")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the undisturbed run and those under attack lie; CR_KILLS names one to keep between calls."""
    given = os.environ.get("CR_KILLS")
    return kills.Path(given) if given else tmp_path_factory.mktemp("kills")


def test_a_run_that_is_killed_25_times_ends_with_the_same_tables_and_leaves_nobody_behind(folder):
    found = kills.trial(folder, kills=25, seed=int(os.environ.get("CR_KILLS_SEED", 2)), limit=2400)
    print(found, Counter(found["shots"]))
    assert found["code"] == 0 and found["tables"] >= 8
    assert found["differing"] == [] and found["orphans"] == []
    assert len(found["shots"]) >= 25 and len({stage for _, stage in found["shots"]}) >= 4
    assert len({how for how, _ in found["shots"]}) >= 5
    assert "none" not in {stage for _, stage in found["shots"]}  # none after the end


# The real profile, every part of it in use, with sizes that two free cores finish in a few minutes.
SMALL = {"data_train": 800, "data_validation": 40, "data_heldout": 80, "data_heldout_ood": 40,
         "distill_items": 900,
         "sft_steps": 16, "sft_eval_every": 8, "sft_eval_items": 16, "grpo_steps": 2, "grpo_save_every": 1,
         "grpo_prompts": 4, "grpo_filter_prompts": 40, "grpo_max_new_tokens": 128, "grpo_eval_items": 16,
         "eval_heldout": 24, "eval_heldout_ood": 16, "eval_other": 4, "eval_cruxeval": 8, "eval_reval": 2,
         "eval_livecodebench": 2, "eval_max_new_tokens": 128, "ablation_sft_steps": 4,
         "ablation_more_sft_steps": 4, "ablation_grpo_steps": 1, "ablation_items": 12}


def test_a_tiny_run_killed_once_in_every_stage_ends_with_the_same_tables(folder):
    given = [(key, str(value)) for key, value in SMALL.items()]
    found = kills.trial(folder / "small", "tiny", kills=0, seed=int(os.environ.get("CR_KILLS_SEED", 2)),
                        limit=2400, given=given)
    print(found, Counter(found["shots"]))
    assert found["code"] == 0 and found["tables"] >= 8
    assert found["differing"] == [] and found["orphans"] == []
    assert {stage for how, stage in found["shots"] if how == "driver killed"} == set(kills.paths.STAGES)
    assert {"driver interrupted", "kernel killed", "worker killed"} <= {how for how, _ in found["shots"]}


FULL = textwrap.dedent("""
    mount -t tmpfs -o size=900m none "$CR_RESULTS" || exit 77
    "$1" -m cr_utils run --profile smoke > "$2/first.txt" 2>&1 &
    driver=$!
    while kill -0 $driver 2>/dev/null && ! test -f "$CR_RESULTS/smoke/03_sft/started.json"; do sleep 0.2; done
    dd if=/dev/zero of="$CR_RESULTS/filler" bs=1M >/dev/null 2>&1
    wait $driver; echo $? > "$2/first.code"
    "$1" -m cr_utils run --profile smoke > "$2/full.txt" 2>&1; echo $? > "$2/full.code"
    rm "$CR_RESULTS/filler"
    "$1" -m cr_utils run --profile smoke > "$2/again.txt" 2>&1; echo $? > "$2/again.code"
    "$1" -m cr_utils report --profile smoke > "$2/report.txt" 2>&1
    cp -r "$CR_RESULTS/smoke/tables" "$2/tables"
""")


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare, for a small disk of its own")
def test_a_disk_that_fills_up_stops_the_run_in_words_and_the_next_run_goes_on(folder, tmp_path):
    expected = kills.whole(folder / "undisturbed", "smoke")
    (tmp_path / "disk").mkdir()
    done = subprocess.run(["unshare", "-Urm", "sh", "-c", FULL, "sh", sys.executable, str(tmp_path)],
                          env=os.environ | {"CR_RESULTS": str(tmp_path / "disk")})
    if done.returncode == 77:
        pytest.skip("no tmpfs can be mounted here")
    said = {name: (tmp_path / f"{name}.txt").read_text() for name in ("first", "full", "again")}
    codes = {name: int((tmp_path / f"{name}.code").read_text()) for name in said}
    assert codes["first"] == 1 and "error: 0" in said["first"], said["first"][-600:]
    assert "disk is full" in said["first"].splitlines()[-2]
    assert "Free some space" in said["first"].splitlines()[-1]
    assert codes["full"] == 2 and "MB free and a stage needs" in said["full"]
    assert codes["again"] == 0, said["again"][-600:]
    got = {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "tables").glob("*.csv")}
    assert got == expected


def test_100_000_checks_leave_no_memory_descriptors_processes_or_files_behind():
    script = kills.paths.root() / "speed" / "leaks.py"
    done = subprocess.run([sys.executable, str(script), "--checks", os.environ.get("CR_CHECKS", "100000")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
