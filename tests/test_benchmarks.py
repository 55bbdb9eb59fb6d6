"""Benchmark files: where they come from, what happens without them, questions, split, fingerprints.

Uses the fixtures (items of our own in the benchmarks' formats) and a local server, never the network.
Tests on the published files run where CR_BENCHMARKS names a folder that holds them.
"""

import functools
import hashlib
import http.server
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from cr_utils import answers, benchmarks
from cr_utils.errors import UserError

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder and no folder of the user's."""
    monkeypatch.delenv("CR_BENCHMARKS", raising=False)
    monkeypatch.setattr(benchmarks.paths, "benchmarks", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def server(tmp_path_factory, monkeypatch):
    """A local server in the place of GitHub, serving the fixture; yields (folder, hits)."""
    folder = tmp_path_factory.mktemp("server")
    hits = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            hits.append(self.path)

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    data = (FIXTURES / "cruxeval.jsonl").read_bytes()
    (folder / "cruxeval.jsonl").write_bytes(data)
    file = benchmarks.File("cruxeval.jsonl", f"http://127.0.0.1:{web.server_port}/cruxeval.jsonl",
                           hashlib.sha256(data).hexdigest(), 8)
    monkeypatch.setitem(benchmarks.FILES, "cruxeval", file)
    yield folder, hits
    web.shutdown()
    web.server_close()
    thread.join()


def test_a_download_is_checked_and_kept(cache, server):
    folder, hits = server
    assert len(benchmarks.load("cruxeval")) == 8
    assert len(benchmarks.load("cruxeval")) == 8
    assert len(hits) == 1
    assert [path.name for path in cache.iterdir()] == ["cruxeval.jsonl"]


def test_a_changed_download_is_refused(cache, server, capsys):
    folder, _ = server
    (folder / "cruxeval.jsonl").write_text('{"id": "sample_0"}\n')
    assert benchmarks.load("cruxeval") is None
    assert "another hash" in capsys.readouterr().err
    with pytest.raises(UserError, match="another hash"):
        benchmarks.load("cruxeval", mode="require")
    assert list(cache.iterdir()) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(cache, server):
    (cache / "cruxeval.jsonl").write_text("torn")
    assert len(benchmarks.load("cruxeval")) == 8


def test_no_network_is_one_line_or_an_error(cache, monkeypatch, capsys):
    dead = benchmarks.File("cruxeval.jsonl", "http://127.0.0.1:9/cruxeval.jsonl", "0" * 64, 800)
    monkeypatch.setitem(benchmarks.FILES, "cruxeval", dead)
    assert benchmarks.load("cruxeval", mode="auto") is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "cannot be downloaded" in said
    with pytest.raises(UserError, match="CR_BENCHMARKS"):
        benchmarks.load("cruxeval", mode="require")


def test_never_does_not_look(cache, server, capsys):
    assert benchmarks.load("cruxeval", mode="never") is None
    assert benchmarks.load("cruxeval", where=FIXTURES, mode="never") is None
    assert server[1] == [] and capsys.readouterr().err == ""


def test_a_given_folder_is_used_as_it_is(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CR_BENCHMARKS", str(FIXTURES))
    assert len(benchmarks.load("cruxeval")) == 8
    assert "not the published file" in capsys.readouterr().err
    assert len(benchmarks.load("livecodebench")) == 8
    monkeypatch.setenv("CR_BENCHMARKS", str(tmp_path))
    with pytest.raises(UserError, match="is not in"):
        benchmarks.load("cruxeval", mode="require")


def test_misuse_is_a_user_error():
    with pytest.raises(UserError, match="unknown benchmark 'crux'"):
        benchmarks.load("crux")
    with pytest.raises(UserError, match="unknown benchmarks mode"):
        benchmarks.load("cruxeval", mode="maybe")
    with pytest.raises(UserError, match="data status"):
        benchmarks.data_main(["delete"])


def test_status_says_what_is_here_and_what_is_not(monkeypatch, capsys):
    monkeypatch.setenv("CR_BENCHMARKS", str(FIXTURES))
    assert benchmarks.data_main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(benchmarks.FILES)
    assert "8 rows" in lines[0] and "not the published file" in lines[0]
    assert "8 rows" in lines[3]


def test_status_downloads_nothing(cache, server):
    table = benchmarks.status()
    assert server[1] == []
    assert [row["path"] for row in table] == [None] * len(benchmarks.FILES)
    assert all(row["reason"] for row in table)


def test_cruxeval_questions():
    rows = benchmarks.load("cruxeval", where=FIXTURES)
    asked = benchmarks.questions("cruxeval", rows)
    assert [one.id for one in asked[:3]] == ["sample_0/output", "sample_0/input", "sample_1/output"]
    assert asked[0].truth == ("'abc-def-g'",)
    assert "assert f('abcdefg', 3) == ?" in asked[0].prompt
    assert "assert f(?) == 'abc-def-g'" in asked[1].prompt


def test_a_sample_is_seeded_and_pairs_the_tasks():
    rows = benchmarks.load("cruxeval", where=FIXTURES)
    drawn = benchmarks.questions("cruxeval", rows, n=3, seed=1)
    assert drawn == benchmarks.questions("cruxeval", rows, n=3, seed=1)
    assert len(drawn) == 6
    assert [one.problem_id for one in drawn[::2]] == [one.problem_id for one in drawn[1::2]]
    assert {one.id for seed in range(9) for one in benchmarks.questions("cruxeval", rows, n=1, seed=seed)} \
        > {one.id for one in benchmarks.questions("cruxeval", rows, n=1, seed=0)}
    assert len(benchmarks.questions("cruxeval", rows, n=99)) == 16


def test_livecodebench_inputs_are_calls_with_keywords():
    row = benchmarks.load("livecodebench", where=FIXTURES)[0]
    problem = benchmarks.problem("livecodebench", row)
    assert problem["entry_point"] == "countPairs"
    assert problem["input"] == "nums = [3, 1, 2, 2, 2, 1, 3], k = 2"
    with pytest.raises(UserError, match="is no call"):
        benchmarks.problem("livecodebench", {**row, "input": "3"})
    with pytest.raises(UserError, match="no input and output rows"):
        benchmarks.problem("reval", {})


def test_the_split_is_fixed():
    sides = [benchmarks.split(f"sample_{number}") for number in range(800)]
    assert sides.count("dev") == 200 and sides.count("test") == 600
    digest = hashlib.sha256(" ".join(sides).encode()).hexdigest()
    assert digest.startswith(SPLIT_HASH)
    with pytest.raises(ValueError, match="no CRUXEval id"):
        benchmarks.split("sample_800")


SPLIT_HASH = "d835a868c9838eb9"

SAME = """def f(text, n):
    parts = []
    for c in text:
        parts.append(c * n)
    return '-'.join(parts)"""


@pytest.mark.parametrize("other", [
    "def g(a, b):\n    x = []\n    for y in a:\n        x.append(y * b)\n    return '+'.join(x)",
    "import re\ndef f(text: str, n: int) -> str:\n    'Doc.'\n    parts = []  # note\n\n    for c in text:\n"
    "        parts.append(c * n)\n    return '-'.join(parts)",
])
def test_names_literals_and_layout_do_not_matter(other):
    assert benchmarks.fingerprint(other) == benchmarks.fingerprint(SAME)


@pytest.mark.parametrize("old, new", [
    ("append", "extend"), ("c * n", "c + n"), ("c * n", "n * c"), ("'-'", "b'-'"), ("in text", "in len(n)"),
    ("(parts)", "(text)"),
])
def test_what_a_program_does_matters(old, new):
    assert benchmarks.fingerprint(SAME.replace(old, new)) != benchmarks.fingerprint(SAME)


def test_a_method_keeps_its_name_even_if_a_variable_shares_it():
    one = "def f(a):\n    index = a.index(1)\n    return index"
    other = "def f(a):\n    i = a.index(1)\n    return i"
    assert benchmarks.fingerprint(one) == benchmarks.fingerprint(other)
    assert benchmarks.fingerprint(one) != benchmarks.fingerprint(one.replace(".index", ".count"))


def test_the_fingerprint_itself_never_changes():
    # The committed file was made with it: a change here needs `data fingerprints` again.
    assert benchmarks.fingerprint(SAME) == "a28fa0dd5f17b865"


def test_committed_fingerprints_are_sorted_hashes():
    lines = benchmarks.paths.asset("fingerprints.txt").read_text().splitlines()
    assert lines == sorted(set(lines)) and len(lines) > 900
    assert all(len(line) == 16 and int(line, 16) >= 0 for line in lines)
    assert benchmarks.fingerprints() == set(lines)


def _published(name):
    folder = os.environ.get("CR_BENCHMARKS")
    path = Path(folder) / benchmarks.FILES[name].name if folder else None
    if path is None or not path.is_file():
        pytest.skip(f"needs the published {benchmarks.FILES[name].name} in a CR_BENCHMARKS folder")
    return path


@pytest.mark.parametrize("name", ["cruxeval", "reval"])
def test_every_published_program_is_covered(name):
    rows = [json.loads(line) for line in _published(name).read_text().splitlines()]
    assert len(rows) == benchmarks.FILES[name].rows
    assert {benchmarks.fingerprint(row["code"]) for row in rows} <= benchmarks.fingerprints()


@pytest.mark.parametrize("name", ["cruxeval", "reval", "reval_tasks"])
def test_published_files_have_the_recorded_hash(name):
    assert hashlib.sha256(_published(name).read_bytes()).hexdigest() == benchmarks.FILES[name].sha256


def test_fingerprints_are_written_from_the_files(monkeypatch, tmp_path, server, cache):
    code = benchmarks.load("cruxeval")[0]["code"]
    monkeypatch.setitem(benchmarks.FILES, "reval", benchmarks.FILES["cruxeval"])
    (tmp_path / "assets").mkdir()
    monkeypatch.setattr(benchmarks.paths, "package", lambda: tmp_path)
    assert "of 8 cruxeval and 8 reval programs" in benchmarks.write_fingerprints()
    assert benchmarks.fingerprint(code) in (tmp_path / "assets" / "fingerprints.txt").read_text().split()


def test_a_livecodebench_program_runs_with_imports_that_the_prompt_does_not_show():
    rows = benchmarks.load("livecodebench", where=FIXTURES)
    output, given = benchmarks.questions("livecodebench", rows[:1])
    assert output.code.startswith("from itertools import combinations\n")
    assert "import" not in output.prompt
    assert given.code == output.code
    for question in benchmarks.questions("livecodebench", rows, ("input",)):
        reply = f"<answer>{question.entry_point}({question.input})</answer>"
        assert answers.judge(question, reply).kind == "pass"


def test_without_the_hubs_library_the_environment_that_has_it_is_named(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)  # what importing a missing module comes to
    with pytest.raises(UserError, match="livecodebench: the library `datasets`.* run `make setup`"):
        benchmarks.data_main(["fetch", "livecodebench"])


def test_a_hub_file_that_changed_since_its_first_download_is_not_used(cache, monkeypatch):
    file = benchmarks.FILES["livecodebench"]
    path = benchmarks.paths.benchmarks() / file.name
    benchmarks.jsonl.write(path, [{"id": "sample_0"}])
    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest() + "\n")
    assert benchmarks.load("livecodebench") == [{"id": "sample_0"}]
    path.write_text(path.read_text() + "\n")
    found, reason = benchmarks.locate("livecodebench")
    assert found is None and "has sha256" in reason and "data fetch livecodebench" in reason
