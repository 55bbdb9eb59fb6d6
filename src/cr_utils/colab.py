"""On Google Colab: the package beside Colab's torch, results on Drive, the badge and first cell of notebooks.

Run as a file before the package is installed (`python -P …/cr_utils/colab.py`), so it imports the standard
library only, and the rest of the package where it is needed. Colab itself, its GPU and Drive were not at
hand: the installation and the first cell are tested in a fresh environment that looks like Colab's
(speed/colab_environment.sh).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

# What Colab has already, or has loaded into a running kernel: other versions would need a restart or another
# driver.
KEPT = ("torch", "torchvision", "torchaudio", "triton", "numpy", "pillow", "pandas", "scipy", "matplotlib",
        "ipykernel", "ipython", "tornado", "pyzmq", "jupyter-client", "requests", "psutil")
DRIVE = "/content/drive"
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
PLACEHOLDER = "OWNER"  # in the address until a release names the account: `python -m cr_utils address`
CELL = """\
# On Colab: installs the package beside Colab's own torch, keeps results on Drive. Elsewhere: nothing.
import os, sys
if os.environ.get("COLAB_RELEASE_TAG") and not os.environ.get("CR_DRIVER"):
    os.environ.setdefault("CR_REPOSITORY", "{repository}")
    os.environ.setdefault("CR_CHECKOUT", "/content/codereasoner")
    os.environ["CR_PYTHON"] = sys.executable
    !test -d "$CR_CHECKOUT" || git clone -q "$CR_REPOSITORY" "$CR_CHECKOUT"
    !"$CR_PYTHON" -P "$CR_CHECKOUT/src/cr_utils/colab.py"
    from cr_utils import colab
    colab.start()
"""


def checkout() -> Path:
    """The folder with pyproject.toml that this file lies in; where installed, the one pip took it from."""
    above = Path(__file__).resolve().parents[2]
    if (above / "pyproject.toml").is_file():
        return above
    from cr_utils import paths

    return paths.root()


def kept() -> dict[str, str]:
    """Name to version of the packages that must stay as they are, of those that are here."""
    found = {}
    for name in KEPT:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def install(folder: Path, pip: tuple[str, ...] = ()) -> dict[str, str]:
    """Install `folder`[colab], whose versions are exact, with all of KEPT held fast; their versions.

    pip: further words for pip. SystemExit where pip fails (for instance because a pinned package wants
    another torch), or where one of KEPT changed all the same.
    """
    before = kept()
    with tempfile.TemporaryDirectory() as scratch:
        held = Path(scratch) / "constraints.txt"
        held.write_text("".join(f"{name}=={version}\n" for name, version in before.items()))
        command = [sys.executable, "-m", "pip", "install", "-q", "-c", str(held), *pip, f"{folder}[colab]"]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(
                "the package could not be installed beside what is here: see pip's message above"
            )
    importlib.invalidate_caches()
    changed = {
        name: (old, new) for name, new in kept().items() if (old := before.get(name)) not in (None, new)
    }
    if changed:
        raise SystemExit(f"installing changed {changed}: restart the runtime")
    return before


def start(drive: str = DRIVE) -> None:
    """Put results on Drive, so that a lost session goes on, and say what machine this is.

    A CR_RESULTS that is set already stays. Without Drive, results lie in the checkout, and it says so.
    """
    if not os.environ.get("CR_RESULTS"):
        if _mounted(drive):
            os.environ["CR_RESULTS"] = f"{drive}/MyDrive/codereasoner/results"
        else:
            print("Google Drive is not connected: results will be lost with this session")
    from cr_utils import paths

    print(f"results: {paths.results_root()}\nGPU: {gpu() or 'none: choose Runtime > Change runtime type'}")
    print("Set profile = 'colab' below for Qwen2.5-Coder on this GPU; 'tiny' and 'smoke' need none.")


def gpu() -> str:
    """Name and memory of the first NVIDIA GPU, empty where there is none; asks the driver, not torch."""
    words = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().partition("\n")[0]


def _mounted(drive: str) -> bool:
    """Ask for Drive; whether it is there. Colab shows its own dialogue."""
    try:
        from google.colab import drive as files

        files.mount(drive)
    except Exception as error:  # noqa: BLE001 - whatever Colab raises, work can go on without Drive
        print(f"Drive: {type(error).__name__}: {error}")
    return (Path(drive) / "MyDrive").is_dir()


def repository() -> str:
    """The address of the repository, which stands in pyproject.toml (project.urls) and nowhere else."""
    text = (checkout() / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["urls"]["Repository"]


def badge(stage: str) -> str:
    """The line of Markdown that opens a stage's notebook on Colab."""
    where = repository().removeprefix("https://github.com/")
    return (f"[![Open in Colab]({BADGE})](https://colab.research.google.com/github/{where}/blob/main/"
            f"notebooks/{stage}.ipynb)")


def cell() -> str:
    """The source of the notebooks' first code cell."""
    return CELL.format(repository=repository()).rstrip("\n")


def write_cells(path: Path, stage: str) -> None:
    """Put the badge under a notebook's title and the first cell in its place; the rest stays as it is."""
    book = json.loads(path.read_text(encoding="utf-8"))
    tagged = next(c for c in book["cells"] if "colab" in c.get("metadata", {}).get("tags", []))
    tagged["source"] = cell().splitlines(keepends=True)
    title = "".join(book["cells"][0]["source"]).split("\n")
    body = [line for line in title[1:] if not line.startswith("[![Open in Colab]")]
    while body and not body[0].strip():
        del body[0]
    book["cells"][0]["source"] = "\n".join([title[0], "", badge(stage), "", *body]).splitlines(keepends=True)
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(words: list[str]) -> int:
    """Install beside what is here; with --cells, write badge and first cell into all notebooks instead."""
    if words == ["--cells"]:
        from cr_utils import paths

        for stage in paths.STAGES:
            write_cells(paths.notebook(stage), stage)
        return 0
    if words:
        print("usage: colab.py [--cells]", file=sys.stderr)
        return 2
    print("kept: " + ", ".join(f"{name} {version}" for name, version in install(checkout()).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
