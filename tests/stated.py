"""What a chain in words, prose or states claims of variables, read back from its text, against the run.

Knows the text and the trace alone, nothing of how chains are written. A claim ``name = value`` must hold at
its place: at or after the place where the claim before it held. A line of states must be the whole state
after a run of that line.
"""

import re

from cr_utils import literals

NAME = re.compile(r"(?<![\w.\]'\"])([A-Za-z_]\w*) = ")
STOP = re.compile(r", (?=[A-Za-z_]\w* = )|; | \.\.\. |`|$", re.MULTILINE)
STATE = re.compile(r"line (\d+): (?=[A-Za-z_]\w* = )(.*)")


def value(text):
    try:
        return literals.parse(text), True
    except literals.LiteralError:
        return None, False


def same(one, other):
    return literals.equal(literals.parse(one), literals.parse(other), "strict")


def claims(text, quoted):
    """(name, value text) of every claim in order; quoted: only those in back quotes count.

    Of ``i = 2 ... 6, c = 'p' ... 'e'`` the first values are claimed together, then the last ones.
    """
    found, last = [], []
    for line in text.split("\n"):
        for name, told, span in _quoted(line) if quoted else _bare(line):
            if not span:
                found += last
                last = []
            found.append((name, told))
            last += [(name, span)] if span else []
        found += last
        last = []
    return found


def _quoted(line):
    for part, span in re.findall(r"`([^`\n]+)`(?: \.\.\. (.+?)(?=, `|; after|\.$|\. ))?", line):
        match = re.fullmatch(r"([A-Za-z_]\w*) = (.+)", part)
        if match and value(match[2])[1]:
            yield *match.groups(), span


def _bare(line):
    line = re.sub(r"^\d+\. (`.*?`: )?", "", line).removesuffix(".")
    for match in NAME.finditer(line):
        ends = (one for one in STOP.finditer(line, match.end()) if value(line[match.end():one.start()])[1])
        end = next(ends, None)
        if end:
            span = re.match(r" \.\.\. (.+?)(?=, [A-Za-z_]\w* = |; |$)", line[end.start():])
            yield match[1], line[match.end():end.start()], span[1] if span else ""


def states(trace):
    """(line, variables of the frame) after every event of a run, in the order in which lines were done: one
    that calls a function is done after the lines of the function. Line 0: the call, -1: the end of a frame.
    """
    held, found, begun = {}, [], {}
    for event in trace.events:
        if event.frame in begun:
            found.append(begun.pop(event.frame))
        own = held.setdefault(event.frame, {})
        for name, change in event.changes.items():
            own.pop(name, None)
            if change is not None and change[1] is not None:
                own[name] = change[1]
        if event.line > 0:
            begun[event.frame] = event.line, dict(own)
        else:
            found.append((event.line, dict(own)))
    return found


def violation(text, trace, quoted=False):
    """The first claim that the run does not bear out, or None."""
    at, points = 0, states(trace)
    for name, told in claims(text, quoted):
        at = next((i for i in range(at, len(points))
                   if name in points[i][1] and same(points[i][1][name], told)), None)
        if at is None:
            return name, told
    return None


def wrong_state(text, trace):
    """The first line of states that is no state after that line at its place, or None."""
    at, points = 0, states(trace)
    for line in text.split("\n"):
        match = STATE.fullmatch(line)
        if not match:
            continue
        told = dict(claims(match[2], False))
        at = next((i for i in range(at, len(points)) if points[i][0] == int(match[1])
                   and points[i][1].keys() == told.keys()
                   and all(same(points[i][1][name], one) for name, one in told.items())), None)
        if at is None:
            return line
        at += 1
    return None
