"""Several processes that train one model together: who they are, and what only the first of them does.

Covers the start (and the check that as many started as the profile asks for), whether the weights are
sharded, and handing a result of the first process to all. A launcher (torchrun, accelerate) starts the
processes and sets the variables read here; without one, everything is done by the only process there is.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable

import torch

from cr_utils.errors import UserError

PATIENCE = datetime.timedelta(hours=2)  # the others wait while the first validates
_KEPT: list = []  # DeepSpeed's settings are found by weak reference: somebody must hold them


def size() -> int:
    """How many processes a launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def first() -> bool:
    """Whether this is the process that writes files."""
    return int(os.environ.get("RANK", "0")) == 0


def sharded() -> bool:
    """Whether weights are split over processes (FSDP or DeepSpeed), as accelerate's launcher says."""
    kinds = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")
    return any(os.environ.get(kind, "").lower() == "true" for kind in kinds)


def start(launch: dict | None) -> None:
    """Join the other processes. Raises UserError where their number or sharding is not what `launch` says.

    launch: the parameter of that name; None or {} means one process. Call it before a model is loaded.
    """
    launch = launch or {}
    wanted = launch.get("nodes", 1) * launch.get("gpus", 1)
    if size() != wanted:
        raise UserError(f"launch asks for {wanted} processes and {size()} started: "
                        "`python -m cr_utils launch --profile NAME` writes the script that starts them")
    if sharded() != (launch.get("sharding", "none") != "none"):
        raise UserError(f"launch asks for sharding {launch.get('sharding', 'none')!r}, and accelerate was "
                        f"started {'with' if sharded() else 'without'} it")
    if wanted == 1:
        return
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)
    if state.num_processes != wanted:
        raise UserError(f"{wanted} processes were started and {state.num_processes} found each other")
    if launch.get("sharding") == "zero3" and not _KEPT:
        import transformers

        # Models are only loaded in shards once DeepSpeed's settings exist.
        _KEPT.append(transformers.TrainingArguments(output_dir=".", report_to="none", bf16=True))


def from_first(make: Callable[[], object]):
    """The result of `make`, called in the first process only; every process must ask. It must pickle."""
    if not _joined():
        return make()
    found: list = [None, None]
    if first():
        try:
            found[0] = make()
        except BaseException as error:  # noqa: BLE001 - the others would wait for ever
            found[1] = error
    torch.distributed.broadcast_object_list(found, src=0)
    if found[1] is not None:
        raise found[1]
    return found[0]


def wait() -> None:
    """Until every process is here."""
    if _joined():
        torch.distributed.barrier()


def _joined() -> bool:
    return size() > 1 and torch.distributed.is_available() and torch.distributed.is_initialized()
