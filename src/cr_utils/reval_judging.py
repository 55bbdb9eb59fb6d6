"""What runs inside the sandbox for REval: judges answers whose text has to be evaluated or executed.

Shipped as text behind `reval_program`, on which it builds; the package itself calls nothing in it. It follows
the published scorer, which evaluates a model's text: that is why it runs nowhere but in the sandbox.
"""

from cr_utils.reval_program import FILE, flat_values, patch_numpy, prepare, record, test_classes, told

nan, inf = float("nan"), float("inf")  # as they stand in the texts of observed values


def judge_state(value_text, type_text, around, observed):
    """The published comparison of "value; type" with observed values; around: (whole answer, last position of
    a mark).
    """
    answer = _evaluated(value_text, type_text, around)
    return answer is not None and bool(_matches(*answer, observed))


def judge_traced_state(code, entry, test, job, line, text, value_text, type_text, around):
    """The same where observed values are no plain data: they are made again here."""
    run = record(prepare(code, entry, test)(job))
    return judge_state(value_text, type_text, around, flat_values(run, line, text) or [])


def _evaluated(value_text, type_text, around):
    """(value, type), or None where the published scorer gives up."""
    from pydoc import locate
    space = _published_names(), _published_locals(value_text, type_text, *around)
    try:
        if type_text == "str":
            try:
                return eval(value_text, *space), str
            except Exception:
                return value_text, str
        if type_text in ("datetime.datetime", "datetime"):
            from dateutil.parser import parse
            return parse(value_text), locate(type_text)
        if type_text in ("numpy.ndarray", "np.ndarray"):
            import numpy
            return numpy.array(eval(value_text, *space)), locate(type_text)
        if value_text == "None":
            return None, type(None)
        kind = locate(type_text)
        if not isinstance(kind, type):
            return None
        if kind.__module__ == "builtins":
            return eval(value_text, *space), kind
        try:
            return kind(eval(value_text, *space)), kind
        except Exception:
            return kind(value_text), kind
    except Exception:
        return None


def _matches(value, kind, observed):
    if all(kind is not type(one) for one in observed) or type(value) is not kind:
        return False
    if kind is float:
        return any(_close(value, one) for one in observed)
    try:
        return value in observed
    except ValueError:  # arrays have no single truth value
        return any(_array_equal(value, one) for one in observed)


def _close(value, other):
    try:
        return abs(value - other) < 1e-6
    except Exception:
        return False


def _array_equal(value, other):
    import numpy
    try:
        if isinstance(value, numpy.ndarray) and isinstance(other, numpy.ndarray):
            return bool(numpy.allclose(value, other))
        return bool(value == other)
    except Exception:
        return False


def _published_names():
    """Names that a pasted text can see in the published scorer; those of its own parts are stand-ins."""
    import datetime
    import importlib
    space = {name: object() for name in (
        "pytz Bullet Input tqdm Model DREval Nil _NilType FunctionFactory ClassFactory Sandbox "
        "build_direct_prompt build_cot_prompt get_time is_builtin_type Task Coverage Path State Output "
        "Consistency Cli penalty_pattern").split()}
    for name in ("inspect", "os", "re", "json", "sys"):
        space[name] = importlib.import_module(name)
    return {**space, "__name__": "__main__", "datetime": datetime.datetime, "locate": _locate,
            "argparse": _Late("argparse"), "glob": _Late("glob"), "np": _Late("numpy"), "pd": _Late("pandas")}


def _locate(path):
    from pydoc import locate
    return locate(path)


def _published_locals(value_text, type_text, whole, position):
    """The variables of the published function that evaluates a state answer; a comprehension sees none."""
    import re
    semicolon = whole.rfind(";")
    kind = whole[semicolon + 1:].strip().lower()
    unwrapped = re.match(r"<class '(.*)'>", kind)
    generic = re.match(r"(.*)\[.*\]", unwrapped.group(1) if unwrapped else kind)
    return {"self": object(), "resp": whole, "idx": position, "semicolon": semicolon,
            "parts": [value_text, type_text], "_match": generic}


class _Late:
    """A module that is imported at first use: most texts need none."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        import importlib
        return getattr(importlib.import_module(self._name), name)


def judge_output(code, entry, test, index, answer, asked="", earlier=()):
    """Does a completed test pass, in the way of the published scorer? True only then; the missing name
    where one was missing. `earlier`: texts of programs that were executed in the namespace before."""
    space = _factory_names()
    patch_numpy(code)
    for text in earlier:
        exec(compile(text, FILE, "exec"), space)
    exec(compile(code, FILE, "exec"), space)
    space[entry].__doc__ = code
    if test is None:
        # A comprehension in the answer sees the globals only, and the function is a local: as published.
        local = {"fn_name": entry, entry: space[entry], "code": code, "ans": answer, "status": False,
                 "_input": asked,
                 **{name: object() for name in ("self", "task", "sandbox", "p", "model_gen")}}
        try:
            exec(answer, _published_names(), local)
        except Exception:
            return False
        return True
    case = test_classes(space, entry, test)[index][0]
    return _passes_in_class(space, case, answer)


def _factory_names():
    """Names of the published module in which programs are executed."""
    import collections.abc
    import importlib
    import types
    modules = ("ast", "inspect", "itertools", "sys", "tempfile")
    space = {name: importlib.import_module(name) for name in modules}
    return {**space, "__name__": "dynamics", "deepcopy": importlib.import_module("copy").deepcopy,
            "FrameType": types.FrameType, "Iterator": collections.abc.Iterator,
            "Generator": collections.abc.Generator}


def _passes_in_class(space, case, answer):
    """The answer's lines become the body of a test method, `assert` becoming `self.assert`."""
    lines, in_text = ["def dreval_output_pred(self):"], False
    for line in answer.split("\n"):
        lines.append(line if in_text else "\t" + line)
        if "'''" in line or '"""' in line:
            in_text = not in_text
    try:
        text = "\n".join(lines).replace("assert", "self.assert")
        exec(compile(text, FILE, "exec"), space)
        case.dreval_output_pred = space["dreval_output_pred"]
        instance = case()
        instance.setUp()
        instance.dreval_output_pred()
    except NameError as error:
        return error.name or False
    except Exception:
        return False
    return True


def function_holes(code, entry, test, call):
    """The value of a call, in the form of `holes`."""
    space = {"__name__": "program"}
    exec(compile(code, FILE, "exec"), space)
    return [True, [[0, *told([eval(call, space)])]]]


def holes(code, entry, test, index, body):
    """Values of `hole(number, expression)` in a test body: [did it pass, [[number, told value], ...]]."""
    space = {"__name__": "program"}
    patch_numpy(code)
    exec(compile(code, FILE, "exec"), space)
    case = test_classes(space, entry, test)[index][0]
    seen = []

    def hole(number, value):
        seen.append([number, *told([value])])
        return value
    space["hole"] = hole
    passed = _passes_in_class(space, case, body)
    return [passed is True, seen]
