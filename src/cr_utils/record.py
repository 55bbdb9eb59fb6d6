"""What a run is: the manifest of a stage, written last, and what makes it out of date.

A stage folder with a `manifest.json` is finished; without one it is work in progress (`started.json` says of
what). Nothing finished is ever overwritten: a stage that runs again has its earlier folder moved aside, to
results/<profile>/earlier/. Hashes of contents decide, never times of files. One process per stage at a time:
a lock, which ends with its process, sees to that.
"""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from cr_utils import budget, jsonl, locks, machine, paths, sources
from cr_utils import params as parameters
from cr_utils.errors import UserError

__all__ = ["MIN_FREE", "Record", "State", "UserError", "manifest", "prepare", "set_aside", "start", "state"]

MIN_FREE = 500 * 2**20  # bytes that must be free before a stage starts


@dataclass(frozen=True)
class State:
    """Where a stage stands, and the reason in words.

    kind: done; missing; partial (unfinished, can be taken up); abandoned (unfinished, of something else);
    params, code, inputs or damaged (finished, but no longer what is asked for).
    """

    kind: str
    reason: str

    @property
    def done(self) -> bool:
        """Finished, and still what the parameters and inputs ask for."""
        return self.kind == "done"


def manifest(profile: str, stage: str) -> dict | None:
    """The manifest of a finished stage, None where there is none. Raises UserError on a damaged file."""
    path = paths.stage_dir(profile, stage) / "manifest.json"
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found["params"], found["inputs"], found["outputs"]
        return found
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{paths.shown(path)} is damaged ({type(error).__name__}): run again with --force "
                        f"{stage} ({parameters.with_make(profile, f'--force {stage}')})") from None


def relevant(stage: str, values: dict) -> dict:
    """The parameters that decide a stage's result."""
    return {key: values[key] for key in parameters.deciding_keys(stage) if key in values}


def _changes(old: dict, new: dict) -> str:
    """Parameters that differ, as `key old -> new`; keys that only one side knows do not count."""
    differing = (key for key in new if key in old and old[key] != new[key])
    return ", ".join(f"{key} {old[key]!r} -> {new[key]!r}" for key in differing)


def state(stage: str, values: dict) -> State:
    """Whether a stage is finished with these parameters, and if not, why. Hashes its output files."""
    profile, folder = values["profile"], paths.stage_dir(values["profile"], stage)
    try:
        found = manifest(profile, stage)
    except UserError:
        return State("damaged", "its manifest.json is damaged")
    begun = None if found else _begun(folder)
    if not found and not begun:
        return State("missing", "not run yet")
    changed = _changes((found or begun)["params"], relevant(stage, values))
    replaced = _replaced(profile, (found or begun)["inputs"])
    edited = ", ".join(sources.changes((found or begun).get("sources", {}), stage))
    if begun:
        why = (f"parameters changed: {changed}" if changed else f"code changed: {edited}" if edited
               else replaced)
        return State("abandoned", f"began, but {why}") if why else State("partial", "began, did not finish")
    if changed:
        return State("params", f"parameters changed: {changed}")
    if edited:
        return State("code", f"code changed: {edited}")
    if replaced:
        return State("inputs", replaced)
    for name, digest in found["outputs"].items():
        if not (folder / name).is_file() or machine.sha256(folder / name) != digest:
            return State("damaged", f"its output {name} is missing or changed")
    return State("done", "finished")


