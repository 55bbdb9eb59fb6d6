"""The container file, where no engine builds it: its form, and that every file, target and command in it
exists.
"""

import fnmatch
import json
import re
import subprocess
import tomllib

import pytest

from cr_utils import paths
from cr_utils.__main__ import COMMANDS

KNOWN = {"FROM", "RUN", "CMD", "LABEL", "EXPOSE", "ENV", "ADD", "COPY", "ENTRYPOINT", "VOLUME", "USER",
         "WORKDIR", "ARG"}


@pytest.fixture(scope="module")
def text():
    return (paths.root() / "Containerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def steps(text):
    """Instructions and their words, comments left out, continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]


def ignored():
    lines = (paths.root() / ".dockerignore").read_text(encoding="utf-8").split()
    return {line.rstrip("/") for line in lines if not line.startswith("!")}


def test_every_instruction_is_known_and_the_first_names_a_python_that_the_package_takes(steps):
    assert steps[0][0] == "FROM" and {name
                                      for name, _ in steps} <= KNOWN and all(len(step) == 2 for step in steps)
    minor = int(re.search(r"python:3\.(\d+)", steps[0][1]).group(1))
    project = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least, below = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups())
    assert least <= minor < below


def test_what_is_copied_exists_and_is_not_kept_out(steps):
    sources = [name for kind, words in steps if kind == "COPY" for name in words.split()[:-1]]
    assert "." in sources and "src" in sources
    for name in sources:
        assert (paths.root() / name).exists() and name not in ignored(), name


def test_the_environment_is_made_from_what_is_copied_before(steps):
    """`make setup` needs the lock, the project and its licence, and is named before the whole checkout is
    there.
    """
    before = []
    for kind, words in steps:
        if kind == "COPY":
            before += words.split()[:-1]
        if "make setup" in words:
            break
    assert {"requirements.lock", "pyproject.toml", "Makefile", "LICENSE",
            "src"} <= set(before) and "." not in before
    assert ("ENV", "PIP_NO_CACHE_DIR=1") in steps[:steps.index(("RUN", "make setup PYTHON=python3.11"))]


def test_what_git_ignores_stays_out():
    """Above all the checkout's own environments, which would lie over the image's."""
    patterns = [line.removeprefix("**/") for line in ignored()]
    rules = (paths.root() / ".gitignore").read_text(encoding="utf-8").split()
    names = [rule.strip("/") for rule in rules if not rule.startswith("!")]
    assert ".venv" in names
    for name in names:
        assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), name


def test_every_target_and_command_exists(text, steps):
    targets = set(re.findall(r"^([a-z-]+):", (paths.root() / "Makefile").read_text(encoding="utf-8"),
                             re.MULTILINE))
    named = re.findall(r"(?:codereasoner|RUN) make ([a-z-]+)",
                       text) + [json.loads(words)[1] for kind, words in steps if kind == "CMD"]
    assert len(named) >= 4 and set(named) <= targets
    assert set(re.findall(r"-m cr_utils ([a-z-]+)", text)) <= set(COMMANDS)


def test_shell_lines_are_sound(steps):
    for kind, words in steps:
        if kind == "RUN":
            assert subprocess.run(["sh", "-n", "-c", words], capture_output=True).returncode == 0, words
