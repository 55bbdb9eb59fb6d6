"""What a forked child does: build the arguments, run the program, write the value as data, be gone.

The program shares the process with this code, so nothing here trusts the process after the program has
started. The expected answer is not in it.  The step from the program's return to the written value leaves no
room for trace functions, signal handlers or changed frame locals: one C-level pipeline calls the program,
then switches those off, and only then hands the value to Python code that holds its own references to every
builtin it uses.
"""

import _signal
import _thread
import builtins
import gc
import operator
import os
import struct
import sys
from _json import scanstring  # noqa: F401  (loaded before the jail closes)
from functools import partial
from json import JSONDecoder
from types import ModuleType

from . import build, flat, screen, tracer, values

# What a child says, each with its first byte: a nonce before a program starts (SHARED when more jobs may
# follow, ALONE when not), its value under that nonce, or a failure, which needs none: it can do no good.
SHARED, ALONE, VALUE, FAILURE = b"S", b"A", b"V", b"F"
NONCE, LARGEST = 16, 4 << 20  # bytes of a nonce, and of one message
HEADER = struct.Struct("<II")  # index, length of the body
_call, _exit, _write, _pack = operator.call, os._exit, os.write, HEADER.pack
_to_bytes = str.encode
_random, _tuple, _collect, _freeze = os.urandom, tuple, gc.collect, gc.freeze
_compile, _exec, _eval = compile, exec, eval
_type, _len, _map, _bytes, _dict = type, len, map, bytes, dict
_settrace, _setprofile, _gettrace = sys.settrace, sys.setprofile, sys.gettrace
_encode, _quote, _TooBig = values.encode, values._quote, values.TooBig
_Module, _modules = ModuleType, sys.modules
_type_name = type.__dict__["__name__"].__get__
_decode = JSONDecoder().decode
_argument = BaseException.__dict__["args"].__get__
_CALM = (  # what runs between the program's last instruction and the first of ours
    partial(gc.disable),
    partial(sys.gettrace),
    partial(sys.settrace, None),
    partial(sys.setprofile, None),
    partial(_signal.pthread_sigmask, _signal.SIG_BLOCK, range(1, 32)),
    partial(sys.setrecursionlimit, 1000),
    partial(gc.disable),
)
_CALM_SHARED = (partial(len, ()), partial(sys.gettrace), partial(sys.settrace, None), *[partial(len, ())] * 4)
_STEPS = 3 + len(_CALM)
_BUILTINS = dict(builtins.__dict__)


class _Fresh(BaseException):
    """This job wants a process of its own and this one has been used."""


def serve(blob, start, channel):
    """Run the jobs of a request from `start` on, answering each on `channel`; never returns."""
    try:
        request = _decode(blob)
        jobs, codes = request["jobs"], request["codes"]
        compiled = {}
        _freeze()  # what is here stays: the collections between the programs need not look at it
        for index in range(start, _len(jobs)):
            if not _job(jobs[index], codes, compiled, channel, index, _len(jobs) > 1, index == start):
                break
            _collect()
    finally:
        _exit(0)


def _put(channel, data):
    while data:
        data = data[_write(channel, data) :]


def _announce(channel, clean):
    """A fresh nonce, told to the server before the program can say anything itself.

    It must stay out of reach of the program: the caller keeps it on its evaluation stack, which neither
    frames nor the garbage collector show.
    """
    nonce = _random(NONCE)
    _put(channel, (SHARED if clean else ALONE) + nonce)
    return nonce


def _fail(channel, index, kind, text, rest=""):
    body = _to_bytes('{"k":"' + kind + '","e":' + _quote(text) + rest + "}")
    _put(channel, FAILURE + _pack(index, _len(body)) + body)


def _job(job, codes, compiled, channel, index, shared, first):
    """Run one job; False when this process must not be used again."""
    recorder, clean = None, False
    try:
        steps, recorder, clean = _prepare(job, codes, compiled, shared, first)
    except _Fresh:
        return False
    except BaseException as error:
        _fail(channel, index, _kind(error), _message(error))
        return shared and isinstance(error, SyntaxError)
    try:
        return _finish(_announce(channel, clean), channel, index, recorder, clean, _tuple(_map(_call, steps)))
    except BaseException as error:
        tracing = _gettrace()
        _settrace(None)
        _setprofile(None)
        kind = _kind(error)
        if recorder is not None:
            recorder.finish(tracing)
        if kind == "memory" and clean and not first:
            return False  # perhaps its neighbours' doing: it is tried again in a fresh process
        _fail(channel, index, kind, _message(error), _trace(recorder))
        return clean and kind == "error" and _type(error) is not RecursionError and _unchanged()


def _prepare(job, codes, compiled, shared, first):
    """The pipeline of a job: set up the namespace, run the program, call it, calm down."""
    number, entry, arguments, text, trace = job
    try:
        built = None if arguments is None else [build.build(item) for item in arguments[0]]
        named = (
            None if arguments is None else {name: build.build(item) for name, item in arguments[1].items()}
        )
    except (MemoryError, SystemExit):
        raise
    except Exception as error:
        raise BadCall(_message(error)) from None
    if number not in compiled:
        code = _compile(codes[number], "<program>", "exec", dont_inherit=True)
        compiled[number] = code, shared and screen.shareable(code)
    code, clean = compiled[number]
    called = None
    if text is not None:
        called = _compile(text.strip(), "<call>", "eval", dont_inherit=True)
        clean = clean and screen.shareable(called)
    clean = clean and not (trace and trace.get("setup"))
    if shared and not clean and not first:
        raise _Fresh
    space = {"__name__": "program", "__builtins__": builtins}
    if not clean:
        module = _modules["program"] = _Module("program")
        module.__builtins__ = builtins
        space = module.__dict__
    recorder, before = None, ()
    if trace is not None:
        recorder, before = _recorder(code, space, trace, clean)
    target = (
        partial(_guarded, _eval, called, space) if called else partial(_invoke, space, entry, built, named)
    )
    calm = _CALM_SHARED if clean else _CALM
    return (partial(_guarded, _exec, code, space), partial(_run_all, before), target, *calm), recorder, clean


