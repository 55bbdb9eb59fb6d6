"""Progress lines: throttled, whole lines, with rate, time to go and metrics."""

import pytest

from cr_utils import progress


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (12.4, "0:12"), (754, "12:34"), (3661, "1:01:01"),
                                               (-3, "0:00")])
def test_clock(seconds, text):
    assert progress.clock(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(3, "3"), (0.41234, "0.412"), (1e-6, "1e-06"),
                                             (12345.6, "12346"),
                                             ("x", "x")])
def test_number(value, text):
    assert progress.number(value) == text


@pytest.fixture
def watch(monkeypatch):
    """A clock that the test turns."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_rate_and_time_to_go_leave_out_what_was_done_before(watch, capsys):
    with progress.Progress("items", 400, "rows", start=100) as bar:
        watch[0] = 10.0
        bar.update(200, loss=0.5)
    assert capsys.readouterr().out == "items 200/400 · 10 rows/s · ETA 0:20 · loss 0.5\n"


def test_lines_are_throttled_but_first_and_last_are_printed(watch, capsys):
    with progress.Progress("x", 100, seconds=5) as bar:
        for i in range(1, 101):
            watch[0] += 0.1
            bar.update(i)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("x 1/100") and lines[-1].startswith("x 100/100") and "took 0:10" in lines[-1]
    assert len(lines) == 3


def test_the_last_line_is_not_told_twice(watch, capsys):
    with progress.Progress("x", 2, seconds=5) as bar:
        bar.update(2, loss=0.5)
        bar.update(2, loss=0.5)
        watch[0] = 1.0
        bar.note(2, right=0.25)
        bar.update(2, loss=0.5)
    assert capsys.readouterr().out.splitlines() == [
        "x 2/2 · took 0:00 · loss 0.5", "x 2/2 · 2/s · took 0:01 · loss 0.5 · right 0.25"]


def test_an_early_end_prints_where_it_stood_once(watch, capsys):
    with progress.Progress("x", None, seconds=5) as bar:
        bar.update(1)
        watch[0] = 1.0
        bar.update(7)
    assert capsys.readouterr().out.splitlines() == ["x 1", "x 7 · 7/s"]


def test_an_error_inside_prints_nothing_more(capsys):
    with pytest.raises(KeyError), progress.Progress("x", 2):
        raise KeyError
    assert capsys.readouterr().out == ""
