"""Nothing is imported that is not declared, and nothing is declared that the lock lacks."""

import ast
import json
import re
import sys
import tomllib
from importlib import metadata

import pytest

from cr_utils import paths

# Asked for only where a person has installed them; and names in programs that tests write.
OPTIONAL = {"vllm", "trackio", "wandb", "tensorboard", "google", "verl", "zygote", "hostile"}
FOLDERS = ("src", "tests", "speed")
OWN = (*FOLDERS, "tests/browser")  # folders whose modules import each other by name


def declared():
    """Distribution names in pyproject.toml, all extras together."""
    project = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + [line for extra in project["optional-dependencies"].values()
                                       for line in extra]
    return {re.split(r"[<>=!\[ ;]", line)[0].lower().replace("_", "-") for line in lines}


def imports():
    """Top-level package to the first file that imports it."""
    found = {}
    texts = [(path, path.read_text(encoding="utf-8")) for folder in FOLDERS
             for path in sorted((paths.root() / folder).rglob("*.py"))]
    for path in sorted(paths.notebooks().glob("*.ipynb")):
        cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
        texts += [(path, "".join(c["source"])) for c in cells if "colab" not in c["metadata"].get("tags", [])]
    for path, text in texts:
        for node in ast.walk(ast.parse(text)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else \
                [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in names:
                found.setdefault(name.split(".")[0], str(path.relative_to(paths.root())))
    return found


def test_every_import_is_of_the_standard_library_our_own_or_declared():
    own = {path.stem for folder in OWN for path in (paths.root() / folder).glob("*.py")} | {"cr_utils"}
    supplied = metadata.packages_distributions()
    faults = []
    for name, where in imports().items():
        if name in sys.stdlib_module_names or name in own or name in OPTIONAL:
            continue
        names = {one.lower().replace("_", "-") for one in supplied.get(name, [name])}
        if not names & declared():
            faults.append(f"{where} imports {name} ({', '.join(sorted(names))}), which pyproject.toml does "
                          "not declare")
    assert faults == []


def test_everything_declared_is_locked():
    lock = (paths.root() / "requirements.lock").read_text(encoding="utf-8")
    have = {line.split("==")[0].lower().replace("_", "-") for line in lock.splitlines() if "==" in line}
    # The linter is no part of an environment that runs anything: `make lint` installs this exact version.
    tools = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"]["lint"]
    assert all(re.fullmatch(r"ruff==[\d.]+", line) for line in tools)
    assert declared() - have == {"ruff"}


@pytest.mark.parametrize("command", ["report", "figures", "check", "crate", "checklists", "environment",
                                     "run", "readme"])
def test_commands_that_only_read_import_nothing_of_training(command):
    """They must work in the light environment."""
    import subprocess

    from cr_utils.__main__ import COMMANDS

    code = ("import sys, importlib\nclass Wall:\n    def find_spec(self, name, *_):\n        if "
            "name.split('.')[0] in ('torch', 'transformers', 'trl', 'peft', 'datasets', 'accelerate'):\n     "
            "       raise ImportError('not here: ' + name)\nsys.meta_path.insert(0, "
            f"Wall())\nimportlib.import_module({COMMANDS[command][0]!r})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
