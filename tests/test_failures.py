"""Failures in two lines: each known sign has a cause and a remedy of its own."""

import pytest

from cr_utils import failures


@pytest.mark.parametrize(("kind", "message", "cause", "remedy"), [
    ("error", "OSError: [Errno 28] No space left on device", "the disk is full", "Free some space"),
    ("error", "BrokenProcessPool: A process in the process pool was terminated",
     "a worker process was killed", "data_workers"),
    ("error", "MemoryError: ", "memory ran out", "batch sizes"),
    ("error", "ValueError: a\nb", "ValueError: a", "--debug"),
    ("dead", "Kernel died", "its kernel died", "memory"),
    ("gone", "", "the process that ran it was killed", "continues at this stage"),
    ("start", "ZMQError: in use", "did not start (ZMQError: in use)", "kernelspec"),
    ("ok", "", "without finishing its record", "--debug"),
])
def test_cause_and_remedy_are_one_line_each(kind, message, cause, remedy):
    report = {"kind": kind, "message": message}
    assert cause in failures.cause(report) and "\n" not in failures.cause(report)
    assert remedy in failures.remedy(report) and "\n" not in failures.remedy(report)
