"""What is said of an environment: versions against the lock, layers of the sandbox, and what is not there."""

import json

from cr_utils import __main__ as command
from cr_utils import environment


def test_packages_are_held_against_the_lock(monkeypatch):
    monkeypatch.setattr(environment, "locked", lambda: {"pytest": "0.0.1", "no-such-package": "1", "pyyaml":
                                                        environment.metadata.version("pyyaml")})
    found = environment.packages()
    assert found["as locked"] == ["pyyaml"] and found["missing"] == ["no-such-package"]
    assert found["other version"][0].startswith("pytest ") and "locked 0.0.1" in found["other version"][0]


def test_the_lock_is_read():
    assert environment.locked()["torch"] and len(environment.locked()) > 50


def test_the_command_prints_lines_or_json(capsys):
    assert command.main(["environment"]) == 0
    shown = capsys.readouterr().out
    for word in ("machine", "disk", "commit", "python", "packages", "sandbox", "benchmarks"):
        assert f"\n{word}" in f"\n{shown}"
    assert command.main(["environment", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hardware"]["cores"] >= 1


def test_benchmark_files_are_looked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("CR_BENCHMARKS", str(tmp_path))
    assert environment.at_hand() == {"cruxeval": False, "livecodebench": False, "reval": False}
    (tmp_path / "cruxeval.jsonl").write_text('{"id": "sample_0"}\n')
    assert environment.at_hand()["cruxeval"]
    monkeypatch.setenv("CR_BENCHMARKS", str(tmp_path / "none"))
    assert "is not a folder" in environment.at_hand()
