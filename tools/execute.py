"""Execute notebooks in place, so that executing them again changes nothing.

    python tools/execute.py book/*.ipynb            # write the outputs
    python tools/execute.py --check book/*.ipynb    # write nothing, show what would change

What differs from run to run or from machine to machine is made canonical: widget ids, time
stamps, the interpreter's version, the order of keys. Everything else stays as it was.
"""

import argparse
import difflib
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

Notebook = dict[str, Any]

STATE = "application/vnd.jupyter.widget-state+json"
MODEL_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")

# One thread: sums are added in one order, and two notebooks can run side by side.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


class NotebookFailed(Exception):
    """A cell raised, timed out or killed its kernel; the message names the cell."""


def execute(path: Path, timeout: int = 300) -> str:
    """The canonical text of the notebook at `path` after a fresh run; the file is not touched."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    _give_ids(notebook)
    notebook["metadata"].pop("widgets", None)  # the widgets of an earlier run
    node = nbformat.reads(json.dumps(notebook), as_version=4)
    _run(node, path, timeout)
    make_canonical(node)
    # nbformat splits texts into lines; its own layout depends on the writer's version.
    lines = json.loads(nbformat.writes(nbformat.from_dict(node)))
    return json.dumps(lines, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _run(node: nbformat.NotebookNode, path: Path, timeout: int) -> None:
    running = 0

    def note(cell: nbformat.NotebookNode, cell_index: int) -> None:
        nonlocal running
        running = cell_index

    client = NotebookClient(
        node,
        kernel_name=KERNELSPEC["name"],
        timeout=timeout,
        record_timing=False,
        coalesce_streams=True,  # where a stream is cut depends on the clock
        resources={"metadata": {"path": str(path.parent.resolve())}},
        on_cell_start=note,
        extra_arguments=["--log-level=ERROR"],  # no word on encryption: the kernel is local
    )
    # A fresh IPYTHONDIR keeps out the user's own start-up files and figure format.
    with tempfile.TemporaryDirectory() as profile:
        try:
            client.execute(env={**os.environ, **ONE_THREAD, "IPYTHONDIR": profile})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise NotebookFailed(f"{path}: cell {running} failed\n{error}") from error
    for place, cell in enumerate(node.cells):
        # Drawing happens after the cell: nbclient does not raise what fails there.
        failed = [o for o in cell.get("outputs", ()) if o.output_type == "error"]
        if failed and "raises-exception" not in cell.metadata.get("tags", ()):
            raise NotebookFailed(f"{path}: cell {place} failed: {failed[0].evalue}")


def make_canonical(notebook: Notebook) -> None:
    """Remove what depends on the run or on the machine."""
    _canonical_widget_ids(notebook)
    notebook["metadata"]["kernelspec"] = KERNELSPEC
    notebook["metadata"]["language_info"] = LANGUAGE_INFO
    for cell in notebook["cells"]:
        cell["metadata"].pop("execution", None)  # JupyterLab's time stamps


def _give_ids(notebook: Notebook) -> None:
    """Cells of an older format get an id from their place and text (nbformat's are random)."""
    notebook["nbformat_minor"] = max(notebook["nbformat_minor"], 5)
    for place, cell in enumerate(notebook["cells"]):
        text = f"{place}\n{''.join(cell['source'])}"
        cell.setdefault("id", hashlib.sha256(text.encode()).hexdigest()[:8])


def _canonical_widget_ids(notebook: Notebook) -> None:
    """Replace each widget model's random id by w0000, w0001, ... in order of creation."""
    saved = notebook["metadata"].get("widgets")
    if saved is None:
        return
    names = {model_id: f"w{place:04d}" for place, model_id in enumerate(saved[STATE]["state"])}

    def renamed(part: Any) -> Any:
        return json.loads(
            MODEL_ID.sub(lambda found: names.get(found[0], found[0]), json.dumps(part))
        )

    notebook["metadata"]["widgets"] = renamed(saved)
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = renamed(cell["outputs"])


def write(path: Path, text: str) -> None:
    """Replace the file in one step: an interrupted run leaves the old notebook whole."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, suffix=".tmp", delete=False
    ) as file:
        file.write(text)
    os.chmod(file.name, path.stat().st_mode)
    os.replace(file.name, path)


def difference(path: Path, text: str) -> str:
    """What the fresh run changes, as a unified diff; empty when it changes nothing."""
    old = path.read_text(encoding="utf-8").splitlines(keepends=True)
    new = text.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, str(path), "a fresh run"))


def main(arguments: list[str] | None = None) -> int:
    """Execute each notebook named on the command line; 1 if any failed or, checked, differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing, show the changes")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one cell")
    options = parser.parse_args(arguments)
    status = 0
    for path in options.notebooks:
        began = time.perf_counter()
        try:
            text = execute(path, options.timeout)
        except NotebookFailed as failure:
            print(failure, file=sys.stderr)
            status = 1
            continue
        diff = difference(path, text)
        if options.check:
            print(diff, end="")
            status = status or int(bool(diff))
        elif diff:
            write(path, text)
        print(f"{path}: {time.perf_counter() - began:.0f} s, {'changed' if diff else 'unchanged'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
