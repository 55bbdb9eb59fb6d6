"""Nothing hostile passes, nothing it tries has an effect, nothing harmless is refused.

The corpus lies in tests/hostile; effects are watched from outside: files, sockets, the helper, this process.
"""

import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import hostile  # noqa: E402

from cr_utils.sandbox import Sandbox  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::cr_utils.sandbox.SandboxWarning")
ANSWER = 48151623
CASES = [(family, name) for family in hostile.FAMILIES for name in hostile.entries(family)]


@pytest.fixture(scope="module")
def roomy():
    with Sandbox() as box:
        yield box


class World:
    """What a hostile program might touch, and whether it did."""

    def __init__(self, folder):
        self.folder = folder
        self.secret, self.target = folder / "secret.py", folder / "target"
        self.secret.write_text("4")
        os.utime(self.secret, (10**9, 10**9))
        self.abstract = f"cr-hostile-{os.getpid()}"
        self.sockets = {
            "tcp": _bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "udp": _bound(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "unix": _bound(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "socket")),
            "abstract": _bound(socket.AF_UNIX, socket.SOCK_DGRAM, "\0" + self.abstract),
        }
        self.before = sorted(os.listdir(folder))

    def fill(self, text):
        """The text with the places of this world in it."""
        ports = {name: self.sockets[name].getsockname()[1] for name in ("tcp", "udp")}
        fields = {
            "{secret!r}": repr(str(self.secret)),
            "{target!r}": repr(str(self.target)),
            "{client}": str(os.getpid()),
            "{unix!r}": repr(str(self.folder / "socket")),
            "{abstract!r}": repr(self.abstract),
            "{tcp}": str(ports["tcp"]),
            "{udp}": str(ports["udp"]),
            "{answer}": str(ANSWER),
            "{answer_by_parts}": f"({ANSWER // 1000} * 1000 + {ANSWER % 1000})",
            "{secret_text}": "quiet",
        }
        for field, value in fields.items():
            text = text.replace(field, value)
        return text

    def effects(self):
        """Everything that has changed."""
        found = [f"contacted: {name}" for name, item in self.sockets.items() if _contacted(item)]
        if sorted(os.listdir(self.folder)) != self.before:
            found.append(f"files: {sorted(os.listdir(self.folder))}")
        if not self.secret.exists() or self.secret.read_text() != "4" or self.secret.stat().st_mtime != 10**9:
            found.append("the secret file was changed")
        return found

    def close(self):
        for item in self.sockets.values():
            item.close()


def _bound(family, kind, address):
    item = socket.socket(family, kind)
    item.bind(address)
    item.setblocking(False)
    if kind == socket.SOCK_STREAM:
        item.listen()
    return item


def _contacted(item):
    try:
        (item.accept() if item.type == socket.SOCK_STREAM else item.recvfrom(99))[0]
    except BlockingIOError:
        return False
    return True


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def tight():
    with Sandbox(cpu=0.12, wall=1.0, lanes=4) as box:
        yield box


@pytest.fixture(scope="module")
def judged(world, tight):
    """(family, name) -> a future verdict.  Four at a time: most of their time is waiting for a limit."""
    os.environ["CR_HOSTILE_SECRET"] = "quiet"
    with ThreadPoolExecutor(4) as threads:

        def judge(case):
            family, name = case
            return tight.check(*(world.fill(text) for text in hostile.entries(family)[name]))

        yield {case: threads.submit(judge, case) for case in CASES}
    del os.environ["CR_HOSTILE_SECRET"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case).replace(" ", "_"))
def test_nothing_hostile_passes_or_has_an_effect(judged, world, case):
    verdict = judged[case].result()
    assert not verdict, verdict
    assert verdict.kind != "lost", "the helper process did not survive"
    assert world.effects() == [], "by this entry or one judged at the same time"


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs /proc")
def test_nothing_outlives_the_corpus(judged, tight):
    for verdict in judged.values():
        verdict.result()
    idle = 1 if "namespaces" in tight.layers else 0  # with namespaces, the server is a child itself
    helpers = [lane.process.pid for lane in tight._pools["pure"]._all]
    deadline = time.monotonic() + 5  # a helper answers first and clears up right after
    while max(map(_below, helpers)) > idle and time.monotonic() < deadline:
        time.sleep(0.02)
    assert set(map(_below, helpers)) == {idle}


def _below(pid):
    """How many processes live below one."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return sum(1 + _below(child) for path in tasks for child in path.read_text().split())


@pytest.mark.parametrize("name", hostile.entries("harmless"), ids=lambda text: text.replace(" ", "_"))
def test_everything_harmless_passes(roomy, name):
    verdict = roomy.check(*hostile.entries("harmless")[name])
    assert verdict.kind == "pass", verdict


def test_the_corpus_is_large_enough():
    assert len(CASES) >= 150
