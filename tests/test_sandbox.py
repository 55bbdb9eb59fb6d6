"""The sandbox as an instrument: what it answers, in which order, under which load, and what it leaves
behind.
"""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cr_utils.errors import UserError
from cr_utils.sandbox import LAYERS, Sandbox

pytestmark = pytest.mark.filterwarnings("ignore::cr_utils.sandbox.SandboxWarning")
ADD = "def f(x):\n    return x + 1"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(cpu=0.3) as box:
        yield box


def helpers(box, profile="pure"):
    """Process ids of the helpers of a sandbox."""
    return [lane.process.pid for lane in box._pools[profile]._all]


# ---- answers


def test_run_gives_the_canonical_text_of_a_value(sandbox):
    run = sandbox.run("def f(x):\n    return {'b', x}", "f('a')")
    assert (run.kind, run.value_text, run.error) == ("ok", "{'a', 'b'}", None)


def test_run_executes_the_call_of_a_data_set_as_it_stands(sandbox):
    code = "items = [3, 1]\ndef f(a, key):\n    return sorted(a, key=key)"
    assert sandbox.run(code, "f(items[:], lambda x: -x)").value_text == "[3, 1]"


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        ("return 1 / 0", "error", "ZeroDivisionError: division by zero"),
        ("raise SystemExit", "exited", "SystemExit"),
        ("raise StopIteration(4)", "error", "StopIteration"),
        ("import os; os._exit(0)", "exited", None),
        ("import os; os.kill(os.getpid(), 9)", "signal", None),
        ("return bytearray(1 << 40)", "memory", "MemoryError"),
        ("return [0] * 10 ** 6", "too_big", ""),
        ("while True: pass", "timeout", None),
    ],
)
def test_kinds_of_ends(sandbox, body, kind, error):
    run = sandbox.run(f"def f():\n    {body}", "f()")
    assert run.kind == kind and (run.error or None) == (error or None)
    assert run.value_text is None


def test_a_value_without_a_literal_has_no_text(sandbox):
    run = sandbox.run("def f():\n    return [object()]", "f()")
    assert (run.kind, run.value_text) == ("ok", None)
    assert not run.equals([1])


@pytest.mark.parametrize(
    ("call", "expected", "kind"),
    [
        ("f(1)", "2", "pass"),
        ("f(1)", "3", "fail"),
        ("f('a')", "2", "error"),
        ("f(1)", "1 + 1", "bad_expected"),
        ("f(f(1))", "3", "bad_call"),
        ("g(1)", "2", "bad_call"),
    ],
)
def test_kinds_of_verdicts(sandbox, call, expected, kind):
    verdict = sandbox.check(ADD, call, expected)
    assert verdict.kind == kind
    assert bool(verdict) is verdict.passed is (kind == "pass")


def test_verdicts_carry_cpu_seconds_and_layers(sandbox):
    verdict = sandbox.check("def f(n):\n    return sum(range(n))", "f(10 ** 6)", "499999500000")
    assert verdict and 0.001 < verdict.cpu < 0.5
    assert verdict.layers == sandbox.layers and "rlimits" in verdict.layers


def test_strict_mode_asks_for_the_same_types(sandbox):
    code = "import collections\ndef f(x):\n    return {1: True, 2: 1.0, 3: collections.Counter('a')}[x]"
    for call, expected in (("f(1)", "1"), ("f(2)", "1"), ("f(3)", "{'a': 1}")):
        assert sandbox.check(code, call, expected).kind == "pass"
        assert sandbox.check(code, call, expected, compare="strict").kind == "fail"
    assert sandbox.check("def f():\n    return float('nan')", "f()", "nan", compare="strict")


def test_entry_point_may_be_named(sandbox):
    code = "def f(x):\n    return 1\ndef g(x):\n    return 2"
    assert sandbox.check(code, "g(0)", "2")
    assert sandbox.check(code, "f(0)", "1", entry_point="f")
    assert sandbox.check(code, "f(0)", "1").kind == "bad_call"


