"""Guard the committed notebooks: executed, in order, clean, small, described, reproducible.

    python tools/check_book.py book/*.ipynb

prints one line for each problem, with file and cell, and exits 1 if there is any. nbval compares
outputs that are there; this is about outputs that are missing or must not be there.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

Notebook = dict[str, Any]
Cell = dict[str, Any]

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
IMAGES = {"image/png", "image/svg+xml"}
# Glued values carry a prefix: application/papermill.record/text/plain.
READABLE = ("text/plain", "text/markdown", "text/latex")

NOTEBOOK_BYTES = 400_000
OUTPUT_BYTES = 150_000
DIGITS = 4

ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")
PROGRESS = re.compile(r"\r(?!\n)|\d+%\||\d(it/s|s/it)")
DECIMAL = re.compile(r"(?<![\w.])(\d+\.\d+)(?:e[+-]?\d+)?(?!\d|\.\d)", re.IGNORECASE)
FOLDED_PROOF = re.compile(r"\{prf:proof\}.*\n(:.*\n)*:class:.*dropdown")


class Problem(NamedTuple):
    """What is wrong, and in which cell; None where it is the notebook as a whole."""

    cell: int | None
    message: str


def code_cells(notebook: Notebook) -> Iterator[tuple[int, Cell]]:
    """The code cells with their places among all cells."""
    for place, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            yield place, cell


def outputs(notebook: Notebook) -> Iterator[tuple[int, Cell, dict[str, Any]]]:
    """Every output with its cell and that cell's place."""
    for place, cell in code_cells(notebook):
        for output in cell["outputs"]:
            yield place, cell, output


def tags(cell: Cell) -> list[str]:
    """The cell's tags."""
    return cell["metadata"].get("tags", [])


def texts(output: dict[str, Any]) -> list[str]:
    """What a reader can read of an output: printed text and the textual forms of its data."""
    found = [output["text"]] if "text" in output else []
    found += [data for mime, data in output.get("data", {}).items() if mime.endswith(READABLE)]
    return ["".join(text) for text in found]


def executed_in_order(notebook: Notebook) -> Iterator[Problem]:
    """Every code cell was executed, from top to bottom in one run."""
    for expected, (place, cell) in enumerate(code_cells(notebook), start=1):
        if not "".join(cell["source"]).strip():
            yield Problem(place, "empty code cell")
        elif cell["execution_count"] is None:
            yield Problem(place, "not executed")
        elif cell["execution_count"] != expected:
            count = cell["execution_count"]
            yield Problem(place, f"execution count {count}, expected {expected} in one fresh run")


def no_errors(notebook: Notebook) -> Iterator[Problem]:
    """No cell failed, unless its tag says that it should."""
    for place, cell, output in outputs(notebook):
        if output["output_type"] == "error" and "raises-exception" not in tags(cell):
            yield Problem(place, f"raised {output['ename']}: {output['evalue']}")


def no_stderr(notebook: Notebook) -> Iterator[Problem]:
    """No warnings and no logging."""
    for place, _, output in outputs(notebook):
        if output.get("name") == "stderr":
            yield Problem(place, f"wrote to stderr: {''.join(output['text']).strip()[:60]!r}")


def no_addresses(notebook: Notebook) -> Iterator[Problem]:
    """No memory addresses: they differ in every run."""
    for place, _, output in outputs(notebook):
        for address in ADDRESS.findall(" ".join(texts(output))):
            yield Problem(place, f"prints the memory address {address}")


def no_progress_bars(notebook: Notebook) -> Iterator[Problem]:
    """No progress bars: they hold timings and overwrite themselves."""
    for place, _, output in outputs(notebook):
        if PROGRESS.search(" ".join(texts(output))):
            yield Problem(place, "prints a progress bar")


def small(notebook: Notebook) -> Iterator[Problem]:
    """A page loads and a diff is readable only if notebooks stay small."""
    size = len(json.dumps(notebook, indent=1))
    if size > NOTEBOOK_BYTES:
        yield Problem(None, f"{size // 1000} KB, at most {NOTEBOOK_BYTES // 1000}")
    for place, _, output in outputs(notebook):
        size = len(json.dumps(output))
        if size > OUTPUT_BYTES:
            yield Problem(place, f"an output of {size // 1000} KB, at most {OUTPUT_BYTES // 1000}")


