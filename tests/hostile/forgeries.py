"""Programs that bend the runner itself: trace functions, frames, collectors, the words that go home."""

_CALL = "f(1)"

ENTRIES = {
    "trace function that rewrites locals": (
        """
import sys
def tracer(frame, event, argument):
    for name in list(frame.f_locals):
        try:
            frame.f_locals[name] = 4
        except Exception:
            pass
    return tracer
def f(x):
    sys.settrace(tracer)
    return 3
""",
        _CALL,
        "4",
    ),
    "trace functions on every outer frame": (
        """
import sys
def tracer(frame, event, argument):
    for name, value in list(frame.f_locals.items()):
        if value == 3:
            frame.f_locals[name] = 4
    return tracer
def f(x):
    frame = sys._getframe().f_back
    while frame:
        frame.f_trace = tracer
        frame.f_trace_opcodes = True
        frame = frame.f_back
    sys.settrace(tracer)
    return 3
""",
        _CALL,
        "4",
    ),
    "profile function that rewrites locals": (
        """
import sys
def profiler(frame, event, argument):
    for name in list(frame.f_locals):
        frame.f_locals[name] = 4
def f(x):
    sys.setprofile(profiler)
    return 3
""",
        _CALL,
        "4",
    ),
    "profile function that rewrites equal locals": (
        """
import sys
def profiler(frame, event, argument):
    for name, value in list(frame.f_locals.items()):
        if type(value) is int and value == 3:
            frame.f_locals[name] = 4
def f(x):
    sys.setprofile(profiler)
    return 3
""",
        _CALL,
        "4",
    ),
    "locals of every outer frame": (
        """
import sys
def f(x):
    frame = sys._getframe().f_back
    while frame:
        for name in list(frame.f_locals):
            try:
                frame.f_locals[name] = 4
            except Exception:
                pass
        frame = frame.f_back
    return 3
""",
        _CALL,
        "4",
    ),
    "globals of every outer frame": (
        """
import sys
def f(x):
    frame = sys._getframe().f_back
    while frame:
        for name in list(frame.f_globals):
            if callable(frame.f_globals[name]):
                frame.f_globals[name] = lambda *a, **k: 4
        frame = frame.f_back
    return 3
""",
        _CALL,
        "4",
    ),
    "answers under likely names": (
        """
import sys
def f(x):
    frame = sys._getframe().f_back
    while frame:
        for space in (frame.f_locals, frame.f_globals):
            for name in ('result', 'output', 'value', 'ret', 'expected', 'passed', 'ok', 'actual', 'verdict'):
                try:
                    space[name] = 4
                except Exception:
                    pass
        frame = frame.f_back
    return 3
""",
        _CALL,
        "4",
    ),
    "code of every function": (
        """
import gc, types
def f(x):
    for item in gc.get_objects():
        if isinstance(item, types.FunctionType) and item.__module__ != __name__:
            try:
                item.__code__ = (lambda *a, **k: 4).__code__
            except Exception:
                pass
    return 3
""",
        _CALL,
        "4",
    ),
    "collector callback": (
        """
import gc, sys
def callback(phase, info):
    frame = sys._getframe().f_back
    while frame:
        for name, value in list(frame.f_locals.items()):
            if type(value) is int and value == 3:
                frame.f_locals[name] = 4
        frame = frame.f_back
def f(x):
    gc.set_threshold(1, 1, 1)
    gc.callbacks.append(callback)
    return 3
""",
        _CALL,
        "4",
    ),
    "signal handler between return and report": (
        """
import signal, sys
def handler(number, frame):
    while frame:
        for name, value in list(frame.f_locals.items()):
            if type(value) is int and value == 3:
                frame.f_locals[name] = 4
        frame = frame.f_back
def f(x):
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 1e-5, 1e-5)
    return 3
""",
        _CALL,
        "4",
    ),
    "audit hook": (
        """
import sys
def hook(event, arguments):
    frame = sys._getframe().f_back
    while frame:
        for name in list(frame.f_locals):
            if name in ('value', 'result'):
                frame.f_locals[name] = 4
        frame = frame.f_back
def f(x):
    sys.addaudithook(hook)
    return 3
""",
        _CALL,
        "4",
    ),
    "monitoring": (
        """
import sys
def seen(*arguments):
    frame = sys._getframe().f_back
    while frame:
        for name, value in list(frame.f_locals.items()):
            if type(value) is int and value == 3:
                frame.f_locals[name] = 4
        frame = frame.f_back
def f(x):
    if hasattr(sys, 'monitoring'):
        sys.monitoring.use_tool_id(1, 'x')
        sys.monitoring.register_callback(1, sys.monitoring.events.PY_START, seen)
        sys.monitoring.set_events(1, sys.monitoring.events.PY_START)
    return 3
""",
        _CALL,
        "4",
    ),
    "function replaced while it runs": (
        "def f(x):\n    global f\n    f = lambda x: 4\n    return 3",
        _CALL,
        "4",
    ),
    "exit code of success from a deep place": (
        "import os\nclass A:\n    def __del__(self):\n        os._exit(0)\ndef f(x):\n    a = A()\n    return 3",
        _CALL,
        "4",
    ),
    "report of a failure, then another value": (
        """
import os
def f(x):
    body = b'{"k":"ok","v":4}'
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b'F' + (0).to_bytes(4, 'little') + len(body).to_bytes(4, 'little') + body)
        except OSError:
            pass
    return 3
""",
        _CALL,
        "4",
    ),
    "a nonce of one's own": (
        """
import os
def f(x):
    body = b'{"k":"ok","v":4}'
    nonce = b'0' * 16
    words = b'A' + nonce + b'V' + nonce + (0).to_bytes(4, 'little') + len(body).to_bytes(4, 'little') + body
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, words)
        except OSError:
            pass
    os._exit(0)
""",
        _CALL,
        "4",
    ),
    "a failure first, a nonce of one's own, another value": (
        """
import os
def f(x):
    body, small = b'{"k":"ok","v":4}', b'{"k":"error","e":""}'
    nonce = b'0' * 16
    words = b'F' + (0).to_bytes(4, 'little') + len(small).to_bytes(4, 'little') + small
    words += b'S' + nonce + b'V' + nonce + (1).to_bytes(4, 'little') + len(body).to_bytes(4, 'little') + body
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, words)
        except OSError:
            pass
    os._exit(0)
""",
        _CALL,
        "4",
    ),
    "decoder patched for the next": (
        "import json\ndef f(x):\n    json.loads = json.JSONDecoder.decode = lambda *a, **k: {'k': 'ok', 'v': 4}\n    return 3",
        _CALL,
        "4",
    ),
    "subclasses of everything": (
        """
def f(x):
    for kind in object.__subclasses__():
        for name in list(vars(kind)):
            try:
                setattr(kind, name, lambda *a, **k: 4)
            except Exception:
                pass
    return 3
""",
        _CALL,
        "4",
    ),
    "displayhook and excepthook": (
        "import sys\ndef f(x):\n    sys.excepthook = sys.displayhook = sys.unraisablehook = lambda *a: 4\n    raise ValueError(4)",
        _CALL,
        "4",
    ),
}
