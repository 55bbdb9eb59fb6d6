"""A second run of every problem, in a process of its own that has another hash seed.

Scope: trusted programs of the wide grammar. The process reads programs with their inputs as JSON lines and
answers with outputs; it ends when its input does, so that it cannot outlive who started it.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from itertools import groupby

from cr_utils import machine, paths

from .runs import Runs, called

MAX_LINES = 5000  # of a run: far more than any that was accepted
SEEDS = ("1", "2")
START = "from cr_utils.wide import again; again.serve()"


class Again:
    """The process; `outputs` asks it. It is started at the first question."""

    def __init__(self):
        self._process: subprocess.Popen | None = None

    def outputs(self, problems: list[dict]) -> list[str | None]:
        """The outputs of problems (code, input) run there, None for a run that gives none; in order."""
        if not problems:
            return []
        if self._process is None:
            self._process = self._started()
            atexit.register(self.close)
        asked = [
            (code, [p["input"] for p in some]) for code, some in groupby(problems, lambda p: p["code"])
        ]
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def _started(self) -> subprocess.Popen:
        seed = next(one for one in SEEDS if one != os.environ.get("PYTHONHASHSEED"))
        where = os.pathsep.join(filter(None, (str(paths.package().parent), os.environ.get("PYTHONPATH"))))
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": where}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, "-c", START], stdin=pipe, stdout=pipe, env=env, text=True, encoding="utf-8"
        )


def serve() -> None:
    """Answer until the input ends."""
    machine.limit_memory()
    for line in sys.stdin:
        found = [output for code, inputs in json.loads(line) for output in _outputs(code, inputs)]
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def _outputs(code: str, inputs: list[str]) -> list[str | None]:
    program = Runs(code)
    return [program.look(called(text), MAX_LINES).output for text in inputs]
