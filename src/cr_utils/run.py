"""The driver: run the stages of a profile in order, skip what is finished, say what is going on.

Each stage is a notebook, executed by a child process (cr_utils.execute) whose output is passed on line by
line with the stage's name in front, and kept whole in the stage's log.txt. The manifest alone says that a
stage is finished. Knows nothing of what a stage does.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from cr_utils import estimates, exams, failures, locks, noise, params, paths, progress, record
from cr_utils.errors import UserError
from cr_utils.processes import end_marked, kill_tree

QUIET = {"OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1",
         "PYDEVD_DISABLE_FILE_VALIDATION": "1", "JUPYTER_PLATFORM_DIRS": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
         "CR_DRIVER": "1"}


class StageError(Exception):
    """A stage did not finish: `cause` in one line, `remedy` in another, `trace` of the cell that raised."""

    def __init__(self, cause: str, remedy: str, trace: str = ""):
        super().__init__(cause)
        self.cause, self.remedy, self.trace = cause, remedy, trace


@dataclass(frozen=True)
class Step:
    """What the driver means to do with a stage: act (run, skip, refuse) and why."""

    stage: str
    act: str
    why: str


def select(names: list[str], model: str = "shipped") -> list[str]:
    """Stages meant by names, numbers (03) or bare names (sft), in running order; all where none is named.

    model: the profile's start model; where it is trained from scratch, the stage that does it is among them.
    """
    known = (paths.BASE, *paths.STAGES) if model == "scratch" else paths.STAGES
    short = {name: stage for stage in known for name in (stage, *stage.split("_", 1))}
    for name in names:
        if name not in short:
            raise UserError(f"no stage {name!r}: {params.nearest(name, known)}")
    wanted = {short[name] for name in names}
    return [stage for stage in known if not names or stage in wanted]


def plan(stages: list[str], values: dict, force: bool = False, update: bool = False) -> list[Step]:
    """What would be done with each stage, as far as can be told before running any."""
    steps, running = [], []
    for stage in stages:
        found = record.state(stage, values)
        if force:
            step = Step(stage, "run", f"forced ({found.reason}){estimates.of(stage, values)}")
        elif found.kind in ("params", "damaged") and not update:
            step = Step(stage, "refuse", found.reason)
        elif not found.done:
            step = Step(stage, "run", found.reason + estimates.of(stage, values))
        elif running:
            step = Step(stage, "skip", f"finished; runs again if {running[0]} comes out differently")
        else:
            step = Step(stage, "skip", found.reason)
        running += [stage] * (step.act == "run")
        steps.append(step)
    return steps


def refuse(steps: list[Step], profile: str, words: tuple[str, ...] = ()) -> None:
    """Raise UserError for the first stage whose finished result is not what is asked for.

    words: what else the driver was told, for the command that the message names.
    """
    for step in steps:
        if step.act == "refuse":
            where = paths.shown(paths.stage_dir(profile, step.stage))
            raise UserError(f"{step.stage} is finished in {where}, but {step.why}: {remedy(profile, words)}")


def remedy(profile: str, words: tuple[str, ...] = ()) -> str:
    """What to do about a stage that is refused, with the command that keeps the user's own words."""
    return (f"add --update ({params.with_words(profile, ('--update', *words))}) to run such stages again "
            "(the earlier results are kept in earlier/), or set CR_RESULTS to a new folder")


only_one = locks.driver


def run(stages: list[str], values: dict, force: bool = False, update: bool = False,
        words: tuple[str, ...] = ()) -> None:
    """Run the stages that need it. Raises UserError before anything runs, StageError at the first failure.

    words: as `refuse` has them.
    """
    profile = values["profile"]
    for stage in stages:
        if stage != paths.BASE and not paths.notebook(stage).is_file():
            raise UserError(f"{paths.shown(paths.notebook(stage))} is missing: restore it from the "
                            "repository")
    with only_one(profile):
        steps = plan(stages, values, force, update)
        refuse(steps, profile, words)
        exams.demand(values, *_stages(steps))
        for stage in stages:
            found = record.state(stage, values)
            if found.done and not force:
                _again(stage, values)
                continue
            moved = record.prepare(stage, values, force)
            if moved:
                say(stage, f"the earlier result was moved to {paths.shown(moved)}")
            say(stage, f"starts: {found.reason}")
            run_stage(stage, values)
            done = record.manifest(profile, stage)
            peak = (done["peak_memory"] or 0) / 2**20
            say(stage, f"done in {progress.clock(done['wall_seconds'])}, peak memory {peak:.0f} MB")


def say(stage: str, text: str) -> None:
    """One line on the terminal, with the stage's name in front."""
    print(f"[{stage}] {text}", flush=True)


def run_stage(stage: str, values: dict) -> None:
    """Execute a stage's notebook; again if the kernel did not start. Raises StageError or UserError."""
    folder = paths.stage_dir(values["profile"], stage)
    record.check_space(folder)
    folder.mkdir(parents=True, exist_ok=True)
    working, kept = folder / f".{stage}.running.ipynb", folder / f"{stage}.ipynb"
    report = _execute(stage, working, values, folder / "log.txt")
    if report["kind"] == "start" and not failures.known(report):
        say(stage, f"the kernel did not start ({report['message']}): trying once more")
        report = _execute(stage, working, values, folder / "log.txt")
    if record.state(stage, values).done:
        if report["kind"] == "ok":
            if stage != paths.BASE:
                _tidy(working, kept)
        else:
            say(stage,
                "finished, but its notebook was stopped before its end: the same command writes it anew")
        return
    failed = folder / f"{stage}.failed.ipynb"
    if working.is_file():
        os.replace(working, failed)
    if report["kind"] == "user":
        said = report["message"] if report["message"].startswith(stage) else f"{stage}: {report['message']}"
        raise UserError(f"{said} (log: {paths.shown(folder / 'log.txt')})")
    book = f", notebook: {failed.name}" if failed.is_file() else ""
    places = f"Log: {paths.shown(folder / 'log.txt')}{book}"
    raise StageError(f"{stage} failed: {failures.cause(report)}", f"{failures.remedy(report)} {places}",
                     report["trace"])