@pytest.mark.parametrize(
    "code", ["def f(:", "x = 1", "def f(x):\n    return '\ud800'", "def f(x):\n    return \0"]
)
def test_programs_that_are_none(sandbox, code):
    assert sandbox.check(code, "f(1)", "1").kind == "error"
    assert sandbox.run(code, "f(1)").kind == "error"


def test_unknown_modes_are_refused(sandbox):
    with pytest.raises(ValueError, match="choose"):
        sandbox.check(ADD, "f(1)", "2", compare="loose")
    with pytest.raises(ValueError, match="choose"):
        sandbox.check(ADD, "f(1)", "2", profile="open")


def test_the_expected_value_never_enters_the_helper(sandbox, monkeypatch):
    from cr_utils import lanes

    sent = []
    ask = lanes.Lane.ask
    monkeypatch.setattr(
        lanes.Lane, "ask", lambda self, body, *rest: sent.append(body) or ask(self, body, *rest)
    )
    assert not sandbox.check(ADD, "f(1)", "48151623")
    assert sent and b"48151623" not in b"".join(sent)


# ---- many at once


def test_run_many_gives_each_call_a_fresh_namespace(sandbox):
    code = "seen = []\ndef f(x, own=[]):\n    own.append(x)\n    seen.append(x)\n    return own + seen"
    assert [run.value_text for run in sandbox.run_many(code, ["f(1)", "f(2)"])] == ["[1, 1]", "[2, 2]"]


def test_run_many_keeps_programs_with_imports_apart(sandbox):
    code = "import math\nmath.count = getattr(math, 'count', 0) + 1\ndef f():\n    return math.count"
    assert [run.value_text for run in sandbox.run_many(code, ["f()"] * 3)] == ["1", "1", "1"]


def test_map_keeps_order_and_survives_every_kind_of_neighbour():
    bad = [
        "def f(x):\n    while True: pass",
        "import os\ndef f(x):\n    os._exit(0)",
        "def f(x):\n    return f(x)",
        "def f(x):\n    return 'a' * 10 ** 12",
        "import builtins\nbuiltins.len = builtins.sum = None\ndef f(x):\n    return 0",
        "def f(x):\n    return [0] * 10 ** 6",
        "def f(:",
        "def g():\n    try:\n        yield\n    finally:\n        while True: pass\n"
        "def f(x):\n    a = g()\n    next(a)\n    b = [a]\n    b.append(b)\n    return 0",
    ]
    pairs = []
    for n, code in enumerate(bad):
        pairs += [(code, "f(0)"), (f"def f(x):\n    return len('a' * x) + {n}", f"f({n})")]
    with Sandbox(cpu=0.1) as box:
        runs = box.map(pairs)
    assert [run.value_text for run in runs[1::2]] == [str(2 * n) for n in range(len(bad))]
    kinds = [run.kind for run in runs[::2]]
    assert kinds == ["timeout", "exited", "error", "memory", "ok", "too_big", "error", "ok"]


def test_equal_calls_of_a_group_are_executed_once(sandbox):
    begun = time.process_time()
    items = [(ADD, f"f({n % 4})", str(n % 5 + 1)) for n in range(200)]
    verdicts = sandbox.check_many(items)
    assert [bool(verdict) for verdict in verdicts] == [n % 4 == n % 5 for n in range(200)]
    assert time.process_time() - begun < 5


def test_answers_come_back_in_the_order_of_the_questions(sandbox):
    codes = [f"def f(x):\n    return x + {n}" for n in range(5)]
    pairs = [(codes[n % 5], f"f({n})") for n in range(90)]
    assert [run.value_text for run in sandbox.map(pairs)] == [str(n + n % 5) for n in range(90)]
    kinds = [verdict.kind for verdict in sandbox.check_many([(*pair, "7") for pair in pairs])]
    assert [n for n, kind in enumerate(kinds) if kind == "pass"] == [n for n in range(90) if n + n % 5 == 7]


def test_an_empty_list_is_no_work(sandbox):
    assert sandbox.map([]) == [] and sandbox.check_many([]) == [] and sandbox.run_many(ADD, []) == []


# ---- load, threads, forks


