"""What SFT and GRPO have in common: settings, a log that survives a kill, progress, validation, checkpoints.

Wraps the transformers Trainer that both TRL trainers are. Knows nothing about losses or data.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from transformers import PrinterCallback, TrainerCallback

from cr_utils import distributed, jsonl, machine, models
from cr_utils.errors import UserError
from cr_utils.progress import Progress

Validate = Callable[[object, object], tuple[float, int]]


def settings(model, out: Path, seed: int, steps: int, report_to: str = "none") -> dict:
    """The TrainingArguments that both stages share, for a model on its device."""
    where = models.device() if distributed.sharded() else next(model.parameters()).device
    half = models.native_bf16(where)
    return {
        "output_dir": str(out / "checkpoints"),
        "max_steps": steps,
        "seed": seed,
        "data_seed": seed,
        "use_cpu": where.type == "cpu",
        "bf16": half,
        "fp16": where.type == "cuda" and not half,
        "gradient_checkpointing": not models.is_small(model),
        "dataloader_pin_memory": where.type == "cuda",
        "report_to": tracker(report_to, out),
        "run_name": f"{out.parent.name}/{out.name}",
        "disable_tqdm": True,
        "save_strategy": "steps",
        "save_total_limit": 1,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
    }


def tracker(name: str, out: Path) -> str:
    """`name` (none, tensorboard, trackio, wandb), once it is known to be installed; UserError where it is not.

    TensorBoard writes to out/tensorboard: checkpoints, its usual place, are cleared away.
    """
    if name == "none":
        return name
    needed = {"tensorboard": ("tensorboard", "tensorboardX")}.get(name, (name,))
    if not any(importlib.util.find_spec(module) for module in needed):
        raise UserError(f"report_to {name} needs a package that is not here: `pip install {name}`")
    if name == "tensorboard":
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(out / "tensorboard")
    return name


def configure(kind: type, defaults: dict, extra: dict, key: str):
    """A TRL configuration of defaults with the user's `extra` on top. UserError names a wrong setting."""
    known = inspect.signature(kind).parameters
    for name in extra:
        if name not in known:
            raise UserError(f"{key}: {kind.__name__} of TRL has no setting {name!r}: see its documentation")
    try:
        with models.quiet():
            return kind(**(defaults | extra))
    except (TypeError, ValueError) as error:
        raise UserError(f"{key}: TRL refuses these settings: {' '.join(str(error).split())}") from error


class Log:
    """log.jsonl: rows with a "step". `resume` forgets the rows after the step that training goes on from."""

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def rows(self) -> list[dict]:
        """The rows so far; a last line that a kill tore off is left out."""
        if not self.path.exists():
            return []
        text = self.path.read_bytes()
        if not text.endswith(b"\n"):
            os.truncate(self.path, text.rfind(b"\n") + 1)
        return jsonl.read(self.path)

    def resume(self, step: int) -> list[dict]:
        """Keep the rows up to `step` (0: none); returns them."""
        kept = [row for row in self.rows() if row["step"] <= step] if step else []
        jsonl.write(self.path, kept)
        return kept

    def add(self, row: dict) -> None:
        """Append a row; the first process does."""
        if not distributed.first():
            return
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(jsonl.dumps(row) + "\n")


