"""The recorded results of one profile, as the report reads them: rows of finished stages, or the reason for
none.

Reads only; loads neither torch nor a sandbox. A stage without a manifest is not finished and gives no rows. A
file that differs from its manifest's hash is read all the same; `verify` finds it, `refuse_edited` raises.
"""

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import pandas as pd

from cr_utils import exams, frames, jsonl, kept, machine, params, paths, steps


class Edited(Exception):
    """Records that are not those of their manifests: `cause` in one line, `remedy` in another."""

    def __init__(self, names: list[str], folder: Path, profile: str):
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        where = paths.shown(folder.resolve())
        self.cause = (f"changed since its manifest was written: {shown} in {where}, so nothing is made "
                      "from it")
        self.remedy = ("Restore the file, or run its stage again (the earlier result is kept in earlier/): "
                       f"{params.with_make(profile, '--update')}.")
        super().__init__(self.cause)


ALONE = "the largest single process; workers and replicas beside it are not added up"


def memory_of(manifests: Iterable[dict]) -> str:
    """What the recorded peak memory is of, in words; where no manifest says it, the largest process."""
    kinds = {one.get("peak_memory_of") or ALONE for one in manifests}
    return "; in other stages ".join(sorted(kinds)) or ALONE


class Results:
    """Records under one folder (default: the profile's results folder).

    `warnings` collects what a reader must know about the records themselves.
    """

    def __init__(self, profile: str, folder: Path | str | None = None):
        self.profile = profile
        self.folder = Path(folder) if folder else paths.results(profile)
        self.warnings: list[str] = []
        self._read: dict[tuple[str, str], list[dict] | dict | None] = {}

    @cached_property
    def manifests(self) -> dict[str, dict]:
        """Manifests of the finished stages, in running order. An unreadable one counts as unfinished."""
        found = {}
        for stage in paths.STAGES:
            path = self.folder / stage / "manifest.json"
            if path.is_file():
                try:
                    found[stage] = json.loads(path.read_text(encoding="utf-8"))
                except ValueError:
                    self.warnings.append(f"{stage}/manifest.json is damaged: the stage is left out")
        return found

    @cached_property
    def pretraining(self) -> dict | None:
        """The manifest of the start model's training, where the run trained one from scratch."""
        path = self.folder / paths.BASE / "manifest.json"
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        except ValueError:
            self.warnings.append(f"{paths.BASE}/manifest.json is damaged: it is left out")
            return None

    @property
    def params(self) -> dict:
        """All parameters that the finished stages recorded."""
        return {key: value for manifest in self.manifests.values()
                for key, value in manifest["params"].items()}

    def has(self, stage: str, name: str) -> bool:
        """Is there such a file of a finished stage?"""
        path = self.folder / stage / name
        return stage in self.manifests and (path.is_file() or kept.beside(path).is_file()
                                            and name in kept.FACTS)

    def reason(self, stage: str, name: str = "") -> str:
        """Why there is nothing to show from a stage's file."""
        if stage not in self.manifests:
            return f"not run: {stage} has not finished (make reproduce PROFILE={self.profile})"
        return f"{stage} recorded no {name}"

    def rows(self, stage: str, name: str) -> list[dict]:
        """The records of a JSONL file, or the facts kept of it; empty where there is neither."""
        return self._load(stage, name, lambda path: jsonl.read(path) if path.is_file()
                          or name not in kept.FACTS
                          else kept.read(kept.beside(path))) or []

    def json(self, stage: str, name: str):
        """The content of a JSON file, None where the stage is not finished or has no such file."""
        return self._load(stage, name, lambda path: json.loads(path.read_text(encoding="utf-8")))

    def _load(self, stage: str, name: str, reader):
        if (stage, name) not in self._read:
            self._read[stage, name] = reader(self.folder / stage / name) if self.has(stage, name) else None
        return self._read[stage, name]

    @cached_property
    def edited(self) -> list[str]:
        """Files at hand (`stage/name`) that are not what their manifests name, by hash.

        A file that is not at hand is no fault: a published run may leave models out. Nor are answers without
        their texts, which are what is kept of a run: `make check` recomputes what was made from them.
        """
        trained = {paths.BASE: self.pretraining} if self.pretraining else {}
        found = []
        for stage, manifest in (trained | self.manifests).items():
            for name, digest in manifest.get("outputs", {}).items():
                path = self.folder / stage / name
                if path.is_file() and machine.sha256(path) != digest and not self._stripped(stage, name):
                    found.append(f"{stage}/{name}")
        return found

    def _stripped(self, stage: str, name: str) -> bool:
        """Whether a file holds answers without their texts, as in results/reference."""
        return name == "items.jsonl" and not any("completion" in item for item in self.rows(stage, name))

    def verify(self) -> list[str]:
        """Adds the names of edited files, in a sentence each, to `warnings`, and returns all of these."""
        for name in self.edited:
            self.warnings.append(f"{name} is not the file that its manifest names")
        return self.warnings

    def refuse_edited(self) -> None:
        """Raise Edited where a file is not what its manifest names: nothing may be shown as recorded then."""
        if self.edited:
            raise Edited(self.edited, self.folder, self.profile)

    @cached_property
    def problem_rows(self) -> list[dict]:
        """The problems of all splits."""
        return self.rows("01_data", "problems.jsonl")

    @cached_property
    def texts(self) -> dict[str, dict]:
        """Problems by id, with their programs; empty where only facts of them are kept."""
        return {row["id"]: row for row in self.problem_rows if "code" in row}

    @cached_property
    def problems(self) -> pd.DataFrame:
        """Tidy problems."""
        return frames.problems(self.problem_rows)

    @cached_property
    def items(self) -> list[dict]:
        """Evaluation items, each wrong chain with its first wrong step where it can be told."""
        return steps.annotate(self.rows("05_eval", "items.jsonl"), self.problem_rows)

    @cached_property
    def programs(self) -> list[dict]:
        """Facts about the real benchmarks' programs that were asked."""
        return self.rows("05_eval", "programs.jsonl")

    @cached_property
    def arms(self) -> list[dict]:
        """Evaluation items of the ablation arms, with the same about their chains."""
        return steps.annotate(self.rows("06_ablations", "items.jsonl"), self.problem_rows)

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """Tidy evaluation items with the facts of their problems."""
        return frames.outcomes(self.items, self.problems)

    @cached_property
    def counts(self) -> list[dict]:
        """Programs through the filters: rows {"step", "n"}."""
        found = self.json("01_data", "data.json")
        if isinstance(found, dict):
            found = found.get("counts") or found.get("filters") or []
        return found or []

    @cached_property
    def chosen(self) -> int | None:
        """The step of the GRPO checkpoint that validation picked."""
        return (self.json("04_grpo", "selection.json") or {}).get("chosen")

    @cached_property
    def reasons(self) -> dict[str, str]:
        """Why a benchmark has no items."""
        params = self.params
        done = "05_eval" in self.manifests
        why = exams.absent(params) if done else {
            name: self.reason("05_eval")
            for name in ("heldout", "heldout_ood", "cruxeval_test", *exams.PUBLISHED)}
        return why