def test_a_busy_machine_changes_no_verdict():
    """Many clients, and CPU hogs beside them: a program that needs much of its CPU time still has it."""
    work = "def f(x):\n    n = 0\n    for i in range(300000):\n        n += i\n    return n + x"
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        with Sandbox(cpu=1.0, wall=0.5) as box, ThreadPoolExecutor(16) as threads:
            found = threads.map(lambda n: box.check(work, f"f({n})", str(44999850000 + n)).kind, range(16))
            assert set(found) == {"pass"}
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def test_threads_share_a_sandbox(sandbox):
    with ThreadPoolExecutor(32) as threads:
        found = threads.map(lambda n: sandbox.run(ADD, f"f({n})").value_text, range(128))
        assert list(found) == [str(n + 1) for n in range(128)]


def test_a_thread_may_be_the_first_to_ask_and_end():
    """Helpers must not die with the thread that started them."""
    with Sandbox(lanes=1) as box:
        thread = threading.Thread(target=lambda: box.run(ADD, "f(1)"))
        thread.start()
        thread.join()
        before = helpers(box)
        assert box.run(ADD, "f(2)").value_text == "3"
        assert helpers(box) == before


def _in_fork(box, queue):
    queue.put((box.run(ADD, "f(41)").value_text, box.check(ADD, "f(1)", "2", profile="bench").kind))
    box.close()


@LINUX
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_of_the_caller_gets_helpers_of_its_own():
    with Sandbox(lanes=1) as box:
        assert box.run(ADD, "f(1)").value_text == "2"
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        process = context.Process(target=_in_fork, args=(box, queue))
        process.start()
        assert queue.get() == ("42", "pass")
        process.join()
        assert box.run(ADD, "f(2)").value_text == "3"


def test_several_processes_at_once():
    script = (
        "from cr_utils.sandbox import Sandbox\n"
        f"with Sandbox() as s: print(s.check({ADD!r}, 'f(1)', '2').kind)"
    )
    running = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", script], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [process.communicate()[0].split() for process in running] == [[b"pass"]] * 3


def test_a_sandbox_can_be_sent_to_another_process(sandbox):
    with pickle.loads(pickle.dumps(Sandbox(cpu=0.25))) as copy:
        assert copy.cpu == 0.25 and copy.run(ADD, "f(1)").value_text == "2"


def test_the_caller_is_never_forked(monkeypatch):
    """A process with CUDA or threads must not be: the helper is a fresh interpreter."""
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("the caller was forked"))
    with Sandbox(lanes=1) as box:
        assert box.check(ADD, "f(1)", "2")


