"""Browser tests: not part of the default run; `pytest tests/browser` (or `make test-browser`) runs them."""

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
        pytest.skip("Chromium is missing: install it (Debian: apt-get install chromium), or name it in "
                    "CR_CHROMIUM")
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The results folder with a finished smoke run: CR_SMOKE_RESULTS, or one made now (minutes)."""
    given = os.environ.get("CR_SMOKE_RESULTS")
    if given:
        return Path(given).resolve()
    folder = tmp_path_factory.mktemp("smoke")
    subprocess.run([sys.executable, "-m", "cr_utils", "run", "--profile", "smoke", "-p", "benchmarks",
                    "never"],
                   env={**os.environ, "CR_RESULTS": str(folder)}, check=True)
    return folder
