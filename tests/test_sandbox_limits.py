"""What a program may cost others: the asking process, its neighbours in a child, the disk, the next check."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from cr_utils import calls, literals, scratch
from cr_utils.sandbox import Sandbox
from cr_utils.zygote import values, watch

pytestmark = pytest.mark.filterwarnings("ignore::cr_utils.sandbox.SandboxWarning")
ADD = "def f(x):\n    return x + 1"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(lanes=1) as box:
        yield box


# ---- the asking process


@pytest.mark.parametrize("compare", ["python", "strict"])
def test_values_of_one_hash_cost_the_judge_nothing(sandbox, compare):
    code = (
        "class I(int):\n    made = 0\n    def __hash__(self):\n        I.made += 1\n        return I.made\n"
        "    def __eq__(self, other):\n        return self is other\n"
        "def f():\n    return {I(i * (2**61 - 1)) for i in range(30000)}"
    )
    begun = time.process_time()
    assert sandbox.check(code, "f()", "{1}", compare=compare).kind == "fail"
    assert time.process_time() - begun < 1.5, "looking 30,000 such keys up takes five seconds"


def test_keys_of_one_hash_are_refused_only_in_numbers():
    few, many = (["s", *(["i", hex(i * (2**61 - 1))] for i in range(n))] for n in (900, 1100))
    assert len(values.decode(few)) == 900
    with pytest.raises(ValueError, match="one hash"):
        values.decode(many)
    with pytest.raises(ValueError, match="one hash"):
        values.decode(["d", *(part for key in many[1:] for part in (key, 1))])


def test_a_giant_program_is_not_even_parsed(sandbox):
    code = "x = 1\n" * (literals.MAX_PROGRAM // 6 + 1) + ADD
    begun = time.process_time()
    assert sandbox.check(code, "f(1)", "2").kind == "too_big"
    assert calls.entry_point(code) is None
    assert time.process_time() - begun < 0.2
    assert sandbox.check("# a long comment\n" * 2000 + ADD, "f(1)", "2"), "longer than what is remembered"


def test_closing_ends_those_who_wait_for_a_helper():
    box = Sandbox(lanes=1)
    box.run(ADD, "f(1)")
    told = []

    def ask():
        try:
            told.append(box.run("import time\ndef f():\n    time.sleep(1)\n    return 1", "f()").kind)
        except RuntimeError as error:
            told.append(str(error))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    while box._pools["pure"]._free or len(box._pools["pure"]._change._waiters) < 2:
        time.sleep(0.01)
    box.close()
    for thread in threads:
        thread.join(10)
    assert sorted(told) == ["ok", "the sandbox is closed", "the sandbox is closed"]


@pytest.mark.parametrize(
    "value", ["'é' * 900000", "b'\\xff' * 900000", "['\\0' * 7000] * 100", "[2 ** 13000] * 2000"]
)
def test_a_value_that_is_long_only_when_written_is_too_big_and_not_forged(sandbox, value):
    assert sandbox.run(f"def f():\n    return {value}", "f()").kind == "too_big"


# ---- neighbours


def test_clearing_up_after_a_program_is_not_the_next_ones_time(sandbox):
    waste = "def f(n):\n    k = [[] for _ in range(n)]\n    k.append(k)"
    wasteful, modest = sandbox.map([(waste, "f(1000000)"), (ADD, "f(1)")])
    assert (wasteful.kind, modest.value_text) == ("ok", "2")
    assert modest.cpu < 0.005, "clearing a million lists up takes several times as long"


SCAN = """
import sys, os, gc
sys.modules.pop('_ctypes', None)
import ctypes
write, brk = ctypes.CDLL(None).write, ctypes.CDLL(None).sbrk
write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
brk.restype = ctypes.c_void_p
def f(head, tail):
    r, w = os.pipe()
    known = [*gc.get_objects(), *vars(sys).values(), bytes(5000), 'x' * 2000]
    pages = {(id(item) >> 12) + near for item in known for near in range(-600, 600)}
    pages.update(range((brk(0) >> 12) - 2000, brk(0) >> 12))
    found, head, tail = 0, head.encode(), tail.encode()  # never whole: that would be found
    for page in sorted(pages):
        if write(w, page << 12, 4096) == 4096:  # fails where there is no memory
            for part in os.read(r, 4096).split(head)[1:]:
                found += part[1:5] == tail
    return found, len(pages)
"""


@LINUX
@pytest.mark.parametrize("profile", ["pure", "bench"])
@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("def f(x):\n    return ('found' + '-' + x) * 500", "f('48' + '15')"),
        ("def f(x):\n    return 1\n# " + "found-4815" * 500, "f(0)"),
        ("def f(x):\n    return 1", "f('" + "found-4815" * 500 + "')"),
    ],
    ids=["value", "program", "call"],
)
def test_no_program_finds_what_an_earlier_one_was_or_answered(profile, code, call):
    """The helper's memory is inherited; a program that reads raw memory finds nothing of others in it."""
    with Sandbox(lanes=1, cpu=10, wall=60, bench_cpu=10) as box:
        for _ in range(5):
            assert box.run(code, call, profile=profile).kind == "ok"
        run = box.run(SCAN, "f('found', '48' + '15')", profile=profile)
    assert run.value_text.startswith("(0, "), run


