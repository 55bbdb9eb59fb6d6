"""Execute one notebook in this process's own kernel: the child of the driver, not meant to be called by hand.

`python -m cr_utils.execute SOURCE TARGET VALUES REPORT`: VALUES is a JSON object for the parameters cell.
What the cells print goes to standard output as it comes. REPORT receives {"kind", "message", "trace"}, kind
being ok, user (a UserError), error (a cell raised), dead (the kernel died), start (it never answered).
Whether the stage is finished is for its manifest to say, not for this report.
"""

import contextlib
import json
import re
import sys
from pathlib import Path

import papermill
import psutil
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from cr_utils import machine, paths
from cr_utils.errors import UserError

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def watch_parent(seconds: float = 1.0) -> None:
    """End this process and its kernel as soon as the driver is gone, however it went."""

    def end_all() -> None:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    machine.end_with_parent(seconds, end_all)


def execute(source: str, target: str, values: dict) -> dict:
    """Run the notebook with the values in its parameters cell; what became of it, as a report."""
    try:
        papermill.execute_notebook(source, target, values, progress_bar=False, cwd=str(paths.root()),
                                   stdout_file=sys.stdout, stderr_file=sys.stdout)
    except PapermillExecutionError as error:
        kind = "user" if error.ename == UserError.__name__ else "error"
        message = error.evalue if kind == "user" else f"{error.ename}: {error.evalue}"
        return {"kind": kind, "message": message, "trace": COLOURS.sub("", "\n".join(error.traceback))}
    except DeadKernelError as error:
        return {"kind": "dead", "message": str(error), "trace": ""}
    except Exception as error:  # the kernel did not start: ports, sockets, kernel specification
        return {"kind": "start", "message": f"{type(error).__name__}: {error}", "trace": ""}
    return {"kind": "ok", "message": "", "trace": ""}


def main(words: list[str]) -> int:
    """Execute, then write the report; 0 where the notebook ran through."""
    source, target, values, report = words
    watch_parent()
    outcome = execute(source, target, json.loads(values))
    Path(report).write_text(json.dumps(outcome), encoding="utf-8")
    return 0 if outcome["kind"] == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