@LINUX
@pytest.mark.parametrize(
    "before",
    [
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))",
        "os.closerange(0, 2)",
        "os.closerange(0, 3)",
        "threading.stack_size(1 << 18); threading.Thread(target=threading.Event().wait, daemon=True).start()",
    ],
    ids=["ended children ignored", "signals blocked", "no input and output", "no streams", "small threads"],
)
def test_the_callers_state_does_not_matter(before, tmp_path):
    told = tmp_path / "told"
    script = (
        f"import os, signal, threading\n{before}\nfrom cr_utils.sandbox import Sandbox\n"
        f"with Sandbox(lanes=1) as s: kinds = [s.check({ADD!r}, 'f(1)', '2', profile=p).kind for p in "
        f"('pure', 'bench')]\nwith open({str(told)!r}, 'w') as file: file.write(' '.join(kinds))\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], timeout=120, check=False)
    assert told.read_text() == "pass pass"


# ---- helpers that fail


def test_a_killed_helper_is_replaced():
    with Sandbox(lanes=1) as box:
        assert box.run(ADD, "f(1)").value_text == "2"
        (pid,) = helpers(box)
        os.kill(pid, signal.SIGKILL)
        box._pools["pure"]._all[0].process.wait()  # it may answer once more while it dies
        assert box.run(ADD, "f(2)").value_text == "3"
        assert helpers(box) != [pid]


@LINUX
def test_a_stopped_helper_is_noticed_and_replaced(monkeypatch):
    from cr_utils import lanes

    monkeypatch.setattr(lanes, "_GRACE", 0.5)
    with Sandbox(lanes=1, wall=0.2, use=LAYERS[1:]) as box:
        assert box.run(ADD, "f(1)").value_text == "2"
        os.kill(helpers(box)[0], signal.SIGSTOP)
        assert box.run(ADD, "f(2)").value_text == "3"


@LINUX
def test_a_helper_that_is_always_lost_does_not_try_for_ever(monkeypatch):
    from cr_utils import lanes

    monkeypatch.setattr(lanes, "_GRACE", 0.2)
    with Sandbox(lanes=1, wall=0.1, use=LAYERS[1:]) as box:
        start = lanes.Lane.__init__

        def stopped(lane, settings):
            start(lane, settings)
            os.kill(lane.process.pid, signal.SIGSTOP)

        monkeypatch.setattr(lanes.Lane, "__init__", stopped)
        assert box.check(ADD, "f(1)", "2").kind == "lost"


def test_a_closed_sandbox_says_so():
    box = Sandbox(lanes=1)
    box.run(ADD, "f(1)")
    pids = helpers(box)
    box.close()
    box.close()
    with pytest.raises(RuntimeError, match="closed"):
        box.run(ADD, "f(1)")
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@LINUX
def test_helpers_and_programs_end_with_their_caller():
    script = (
        "import os, sys, threading\nfrom cr_utils.sandbox import Sandbox\nbox = Sandbox(lanes=1, wall=60)\n"
        "box.layers\nprint(box._pools['pure']._all[0].process.pid, flush=True)\n"
        "box.run('import time\\ntime.sleep(50)', '1')"
    )
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script], stdout=subprocess.PIPE)
    helper = int(process.stdout.readline())
    time.sleep(0.3)
    family = {helper, *_descendants(helper)}
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in family) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in family if _alive(pid)]


def _descendants(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_descendants(child)]
    return found


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@LINUX
def test_nothing_piles_up(sandbox):
    """Descriptors, children and temporary files after many checks; speed/leaks.py does 100,000."""
    sandbox.check_many([(ADD, f"f({n})", "0") for n in range(100)])
    pids = helpers(sandbox)

    def open_descriptors():
        everyone = [os.getpid(), *pids, *(child for pid in pids for child in _descendants(pid))]
        return {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in everyone}

    def settled():
        seen = None
        while seen != (seen := open_descriptors()):
            time.sleep(0.5)
        return seen

    before = settled()
    for n in range(40):
        sandbox.check(f"import re\ndef f(x):\n    return x + {n}", "f(1)", str(n + 1))
    # A helper answers first and closes its end of the pipe right after.
    assert settled() == before and helpers(sandbox) == pids


def test_what_is_remembered_about_hash_seeds():
    code = "def f():\n    return ''.join({'alpha', 'beta', 'gamma', 'delta'})"
    with Sandbox(lanes=1, hash_seed=0) as zero, Sandbox(lanes=1, hash_seed=1) as one:
        found = {box.run(code, "f()").value_text for box in (zero, zero, one)}
    assert len(found) == 2, "an order-dependent program shows under two seeds, and is steady under one"


@LINUX
def test_a_layer_that_does_not_apply_kills_the_program(monkeypatch):
    from cr_utils import lanes

    broken = "from zygote import jail, server; jail.Cell.enter = lambda *a: 1 / 0"
    monkeypatch.setattr(lanes, "_BOOT", lanes._BOOT.replace("from zygote import server", broken))
    with Sandbox(lanes=1) as box:
        assert box.layers == ()
        assert box.run(ADD, "f(1)").kind == "exited"


@LINUX
def test_a_preload_that_leaves_a_thread_is_refused(tmp_path):
    from cr_utils import lanes

    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    with pytest.raises(UserError, match="preloading threaded leaves a thread"):
        lanes.Lane(lanes.Settings(profile="bench", paths=(str(tmp_path),), preload=("threaded",)))


def test_a_helper_that_cannot_start_says_why(monkeypatch):
    from cr_utils import lanes

    monkeypatch.setattr(lanes, "_BOOT", "raise ImportError('no such thing')")
    with Sandbox(lanes=1) as box, pytest.raises(UserError, match="no such thing"):
        box.run(ADD, "f(1)")


