"""The notebooks' contract: thin, stripped, tagged, with parameters that the schema knows."""

import ast
import builtins
import re
import warnings

import nbformat
import pytest

from cr_utils import params, paths
from cr_utils.schema import SCHEMA

MOST_CELLS, MOST_LINES = 12, 15


@pytest.fixture(params=paths.STAGES)
def stage(request):
    return request.param


@pytest.fixture
def book(stage):
    return nbformat.read(paths.notebook(stage), as_version=4)


def code_cells(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def plain(cell):
    """The source of a cell without the lines that only IPython understands."""
    return re.sub(r"^( *)[%!].*", r"\1pass", cell.source, flags=re.MULTILINE)


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def test_the_file_is_valid_and_keeps_no_outputs(book):
    nbformat.validate(book)
    for cell in code_cells(book):
        assert cell.outputs == [] and cell.execution_count is None
        assert not {"execution", "papermill", "ExecuteTime"} & set(cell.metadata)
    assert "papermill" not in book.metadata and "widgets" not in book.metadata


def test_the_kernel_is_pythons_default(book):
    assert book.metadata.kernelspec.name == "python3"


def test_cells_are_few_and_short(book):
    cells = code_cells(book)
    assert len(cells) <= MOST_CELLS
    for cell in cells:
        if "parameters" in tags(cell):
            continue
        assert len(lines(cell)) <= MOST_LINES, cell.source
        assert [line for line in cell.source.splitlines() if len(line) > 110] == []


def test_nothing_is_defined_in_a_cell(book):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for cell in code_cells(book):
        assert not [node for node in ast.walk(ast.parse(plain(cell))) if isinstance(node, kinds)], cell.source


def test_every_name_has_a_meaning_before_it_is_read_and_every_import_is_used(book):
    """What a linter asks of a script: all cells in a row, as one program."""
    known, imported, read = {*dir(builtins), "display", "get_ipython"}, {}, set()
    for cell in code_cells(book):
        for statement in ast.parse(plain(cell)).body:
            nodes = list(ast.walk(statement))
            brought = {alias.asname or alias.name.split(".")[0] for node in nodes
                       if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
            names = [node for node in nodes if isinstance(node, ast.Name)]
            bound = brought | {name.id for name in names if isinstance(name.ctx, ast.Store)}
            needed = {name.id for name in names if isinstance(name.ctx, ast.Load)}
            assert needed - known - bound == set(), cell.source
            read |= needed
            imported.update(dict.fromkeys(brought, cell.source))
            known |= bound
    assert {name: cell for name, cell in imported.items() if name not in read} == {}


def test_parameters_are_those_of_the_stage_with_the_values_of_tiny(stage):
    faults = params.validate_notebook_defaults(paths.notebook(stage), stage)
    assert faults == [], f"the cell is `python -m cr_utils params --cell {stage}`"


def test_papermill_can_explain_every_parameter(stage):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # papermill's and its readers' own
        from papermill.inspection import inspect_notebook
        found = inspect_notebook(str(paths.notebook(stage)))
    for key in params.stage_keys(stage):
        assert found[key]["help"].strip() == SCHEMA[key].help
        assert found[key]["inferred_type_name"] == SCHEMA[key].type.__name__


def test_it_opens_with_a_title_and_keeps_the_order_of_the_contract(stage, book):
    assert book.cells[0].cell_type == "markdown" and book.cells[0].source.startswith("# ")
    cells = code_cells(book)
    assert "colab" in tags(cells[0])
    assert [i for i, cell in enumerate(cells) if "parameters" in tags(cell)] == [1]
    sources = "\n".join(cell.source for cell in cells[2:])
    assert "params.collect(globals())" in sources and f'record.start("{stage}", ' in sources
    assert sources.index("record.start(") < sources.index(".finish(")


def test_prose_explains_what_code_does(book):
    prose = sum(len(cell.source.split()) for cell in book.cells if cell.cell_type == "markdown")
    assert prose >= 100


def test_no_path_of_a_machine_and_no_working_directory(book):
    for cell in book.cells:
        for word in ("/home/", "/tmp/", "/root/", "os.getcwd", "os.chdir", "../"):
            assert word not in cell.source


def test_ids_of_cells_are_unique(book):
    ids = [cell.id for cell in book.cells]
    assert len(ids) == len(set(ids))