def test_a_program_sees_nothing_of_the_callers_environment(monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/of/the/caller")
    monkeypatch.setenv("SECRET_TOKEN", "of the caller")
    with Sandbox(lanes=1) as box:
        text = box.run("import os\ndef f():\n    return sorted(os.environ.items())", "f()").value_text
    assert "of" not in text.replace("LC_CTYPE", "") and "PYTHONHASHSEED" in text


# ---- the wall limit


class Late:
    """A poll whose ends come late, counted."""

    def __init__(self, poll, late):
        self._poll, self._late, self.waits = poll, late, 0

    def poll(self, milliseconds):
        self.waits += 1
        found = self._poll.poll(milliseconds)
        time.sleep(self._late)
        return found


def _waits(wall, late=0.0, directory=None):
    """How often one waits for a child that only sleeps until its wall limit is over."""
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(["sleep", "60"])
    seen = watch.Watch(process.pid, reading, ours, 5.0, wall, directory)
    seen._poll = Late(seen._poll, late)
    try:
        with watch.Words() as words:
            assert seen.read(words) is None and seen.excess is None
    finally:
        seen.end()
        process.returncode = 0  # the watch has taken it
        for end in (ours, theirs):
            end.close()
        for end in (reading, writing):
            os.close(end)
    return seen._poll.waits


@LINUX
def test_late_wake_ups_do_not_count():
    """Four waits of 0.25 s fill a limit of one second, however late they end; one or two more see it start."""
    assert 4 <= _waits(1.0, late=0.2) <= 7


@LINUX
def test_a_tedious_directory_does_not_lengthen_a_programs_life(monkeypatch):
    """Looking through it is work of our own, and counts: 40 waits of 0.05 s are not needed."""

    def look(_):
        begun = time.process_time()
        while time.process_time() < begun + 0.2:
            pass

    monkeypatch.setattr(watch, "overfull", look)
    assert _waits(2.0, directory="scratch") <= 12


# ---- files


@LINUX
@pytest.mark.parametrize(
    "body",
    [
        "buffer = b'x' * (15 << 20)\n    while True:\n        n += 1\n"
        "        with open(str(n), 'wb') as file:\n            file.write(buffer)",
        "while True:\n        n += 1\n        open(str(n), 'w').close()",
    ],
    ids=["bytes", "files"],
)
def test_a_full_directory_ends_a_program(sandbox, body):
    if "landlock" not in sandbox.layers:
        pytest.skip("needs Landlock")
    verdict = sandbox.check(f"def f():\n    n = 0\n    {body}", "f()", "1", profile="bench")
    assert verdict.kind == "too_big"
    assert os.listdir(sandbox._folders[0]) == []


@LINUX
@pytest.mark.parametrize(
    "body",
    [
        "for _ in range(3000):\n        os.mkdir('d')\n        os.chdir('d')",
        "os.mkdir('a')\n    os.mkdir('a/b', 0)\n    os.mkdir('c', 0)",
        "os.symlink('/usr', 'a')\n    os.symlink('a', 'b')\n    open(b'\\xff\\xfe', 'w').close()",
        "os.mkfifo('a')",
    ],
    ids=["deep", "without rights", "links", "fifo"],
)
def test_nothing_stays_in_the_directory(sandbox, body):
    sandbox.check(f"import os\ndef f():\n    {body}\n    return 1", "f()", "1", profile="bench")
    assert os.listdir(sandbox._folders[0]) == [] and os.path.isdir("/usr")


@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may look everywhere")
def test_a_hidden_directory_counts_as_full(tmp_path):
    (tmp_path / "hidden").mkdir(0o300)
    assert watch.overfull(tmp_path)
    scratch.remove(str(tmp_path))


def test_how_full_a_directory_is(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"x" * 100_000)
    assert not watch.overfull(tmp_path, 200_000, 3)
    assert watch.overfull(tmp_path, 90_000, 3) and watch.overfull(tmp_path, 200_000, 2)
    assert not watch.overfull(tmp_path / "gone")


def test_scratch_directories_are_made_and_removed_with_all_they_hold(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    place = scratch.make(str(tmp_path))
    for number in range(30):
        os.makedirs(os.path.join(place, *str(number), "x"))
    os.symlink(kept, os.path.join(place, "link"))
    os.mkdir(os.path.join(place, "shut"), 0)
    scratch.remove(place)
    scratch.remove(place)
    assert os.listdir(tmp_path) == ["kept"] and (kept / "file").exists()


@LINUX
@pytest.mark.parametrize("use", [("seccomp",), ("landlock", "seccomp")], ids=str)
@pytest.mark.parametrize("profile", ["pure", "bench"])
def test_no_file_is_emptied_by_opening_it_for_reading(tmp_path, use, profile):
    """Landlock allowed it before its third version."""
    path = tmp_path / "file"
    path.write_text("text")
    code = f"import os\ndef f():\n    os.open({str(path)!r}, os.O_RDONLY | os.O_TRUNC)\n    return 1"
    with Sandbox(lanes=1, use=use) as box:
        if "seccomp" not in box.layers:
            pytest.skip("needs seccomp")
        assert box.check(code, "f()", "1", profile=profile).error.startswith("PermissionError")
        harmless = "import os\ndef f():\n    print(1, file=open(os.devnull, 'w'))\n    return 1"
        assert box.check(harmless, "f()", "1", profile=profile)
    assert path.read_text() == "text"


@LINUX
def test_old_landlock_loses_a_system_call():
    from cr_utils.zygote import seccomp

    whole, less = (seccomp.program("bench", "x86_64", without) for without in ((), ("truncate",)))
    assert whole != less
    assert seccomp.program("pure", "x86_64") == seccomp.program("pure", "x86_64", ("truncate",))
