"""Parameters: profiles, overrides and notebooks' `parameters` cells, checked against the schema.

A profile is a flat YAML file in params/. Everything is checked before anything runs: names, types, ranges,
and the arithmetic between keys. `params/base.yaml` (the training of the shipped base model) is read by
`load_base` and is not checked against SCHEMA, since it is no profile. Creates nothing.
"""

import argparse
import ast
import difflib
import json
import os
import re
import shlex
from pathlib import Path

import yaml

from cr_utils import arithmetic, paths
from cr_utils.arithmetic import processes
from cr_utils.errors import UserError
from cr_utils.schema import (
    ALSO,
    COMMON,
    DEFAULT_PROFILE,
    NOT_PROFILES,
    REQUIRED,
    SAMPLED,
    SCHEMA,
    STAGE_KEYS,
    UNRECORDED,
    Key,
)

__all__ = ["cell", "collect", "deciding_keys", "load", "load_base", "main", "nearest", "notebook_keys",
           "notebook_values", "parse_value", "processes", "profiles", "stage_keys",
           "validate_notebook_defaults", "write_cell"]


def nearest(word: str, known) -> str:
    """The known word most like the given one, as a phrase for a message; all of them where none is alike."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.65)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def profiles() -> list[str]:
    """Names of the profiles in params/."""
    return sorted(path.stem for path in paths.params_dir().glob("*.yaml") if path.stem not in NOT_PROFILES)


def known(profile: str) -> str:
    """The profile's name, where there is one in params/; else UserError with the nearest one."""
    if profile not in profiles():
        raise UserError(f"no profile {profile!r} in params/: {nearest(str(profile), profiles())}")
    return profile


def with_make(profile: str, words: str) -> str:
    """The command that gives words to the driver by way of make, for a message."""
    given = f"'{words}'" if " " in words else words
    chosen = "" if profile == DEFAULT_PROFILE else f" PROFILE={profile}"
    return f"`make reproduce{chosen} ARGS={given}`"


def with_words(profile: str, words: tuple[str, ...]) -> str:
    """The command that gives these words to the driver, by make and directly; directly only where a word
    would not pass through make.
    """
    chosen = () if profile == DEFAULT_PROFILE else ("--profile", profile)
    direct = f"`{shlex.join(('python', '-m', 'cr_utils', 'run', *chosen, *words))}`"
    if any(mark in word for word in words for mark in "'\"$`\\#"):
        return direct
    quoted = " ".join(word if shlex.quote(word) == word else f'"{word}"' for word in words)
    return f"{with_make(profile, quoted)}, or {direct}"


def _read_yaml(path: Path) -> dict:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        fault = " ".join(str(error).split())
        raise UserError(f"{paths.shown(path)} is not YAML ({fault}): mend it") from None
    if not isinstance(values, dict):
        raise UserError(f"{paths.shown(path)} must hold `key: value` lines")
    return values


def load_base() -> dict:
    """params/base.yaml as it stands: settings of the training of the shipped base model."""
    path = paths.params_dir() / "base.yaml"
    if not path.is_file():
        raise UserError(f"{paths.shown(path)} is missing: restore it from the repository")
    return _read_yaml(path)


def load(profile: str = DEFAULT_PROFILE, overrides: dict | None = None) -> dict:
    """All parameters of a profile with overrides on top, checked. UserError names the nearest valid word."""
    where = f"params/{profile}.yaml"
    given = _checked(_read_yaml(paths.params_dir() / f"{known(profile)}.yaml"), where)
    if given.get("profile", profile) != profile:
        raise UserError(f"{where} says profile: {given['profile']}; write profile: {profile}")
    values = given | _checked(overrides or {}, "parameters") | {"profile": profile}
    missing = [key for key, spec in SCHEMA.items() if spec.default is REQUIRED and key not in values]
    if missing:
        raise UserError(f"{where} does not set {missing[0]} ({SCHEMA[missing[0]].help}): add the line")
    full = {key: values.get(key, spec.default) for key, spec in SCHEMA.items()}
    if full["eval_whole"]:
        full |= {key: int(SCHEMA[key].high) for key in SAMPLED if full[key]}
    arithmetic.check(full)
    return json.loads(json.dumps(full))


