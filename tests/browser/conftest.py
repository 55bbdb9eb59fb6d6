"""Browser tests: not part of the default run; `pytest tests/browser` (or `make test-browser`) runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from chromium import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """One Chromium for all tests; they are skipped where there is none."""
    if Browser.find() is None:
        pytest.skip("Chromium is missing: install it (Debian: apt-get install chromium), or name it in CR_CHROMIUM")
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The results folder with a finished smoke run: CR_SMOKE_RESULTS, or a new one (minutes).

    The run is brought up to date first, which takes seconds where nothing is stale: a notebook opened on
    results of other code would do its work anew, as it should.
    """
    given = os.environ.get("CR_SMOKE_RESULTS")
    folder = Path(given).resolve() if given else tmp_path_factory.mktemp("smoke")
    manifest = folder / "smoke" / "05_eval" / "manifest.json"
    asked = json.loads(manifest.read_text())["params"]["benchmarks"] if manifest.is_file() else "never"
    words = ["run", "--profile", "smoke", "--update", "-p", "benchmarks", asked]
    subprocess.run([sys.executable, "-m", "cr_utils", *words],
                   env={**os.environ, "CR_RESULTS": str(folder)}, check=True)
    return folder
