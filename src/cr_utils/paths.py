"""Where things lie. Every path is made here, so that nothing depends on the working directory.

papermill runs a notebook in the caller's directory, JupyterLab in the notebook's own; neither matters here.
Creates nothing on disk.

Environment: CR_RESULTS moves the results folder, CR_BENCHMARKS names a folder that holds benchmark files.
"""

import functools
import json
import os
import urllib.parse
from importlib import metadata
from pathlib import Path

from cr_utils.errors import UserError

STAGES = ("01_data", "02_distill", "03_sft", "04_grpo", "05_eval", "06_ablations")
BASE = "00_base"  # no notebook: pre-training of the start model, in profiles with `model: scratch`


def package() -> Path:
    """The folder of the installed package."""
    return Path(__file__).resolve().parent


@functools.cache
def _installed_from() -> Path | None:
    """The folder that pip installed the package from, as pip noted it; None where that was no folder."""
    try:
        noted = json.loads(metadata.distribution("cr-utils").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    url = urllib.parse.urlparse(noted.get("url", ""))
    return Path(urllib.parse.unquote(url.path)) if url.scheme == "file" else None


def root() -> Path:
    """The checkout: a folder with params/ and pyproject.toml.

    Looked for above the package, then where pip installed it from (`pip install FOLDER`, as on Colab), then
    above the working directory. Raises UserError where there is none.
    """
    here, source = Path.cwd(), _installed_from()
    for folder in (*package().parents, *([source] if source else []), here, *here.parents):
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


def prompts() -> Path:
    """Where the benchmarks' own prompts are written to: .cache/prompts in the checkout."""
    return root() / ".cache" / "prompts"


def shown(path: Path) -> str:
    """A path for reading: relative to the checkout or working directory it lies in, else whole."""
    for base in (package().parent.parent, Path.cwd()):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)
