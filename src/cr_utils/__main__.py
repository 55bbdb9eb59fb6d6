"""The command line: `python -m cr_utils COMMAND …`. Finds the module of a command, and makes errors readable.

A UserError is one line and exit code 2; anything unexpected is two lines (cause, remedy) and exit code 1;
Ctrl-C is exit code 130. `--debug` anywhere shows the trace instead.
"""

import importlib
import os
import sys
import traceback
from pathlib import Path

from cr_utils import paths
from cr_utils.errors import UserError

COMMANDS = {
    "run": ("cr_utils.run", "main", "run the stages of a profile"),
    "report": ("cr_utils.report", "main", "tables, figures and the page of a profile, from its records"),
    "launch": ("cr_utils.launch", "main", "write the script that runs a profile on several GPUs or nodes"),
    "train": ("cr_utils.train", "main", "train a stage in this and all other processes of a launch script"),
    "estimate": ("cr_utils.footprint", "main", "memory and time of a profile's trainings on this machine"),
    "merge": ("cr_utils.adapters", "main", "make a LoRA adapter and its base one model"),
    "push": ("cr_utils.cards", "main", "push a trained model or a data set, with its card, to the hub"),
    "verl": ("cr_utils.verl", "main", "export the questions of the RL stage for verl, with the reward"),
    "figures": ("cr_utils.report", "main_figures", "redraw the figures of a profile, from its records"),
    "base": ("cr_utils.base_cli", "main", "train the base model that the package ships"),
    "data": ("cr_utils.data_cli", "main", "make problems, JSONL on standard output"),
    "data status": ("cr_utils.data_cli", "status", "which benchmark files are here, and where"),
    "data fetch": ("cr_utils.data_cli", "fetch", "download benchmark files"),
    "data fetch-templates": ("cr_utils.published_prompts", "main", "download the benchmarks' own prompts"),
    "data chains": ("cr_utils.releases", "main", "the released chains, judged anew, to train on"),
    "data coverage": ("cr_utils.data_cli", "cells_of", "problems in each cell of the space, of a file"),
    "data difficulty": ("cr_utils.passes_cli", "main", "which problems a model finds hard, by asking it"),
    "judge": ("cr_utils.judge_cli", "judge_main", "judge answers, JSONL in and out"),
    "trace": ("cr_utils.judge_cli", "trace_main", "trace calls, JSONL in and out"),
    "evaluate": ("cr_utils.eval_cli", "main", "ask any models the real benchmarks' questions"),
    "join": ("cr_utils.eval_cli", "main_join", "one file of answers from those of several machines"),
    "score": ("cr_utils.score", "main", "score files of generations for the benchmarks"),
    "check": ("cr_utils.check", "main", "recompute the reference run, compare yours with it"),
    "verify-figures": ("cr_utils.check", "main_figures", "redraw all figures of the reference run"),
    "crate": ("cr_utils.crate", "main", "export a run and its provenance as an RO-Crate"),
    "environment": ("cr_utils.environment", "main",
                    "what this machine and environment are, and what is missing"),
    "checklists": ("cr_utils.checklists", "main", "reproducibility checklists, filled from the records"),
    "reference": ("cr_utils.reference", "main",
                  "keep the small records of a finished run in results/reference/"),
    "readme": ("cr_utils.readme", "main", "renew the parts of README.md made from the reference run"),
    "address": ("cr_utils.address", "main",
                "print the repository's address, or set it in every file that repeats it"),
    "params": ("cr_utils.params", "main", "list the parameters, or print a notebook's parameters cell"),
}


def usage() -> str:
    """The help text."""
    lines = [f"  {name:<21}{text}" for name, (_, _, text) in COMMANDS.items()]
    return "\n".join(["usage: python -m cr_utils COMMAND [--debug] …", "", *lines, "",
                      "python -m cr_utils COMMAND --help tells more."])


def dispatch(words: list[str]) -> int:
    """Run one command. Raises what it raises; UserError for a command that does not exist."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    name = next((name for name in (" ".join(words[:2]), words[0]) if name in COMMANDS), None)
    if name is None:
        from cr_utils.params import nearest
        raise UserError(f"no command {words[0]!r}: {nearest(words[0], COMMANDS)}")
    module, function, _ = COMMANDS[name]
    return getattr(importlib.import_module(module), function)(words[len(name.split()):]) or 0


def explain(error: Exception) -> tuple[str, str]:
    """Cause and remedy of an unexpected error, a line each; the trace goes to a file the remedy names."""
    if hasattr(error, "remedy"):
        return error.cause, error.remedy
    cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if isinstance(error, ModuleNotFoundError):
        return cause, "The environment is incomplete: run `make setup`, then use .venv/bin/python."
    log = _keep_trace(error)
    return cause, f"This should not happen. Trace: {log}. Please report it, or add --debug to see it here."


def _keep_trace(error: Exception) -> str:
    try:
        log = Path(paths.root() / ".cache" / "error.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        return paths.shown(log)
    except (OSError, UserError):
        return "not kept"


def main(words: list[str]) -> int:
    """Run a command and turn what it raises into lines and an exit code."""
    debug, words = "--debug" in words, [word for word in words if word != "--debug"]
    try:
        return dispatch(words)
    except KeyboardInterrupt:
        print("stopped; the same command continues where it was", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe left, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UserError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if debug:
            print(getattr(error, "trace", None) or traceback.format_exc(), file=sys.stderr)
        cause, remedy = explain(error)
        print(f"error: {cause}\n{remedy}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
