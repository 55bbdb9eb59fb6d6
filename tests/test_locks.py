"""Locks: one process per stage, and a killed holder is no holder."""

import os
import subprocess
import sys
import time

import pytest

from cr_utils import locks
from cr_utils.errors import UserError

HOLD = ("import sys, time\nfrom cr_utils import locks\nlocks.hold('smoke', '01_data')\nprint('held', "
        "flush=True)\ntime.sleep(60)\n")


@pytest.fixture
def other():
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def test_a_stage_held_elsewhere_is_refused_and_free_after_a_kill(other, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.3)
    with pytest.raises(UserError, match="another process is at work on 01_data"):
        locks.hold("smoke", "01_data")
    locks.hold("smoke", "02_distill")
    locks.release("smoke", "02_distill")
    monkeypatch.setattr(locks, "PATIENCE", 10)
    other.kill()
    began = time.monotonic()
    locks.hold("smoke", "01_data")
    locks.hold("smoke", "01_data")  # again is nothing new
    assert time.monotonic() - began < 5
    locks.release("smoke", "01_data")
    locks.release("smoke", "01_data")


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="needs a descriptor that cannot be locked")
def test_a_disk_that_knows_no_locks_does_not_look_like_another_run(tmp_path):
    handle = os.open(tmp_path, os.O_PATH)
    try:
        assert locks._take(handle)
    finally:
        os.close(handle)
