"""The book's status page: how long each notebook runs, on what, with which versions.

    python tools/status.py

executes every notebook of the table of contents, one after the other on one thread, writes none of
them, and writes book/status.md. Nothing else should run meanwhile.
"""

import json
import math
import platform
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

from browser import ROOT, pages
from execute import execute

TARGET = ROOT / "book" / "status.md"
PACKAGES = ("r1lab", "torch", "numpy", "scipy", "matplotlib", "anywidget", "jupyter-book", "sphinx")
HEAD = """\
(status)=
# Status: how long each page runs, on what, with which versions

Every notebook of the book was executed from its first cell to its last, and all outputs on the
pages are those of such a run: executing them again changes nothing. Measured by `python
tools/status.py`, one after the other, on {device}, one thread, {date}. Seconds are of the
processor, the start of Python and imports included.

| page | CPU seconds | code cells | exercises |
|---|---|---|---|
"""
FOOT = """
No page needs a GPU, and none uses one. Runs that took longer than a minute were not made by these
pages: they are shown from files, and say so; {doc}`the recorded runs <recorded-runs>` has their
commands, seeds, machine and times.

| package | version |
|---|---|
"""


def measure(path: Path) -> float:
    """CPU seconds of the kernel that executes the notebook."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    execute(path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(path: Path, seconds: float) -> str:
    """A notebook's line: its title, and what is in it."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    headings = [line for text in texts for line in text.splitlines() if line.startswith("# ")]
    code = sum(cell["cell_type"] == "code" for cell in cells)
    exercises = sum(text.count("`{exercise}") for text in texts)
    title = headings[0].removeprefix("# ")
    link = f"{{doc}}`{title} <{path.stem}>`"
    return f"| {link} | {math.ceil(seconds)} | {code} | {exercises or ''} |\n"


def device() -> str:
    """The processor's name, as the system tells it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"a CPU ({names[0]}, {platform.machine()})"


def main() -> int:
    """Measure every notebook and write the page."""
    rows = []
    for path in [ROOT / f"{name}.ipynb" for name in pages()]:
        if path.exists():
            rows.append(row(path, measure(path)))
            print(rows[-1], end="")
    versions = [f"| {name} | {version(name)} |\n" for name in PACKAGES]
    head = HEAD.format(device=device(), date=time.strftime("%B %Y"))
    python = f"| Python | {platform.python_version()} |\n"
    TARGET.write_text(head + "".join(rows) + FOOT + python + "".join(versions), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
