"""`python -m cr_utils address`: where the repository lives, said once and written wherever it is needed.

Scope: pyproject.toml holds the address (project.urls); the notebooks' badges and first cells, the README's
clone line and CITATION.cff repeat it. A release sets all of them with `--owner`. Only addresses on GitHub,
which is where Colab opens notebooks from. Whether the repository exists is not looked up.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from . import colab, jsonl, paths, readme
from .errors import UserError

PLAIN = r"[A-Za-z0-9][A-Za-z0-9._-]*"


def write(owner: str, name: str = "codereasoner") -> list[str]:
    """Make https://github.com/<owner>/<name> the address everywhere; the files written, relative to the root.

    Raises UserError for a name that GitHub would not take.
    """
    for word in (owner, name):
        if not re.fullmatch(PLAIN, word):
            raise UserError(f"{word!r} cannot be part of an address there: use letters, digits, . _ and -")
    _rewrite("pyproject.toml", lambda text: re.sub(
        r'(?m)^Repository = ".*"$', f'Repository = "https://github.com/{owner}/{name}"', text))
    for stage in paths.STAGES:
        colab.write_cells(paths.notebook(stage), stage)
    _rewrite("README.md", lambda text: readme.put(text, {"clone": readme.clone()}))
    _rewrite("CITATION.cff", lambda text: re.sub(
        r"(?m)^license:", f'repository-code: "{colab.repository()}"\nlicense:',
        re.sub(r"(?m)^repository-code:.*\n", "", text)))
    return ["pyproject.toml", "README.md", "CITATION.cff",
            *(f"notebooks/{paths.notebook(stage).name}" for stage in paths.STAGES)]


def _rewrite(name: str, change: Callable[[str], str]) -> None:
    path = paths.root() / name
    jsonl.write_text(path, change(path.read_text(encoding="utf-8")))


def main(words: list[str]) -> int:
    """`address`: print the repository's address, or with --owner set it in every file that repeats it."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils address", description=main.__doc__)
    asked.add_argument("--owner", help="the account that publishes the repository on GitHub")
    asked.add_argument("--name", default="codereasoner", help="the repository's name (default: codereasoner)")
    given = asked.parse_args(words)
    if given.owner:
        print("written: " + ", ".join(write(given.owner, given.name)))
    said = colab.repository()
    print(said + (f": {colab.PLACEHOLDER} stands for an account that is not known yet; set it with --owner"
                  if f"/{colab.PLACEHOLDER}/" in said else ""))
    return 0
