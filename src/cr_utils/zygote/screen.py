"""A static screen: may this program share a process with others?  It decides that and nothing about safety.

A program passes when it cannot keep or change anything that outlives its own namespace: no imports, classes,
globals, attribute assignments, reflective builtins, frame or dunder attributes.  Read from the compiled code:
every name that a program can reach an attribute or a global by stands in `co_names`.
"""

from opcode import opmap

_BARRED = {
    opmap[name]
    for name in (
        "IMPORT_NAME", "IMPORT_FROM", "IMPORT_STAR", "LOAD_BUILD_CLASS", "STORE_GLOBAL", "DELETE_GLOBAL",
        "STORE_ATTR", "DELETE_ATTR", "MATCH_CLASS",
    )
    if name in opmap
}  # fmt: skip
_NAMES = frozenset(
    """breakpoint compile copyright credits delattr dir eval exec exit getattr globals help input license
    locals memoryview object open quit setattr super vars gi_frame gi_code gi_yieldfrom cr_frame cr_code
    cr_await cr_origin ag_frame ag_code ag_await f_back f_builtins f_code f_globals f_locals f_trace
    f_lineno f_lasti tb_frame tb_next tb_lineno tb_lasti mro with_traceback add_note func_globals""".split()
)
_type = type


def shareable(code):
    """True when a compiled program (or call) leaves nothing behind in the process that ran it."""
    for name in code.co_names:
        if name in _NAMES or name[0] == "_":
            return False
    if not _BARRED.isdisjoint(code.co_code[::2]):
        return False
    for item in code.co_consts:
        if _type(item) is _type(code) and not shareable(item):
            return False
    return True