def _checked(values: dict, where: str) -> dict:
    return {key: _check(key, value, where) for key, value in values.items()}


def _check(key: str, value, where: str):
    """One value, an int turned into a float where a float is asked for; UserError where it does not fit."""
    if key not in SCHEMA:
        raise UserError(f"{where}: no parameter {key!r}: {nearest(str(key), SCHEMA)}")
    spec = SCHEMA[key]
    if spec.type is float and type(value) is int:
        value = float(value)
    if type(value) is not spec.type:
        raise UserError(f"{where}: {key} is {value!r} ({type(value).__name__}), "
                        f"{_expected(spec, value)} ({spec.help})")
    if spec.type in (int, float):
        _check_range(key, value, spec, where)
    if spec.choices:
        members = [value] if spec.type is str else list(value)
        for member in members:
            if member not in spec.choices:
                raise UserError(f"{where}: {key} has {member!r}: {nearest(str(member), spec.choices)}")
    return value


def _expected(spec: Key, value) -> str:
    if spec.type is float and isinstance(value, str) and re.fullmatch(r"[-+]?\d+[eE][-+]?\d+", value):
        mantissa, exponent = re.split("[eE]", value)
        sign = "" if exponent[0] in "+-" else "+"
        return f"which YAML reads as text: write {mantissa}.0e{sign}{exponent}"
    return f"expected {spec.type.__name__}"


def _check_range(key: str, value, spec: Key, where: str) -> None:
    low = float("-inf") if spec.low is None else spec.low
    high = float("inf") if spec.high is None else spec.high
    if not low <= value <= high:
        bounds = f"at least {spec.low}" if spec.high is None else f"between {spec.low} and {spec.high}"
        raise UserError(f"{where}: {key} is {value}, must be {bounds} ({spec.help})")


def parse_value(key: str, text: str):
    """The value of `-p key value` on the command line: read as YAML, or by float() where a float is due."""
    if key not in SCHEMA:
        raise UserError(f"-p {key}: no such parameter: {nearest(key, SCHEMA)}")
    try:
        return {str: str, float: float}.get(SCHEMA[key].type, yaml.safe_load)(text)
    except (ValueError, yaml.YAMLError):
        raise UserError(f"-p {key} {text}: expected {SCHEMA[key].type.__name__} "
                        f"({SCHEMA[key].help})") from None


def stage_keys(stage: str) -> list[str]:
    """The keys that a stage's notebook declares: the common ones and its own. UserError if unknown."""
    if stage not in STAGE_KEYS:
        raise UserError(f"no stage {stage!r}: {nearest(stage, STAGE_KEYS)}")
    return _matching((*COMMON, *STAGE_KEYS[stage]))


def deciding_keys(stage: str) -> list[str]:
    """The keys that decide a stage's result: declared by its notebook (less profile, force), or in ALSO."""
    return [key for key in _matching((*stage_keys(stage), *ALSO.get(stage, ()))) if key not in UNRECORDED]


def _matching(wanted: tuple) -> list[str]:
    """Keys of the schema that are named, or begin with a named prefix (which ends in _)."""
    prefixes = tuple(word for word in wanted if word.endswith("_"))
    return [key for key in SCHEMA if key in wanted or key.startswith(prefixes)]


