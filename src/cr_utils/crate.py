"""`python -m cr_utils crate`: a run as an RO-Crate: its files, who made them from what, when, and with what.

Writes `ro-crate-metadata.json` (RO-Crate 1.1, Process Run Crate 0.5) into the profile's results folder, from the
stages' manifests and the files that lie there; the folder as it stands is then the crate. Copies nothing.
"""

from __future__ import annotations

import argparse
import mimetypes
from datetime import datetime, timedelta
from pathlib import Path

from cr_utils import colab, jsonl, machine, paths
from cr_utils.errors import UserError
from cr_utils.results import Results

NAME = "ro-crate-metadata.json"
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]
SPECIFICATION, PROFILE = "https://w3id.org/ro/crate/1.1", "https://w3id.org/ro/wfrun/process/0.5"
LICENCE = "https://spdx.org/licenses/MIT"
AUTHORS, OPERATOR = "#authors", "#operator"
STAGE_FILES = ("manifest.json", "log.txt", "{stage}.ipynb")  # beside a stage's outputs
REPORT_FILES = ("index.html", "samples.jsonl", "tables", "figures")


def document(results: Results) -> dict:
    """The JSON-LD document of a run's finished stages. Raises UserError where none is finished."""
    manifests = results.manifests
    if not manifests:
        raise UserError(f"{paths.shown(results.folder)} has no finished stage: "
                        f"run `make reproduce PROFILE={results.profile}` first")
    files: dict[str, dict] = {}
    places = [f"{stage}/{name}" for stage, manifest in manifests.items() for name in
              (*manifest["outputs"], *(name.format(stage=stage) for name in STAGE_FILES))]
    for place in (*places, *REPORT_FILES):
        for path in sorted(_all(results.folder / place)):
            name = path.relative_to(results.folder).as_posix()
            files[name] = file_entity(results.folder, name)
    actions = [action(stage, manifest, files) for stage, manifest in manifests.items()]
    software = [tool(stage, manifest) for stage, manifest in manifests.items()]
    root = {
        "@id": "./", "@type": "Dataset", "name": f"CodeReasoner, reproduced: the {results.profile} run",
        "description": "Records, tables and figures of one run of the reproduction of CodeReasoner "
                       "(arXiv 2507.17548), with the provenance of every file.",
        "datePublished": max(manifest["finished"] for manifest in manifests.values())[:10],
        "license": {"@id": LICENCE}, "conformsTo": {"@id": PROFILE}, "author": {"@id": AUTHORS},
        "publisher": {"@id": AUTHORS},
        "hasPart": [{"@id": name} for name in files], "mentions": [{"@id": one["@id"]} for one in actions],
        "citation": {"@id": "https://arxiv.org/abs/2507.17548"},
    }
    return {"@context": CONTEXT, "@graph": [
        {"@id": NAME, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": SPECIFICATION}},
        root, *files.values(), *software, *actions, *_settings(manifests), *_fixed()]}


def _all(place: Path) -> list[Path]:
    return [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]


def repository() -> str:
    """The address of the repository, empty where the package is installed without a checkout."""
    try:
        return colab.repository()
    except (OSError, KeyError, UserError):
        return ""


def notebook_address(stage: str, manifest: dict) -> str:
    """The address of a stage's notebook at the commit that ran; a name in this document if none is known."""
    where, commit = repository(), manifest["code"]["commit"] or "main"
    return f"{where}/blob/{commit}/notebooks/{stage}.ipynb" if where else f"#notebook-{stage}"


def file_entity(folder: Path, name: str) -> dict:
    """One file as it lies there: its size, media type and sha256."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return {"@id": name, "@type": "File", "name": Path(name).name,
            "encodingFormat": "application/jsonlines" if name.endswith(".jsonl") else kind,
            "contentSize": str((folder / name).stat().st_size), "sha256": machine.sha256(folder / name)}


def tool(stage: str, manifest: dict) -> dict:
    """The notebook of a stage at the commit that ran."""
    address = notebook_address(stage, manifest)
    return {"@id": address, "@type": "SoftwareApplication", "url": address,
            "name": f"notebooks/{stage}.ipynb",
            "softwareVersion": manifest["code"]["commit"] or "unknown",
            "softwareRequirements": ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())}


def action(stage: str, manifest: dict, files: dict) -> dict:
    """What one stage did: when, with which notebook and settings, from which files to which."""
    end = datetime.strptime(manifest["finished"], "%Y-%m-%dT%H:%M:%S%z")
    outputs = [f"{stage}/{name}" for name in manifest["outputs"]]
    hardware = manifest["hardware"]
    return {
        "@id": f"#run-{stage}", "@type": "CreateAction", "name": f"{stage} of profile {manifest['profile']}",
        "instrument": {"@id": notebook_address(stage, manifest)}, "agent": {"@id": OPERATOR},
        "startTime": (end - timedelta(seconds=manifest["wall_seconds"])).isoformat(timespec="seconds"),
        "endTime": end.isoformat(timespec="seconds"),
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "object": [{"@id": name} for name in manifest["inputs"] if name in files] +
                  [{"@id": f"#{stage}-{key}"} for key in manifest["params"]],
        "result": [{"@id": name} for name in outputs if name in files],
        "description": f"{manifest['cpu_seconds']:.0f} s of CPU time, at most "
                       f"{(manifest['peak_memory'] or 0) / 2**20:.0f} MiB of memory, on "
                       f"{hardware['cores']} cores of {hardware['processor']}, {hardware['system']}",
    }


def _settings(manifests: dict) -> list[dict]:
    """Every parameter of every stage, as the value that it had."""
    return [{"@id": f"#{stage}-{key}", "@type": "PropertyValue", "name": key, "value": str(value)}
            for stage, manifest in manifests.items() for key, value in manifest["params"].items()]


def _fixed() -> list[dict]:
    return [{"@id": LICENCE, "@type": "CreativeWork", "name": "MIT License"},
            {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
            {"@id": AUTHORS, "@type": "Organization", "name": "The CodeReasoner reproducibility authors",
             **({"url": repository()} if repository() else {})},
            {"@id": OPERATOR, "@type": "Person", "name": "whoever started the run (not recorded)"},
            {"@id": "https://arxiv.org/abs/2507.17548", "@type": "ScholarlyArticle", "name": "CodeReasoner"}]


def write(profile: str, folder: Path | None = None) -> Path:
    """Write the document beside the records; returns its path."""
    results = Results(profile, folder)
    path = results.folder / NAME
    jsonl.write_json(path, document(results))
    return path


def main(words: list[str]) -> int:
    """The command `crate`."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils crate", description=main.__doc__)
    asked.add_argument("--profile", default="tiny", help="whose results (default: tiny)")
    asked.add_argument("--folder", type=Path, help="where they lie (default: results/<profile>)")
    given = asked.parse_args(words)
    print(f"crate: {paths.shown(write(given.profile, given.folder))}")
    return 0