def _run_all(steps):
    for step in steps:
        step()


class BadCall(Exception):
    """The arguments of a predicted call cannot be built."""


class Stopped(Exception):
    """The program raised StopIteration, which would end the pipeline early and in silence."""


def _guarded(function, *arguments):
    try:
        return function(*arguments)
    except StopIteration as error:
        raise Stopped from error


def _invoke(space, entry, arguments, named):
    try:
        return space[entry](*arguments, **named)
    except StopIteration as error:
        raise Stopped from error


def _finish(nonce, channel, index, recorder, clean, results):
    """Write the value; runs with tracing, profiling, collection and signals switched off."""
    if _len(results) != _STEPS:
        _exit(1)
    if recorder is not None:
        recorder.finish(results[4])
    try:
        text = _encode(results[2])
    except _TooBig:
        _fail(channel, index, "too_big", "")
        return clean
    body = _to_bytes('{"k":"ok","v":' + text + _trace(recorder) + "}")
    if _len(body) > LARGEST:  # every character may take twelve
        _fail(channel, index, "too_big", "")
        return clean
    _put(channel, VALUE + nonce + _pack(index, _len(body)) + body)
    return clean and _unchanged()


def _trace(recorder):
    if recorder is None:
        return ""
    text = recorder.told()
    complete = recorder.complete and not _touched
    return ',"t":' + text + ',"c":' + ("true" if complete else "false")


_touched = []  # events by which a program may have evaded its tracing
_looking = []  # not empty while the hook itself reads a frame


def _watch_tracing(event, arguments):
    """Audit hook of traced programs that may import: note who handles trace functions, reads frames, copies
    code, or searches the heap.
    """
    if _looking or event not in _EVENTS:
        return
    if event == "object.__getattr__" and arguments[1] not in _FRAME_ATTRIBUTES:
        return
    _looking.append(event)
    frame = _getframe(1)
    caller = frame.f_code.co_filename
    if not caller.startswith(_KNOWN[event]) or caller.endswith("/inspect.py"):  # inspect hands frames on
        _touched.append(event)
    elif event in _COPIES and not frame.f_back.f_code.co_filename.startswith(_LIBRARY):
        _touched.append(event)  # the library copies code, of its own or of the program that called it
    _looking.clear()


_FRAME_ATTRIBUTES = frozenset(("tb_frame", "gi_frame", "cr_frame", "ag_frame"))
_getframe = sys._getframe
_OURS = (__file__.rsplit("/", 1)[0] + "/",)
_LIBRARY = (*_OURS, "<frozen ", os.__file__.rsplit("/", 1)[0] + "/")
_COPIES = frozenset(("code.__new__", "marshal.loads"))
_SEARCHES = ("gc.get_objects", "gc.get_referrers", "gc.get_referents")  # they find the recorder itself
_KNOWN = {  # the files whose code may do this without being noted
    "sys.settrace": _OURS, "sys.setprofile": _OURS, "sys._getframe": _LIBRARY, "object.__getattr__": _LIBRARY,
    "code.__new__": _LIBRARY, "marshal.loads": _LIBRARY, **_dict.fromkeys(_SEARCHES, _LIBRARY),
}  # fmt: skip
_EVENTS = frozenset(_KNOWN)


def _watch_threads():
    """Note whoever starts a thread: the trace function does not see its lines."""
    for module in (_thread, _modules.get("threading")):
        for name in ("start_new_thread", "start_new", "start_joinable_thread"):
            for known in (name, "_" + name):
                if hasattr(module, known):
                    setattr(module, known, partial(_start, getattr(module, known)))


def _start(function, *arguments, **named):
    _touched.append("thread")
    return function(*arguments, **named)


def _recorder(module, space, options, clean):
    """The recorder that the options ask for; a flat one runs its untraced `setup` text first."""
    options = _dict(options)
    setup = options.pop("setup", None)
    make = flat.Flat if options.pop("flat", False) else partial(tracer.Recorder, clean=clean)
    recorder = make(module, **options)
    steps = (
        [] if setup is None else [partial(_exec, _compile(setup, "<test>", "exec", dont_inherit=True), space)]
    )
    if not clean:
        steps += [partial(sys.addaudithook, _watch_tracing), _watch_threads]
    return recorder, [*steps, recorder.install]


def _unchanged():
    """Whether the builtins are still what they were; a changed process is not used again."""
    return builtins.__dict__ == _BUILTINS


def _kind(error):
    kind = _type(error)
    if kind is BadCall:
        return "bad_call"
    if kind is MemoryError:
        return "memory"
    if kind is SystemExit:
        return "exited"
    return "error"


def _message(error):
    """Type and text of an exception, without running the exception's own code."""
    if _type(error) is Stopped:
        error = error.__cause__
    arguments = _argument(error)
    detail = arguments[0] if _len(arguments) == 1 or _type(error) is SyntaxError else None
    if _type(error) is BadCall:
        return detail
    name = _type_name(_type(error))[:100]
    return name + ": " + detail[:200] if _type(detail) is str and detail else name
