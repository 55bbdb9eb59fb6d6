"""Processes that have lost their parents are still found and ended; nobody else is."""

import os
import subprocess
import sys
import time

import psutil

from cr_utils import processes, workers


def test_marked_processes_end_and_others_do_not():
    script = "import time; time.sleep(60)"
    marked = subprocess.Popen([sys.executable, "-c", script], env=os.environ | {"CR_TEST_MARK": "a"},
                              start_new_session=True)
    other = subprocess.Popen([sys.executable, "-c", script], env=os.environ | {"CR_TEST_MARK": "b"})
    try:
        time.sleep(0.5)
        processes.end_marked("CR_TEST_MARK", "a")
        assert not psutil.pid_exists(marked.pid) and other.poll() is None
    finally:
        for one in (marked, other):
            one.kill()
            one.wait()


def test_workers_end_after_a_parent_that_was_killed():
    code = ("import os, time\nfrom cr_utils import workers\nif __name__ == '__main__':\n    pool = "
            "workers.executor(2)\n    print(*{pool.submit(os.getpid).result() for _ in range(50)}, "
            "flush=True)\n    time.sleep(60)\n")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        parent.kill()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    assert pids and alive == []


def test_no_worker_is_started_where_none_is_asked_for():
    assert isinstance(workers.executor(0), workers.Here)
