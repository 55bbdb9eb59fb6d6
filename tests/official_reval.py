"""REval's rules once more, as literally as they are stated: the script behind `official_rules.reval`.

Slow, unsafe and simple on purpose: the benchmark's programs run one after the other in one namespace, as
published, and every answer is judged in a fork. Reads {data, tasks, pairs, answers} as JSON on standard
input. Only for texts that a test wrote. Shares no code with the package.
"""

import argparse
import ast
import collections.abc
import copy
import datetime
import glob
import inspect
import itertools
import json
import os
import pydoc
import re
import signal
import sys
import tempfile
import types
import unittest
import warnings

import numpy

warnings.simplefilter("ignore")
JOB = json.load(sys.stdin)
WORLD = {
    "__name__": "dynamics",
    "ast": ast,
    "inspect": inspect,
    "itertools": itertools,
    "sys": sys,
    "tempfile": tempfile,
    "deepcopy": copy.deepcopy,
    "Iterator": collections.abc.Iterator,
    "Generator": collections.abc.Generator,
    "FrameType": types.FrameType,
}
SCORER = {
    "__name__": "__main__",
    "argparse": argparse,
    "glob": glob,
    "inspect": inspect,
    "os": os,
    "re": re,
    "json": json,
    "sys": sys,
    "np": numpy,
    "datetime": datetime.datetime,
    "locate": pydoc.locate,
}
NIL, STATES = "Nil", []
if not hasattr(numpy, "mat"):
    numpy.mat = numpy.asmatrix


# ---- the run: one flat list of states over all frames


def follow(frame, event, _):
    line = frame.f_lineno
    if not STATES or STATES[-1][0] != line:
        STATES.append([line, {}])
    if event == "line":
        STATES[-1][1] = {
            name: copy.deepcopy(value)
            for name, value in frame.f_locals.items()
            if type(value).__name__ not in ("module", "function", "builtin_function_or_method")
            and not isinstance(value, (collections.abc.Iterator, collections.abc.Generator))
        }
    return follow


def enter(frame, event, _):
    return follow if event == "call" and frame.f_code.co_filename == "<here>" else None


def states_of(run):
    STATES.clear()
    sys.settrace(enter)
    try:
        run()
    finally:
        sys.settrace(None)
    return [tuple(one) for one in STATES]


def next_lines(states, line):
    visits = [at for at, one in enumerate(states) if one[0] == line]
    return {states[at + 1][0] if at + 1 < len(states) else -1 for at in visits} if visits else {-1}


def values_after(states, line, expression):
    visits = [at for at, one in enumerate(states) if one[0] == line]
    if not visits:
        return NIL
    seen = [states[at + 1 if at + 1 < len(states) else at][1] for at in visits]
    node = ast.parse(expression).body[0].value
    if not isinstance(node, (ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Tuple)):
        return []
    try:
        return look(node, seen)
    except Exception:
        return NIL


def look(node, seen):
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.Name):
        return [one[node.id] for one in seen if node.id in one] or NIL
    if isinstance(node, ast.Attribute):
        owners = look(node.value, seen)
        if owners is NIL:
            return NIL
        return [getattr(one, node.attr) for one in owners if hasattr(one, node.attr)] or NIL
    if isinstance(node, ast.Subscript):
        owners, keys, found = look(node.value, seen), look(node.slice, seen), []
        if owners is NIL or keys is NIL:
            return NIL
        for owner, key in itertools.product(owners, keys):
            try:
                found.append(owner[key])
            except (TypeError, KeyError, IndexError):
                pass
        return found or NIL
    if isinstance(node, ast.Tuple):
        parts = [look(one, seen) for one in node.elts]
        return NIL if any(one is NIL for one in parts) else list(itertools.product(*parts))
    raise ValueError


# ---- the answers


def between(text):
    if "[ANSWER]" in text:
        text = text[text.index("[ANSWER]") + 8 :].strip()
    for mark in ("[/ANSWER]", "[/ANSWER"):
        if mark in text:
            text = text[: text.index(mark)].strip()
    return text


def coverage(text, states, line, _, __):
    said = between(text.upper().strip())[:3]
    yes = "YES" in said and "NO" not in said
    return yes == any(one[0] == line for one in states)


def path(text, states, line, _, code):
    said = between(text).split("\n")[0].strip()
    if said == "":
        return False
    lines = [number for number, one in enumerate(code.split("\n"), 1) if one.strip() == said]
    return bool(({-1} if said == "-1" else set(lines)) & next_lines(states, line))


def state(text, states, line, expression, _):
    true, said = values_after(states, line, expression), read_state(text)
    if said == "ERROR" or (said is NIL) != (true is NIL):
        return False
    if said is NIL:
        return True
    value, kind = said
    if kind not in [type(one) for one in true] or type(value) is not kind:
        return False
    if kind is float:
        return any(isinstance(one, (int, float)) and abs(value - one) < 1e-6 for one in true)
    try:
        return value in true
    except ValueError:
        return any(isinstance(one, numpy.ndarray) and numpy.allclose(value, one) for one in true)