def handed(stage: str, values: dict) -> dict:
    """The values that go into a notebook's parameters cell: those of the keys that it declares.

    Never force, which is the driver's business: an executed notebook with it would run again when opened.
    """
    declared = params.notebook_keys(paths.notebook(stage))
    return {key: values[key] for key in declared if key in values and key != "force"}


def _command(stage: str, target: Path, values: dict, report: Path) -> list[str]:
    """The child that does a stage: its notebook's, or, for the stage without one, its own."""
    if stage == paths.BASE:
        return [sys.executable, "-m", "cr_utils.base_stage", str(report)]
    return [sys.executable, "-m", "cr_utils.execute", str(paths.notebook(stage)), str(target),
            json.dumps(handed(stage, values)), str(report)]


def _execute(stage: str, target: Path, values: dict, log: Path) -> dict:
    """Run the child, pass its lines on, and return its report ({"kind": "gone"} where it left none)."""
    mark = f"{os.getpid()}-{time.time_ns()}"
    told = {"CR_PARAMETERS": json.dumps(values | {"force": False}), "CR_RUN": mark}
    with tempfile.TemporaryDirectory(prefix="cr-") as scratch:
        report = Path(scratch) / "report.json"
        command = _command(stage, target, values, report)
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, start_new_session=True, encoding="utf-8",
                                 errors="replace", env=os.environ | QUIET | told)
        with child, log.open("a", encoding="utf-8") as kept:
            # In a thread: a kernel that outlives the child holds the pipe open and would be waited for.
            lines = threading.Thread(target=_relay, args=(stage, child.stdout, kept), daemon=True)
            lines.start()
            try:
                child.wait()
            finally:
                kill_tree(child.pid)
                end_marked("CR_RUN", mark)  # what had lost its parent before
                lines.join(timeout=10)
            found = _reported(report)
            if found["kind"] != "ok":
                kept.write(f"{found['kind']}: {found['message']}\n{found['trace']}\n")
    return found


def _reported(path: Path) -> dict:
    """What the child reported; a report that is missing or torn off is that of a killed process."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"kind": "gone", "message": "", "trace": ""}


def _relay(stage: str, stream, kept) -> None:
    """Pass lines to the log as they are and, less the noise, to the terminal."""
    for line in stream:
        text = line.rstrip().rsplit("\r", 1)[-1]
        kept.write(text + "\n")
        kept.flush()
        if not noise.is_noise(text):
            say(stage, text.removeprefix(f"{stage}: "))  # a line for the notebook may name its stage itself


def _again(stage: str, values: dict) -> None:
    """What is left of a finished stage: its notebook, where a kill came between it and the manifest."""
    folder = paths.stage_dir(values["profile"], stage)
    if (folder / f".{stage}.running.ipynb").is_file() and not (folder / f"{stage}.ipynb").is_file():
        say(stage, "finished before; its notebook is executed once more, to show the results")
        run_stage(stage, values)
    else:
        say(stage, "finished before, skipped")


def _tidy(working: Path, kept: Path) -> None:
    """Give the executed notebook its name, less the paths of this machine that papermill notes in it."""
    notebook = json.loads(working.read_text(encoding="utf-8"))
    for key in ("input_path", "output_path"):
        notebook["metadata"].get("papermill", {}).pop(key, None)
    working.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(working, kept)


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m cr_utils run`."""
    made = argparse.ArgumentParser(prog="python -m cr_utils run", description="Run the stages of a profile.")
    add = made.add_argument
    add("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(paths.STAGES)} (default: all)")
    add("--profile", default=params.DEFAULT_PROFILE, help="name of a file in params/ (default: tiny)")
    add("--plan", action="store_true", help="say what would run and why, and stop")
    add("--force", action="store_true", help="run the stages again although finished")
    add("--update", action="store_true", help="run stages again whose parameters or files changed")
    add("-p", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), dest="given",
        help="set a parameter (repeatable; `python -m cr_utils params` lists them)")
    return made


def _stages(steps: list[Step]) -> tuple[list[str], bool]:
    """The stages of a plan, and whether any of them would run."""
    return [step.stage for step in steps], any(step.act == "run" for step in steps)


def _show(steps: list[Step], values: dict, words: tuple[str, ...]) -> None:
    """Print a plan, the remedy where it refuses a stage, and the total. UserError as `run` would raise it."""
    exams.demand(values, *_stages(steps))
    for step in steps:
        print(f"{step.stage:<13} {step.act:<7} {step.why}", flush=True)
    if any(step.act == "refuse" for step in steps):
        print(f"refused as it stands: {remedy(values['profile'], words)}")
    for line in estimates.total([step.stage for step in steps if step.act == "run"], values):
        print(line)


def main(words: list[str]) -> int:
    """The command `run`. Raises UserError or StageError; Ctrl-C and signals end the kernel first."""
    asked = parser().parse_args(words)
    for key, _ in asked.given:
        if key in ("profile", "force"):
            raise UserError(f"-p {key}: use --{key}")
    values = params.load(asked.profile, {key: params.parse_value(key, text) for key, text in asked.given})
    stages = select(asked.stages, values["model"])
    words = (*asked.stages, *(word for pair in asked.given for word in ("-p", *pair)))
    if asked.plan:
        _show(plan(stages, values, asked.force, asked.update), values, words)
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    run(stages, values, asked.force, asked.update, words)
    return 0