def _begun(folder: Path) -> dict | None:
    """What an unfinished stage set out to do, None where nothing (readable) was begun."""
    try:
        return json.loads((folder / "started.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _replaced(profile: str, inputs: dict) -> str | None:
    """The first input that no longer is what its stage's manifest lists, in words; None where all are."""
    for name, digest in inputs.items():
        source, _, rest = name.partition("/")
        try:
            above = manifest(profile, source)
        except UserError:
            return f"the manifest of its input {name} is damaged"
        if above is None or above["outputs"].get(rest) != digest:
            return f"its input {name} was made again" if above else f"its input {name} is gone"
    return None


def prepare(stage: str, values: dict, force: bool = False) -> Path | None:
    """Clear the way for a run: what cannot be taken up is moved aside. Returns where to, or None."""
    if state(stage, values).kind in ("missing", "partial") and not force:
        return None
    return set_aside(values["profile"], stage)


def set_aside(profile: str, stage: str) -> Path | None:
    """Move a stage's folder to earlier/<stage>-<n>, and say where; None where there is nothing to move."""
    folder = paths.stage_dir(profile, stage)
    if not folder.is_dir():
        return None
    earlier = paths.results(profile) / "earlier"
    earlier.mkdir(parents=True, exist_ok=True)
    n = 1
    while (earlier / f"{stage}-{n}").exists():
        n += 1
    return Path(shutil.move(folder, earlier / f"{stage}-{n}"))


def check_space(folder: Path, least: int | None = None) -> None:
    """Raise UserError where the disk of a (perhaps future) folder has less than `least` bytes free."""
    least = MIN_FREE if least is None else least
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < least:
        raise UserError(f"{paths.shown(there)} has {free / 2**20:.0f} MB free and a stage needs "
                        f"{least / 2**20:.0f}: free some space, or set CR_RESULTS to another disk")


def start(stage: str, params: dict) -> "Record":
    """Begin, resume or (if finished and not forced) reopen a stage.

    params: all parameters, as from params.collect or params.load. Raises UserError where the finished stage
    was made with other parameters (unless params["force"]), or where the disk is nearly full.
    """
    return Record(stage, params)


class Record:
    """One run of one stage. `params` are all its parameters, `done` tells that it was finished before."""

    def __init__(self, stage: str, params: dict):
        self.stage, self.params, self.profile = stage, params, params["profile"]
        self.dir = paths.stage_dir(self.profile, stage)
        self.inputs: dict[str, str] = {}
        found, force = state(stage, params), bool(params.get("force"))
        if found.kind == "params" and not force:
            raise UserError(f"{stage} is finished in {paths.shown(self.dir)} with other parameters "
                            f"({found.reason.split(': ', 1)[1]}): set force = True to run it again (on the "
                            f"command line --force {stage}, or "
                            f"{parameters.with_make(self.profile, f'--force {stage}')}); the earlier result "
                            "is kept in earlier/")
        self.done = found.done and not force
        if not self.done:
            check_space(self.dir)
            locks.hold(self.profile, stage)
            machine.end_with_run()
            self._begin(force)

    def _begin(self, force: bool) -> None:
        """Prepare the folder: unfinished work is taken up if it is the same work, all else moves aside."""
        moved = prepare(self.stage, self.params, force)
        self.dir.mkdir(parents=True, exist_ok=True)
        begun = _begun(self.dir) or {"attempts": 0, "inputs": {}}
        self.attempts, self.meter = begun["attempts"] + 1, machine.Meter()
        self.inputs, self.sources = begun["inputs"], sources.of_stage(self.stage)
        self._mark()
        if moved:
            self.say(f"the earlier {self.stage} was moved to {paths.shown(moved)}")
        elif self.attempts > 1:
            self.say(f"taking up the unfinished {self.stage}")

    def _mark(self) -> None:
        """Note what this unfinished run is made from, so that a later one knows whether to take it up."""
        begun = {"params": relevant(self.stage, self.params), "inputs": self.inputs,
                 "attempts": self.attempts, "sources": self.sources}
        jsonl.write_text(self.dir / "started.json", json.dumps(begun, indent=1) + "\n")

    def path(self, name: str) -> Path:
        """Where to write an artefact of this stage; folders above it are made."""
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def need(self, stage: str, name: str) -> Path:
        """A file or folder that an earlier stage made, verified by hash and noted as an input of this one.

        Raises UserError where that stage is not finished, or the artefact is not its own or not intact.
        """
        found = manifest(self.profile, stage)
        if found is None:
            raise self._waits(f"{stage}/{name}", stage)
        command = f"python -m cr_utils run {stage} --profile {self.profile}"
        files = {file: digest for file, digest in found["outputs"].items()
                 if file == name or file.startswith(name.rstrip("/") + "/")}
        if not files:
            raise UserError(f"{self.stage} needs {stage}/{name}, which {stage} did not make: "
                            f"run `{command} --force`")
        folder = paths.stage_dir(self.profile, stage)
        for file, digest in files.items():
            if not (folder / file).is_file() or machine.sha256(folder / file) != digest:
                fault = "changed since it was made" if (folder / file).is_file() else "missing"
                raise UserError(f"{paths.shown(folder / file)} is {fault}: run `{command}` to make it again")
        if not self.done:
            self.inputs |= {f"{stage}/{file}": digest for file, digest in files.items()}
            self._mark()
        return folder / name

    def upstream(self, stage: str) -> dict:
        """The manifest of an earlier stage (its params, metrics). UserError where not finished."""
        found = manifest(self.profile, stage)
        if found is None:
            raise self._waits(stage, stage)
        return found

    def _waits(self, what: str, stage: str) -> UserError:
        """The error of a stage that needs what an unfinished one makes; it names all that have to run before."""
        first = (paths.BASE,) if self.params["model"] == "scratch" else ()
        before = [*first, *paths.STAGES[:paths.STAGES.index(self.stage)]]
        missing = [one for one in before if one == stage or not manifest(self.profile, one)]
        are = "is" if len(missing) == 1 else "are"
        return UserError(f"{self.stage} needs {what}, but {' and '.join(missing)} {are} not done: "
                         f"run `python -m cr_utils run {' '.join(missing)} --profile {self.profile}`")

    def start_model(self) -> str:
        """The start model as models.load takes it: what the profile names, or the one that 00_base trained."""
        scratch = self.params["model"] == "scratch"
        return str(self.need(paths.BASE, "model")) if scratch else self.params["model"]

    @property
    def trained(self) -> dict | None:
        """The summary of a training that other processes finished in this unfinished run, else None."""
        path = self.dir / "trained.json"
        return None if self.done or not path.is_file() else jsonl.read_json(path)

    def say(self, text: str) -> None:
        """Print a line for the person who waits, and keep it in log.txt (the driver does so itself)."""
        print(text, flush=True)
        if not os.environ.get("CR_DRIVER"):
            with self.path("log.txt").open("a", encoding="utf-8") as log:
                log.write(text + "\n")

    def finish(self, outputs: list[str], metrics: dict | None = None) -> dict:
        """Write the manifest, last of all, over the named files and folders; a no-op on a stage done before.

        outputs: names inside the stage folder; a folder stands for all files below it. metrics: small and
        JSON-like. Returns the manifest. Raises UserError where a named output does not exist.
        """
        if self.done:
            return manifest(self.profile, self.stage)
        fitted = budget.read(self.dir)
        files = _hashes(self.dir, [*outputs, *([budget.FILE] if fitted else [])])
        for left in self.dir.glob("*.partial*"):  # what a killed run would have been taken up from
            left.unlink()
        content = {
            "stage": self.stage, "profile": self.profile, "seed": self.params.get("seed"),
            "params": relevant(self.stage, self.params), "inputs": self.inputs, "outputs": files,
            "metrics": metrics or {}, "budget": fitted, "attempts": self.attempts, **self.meter.read(),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "code": machine.git(),
            "versions": machine.versions(), "hardware": machine.hardware(), "sources": self.sources,
            "bytes": sum(file.stat().st_size for file in self.dir.rglob("*") if file.is_file()),
        }
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        jsonl.write_text(self.dir / "manifest.json", text)
        (self.dir / "started.json").unlink(missing_ok=True)
        self.done = True
        locks.release(self.profile, self.stage)
        return content


def _hashes(folder: Path, names: list[str]) -> dict[str, str]:
    """sha256 of the named files and of all files below the named folders, keyed by path inside `folder`."""
    found = {}
    for name in names:
        path = folder / name
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        if not files or not files[0].is_file():
            raise UserError(f"{paths.shown(path)} was to be an output and does not exist: "
                            "the stage ended too early, run it again")
        for file in files:
            machine.keep(file)
            found[file.relative_to(folder).as_posix()] = machine.sha256(file)
    return found