def read_state(resp):
    for curly, straight in zip("\u2018\u2019\u201c\u201d", "''\"\"", strict=True):
        resp = resp.replace(curly, straight)
    resp = resp.strip()
    idx = -1
    if "[ANSWER]" in resp:
        resp = resp[resp.index("[ANSWER]") + 8 :].strip()
    for mark in ("[/ANSWER]", "[/ANSWER"):
        idx = resp.find(mark)
        resp = resp[:idx].strip() if idx != -1 else resp
    if resp.capitalize() == "Nil" or resp == "[Nil]":
        return NIL
    semicolon = resp.rfind(";")
    if semicolon == -1:
        return "ERROR"
    parts = [resp[:semicolon].strip(), resp[semicolon + 1 :].strip().lower()]
    if parts[0].capitalize() == "Nil":
        return NIL
    wrapped = re.match(r"<class '(.*)'>", parts[1])
    parts[1] = wrapped.group(1) if wrapped else parts[1]
    _match = re.match(r"(.*)\[.*\]", parts[1])
    parts[1] = _match.group(1) if _match else parts[1]
    parts[1] = {"string": "str", "integer": "int"}.get(parts[1], parts[1])
    parts[1] = "tuple" if "," in parts[1] or "tuple" in parts[1] else parts[1]
    value, kind = parts
    local = {
        "self": object(),
        "resp": resp,
        "idx": idx,
        "semicolon": semicolon,
        "parts": parts,
        "_match": _match,
    }
    try:
        if kind == "str":
            try:
                return eval(value, SCORER, local), str
            except Exception:
                return value, str
        if kind in ("datetime", "datetime.datetime"):
            from dateutil.parser import parse

            return parse(value), pydoc.locate(kind)
        if kind in ("numpy.ndarray", "np.ndarray"):
            return numpy.array(eval(value, SCORER, local)), pydoc.locate(kind)
        if value == "None":
            return None, type(None)
        kind = pydoc.locate(kind)
        if not inspect.isclass(kind):
            return "ERROR"
        if kind.__module__ == "builtins":
            return eval(value, SCORER, local), kind
        try:
            return kind(eval(value, SCORER, local)), kind
        except Exception:
            return kind(value), kind
    except Exception:
        return "ERROR"


def output(text, asked, program, case):
    ans = between(text)
    if ans == "ERROR":
        return False
    question, lines = asked.strip().split("\n"), ans.strip().split("\n")
    if len(lines) < len(question):
        ans = "\n".join(question[: len(question) - len(lines)] + lines)
    for vacuous in ("assertTrue(True)", "assertFalse(False)", "assert True", "assert False"):
        if vacuous in ans:
            return False
    if ans.count("assert") < asked.count("assert"):
        return False
    try:
        return in_function(ans, asked, program) if case is None else in_class(ans, case)
    except Exception:
        return False


def in_function(ans, asked, program):
    name = program["entry_point"]
    exec(
        ans,
        SCORER,
        {
            name: WORLD[name],
            "self": object(),
            "fn_name": name,
            "code": program["code"],
            "ans": ans,
            "_input": asked,
            "status": False,
            "task": [1],
            "sandbox": object(),
            "p": "p",
            "model_gen": "x",
        },
    )
    return True


def in_class(ans, case):
    body, open_text = "def dreval_output_pred(self):", False
    for line in ans.split("\n"):
        body += "\n" + line if open_text else "\n\t" + line
        open_text ^= "'''" in line or '"""' in line
    exec(compile(body.replace("assert", "self.assert"), "<here>", "exec"), WORLD)
    case.dreval_output_pred = WORLD["dreval_output_pred"]
    one = case()
    one.setUp()
    one.dreval_output_pred()
    return True


# ---- everything, in the benchmark's order


def apart(judge, *given):
    """A verdict from a fork: what an answer leaves behind or breaks stays there."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        os.write(write, b"1" if judge(*given) else b"0")
        os._exit(0)
    os.close(write)
    said = os.read(read, 1)
    os.close(read)
    os.waitpid(child, 0)
    return said == b"1"


def cases_of(program):
    exec(compile(program["test"], "<test>", "exec"), WORLD)
    found = [
        value
        for name, value in list(WORLD.items())
        if isinstance(value, type)
        and re.match(program["entry_point"] + "Test.*", name)
        and issubclass(value, unittest.TestCase)
    ]
    for case in found:
        names = [name for name in vars(case) if name.startswith("test")]
        case.dreval_test = getattr(case, names[0])
        for name in names:
            delattr(case, name)
    return found


def runner(program, at, cases):
    if cases is None:
        return lambda: WORLD[program["entry_point"]](*eval(program["inputs"][at], SCORER))
    one = cases[at]()
    one.setUp()
    return one.dreval_test


truths, verdicts, JUDGES = {}, {}, {"coverage": coverage, "path": path, "state": state}
for program, row in zip(JOB["data"], JOB["tasks"], strict=True):
    try:
        exec(compile(program["code"], "<here>", "exec"), WORLD)
        WORLD[program["entry_point"]].__doc__ = program["code"]
        cases = cases_of(program) if program["test"] else None
    except ImportError:
        continue
    for pair in row["tasks"]:
        at, key = pair["input_idx"], f"{row['idx']}.{pair['input_idx']}"
        if key not in JOB["pairs"]:
            continue
        states = states_of(runner(program, at, cases))
        truths[key] = []
        for place in pair["task"]:
            line = place["lineno"]
            values = values_after(states, line, place["var"])
            told = NIL if values is NIL else [[type(one).__name__, repr(one)] for one in values]
            truths[key].append(
                [any(one[0] == line for one in states), sorted(next_lines(states, line)), told]
            )
        for number, (task, which, line, var, text) in enumerate(JOB["answers"]):
            if which == key and task == "output":
                case = cases[at] if cases else None
                verdicts[number] = apart(output, text, pair["output_pred"], program, case)
            elif which == key:
                verdicts[number] = apart(JUDGES[task], text, states, line, var, program["code"])
print(json.dumps([truths, [verdicts.get(number) for number in range(len(JOB["answers"]))]]))