# ---- layers


@LINUX
def test_layers_are_reported_as_asked_for():
    with Sandbox(lanes=1, use=()) as box, pytest.warns() as seen:
        import cr_utils.trust

        cr_utils.trust._warned = False
        assert box.layers == ("rlimits",)
        box.run(ADD, "f(1)")
        box.run(ADD, "f(1)")
    assert [str(item.message).split(":")[0] for item in seen] == ["sandbox layers missing here"]


@LINUX
def test_a_missing_layer_is_no_error_even_where_warnings_are(recwarn, caplog):
    import warnings

    import cr_utils.trust

    cr_utils.trust._warned = False
    with Sandbox(lanes=1, use=()) as box, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert box.check(ADD, "f(1)", "2")
    assert "layers missing" in caplog.text


def test_untrusted_programs_need_the_core_layers_or_a_word():
    with Sandbox(lanes=1, use=()) as box:
        assert box.check(ADD, "f(1)", "2")
        with pytest.raises(UserError, match="weak_ok"):
            box.run(ADD, "f(1)", untrusted=True)
    with Sandbox(lanes=1, use=(), weak_ok=True) as box:
        assert box.run(ADD, "f(1)", untrusted=True).value_text == "2"


@LINUX
@pytest.mark.parametrize("use", [(), ("seccomp",), ("landlock",), LAYERS[1:], LAYERS], ids=str)
def test_lying_answers_fail_under_any_set_of_layers(use):
    with Sandbox(lanes=1, use=use, cpu=0.05) as box:
        assert box.check(ADD, "f(1)", "2")
        assert not box.check(
            "class A(int):\n    __eq__ = lambda *a: True\ndef f(x):\n    return A(3)", "f(1)", "4"
        )
        assert not box.check("import os\ndef f(x):\n    os._exit(0)", "f(1)", "4")
        assert box.check("def f(x):\n    while True: pass", "f(1)", "4").kind == "timeout"


@LINUX
@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs root, to become another user")
def test_it_works_for_a_user_without_rights(tmp_path):
    script = (
        "import os, sys\nos.setgroups([])\nos.setgid(65534)\nos.setuid(65534)\n"
        "from cr_utils.sandbox import Sandbox\n"
        f"with Sandbox(lanes=1) as s: print(s.check({ADD!r}, 'f(1)', '2').kind, *s.layers)"
    )
    source = str(Path(__file__).parents[1] / "src")
    for python in (sys.executable, "/usr/bin/python3"):  # the first may lie where another user cannot read
        done = subprocess.run(
            [python, "-W", "ignore", "-B", "-c", script],
            capture_output=True,
            text=True,
            cwd="/",
            env={"PYTHONPATH": source},
        )
        if done.returncode == 0:
            break
    if "Permission" in done.stderr or "ModuleNotFoundError" in done.stderr:
        pytest.skip("no interpreter and source that another user can read")
    assert done.stdout.split()[:2] == ["pass", "rlimits"], done.stderr


# ---- bench


def test_bench_programs_have_threads_files_and_imports(sandbox):
    code = (
        "import os, tempfile, threading, unittest, csv, sqlite3, shutil\n"
        "def f(x):\n    found = []\n    t = threading.Thread(target=lambda: found.append(x))\n"
        "    t.start()\n    t.join()\n    with open('a.txt', 'w') as file:\n        file.write('text')\n"
        "    shutil.copy('a.txt', 'b.txt')\n"
        "    with tempfile.TemporaryDirectory() as folder:\n        os.mkdir(folder + '/c')\n"
        "    c = sqlite3.connect('d.db')\n    c.execute('create table t (x)')\n    c.close()\n"
        "    return found + sorted(os.listdir('.')) + [open('b.txt').read()]"
    )
    verdict = sandbox.check(code, "f(1)", "[1, 'a.txt', 'b.txt', 'd.db', 'text']", profile="bench")
    assert verdict, verdict
    assert os.listdir(sandbox._folders[0]) == [], "the private directory is removed"