def figures_described(notebook: Notebook) -> Iterator[Problem]:
    """Every picture has a caption and an alt text of its own."""
    for place, cell in code_cells(notebook):
        pictures = sum(not IMAGES.isdisjoint(output.get("data", {})) for output in cell["outputs"])
        described = cell["metadata"].get("mystnb", {})
        if pictures and not described.get("image", {}).get("alt", "").strip():
            yield Problem(place, "a picture without alt text (cell metadata mystnb.image.alt)")
        if pictures and not described.get("figure", {}).get("caption", "").strip():
            yield Problem(place, "a picture without caption (cell metadata mystnb.figure.caption)")
        if pictures > 1:
            yield Problem(place, f"{pictures} pictures would share one alt text")


def widgets_saved(notebook: Notebook) -> Iterator[Problem]:
    """Every widget that is shown has its state in the notebook, and no other state is there."""
    saved = notebook["metadata"].get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    reached: set[str] = set()

    def reach(model_id: str) -> None:
        if model_id in saved and model_id not in reached:
            reached.add(model_id)
            for other in re.findall(r"IPY_MODEL_(\w+)", json.dumps(saved[model_id])):
                reach(other)

    for place, _, output in outputs(notebook):
        view = output.get("data", {}).get(WIDGET_VIEW)
        if view and view["model_id"] not in saved:
            yield Problem(place, f"shows widget {view['model_id']}, whose state is not saved")
        elif view:
            reach(view["model_id"])
    for model_id in sorted(saved.keys() - reached):
        yield Problem(None, f"saves widget {model_id}, which no cell shows")


def significant(number: str) -> int:
    """The significant digits of a decimal.

    >>> [significant(n) for n in ("0.0012", "1.000", "12.345", "0.0")]
    [2, 4, 5, 0]
    """
    return len(number.replace(".", "").lstrip("0"))


def few_digits(notebook: Notebook) -> Iterator[Problem]:
    """Digits that no reader needs are the ones that differ between machines."""
    for place, cell, output in outputs(notebook):
        if "exact-digits" in tags(cell):
            continue
        for number in DECIMAL.findall(" ".join(texts(output))):
            if significant(number) > DIGITS:
                yield Problem(
                    place,
                    f"prints {number}: more than {DIGITS} significant digits"
                    " (round it, or tag the cell exact-digits)",
                )


def values_shown(notebook: Notebook) -> Iterator[Problem]:
    """nbval executes without history, where IPython does not hide a value that ends with ";"."""
    for place, cell in code_cells(notebook):
        if "".join(cell["source"]).rstrip().endswith(";"):
            yield Problem(place, "ends with ';', which nbval ignores: end with plt.show()")


def proofs_open(notebook: Notebook) -> Iterator[Problem]:
    """A folded prf:proof has no title to click, which stops the script that folds everything."""
    for place, cell in enumerate(notebook["cells"]):
        if FOLDED_PROOF.search("".join(cell["source"])):
            yield Problem(place, "a {prf:proof} cannot be a dropdown: use {admonition} Proof")


CHECKS: tuple[Callable[[Notebook], Iterator[Problem]], ...] = (
    executed_in_order,
    no_errors,
    no_stderr,
    no_addresses,
    no_progress_bars,
    small,
    figures_described,
    widgets_saved,
    few_digits,
    values_shown,
    proofs_open,
)


def problems(path: Path) -> list[str]:
    """Everything wrong with the notebook at `path`, one line each."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    found = [problem for check in CHECKS for problem in check(notebook)]
    return [
        f"{path}: {'' if cell is None else f'cell {cell}: '}{message}" for cell, message in found
    ]


def main(arguments: list[str] | None = None) -> int:
    """Check each notebook named on the command line; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    paths = parser.parse_args(arguments).notebooks
    found = [line for path in paths for line in problems(path)]
    print("\n".join(found) or f"{len(paths)} notebooks: no problem found")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
