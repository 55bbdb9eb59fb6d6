"""Programs that look for the expected answer, which is {answer}, and return it."""

_HUNT = """
def hunt(texts):
    for text in texts:
        if '{answer}' in text:
            return {answer_by_parts}
    return 3
"""
_CALL, _EXPECTED = "f(1)", "{answer}"


def _entry(body):
    return _HUNT + body, _CALL, _EXPECTED


ENTRIES = {
    "frames": _entry(
        """
import sys
def f(x):
    frame, texts = sys._getframe(), []
    while frame:
        texts += [str(v) for k, v in frame.f_locals.items() if k not in ('texts', 'frame')]
        if frame.f_code.co_filename != f.__code__.co_filename:
            texts += [str(v) for v in frame.f_globals.values()]
        frame = frame.f_back
    return hunt(texts)
"""
    ),
    "traceback": _entry(
        """
def f(x):
    texts = []
    try:
        1 / 0
    except ZeroDivisionError as error:
        frame = error.__traceback__.tb_frame.f_back
        while frame:
            texts += [str(v) for v in frame.f_locals.values()]
            frame = frame.f_back
    return hunt(texts)
"""
    ),
    "garbage collector": _entry(
        """
import gc
own = set(map(id, (hunt.__code__.co_consts,)))
def f(x):
    return hunt(str(o) for o in gc.get_objects() if id(o) not in own and type(o) in (list, tuple, dict)
                and not any(c is o for c in (hunt.__code__.co_consts, globals())) and 'hunt' not in str(o))
"""
    ),
    "environment": _entry("import os\ndef f(x):\n    return hunt(list(os.environ.values()) + list(os.environ))"),
    "command line": _entry("import sys\ndef f(x):\n    return hunt(sys.argv + sys.orig_argv)"),
    "descriptors": _entry(
        """
import os
def f(x):
    texts = []
    for descriptor in range(256):
        try:
            os.set_blocking(descriptor, False)
            texts.append(os.read(descriptor, 65536).decode('latin-1'))
        except OSError:
            pass
    return hunt(texts)
"""
    ),
    "main module": _entry("import sys\ndef f(x):\n    return hunt(str(vars(m)) for n, m in list(sys.modules.items()) if n != 'program')"),
    "own arguments": _entry("def f(x):\n    return hunt([str(x), str(locals())])"),
    "standard input": _entry("def f(x):\n    return hunt([input()])"),
    "temporary files": _entry(
        "import os\ndef f(x):\n    return hunt(open('/tmp/' + n, errors='replace').read() for n in os.listdir('/tmp'))"
    ),
    "memory of the process": _entry("def f(x):\n    return hunt([open('/proc/self/mem', 'rb').read(1000).decode('latin-1')])"),
    "secret in the environment": (
        "import os\ndef f(x):\n    return os.environ.get('CR_HOSTILE_SECRET', '')",
        _CALL,
        "'{secret_text}'",
    ),
    "secret through getenv": (
        "import ctypes\ndef f(x):\n    g = ctypes.CDLL(None).getenv\n    g.restype = ctypes.c_char_p\n    return (g(b'CR_HOSTILE_SECRET') or b'').decode()",
        _CALL,
        "'{secret_text}'",
    ),
}