@LINUX
def test_bench_programs_stay_in_their_directory(sandbox, tmp_path):
    if "landlock" not in sandbox.layers:
        pytest.skip("needs Landlock")
    for body in (
        f"open({str(tmp_path / 'x')!r}, 'w')",
        "open('/etc/passwd')",
        f"os.listdir({str(tmp_path)!r})",
        "os.listdir('..')",
        f"os.symlink({str(tmp_path)!r}, 'link') or open('link/x', 'w')",
        "os.fork()",
        "socket.socket()",
        "subprocess.run(['true'])",
    ):
        verdict = sandbox.check(
            f"import os, socket, subprocess\ndef f():\n    {body}\n    return 4", "f()", "4", profile="bench"
        )
        assert verdict.kind == "error", (body, verdict)
    assert os.listdir(tmp_path) == []


def test_bench_programs_may_use_installed_packages(sandbox):
    pytest.importorskip("numpy")
    code = "import numpy as np\ndef f(x):\n    return float(np.arange(x).sum())"
    assert sandbox.check(code, "f(4)", "6.0", profile="bench")


# ---- the data set


@pytest.fixture(scope="module")
def cruxeval():
    folder = os.environ.get("CR_BENCHMARKS")
    if not folder or not (Path(folder) / "cruxeval.jsonl").exists():
        pytest.skip("CR_BENCHMARKS names no folder with cruxeval.jsonl")
    return [json.loads(line) for line in (Path(folder) / "cruxeval.jsonl").read_text().splitlines()]


# Their inputs hold a lambda or a global's name, which a model may not write.
NOT_DATA = {"sample_258", "sample_344", "sample_364"}


def test_all_cruxeval_outputs_come_back_in_shared_children(sandbox, cruxeval):
    runs = sandbox.map((row["code"], f"f({row['input']})") for row in cruxeval)
    assert [run.value_text for run in runs] == [row["output"] for row in cruxeval]


def test_all_cruxeval_outputs_come_back_alone(sandbox, cruxeval):
    rows = cruxeval[::8] + [row for row in cruxeval if "encode(" in row["code"]]
    with ThreadPoolExecutor(4) as threads:
        runs = threads.map(lambda row: sandbox.run(row["code"], f"f({row['input']})"), rows)
        assert [run.value_text for run in runs] == [row["output"] for row in rows]


@pytest.mark.parametrize("compare", ["python", "strict"])
def test_every_cruxeval_pair_that_is_data_passes(sandbox, cruxeval, compare):
    items = [(row["code"], f"f({row['input']})", row["output"]) for row in cruxeval]
    verdicts = sandbox.check_many(items, compare)
    failed = {row["id"]: verdict.kind for row, verdict in zip(cruxeval, verdicts, strict=True) if not verdict}
    assert failed == dict.fromkeys(NOT_DATA, "bad_call")


def test_many_clients_get_the_verdicts_of_one(sandbox, cruxeval):
    rows = cruxeval[:160]
    wrong = [row["output"] if n % 3 else "'wrong'" for n, row in enumerate(rows)]
    one = [
        sandbox.check(row["code"], f"f({row['input']})", text).kind
        for row, text in zip(rows, wrong, strict=True)
    ]
    with ThreadPoolExecutor(64) as threads:
        many = threads.map(
            lambda pair: sandbox.check(pair[0]["code"], f"f({pair[0]['input']})", pair[1]).kind,
            zip(rows, wrong, strict=True),
        )
        assert list(many) == one


@pytest.mark.parametrize("module", ["sandbox", "trace", "literals", "calls"])
def test_the_examples_in_the_docs_are_true(module):
    import doctest
    import importlib

    found = doctest.testmod(importlib.import_module(f"cr_utils.{module}"))
    assert found.attempted and not found.failed


@LINUX
def test_the_examples_on_the_page_are_true(sandbox):
    import doctest

    if not {"landlock", "seccomp"} <= set(sandbox.layers):
        pytest.skip("the page shows what Landlock and seccomp refuse")
    page = Path(__file__).parents[1] / "docs" / "execution.md"
    found = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert found.attempted > 15 and not found.failed
