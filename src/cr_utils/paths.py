"""Where things lie. Every path is made here, so that nothing depends on the working directory.

papermill runs a notebook in the caller's directory, JupyterLab in the notebook's own; neither matters here.
Creates nothing on disk.

Environment: CR_RESULTS moves the results folder, CR_BENCHMARKS names a folder that holds benchmark files.
"""

import os
from pathlib import Path

from cr_utils.errors import UserError

STAGES = ("01_data", "02_distill", "03_sft", "04_grpo", "05_eval", "06_ablations")


def package() -> Path:
    """The folder of the installed package."""
    return Path(__file__).resolve().parent


def root() -> Path:
    """The checkout: first folder above the package or the working directory with params/ and pyproject.toml.

    Raises UserError where there is none (a package installed without its checkout).
    """
    here = Path.cwd()
    for folder in (*package().parents, here, *here.parents):
        if (folder / "params").is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    raise UserError(f"no params/ and pyproject.toml above {package()} or {here}: clone the repository")


def results_root() -> Path:
    """The folder of all profiles' results: CR_RESULTS, or results/ in the checkout."""
    moved = os.environ.get("CR_RESULTS")
    return Path(moved).expanduser().resolve() if moved else root() / "results"


def results(profile: str) -> Path:
    """The folder of one profile's results."""
    return results_root() / profile


def stage_dir(profile: str, stage: str) -> Path:
    """The folder one stage writes to."""
    return results(profile) / stage


def params_dir() -> Path:
    """The folder of the profiles."""
    return root() / "params"


def notebooks() -> Path:
    """The folder of the notebooks: CR_NOTEBOOKS (as the tests of the driver set it), or notebooks/."""
    moved = os.environ.get("CR_NOTEBOOKS")
    return Path(moved).resolve() if moved else root() / "notebooks"


def notebook(stage: str) -> Path:
    """The source notebook of a stage."""
    return notebooks() / f"{stage}.ipynb"


def asset(name: str) -> Path:
    """A file or folder shipped as package data. Raises UserError where it is missing."""
    path = package() / "assets" / name
    if not path.exists():
        raise UserError(f"{path} is missing: restore it from the repository or run `make {name}`")
    return path


def benchmarks() -> Path:
    """Where benchmark files are looked for and downloaded to: CR_BENCHMARKS, or .cache/ in the checkout.

    Raises UserError where CR_BENCHMARKS names no folder.
    """
    given = os.environ.get("CR_BENCHMARKS")
    if not given:
        return root() / ".cache" / "benchmarks"
    folder = Path(given).expanduser().resolve()
    if not folder.is_dir():
        raise UserError(f"CR_BENCHMARKS={given} is not a folder: point it at the benchmark files or unset it")
    return folder


def shown(path: Path) -> str:
    """A path for reading: relative to the checkout or working directory it lies in, else whole."""
    for base in (package().parent.parent, Path.cwd()):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)
