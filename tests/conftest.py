"""What every test may rely on: no window for plots, no spinning threads, results in a folder of its own."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["MPLBACKEND"] = "Agg"

import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """The folder of results, empty, for one test."""
    folder = tmp_path / "results"
    monkeypatch.setenv("CR_RESULTS", str(folder))
    for name in ("CR_NOTEBOOKS", "CR_PARAMETERS", "CR_DRIVER", "CR_PROGRESS_SECONDS"):
        monkeypatch.delenv(name, raising=False)
    return folder
