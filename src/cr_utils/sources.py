"""What code decides the result of a stage: hashes of exactly the definitions that its work can reach.

Scope: reads notebooks and modules as text, runs and imports nothing. It starts from the cells that do the
work (those that ask `run.done`) and what they read, and follows names from definition to definition, imports
inside functions included. Not followed: modules that only show results or pass values on (SHOWS, CARRIES), so
that a change of a figure retrains no model. Comments, docstrings and layout are no part of a hash. Names
built at run time (`getattr`) are not seen, except that the helper processes (zygote) and package data count
whole.
"""

import ast
import functools
import hashlib
import json
from pathlib import Path

from cr_utils import machine, paths
from cr_utils.errors import UserError

SHOWS = frozenset("""
    tables tablefile stats published claims consistency answer_tables answer_figures comparisons curves
    figures figure_style gallery marks page results samples story views report readme reference run execute
    estimates
""".split())
CARRIES = frozenset("""
    errors schema params arithmetic launch cards paths machine memory record jsonl progress noise sources
    train budget fits data_fits fits_base
""".split())
WHOLE = frozenset({"zygote"})
DATA = {"constraints": ("params/constraints.yaml",), "fingerprints": ("assets/fingerprints.txt",),
        "wide.near": ("assets/ngrams.txt",), "wide.space": ("params/constraints-wide.yaml",),
        "models": ("assets/base",)}  # files that a module reads: they count as soon as it does
SKIPPED = frozenset({"ctx", "type_comment", "kind", "lineno", "col_offset", "end_lineno", "end_col_offset"})

Name = tuple[str, str]  # (module, top-level name); "*" is all of a module


def of_stage(stage: str) -> dict[str, str]:
    """Hashes of what decides a stage's result, by file: its notebook, modules (`sft.py`), data files.

    Empty where the notebook cannot be read: then nothing is known, and nothing counts as changed.
    """
    if stage == paths.BASE:
        return _of(ast.parse("from cr_utils import base_stage\nbase_stage.run(values)").body)
    try:
        text = paths.notebook(stage).read_text(encoding="utf-8")
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, UserError):
        return {}
    body = [statement for cell in cells for statement in _statements(cell)]
    working = deciding(body)
    return {f"{stage}.ipynb": _digest(working)} | _of(working, body)


def _of(working: list[ast.stmt], body: list[ast.stmt] | None = None) -> dict[str, str]:
    """Hashes of the modules and data that statements reach; body: all statements, with their imports."""
    reached, found = _reach(_aliases(body or working, "notebook"), working), {}
    for module in sorted({module for module, _ in reached}):
        names = {name for where, name in reached if where == module}
        found[module.replace(".", "/") + ".py"] = _module(module).digest(names)
        for data in DATA.get(module, ()):
            found[data] = _data(data)
    return found


def changes(old: dict[str, str], stage: str) -> list[str]:
    """The files whose part in a stage's result is not what a record says; none where it says nothing."""
    new = of_stage(stage) if old else {}
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name)) if new else []


def deciding(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a notebook that do its work, and those that they read from; in order.

    Work is what asks `run.done`, less the writing of tables, which the report makes from the records too.
    """
    def asks(node: ast.stmt) -> bool:
        return any(isinstance(n, ast.Attribute) and n.attr == "done" for n in ast.walk(node))

    def shows(node: ast.stmt) -> bool:
        return any(isinstance(n, ast.Name) and n.id == "tables" for n in ast.walk(node))

    working = {i for i, node in enumerate(body) if asks(node) and not shows(node)}
    if not working:
        return body
    while True:
        read = {n.id for i in working for n in ast.walk(body[i]) if isinstance(n, ast.Name)}
        more = {i for i in range(max(working)) if _bound(body[i]) & read} - working
        if not more:
            return [body[i] for i in sorted(working)]
        working |= more


def _statements(cell: dict) -> list[ast.stmt]:
    """A cell's statements; none of the parameters (they are compared as such) and of shell commands."""
    if {"parameters", "colab", "injected-parameters"} & {*cell.get("metadata", {}).get("tags", [])}:
        return []
    try:
        return ast.parse("".join(cell["source"])).body
    except SyntaxError:
        return []


def _bound(node: ast.stmt) -> set[str]:
    """Names that a statement of a notebook gives a meaning to; imports count by the names they bring."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


class Module:
    """One module's top level: definitions by name, what imported names mean, and the rest."""

    def __init__(self, module: str, text: str):
        self.module, self.definitions = module, {}
        self._digests: dict[frozenset, str] = {}
        self._leads: dict[int, list[Name]] = {}
        self.rest: list[ast.stmt] = []
        body = ast.parse(text).body
        self.aliases = _aliases(body, module)
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node):
                continue
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names = {node.name}
            else:
                assigns = isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
                names = _bound(node) if assigns else set()
            for name in names:
                self.definitions.setdefault(name, []).append(node)
            if not names:
                self.rest.append(node)

    def of(self, names: set[str]) -> list[ast.stmt]:
        """The definitions of these names and the statements that always run, in a fixed order."""
        known = names & {*self.definitions}
        chosen = self.definitions if "*" in names else {n: self.definitions[n] for n in known}
        return [*self.rest, *(node for name in sorted(chosen) for node in chosen[name])]

    def digest(self, names: set[str]) -> str:
        """The hash of these definitions."""
        key = frozenset(names)
        if key not in self._digests:
            self._digests[key] = _digest(self.of(names))
        return self._digests[key]

    def leads(self, node: ast.stmt) -> list[Name]:
        """What one of this module's statements refers to."""
        if id(node) not in self._leads:
            self._leads[id(node)] = _references(node, self.aliases, self.definitions, self.module)
        return self._leads[id(node)]


