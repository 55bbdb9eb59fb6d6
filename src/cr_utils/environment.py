"""`python -m cr_utils environment`: this machine and this environment, against what the lock and the sandbox
ask for.

Looks only: starts one sandbox helper to see which layers of isolation hold, installs and changes nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
from importlib import metadata

from cr_utils import benchmarks, machine, paths
from cr_utils.errors import UserError
from cr_utils.sandbox import Sandbox


def locked() -> dict[str, str]:
    """Name to exact version of every package in requirements.lock; empty where there is no checkout."""
    try:
        text = (paths.root() / "requirements.lock").read_text(encoding="utf-8")
    except (OSError, UserError):
        return {}
    rows = (line.split("#")[0].split(";")[0].strip() for line in text.splitlines())
    return dict(row.split("==", 1) for row in rows if "==" in row)


def packages() -> dict[str, list[str]]:
    """Locked packages by how they stand here: `as locked`, `other version` (with both), `missing`."""
    found: dict[str, list[str]] = {"as locked": [], "other version": [], "missing": []}
    for name, wanted in locked().items():
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            found["missing"].append(name)
            continue
        same = have.split("+")[0] == wanted.split("+")[0]
        told = name if same else f"{name} {have}, locked {wanted}"
        found["as locked" if same else "other version"].append(told)
    return found


def layers() -> list[str] | str:
    """The sandbox's layers of isolation that hold here, or what it said instead."""
    try:
        with Sandbox() as sandbox:
            return list(sandbox.run("def f():\n    return 1", "f()").layers)
    except UserError as error:
        return str(error)


def at_hand() -> dict[str, bool] | str:
    """Whether each benchmark's files are here, or what is wrong with the folder that they should be in."""
    try:
        here = {row["name"]: row["path"] is not None for row in benchmarks.status()}
    except UserError as error:
        return str(error)
    return {"cruxeval": here["cruxeval"], "livecodebench": here["livecodebench"],
            "reval": here["reval"] and here["reval_tasks"]}


def report() -> dict:
    """Everything, JSON-like: hardware, versions, commit, packages, sandbox, benchmarks, free disk bytes."""
    place = paths.results_root()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    return {"hardware": machine.hardware(), "versions": machine.versions(), "code": machine.git(),
            "packages": packages(), "sandbox": layers(), "benchmarks": at_hand(),
            "free_disk": shutil.disk_usage(there).free}


def lines(found: dict) -> list[str]:
    """The report for reading."""
    hardware, code = found["hardware"], found["code"]
    stand = found["packages"]
    out = [f"machine     {hardware['cores']} cores of {hardware['processor']}, {hardware['system']}, "
           f"{(hardware['memory'] or 0) / 2**30:.0f} GiB, {len(hardware['gpus'])} GPUs seen",
           f"disk        {found['free_disk'] / 1e9:.0f} GB free for results",
           f"commit      {code['commit'] or 'unknown'}{' with local changes' if code['dirty'] else ''}",
           f"python      {found['versions']['python']}",
           f"packages    {len(stand['as locked'])} as locked, {len(stand['other version'])} of another "
           f"version, {len(stand['missing'])} missing"]
    out += [f"            {name}" for name in stand["other version"]]
    out += [f"            missing: {', '.join(stand['missing'])}"] if stand["missing"] else []
    held = found["sandbox"]
    out += [f"sandbox     {held if isinstance(held, str) else ', '.join(held) or 'POSIX limits only'}"]
    here = found["benchmarks"]
    return out + ["benchmarks  " + (here if isinstance(here, str) else ", ".join(
        f"{name}: {'here' if there else 'not here'}" for name, there in here.items()))]


def main(words: list[str]) -> int:
    """The command `environment`; --json for the whole as JSON."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils environment", description=main.__doc__)
    asked.add_argument("--json", action="store_true", help="print it as JSON")
    found = report()
    print(json.dumps(found, indent=1) if asked.parse_args(words).json else "\n".join(lines(found)))
    return 0
