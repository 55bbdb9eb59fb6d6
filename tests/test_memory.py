"""Peak memory: of all processes that a stage started, of none that started it, at next to no cost."""

import gc
import json
import subprocess
import sys
import threading
import time

import pytest

from cr_utils import machine, memory

MANY = 200 << 20  # bytes


def held(size):
    """A process that holds `size` bytes, and has said that it does."""
    code = f"import sys; held = bytearray(b'x') * {size}; print('held', flush=True); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"held\n"
    return child


def test_what_started_processes_hold_is_added_up():
    watch = memory.Watch()
    before = memory.tree()
    with held(MANY), held(MANY):
        together = memory.tree() - before
        time.sleep(2 * memory.EVERY)
    assert 1.8 * MANY < together < 2.5 * MANY
    assert watch.stop() > before + 1.8 * MANY and memory.tree() < before + MANY


def test_a_started_program_does_not_count_what_its_starter_held():
    kept = bytearray(b"x") * MANY
    code = "import json; from cr_utils import machine; print(json.dumps(machine.Meter().read()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(kept) == MANY and 2**20 < found["peak_memory"] < MANY / 2
    assert found["peak_memory_of"].startswith("process tree, sampled")


def test_looking_costs_next_to_nothing():
    watch, began = memory.Watch(), time.monotonic()
    first = watch.seconds
    time.sleep(4 * memory.EVERY)
    watch.stop()
    assert watch.seconds - first < 0.02 * (time.monotonic() - began)


def watching():
    return sum(thread.name == "memory" for thread in threading.enumerate())


def settled(n):
    """Whether the number of watching threads becomes `n` within two seconds."""
    return any(watching() == n or time.sleep(0.02) for _ in range(100))


def test_the_thread_ends_with_its_meter():
    gc.collect()
    assert settled(0)
    meters = [machine.Meter() for _ in range(3)]
    assert watching() == 3
    meters.pop().read()
    assert settled(2)
    del meters
    gc.collect()
    assert settled(0)


@pytest.mark.skipif(not memory.LINUX, reason="reads /proc")
def test_a_process_that_is_gone_holds_nothing():
    with held(MANY) as child:
        own, shared = memory._sizes(child.pid)
        assert MANY < own < 1.5 * MANY and 0 < shared < MANY
    assert memory._sizes(child.pid) == (0, 0)


def test_systems_without_proc_add_resident_sizes(monkeypatch):
    monkeypatch.setattr(memory, "LINUX", False)
    with held(MANY):
        assert memory.tree() > MANY