def _module(module: str) -> Module:
    return _parsed(module, _file(module).read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=512)
def _parsed(module: str, text: str) -> Module:
    return Module(module, text)


def _file(module: str) -> Path:
    return paths.package() / (module.replace(".", "/") + ".py")


def _aliases(body: list[ast.stmt], module: str) -> dict[str, set[Name]]:
    """What each name imported anywhere in a module may mean: {local name: {(module, name)}}."""
    found: dict[str, set[Name]] = {}
    for node in (inner for statement in body for inner in ast.walk(statement)):
        if isinstance(node, ast.ImportFrom):
            above = ["cr_utils", *module.split(".")][:-node.level] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            pairs = [(alias.asname or alias.name, source, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            pairs = [(alias.asname or alias.name.split(".")[0], alias.name, "*") for alias in node.names]
        else:
            continue
        for local, source, name in pairs:
            if source == "cr_utils" or source.startswith("cr_utils."):
                meaning = _meaning(source.removeprefix("cr_utils").lstrip("."), name)
                found.setdefault(local, set()).add(meaning)
    return found


def _meaning(source: str, name: str) -> Name:
    """A submodule is a module; anything else is a name in one."""
    inside = f"{source}.{name}".lstrip(".")
    return (inside, "") if name != "*" and (_file(inside).is_file() or inside in WHOLE) else (source, name)


def _reach(aliases: dict[str, set[Name]], body: list[ast.stmt]) -> set[Name]:
    """Every (module, name) that the statements lead to."""
    found: set[Name] = set()
    todo = [name for node in body for name in _references(node, aliases, {}, "")]
    while todo:
        module, name = todo.pop()
        top = module.split(".")[0]
        if top in WHOLE:
            todo += [(f"{top}.{path.stem}", "*") for path in sorted((paths.package() / top).glob("*.py"))
                     if (f"{top}.{path.stem}", "*") not in found]
            found |= {(f"{top}.{path.stem}", "*") for path in (paths.package() / top).glob("*.py")}
            continue
        if top in SHOWS | CARRIES or (module, name) in found or not _file(module).is_file():
            continue
        found.add((module, name))
        here = _module(module)
        if name in here.aliases:  # imported there, and taken from there
            todo += here.aliases[name]
        for node in here.of({name}):
            todo += here.leads(node)
    return found


def _references(node: ast.AST, aliases: dict, own: dict, module: str) -> list[Name]:
    """Names that a piece of syntax mentions: its module's own, imported ones, and attributes of modules."""
    found: list[Name] = []
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
        return [_meaning(where, node.attr) if not name else (where, name)
                for where, name in aliases[node.value.id]]
    if isinstance(node, ast.Name):
        # A module that is handed on as a value may be used for anything in it.
        found += [(where, name or "*") for where, name in aliases.get(node.id, ())]
        found += [(module, node.id)] if node.id in own else []
    for child in ast.iter_child_nodes(node):
        found += _references(child, aliases, own, module)
    return found


def _data(name: str) -> str:
    """The hash of a data file, or of all files in a folder."""
    place = paths.root() / name if name.startswith("params/") else paths.package() / name
    files = sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]
    whole = "".join(f"{file.name} {machine.sha256(file)}\n" for file in files if file.is_file())
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def _digest(nodes: list[ast.stmt]) -> str:
    return hashlib.sha256(" ".join(_form(node) for node in nodes).encode()).hexdigest()[:12]


def _form(node) -> str:
    """Syntax as text without docstrings, positions and empty fields: the same on every supported Python."""
    if isinstance(node, list):
        return "[" + " ".join(_form(item) for item in node if not _is_text(item)) + "]"
    if isinstance(node, ast.Constant):
        return f"<{type(node.value).__name__} {node.value!r}>"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, getattr(node, name, None)) for name in node._fields if name not in SKIPPED)
    inner = " ".join(f"{name}={_form(value)}" for name, value in fields if value is not None and value != [])
    return f"({type(node).__name__} {inner})"


def _is_text(node) -> bool:
    """A docstring, or any other text that stands alone."""
    return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str))
