"""tools/execute.py: executing a notebook twice gives the same bytes, and loses nothing."""

import json
import re
from pathlib import Path

import nbformat
import pytest

import execute

VIEW = "application/vnd.jupyter.widget-view+json"

WIDGET = """
import anywidget, ipywidgets, traitlets

class Leaf(anywidget.AnyWidget):
    _esm = "export default { render({ el }) { el.textContent = 'leaf'; } }"

class Tree(anywidget.AnyWidget):
    _esm = "export default { render({ el }) { el.textContent = 'tree'; } }"
    leaf = traitlets.Instance(Leaf).tag(sync=True, **ipywidgets.widget_serialization)
    data = traitlets.Bytes(b"\\x00\\x01\\x02").tag(sync=True)
    def __repr__(self):
        return "Tree()"

unshown = [Leaf(), Leaf()]
Tree(leaf=Leaf())
"""
FIGURE = """
import matplotlib.pyplot as plt
plt.plot([0, 1], [1, 0]);
"""
GLUE = """
from myst_nb import glue
print("a half is", 0.5)
glue("half", 0.5)
"""


def write_notebook(path: Path, *sources: str) -> Path:
    """A notebook as an author leaves it: never executed, with metadata of its own."""
    notebook = nbformat.v4.new_notebook(metadata={"authors": [{"name": "A. N. Author"}]})
    notebook.cells = [nbformat.v4.new_markdown_cell("# Title")]
    for source in sources:
        cell = nbformat.v4.new_code_cell(source.strip(), metadata={"tags": ["kept"]})
        cell.metadata["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
        notebook.cells.append(cell)
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook with everything that differs from run to run, executed once."""
    folder = tmp_path_factory.mktemp("book")
    path = write_notebook(folder / "chapter.ipynb", WIDGET, FIGURE, GLUE)
    assert execute.main([str(path)]) == 0
    return path


def test_second_execution_changes_no_byte(executed):
    first = executed.read_bytes()
    assert execute.main([str(executed)]) == 0
    assert executed.read_bytes() == first


def test_outputs_are_there(executed):
    notebook = nbformat.read(executed, as_version=4)
    nbformat.validate(notebook)
    mimes = [m for cell in notebook.cells[1:] for o in cell.outputs for m in o.get("data", {})]
    assert "image/png" in mimes
    assert VIEW in mimes
    assert notebook.cells[3].outputs[0].text == "a half is 0.5\n"
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3]


def test_no_trace_of_the_run_or_the_machine(executed):
    text = executed.read_text()
    notebook = json.loads(text)
    assert not re.search(r"IPY_MODEL_(?!w\d{4}\b)", text)
    assert "version" not in notebook["metadata"]["language_info"]
    assert all("execution" not in cell["metadata"] for cell in notebook["cells"])


def test_widgets_still_refer_to_each_other(executed):
    notebook = json.loads(executed.read_text())
    state = notebook["metadata"]["widgets"][execute.STATE]["state"]
    (output,) = notebook["cells"][1]["outputs"]
    tree = state[output["data"][VIEW]["model_id"]]["state"]
    leaf = state[tree["leaf"].removeprefix("IPY_MODEL_")]["state"]
    assert "tree" in tree["_esm"]
    assert "leaf" in leaf["_esm"]


def test_what_the_author_wrote_is_kept(executed):
    notebook = json.loads(executed.read_text())
    assert notebook["metadata"]["authors"] == [{"name": "A. N. Author"}]
    assert all(cell["metadata"]["tags"] == ["kept"] for cell in notebook["cells"][1:])


def test_check_shows_the_difference_and_writes_nothing(executed, tmp_path, capsys):
    stale = tmp_path / "stale.ipynb"
    stale.write_text(executed.read_text().replace("a half is 0.5", "a half is 0.6"))
    before = stale.read_bytes()
    assert execute.main(["--check", str(stale)]) == 1
    shown = capsys.readouterr().out
    removed, added = re.findall(r"^[-+] +.*", shown, re.MULTILINE)
    assert "a half is 0.6" in removed
    assert "a half is 0.5" in added
    assert stale.read_bytes() == before


def test_failing_cell_is_named_and_the_file_left_alone(tmp_path, capsys):
    path = write_notebook(tmp_path / "broken.ipynb", "x = 1", "x / 0")
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    shown = capsys.readouterr().err
    assert "broken.ipynb: cell 2 failed" in shown
    assert "ZeroDivisionError" in shown
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_figure_that_fails_when_it_is_drawn_fails_the_notebook(tmp_path, capsys):
    """It is drawn after the cell has ended, where the kernel reports no failure."""
    draw = 'plt.annotate("a", ("x", [1, 2, 3]))'
    broken = f"import matplotlib.pyplot as plt\nplt.plot([0, 1])\n{draw}"
    path = write_notebook(tmp_path / "broken.ipynb", broken)
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert "cell 1 failed" in capsys.readouterr().err
    assert path.read_bytes() == before
