"""Documentation that leads somewhere: links, anchors, make targets, commands and test tiers that exist."""

import re
import subprocess

import pytest

from cr_utils import jsonl, paths
from cr_utils.__main__ import COMMANDS

PAGES = sorted([*paths.root().glob("*.md"), *(paths.root() / "docs").glob("*.md")])


def prose(page):
    """A page's text without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    titles = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def named(page):
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files_and_headings_that_exist(page):
    faults = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?:|mailto:", target):
            continue
        place, _, anchor = target.partition("#")
        other = (page.parent / place) if place else page
        if not other.exists():
            faults.append(target)
        elif anchor and other.suffix == ".md" and anchor not in anchors(other):
            faults.append(target)
    assert faults == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_commands_and_targets_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"`((?:docs|src|tests|speed|params|notebooks)/[\w/.-]+\.(?:md|py|yaml|ipynb))`", text)
    assert [name for name in files if not (paths.root() / name).exists()] == []
    assert [c for c in re.findall(r"python -m cr_utils ([a-z][\w-]*)", text) if c not in COMMANDS] == []
    targets = set(re.findall(r"^([a-z-]+):", (paths.root() / "Makefile").read_text(encoding="utf-8"),
                             re.MULTILINE))
    assert [t for t in re.findall(r"`make ([a-z][a-z-]*)", text) if t not in targets] == []


def test_every_notebook_has_a_page_and_every_logged_metric_is_explained():
    pages = {stage: (paths.root() / "docs" / f"{stage}.md").read_text(encoding="utf-8")
             for stage in paths.STAGES}
    for stage in ("03_sft", "04_grpo"):
        log = paths.root() / "results" / "reference" / "tiny" / stage / "log.jsonl"
        metrics = {key for row in jsonl.read(log) for key in row} - {"step"}
        assert metrics and [name for name in sorted(metrics) if f"`{name}`" not in pages[stage]] == [], stage


def test_make_help_lists_every_target_that_has_a_text():
    make = (paths.root() / "Makefile").read_text(encoding="utf-8")
    wanted = re.findall(r"^([a-z-]+):.*## ", make, flags=re.MULTILINE)
    shown = subprocess.run(["make", "help"], cwd=paths.root(), capture_output=True, text=True,
                           check=True).stdout
    assert len(wanted) > 15 and [name for name in wanted if f"\n  {name} " not in shown] == []
    phony = set(re.search(r"\.PHONY: ((?:.*\\\n)*.*)", make).group(1).replace("\\", "").split())
    assert set(wanted) <= phony


PROOFS = re.compile(r"((?:`tests/test_\w+\.py`(?:,| and)? ?)+): ([a-z_0-9]+(?:, [a-z_0-9]+)*)")


def test_tests_that_are_named_as_proofs_exist():
    """docs/real_models.md says which test proves what; each name is a test of the file before it."""
    text = (paths.root() / "docs" / "real_models.md").read_text(encoding="utf-8")
    named_there = [(re.findall(r"tests/test_\w+\.py", files), names.split(", "))
                   for files, names in PROOFS.findall(text)]
    assert sum(len(names) for _, names in named_there) >= 13
    for files, names in named_there:
        for file in files:
            defined = re.findall(r"^def test_(\w+)", (paths.root() / file).read_text(encoding="utf-8"),
                                 re.MULTILINE)
            assert set(names) <= set(defined), file
