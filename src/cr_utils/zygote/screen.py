"""A static screen: may this program share a process with others?  It decides that and nothing about safety.

A program passes when it cannot keep or change anything that outlives its own namespace: no imports, classes,
globals, generators, attribute assignments, reflective builtins, frame or dunder attributes.  Read from the
compiled code: every name that a program can reach an attribute or a global by stands in `co_names`.
"""

from opcode import opmap

_BARRED = bytes(
    opmap[name]
    for name in (
        "IMPORT_NAME", "IMPORT_FROM", "IMPORT_STAR", "LOAD_BUILD_CLASS", "STORE_GLOBAL", "DELETE_GLOBAL",
        "STORE_ATTR", "DELETE_ATTR", "MATCH_CLASS",
    )
    if name in opmap
)  # fmt: skip
_NAMES = frozenset(
    """add_note ag_await ag_code ag_frame breakpoint compile copyright cr_await cr_code cr_frame
    cr_origin credits delattr dir eval exec exit f_back f_builtins f_code f_globals f_lasti f_lineno
    f_locals f_trace func_globals getattr gi_code gi_frame gi_yieldfrom globals help input license
    locals memoryview mro object open quit setattr super tb_frame tb_lasti tb_lineno tb_next type
    vars with_traceback""".split()
)
# Generators and coroutines: their `finally` may run in another program's time.
_SUSPENDS = 0x20 | 0x80 | 0x200
_type, _len = type, len


def shareable(code):
    """True when a compiled program (or call) leaves nothing behind in the process that ran it."""
    if code.co_flags & _SUSPENDS and code.co_name != "<genexpr>":
        return False
    names, operations = code.co_names, code.co_code[::2]
    if not _NAMES.isdisjoint(names) or [name for name in names if name[0] == "_"]:
        return False
    if _len(operations.translate(None, _BARRED)) < _len(operations):
        return False
    for item in code.co_consts:
        if _type(item) is _type(code) and not shareable(item):
            return False
    return True