def collect(namespace: dict) -> dict:
    """All parameters for a notebook: its profile with the values of its parameters cell on top.

    Call it as `params.collect(globals())` right after that cell. Keys that the cell does not declare are the
    profile's, or as the driver was told (CR_PARAMETERS, a JSON object). A person who only changes `profile`
    in the cell means that profile: without a driver, values still those of tiny give way to the profile's.
    """
    profile = namespace.get("profile", DEFAULT_PROFILE)
    told = json.loads(os.environ.get("CR_PARAMETERS", "{}"))
    told = told if told.get("profile") == profile else {}
    declared = {key: namespace[key] for key in SCHEMA if key in namespace}
    if profile != DEFAULT_PROFILE and not told:
        usual = load(DEFAULT_PROFILE)
        declared = {key: value for key, value in declared.items() if value != usual[key]}
    return load(profile, told | declared)


def cell(stage: str, profile: str = DEFAULT_PROFILE) -> str:
    """The text of a stage's `parameters` cell: one typed line and comment per knob, values of the profile."""
    values = load(profile)
    return "\n".join(f"{key}: {SCHEMA[key].type.__name__} = {values[key]!r}  # {SCHEMA[key].help}"
                     for key in stage_keys(stage))


def notebook_values(path: Path) -> dict:
    """Names and literal values that the cell tagged `parameters` of a notebook declares, in order.

    Raises UserError where there is no such cell or it holds something else than `name: type = literal`.
    """
    try:
        cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} is no readable notebook ({error}): restore it from the repository") from None
    tagged = [c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise UserError(f"{path} has {len(tagged)} cells tagged `parameters`: tag exactly one")
    try:
        return {node.target.id if isinstance(node, ast.AnnAssign) else node.targets[0].id:
                ast.literal_eval(node.value) for node in ast.parse("".join(tagged[0]["source"])).body}
    except (SyntaxError, ValueError, AttributeError, IndexError):
        raise UserError(f"{path}: the parameters cell may hold only lines `name: type = literal`") from None


def notebook_keys(path: Path) -> list[str]:
    """Names that the `parameters` cell of a notebook declares, in order."""
    return list(notebook_values(path))


def validate_notebook_defaults(path: Path, stage: str) -> list[str]:
    """What is wrong with a notebook's `parameters` cell, a line each; empty where it is as `cell` has it."""
    values, expected = notebook_values(path), load(DEFAULT_PROFILE)
    wanted = stage_keys(stage)
    faults = [f"{key} is not declared" for key in wanted if key not in values]
    faults += [f"{key} does not belong here: {nearest(key, wanted)}" for key in values if key not in wanted]
    faults += [f"{key} is {values[key]!r}, profile {DEFAULT_PROFILE} has {expected[key]!r}" for key in wanted
               if key in values and (type(values[key]), values[key]) != (type(expected[key]), expected[key])]
    return faults


def write_cell(path: Path, stage: str) -> None:
    """Put the text of `cell(stage)` into a notebook's `parameters` cell, and leave the rest as it is."""
    notebook_values(path)  # raises where there is not exactly one such cell
    book = json.loads(path.read_text(encoding="utf-8"))
    tagged = next(c for c in book["cells"] if "parameters" in c.get("metadata", {}).get("tags", []))
    tagged["source"] = cell(stage).splitlines(keepends=True)
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(words: list[str]) -> int:
    """The command `params`: list the knobs, or print the text of a notebook's parameters cell."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils params")
    asked.add_argument("--profile", default=DEFAULT_PROFILE, help="name of a file in params/ (default: tiny)")
    asked.add_argument("--cell", metavar="STAGE", help="print the parameters cell of this stage's notebook")
    asked.add_argument("--write", action="store_true", help="write these cells into all notebooks")
    given = asked.parse_args(words)
    if given.write:
        for stage in filter(lambda one: paths.notebook(one).is_file(), paths.STAGES):
            write_cell(paths.notebook(stage), stage)
        return 0
    if given.cell:
        print(cell(given.cell, given.profile))
        return 0
    for key, value in load(given.profile).items():
        print(f"{key:<22} {value!s:<14} {SCHEMA[key].help}")
    return 0
