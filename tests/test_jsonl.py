"""Lines of JSON: nothing half-written is ever read, and a kill costs one record at most."""

import os
import signal
import subprocess
import sys

import pytest

from cr_utils import jsonl
from cr_utils.errors import UserError

ROWS = [{"id": "a", "text": "é\u2028\n\"x\""}, {"id": "b", "n": 1.5, "list": [None, True]}]


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "deep" / "x.jsonl"
    jsonl.write(path, ROWS)
    assert jsonl.read(path) == ROWS
    assert path.read_bytes().count(b"\n") == 2
    assert [file.name for file in path.parent.iterdir()] == ["x.jsonl"]


def test_a_failing_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.jsonl"
    jsonl.write(path, ROWS)
    with pytest.raises(ValueError):
        jsonl.write(path, [{"id": "c", "x": float("nan")}])
    assert jsonl.read(path) == ROWS


def test_reading_names_the_damage(tmp_path):
    path = tmp_path / "x.jsonl"
    with pytest.raises(UserError, match="does not exist"):
        jsonl.read(path)
    path.write_text('{"id": 1}\n{"id":\n')
    with pytest.raises(UserError, match="line 2"):
        jsonl.read(path)
    path.write_text('{"id": 1}\n[1]\n')
    with pytest.raises(UserError, match="line 2"):
        jsonl.read(path)


def test_appending_skips_what_is_there(tmp_path):
    path = tmp_path / "x.jsonl"
    with jsonl.Appender(path) as file:
        assert file.add(ROWS[0]) and not file.add(ROWS[0])
    with jsonl.Appender(path) as file:
        assert file.done == {"a"} and file.rows == ROWS[:1]
        assert not file.add(ROWS[0]) and file.add(ROWS[1])
        assert file.rows == ROWS
    assert jsonl.read(path) == ROWS


def test_records_may_have_another_key(tmp_path):
    with jsonl.Appender(tmp_path / "x.jsonl", key="step") as file:
        file.add({"step": 1})
        assert not file.add({"step": 1})


@pytest.mark.parametrize("torn", ['{"id": "b", "n"', '{"id": "b"}', '{"id": "\\u00'])
def test_a_torn_last_line_is_dropped(tmp_path, torn):
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": "a"}\n' + torn)
    with jsonl.Appender(path) as file:
        assert file.done == {"a"}
        file.add({"id": "b", "n": 2})
    assert jsonl.read(path) == [{"id": "a"}, {"id": "b", "n": 2}]


def test_damage_before_the_end_is_not_repaired(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": "a"\n{"id": "b"}\n')
    before = path.read_bytes()
    with pytest.raises(UserError, match="line 1"):
        jsonl.Appender(path)
    assert path.read_bytes() == before


def test_what_was_added_survives_a_kill(tmp_path):
    path = tmp_path / "x.jsonl"
    code = ("import sys, os, signal\nfrom cr_utils import jsonl\n"
            "file = jsonl.Appender(sys.argv[1]).__enter__()\n"
            "file.add({'id': 1})\nfile.add({'id': 2})\nos.kill(os.getpid(), signal.SIGKILL)\n")
    child = subprocess.run([sys.executable, "-c", code, str(path)], env=os.environ)
    assert child.returncode == -signal.SIGKILL
    assert [row["id"] for row in jsonl.read(path)] == [1, 2]


def test_rows_that_belong_together_are_all_there_after_a_kill_or_none(tmp_path):
    path = tmp_path / "x.jsonl"
    with jsonl.Appender(path) as file:
        file.add_all([{"id": 1}, {"id": 2}])
    assert [p.name for p in tmp_path.iterdir()] == ["x.jsonl"]
    # Killed while the second batch was being written: its promise stands, its first row is torn.
    jsonl.write(tmp_path / "x.jsonl.pending", [{"id": 3}, {"id": 4}, {"id": 5}])
    with path.open("a") as file:
        file.write('{"id": 3}\n{"id"')
    with jsonl.Appender(path) as file:
        assert file.done == {1, 2, 3, 4, 5}
    assert [row["id"] for row in jsonl.read(path)] == [1, 2, 3, 4, 5]
    # Killed while the promise itself was being written: nothing of it is read.
    (tmp_path / "x.jsonl.pending.new").write_text('{"id": 6}\n{"id"')
    with jsonl.Appender(path) as file:
        assert file.done == {1, 2, 3, 4, 5}


def test_a_disk_that_is_full_costs_the_record_at_hand_and_no_other(tmp_path):
    path = tmp_path / "x.jsonl"
    code = ("import resource, signal, sys\nfrom cr_utils import jsonl\nsignal.signal(signal.SIGXFSZ, "
            "signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\nwith "
            "jsonl.Appender(sys.argv[1]) as file:\n    for i in range(99): file.add({'id': i, 'text': 'x' * "
            "50})\n")
    child = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert child.returncode == 1 and "OSError" in child.stderr
    with jsonl.Appender(path) as file:
        assert len(file.rows) == 1000 // len(jsonl.dumps({"id": 10, "text": "x" * 50}) + "\n")
        file.add({"id": 99})
    assert jsonl.read(path)[-1] == {"id": 99}
