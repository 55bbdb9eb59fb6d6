"""The stage 00_base: trains the start model of a profile with `model: scratch`, and keeps its record.

It needs no earlier stage and no notebook: the driver calls it before the first stage that reads the model,
and `python -m cr_utils base --profile P` calls it alone. As a child of the driver it takes the parameters
from CR_PARAMETERS and leaves a report, as cr_utils.execute does for a notebook.
"""

import json
import os
import sys
import traceback
from pathlib import Path

from cr_utils import budget, fits_base, machine, params, paths, pretrain, record
from cr_utils.errors import UserError

OUTPUTS = ["model", "log.jsonl"]


def run(values: dict) -> dict:
    """Train, or continue, or open the finished stage; its manifest. Raises UserError."""
    if values["model"] != "scratch":
        raise UserError(f"profile {values['profile']} starts from {values['model']}: there is no base to "
                        "train (model: scratch trains one)")
    stage = record.start(paths.BASE, values)
    if stage.done:
        return stage.finish(OUTPUTS)
    warm = []

    def fit(share: budget.Share) -> budget.Fit:
        found, tried = fits_base.pretraining(values, workers(values), share)
        warm.append(tried)
        return found

    fitted = budget.once(stage, values, fit)
    done = pretrain.train(pretrain.settings(fitted, workers(values)), stage.dir,
                          run=warm.pop() if warm else None)
    manifest = stage.finish(OUTPUTS, done)
    (stage.dir / "checkpoint.pt").unlink(missing_ok=True)
    return manifest


def workers(values: dict) -> int:
    """How many processes make documents: as the profile says, else one per core less the trainer's."""
    return values["base_workers"] or max(1, (machine.hardware()["cores"] or 2) - 1)


def line(manifest: dict) -> str:
    """What was trained, in a line."""
    made = manifest["metrics"]
    used = "unknown for this device" if made["mfu"] is None else f"{made['mfu']:.1%}"
    return (f"{made['parameters'] / 1e6:.1f} M parameters, {made['tokens']} tokens in "
            f"{made['seconds']:.0f} s ({made['tokens_per_s']} a second), loss {made['loss']:.3f}, "
            f"share of the device's peak {used}, waited for documents {made['wait_share']:.1%} of the time")


def main(words: list[str]) -> int:
    """Child of the driver: `python -m cr_utils.base_stage REPORT`."""
    machine.end_with_parent()
    report = {"kind": "ok", "message": "", "trace": ""}
    try:
        values = json.loads(os.environ["CR_PARAMETERS"])
        print(line(run(params.load(values["profile"], values | {"force": False}))), flush=True)
    except UserError as error:
        report |= {"kind": "user", "message": str(error)}
    except Exception as error:
        report |= {"kind": "error", "message": f"{type(error).__name__}: {error}",
                   "trace": traceback.format_exc()}
    Path(words[0]).write_text(json.dumps(report), encoding="utf-8")
    return 0 if report["kind"] == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