class Watch(TrainerCallback):
    """Writes log rows, shows progress and validates after each checkpoint.

    row(logs, seconds): the log row for what the trainer logged, without its step; None: nothing to write.
    seconds: training so far, validation not counted. validate(model, tokenizer) -> (accuracy, n); first: at
    the start too. hook: called with each row written.
    """

    def __init__(self, label: str, log: Log, row, validate: Validate | None, first: bool = False, hook=None):
        # Sharded weights answer only when every process asks: such runs are validated afterwards.
        validate = None if distributed.sharded() else validate
        self.label, self.log, self.row, self.validate, self.first, self.hook = (
            label,
            log,
            row,
            validate,
            first,
            hook,
        )
        self.trainer = None  # set once there is one
        self.validated: dict[int, tuple[float, int]] = {}
        self.seconds, self.mark, self.progress = 0.0, 0.0, None

    def recall(self, rows: list[dict]) -> None:
        """Take up what earlier rows of the log tell."""
        self.validated = {r["step"]: (r["val_accuracy"], r["val_n"]) for r in rows if "val_accuracy" in r}
        self.seconds = max((r.get("seconds", 0.0) for r in rows), default=0.0)

    def on_train_begin(self, args, state, control, **_):
        self.progress = Progress(self.label, args.max_steps, "steps", start=state.global_step)
        self.mark = time.perf_counter()
        if state.global_step in self.validated:  # told again: a kill may have come before the hook had kept it
            accuracy, n = self.validated[state.global_step]
            if self.hook and distributed.first():
                self.hook({"step": state.global_step, "val_accuracy": round(accuracy, 5), "val_n": n})
        elif state.global_step or self.first:
            self._check(state.global_step)

    def on_save(self, args, state, control, **_):
        self._check(state.global_step)

    def on_log(self, args, state, control, logs=None, **_):
        if not distributed.first():
            return
        now = time.perf_counter()
        self.seconds, self.mark = self.seconds + now - self.mark, now
        row = self.row(logs, self.seconds)
        if row is not None:
            self._write({"step": state.global_step} | row)
            shown = ("reward", "accuracy", "length_mean", "rollouts_per_s")
            shown = shown if "reward" in row else ("loss", "tokens_per_s")
            self.progress.update(state.global_step, **{k: row[k] for k in shown if k in row})

    def _write(self, row: dict) -> None:
        if not distributed.first():
            return
        self.log.add(row)
        if self.hook:
            self.hook(row)

    def _check(self, step: int) -> None:
        """Validate the model as it is now, once per step."""
        if self.validate is None or step in self.validated:
            return
        self.seconds += time.perf_counter() - self.mark
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        training = model.training
        model.eval()
        accuracy, n = distributed.from_first(lambda: self.validate(model, self.trainer.processing_class))
        model.train(training)
        self.validated[step] = accuracy, n
        self._write({"step": step, "val_accuracy": round(accuracy, 5), "val_n": n})
        if distributed.first():
            self.progress.update(step, validation=f"{accuracy:.1%}")
        self.mark = time.perf_counter()


class Checkpoints:
    """The checkpoints of one run: found again only by a run with the same settings and data."""

    def __init__(self, out: Path, inputs):
        self.folder, self.stamp = out / "checkpoints", out / "checkpoints" / "inputs.sha256"
        self.key = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()

    def last(self) -> Path | None:
        """The newest whole checkpoint of this run; those of other runs and torn ones are removed."""
        if not self.stamp.is_file() or self.stamp.read_text() != self.key:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stamp.write_text(self.key)
        found = sorted(self.folder.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
        for folder in reversed(found):
            if whole(folder):
                return folder
            shutil.rmtree(folder)
        return None

    def clear(self) -> None:
        """Remove them, once every process is done with them."""
        distributed.wait()
        if distributed.first() and self.folder.is_dir():
            # Under another name at once: half a checkpoint left by a kill must not be taken for one.
            gone = self.folder.with_name(f"{self.folder.name}.gone")
            shutil.rmtree(gone, ignore_errors=True)
            self.folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def whole(folder: Path) -> bool:
    """Whether a checkpoint was written to its end: its state is written last, and readable, and no file is
    empty, as a machine that goes down may leave those that it had not yet put on the disk.
    """
    try:
        told = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
        return "global_step" in told and all(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    except (OSError, ValueError):
        return False


def run(trainer, watch: Watch, checkpoints: Checkpoints) -> None:
    """Train from the last checkpoint, if there is one, to the end."""
    watch.trainer, trainer.watch = trainer, watch
    trainer.add_callback(watch)
    trainer.remove_callback(PrinterCallback)
    trainer.create_model_card = lambda *_, **__: None
    models.train_in_float32(trainer.model)
    last = distributed.from_first(checkpoints.last)
    step = int(last.name.split("-")[1]) if last else 0
    watch.recall(distributed.from_first(lambda: watch.log.resume(step)))
    for log in getattr(trainer, "logs", ()):
        distributed.from_first(lambda log=log: log.resume(step))
    with models.quiet():
        trainer.train(resume_from_checkpoint=str(last) if last else None)


def store(trainer, tokenizer, folder: Path) -> None:
    """Save what a trainer has trained; all processes call it together, the first writes."""
    if distributed.sharded():
        plugin = getattr(trainer.accelerator.state, "fsdp_plugin", None)
        if plugin is not None:
            plugin.set_state_dict_type("FULL_STATE_DICT")
        trainer.save_model(str(folder))
        if distributed.first():
            tokenizer.save_pretrained(folder)
    elif distributed.first():
        save(trainer.accelerator.unwrap_model(trainer.model), tokenizer, folder)
    distributed.wait()


def save(model, tokenizer, folder: Path) -> None:
    """Save weights and tokenizer at once: readers see the old folder or the new."""
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    model.config.use_cache = True  # trainers switch it off
    with models.quiet():
        model.save_pretrained(new)
        tokenizer.save_pretrained(new)
    for file in new.rglob("*"):
        if file.is_file():
            machine.keep(file)  # what is done next rests on it
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
