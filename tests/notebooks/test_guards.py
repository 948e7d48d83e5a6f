"""The guards see what they are for: violations planted on copies of a chapter are caught."""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import check_book

CHAPTERS = sorted((Path(__file__).parents[2] / "book").glob("*.ipynb"))
FIRST = CHAPTERS[0]  # a cheap one, with pictures, an explorer and printed numbers

Notebook = dict[str, Any]
STREAM = {"output_type": "stream", "name": "stdout"}


@pytest.fixture
def notebook() -> Notebook:
    """A copy of the first chapter as it is committed."""
    return json.loads(FIRST.read_text(encoding="utf-8"))


def first_cell(notebook: Notebook, having: str = "") -> Notebook:
    """The first code cell with an output of this MIME type."""
    return next(
        cell
        for _, cell in check_book.code_cells(notebook)
        if not having or any(having in output.get("data", {}) for output in cell["outputs"])
    )


def add_output(notebook: Notebook, output: Notebook) -> None:
    first_cell(notebook)["outputs"].append(output)


# ---- Plants: each spoils a notebook and says what the guard has to answer ----


def unexecuted(notebook: Notebook) -> str:
    for _, cell in check_book.code_cells(notebook):
        cell.update(execution_count=None, outputs=[])
    return "not executed"


def executed_twice(notebook: Notebook) -> str:
    first_cell(notebook)["execution_count"] = 99
    return "execution count 99, expected 1"


def empty_cell(notebook: Notebook) -> str:
    first_cell(notebook)["source"] = []
    return "empty code cell"


def error(notebook: Notebook) -> str:
    output = {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": []}
    add_output(notebook, output)
    return "raised ValueError: bad"


def warning(notebook: Notebook) -> str:
    add_output(notebook, {"output_type": "stream", "name": "stderr", "text": "UserWarning"})
    return "wrote to stderr"


def address(notebook: Notebook) -> str:
    add_output(notebook, {**STREAM, "text": "<object at 0x7f3a5c1b2d90>"})
    return "memory address 0x7f3a5c1b2d90"


def progress_bar(notebook: Notebook) -> str:
    add_output(notebook, {**STREAM, "text": " 50%|#####     | 5/10 [00:01<00:01, 5it/s]"})
    return "progress bar"


def many_digits(notebook: Notebook) -> str:
    add_output(notebook, {**STREAM, "text": "the radius is 0.70711"})
    return "prints 0.70711"


def large_output(notebook: Notebook) -> str:
    add_output(notebook, {**STREAM, "text": "x" * 200_000})
    return "an output of 200 KB"


def large_notebook(notebook: Notebook) -> str:
    for _ in range(4):
        add_output(notebook, {**STREAM, "text": "x" * 120_000})
    return "KB, at most 400"


def no_alt_text(notebook: Notebook) -> str:
    del first_cell(notebook, "image/png")["metadata"]["mystnb"]["image"]["alt"]
    return "a picture without alt text"


def no_caption(notebook: Notebook) -> str:
    first_cell(notebook, "image/png")["metadata"]["mystnb"]["figure"]["caption"] = " "
    return "a picture without caption"


def two_pictures(notebook: Notebook) -> str:
    outputs = first_cell(notebook, "image/png")["outputs"]
    outputs.append(copy.deepcopy(outputs[-1]))
    return "2 pictures would share one alt text"


def widget_without_state(notebook: Notebook) -> str:
    del notebook["metadata"]["widgets"]
    return "whose state is not saved"


def state_without_widget(notebook: Notebook) -> str:
    state = notebook["metadata"]["widgets"][check_book.WIDGET_STATE]["state"]
    state["w9999"] = {"state": {}}
    return "saves widget w9999, which no cell shows"


def hidden_value(notebook: Notebook) -> str:
    first_cell(notebook)["source"] = ["plt.plot(x)\n", "plt.ylim(0, 1);\n"]
    return "ends with ';', which nbval ignores"


def folded_proof(notebook: Notebook) -> str:
    first_cell(notebook)["source"] = "```{prf:proof}\n:label: p\n:class: dropdown\nTrivial.\n```"
    return "a {prf:proof} cannot be a dropdown"


PLANTS: list[Callable[[Notebook], str]] = [
    unexecuted,
    executed_twice,
    empty_cell,
    error,
    warning,
    address,
    progress_bar,
    many_digits,
    large_output,
    large_notebook,
    no_alt_text,
    no_caption,
    two_pictures,
    widget_without_state,
    state_without_widget,
    hidden_value,
    folded_proof,
]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_committed_chapters_are_clean(chapter):
    assert check_book.problems(chapter) == []


@pytest.mark.parametrize("plant", PLANTS)
def test_planted_violation_is_caught(plant, notebook, tmp_path, capsys):
    expected = plant(notebook)
    path = tmp_path / "chapter.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert check_book.main([str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(expected in line and line.startswith(str(path)) for line in lines)


@pytest.mark.parametrize(
    ("plant", "tag"), [(error, "raises-exception"), (many_digits, "exact-digits")]
)
def test_tags_permit_what_is_meant(plant, tag, notebook):
    expected = plant(notebook)
    first_cell(notebook)["metadata"]["tags"] = [tag]
    messages = [problem.message for check in check_book.CHECKS for problem in check(notebook)]
    assert not any(expected in message for message in messages)


@pytest.mark.parametrize(
    "text", ["0.0012", "12.34", "1.000", "-3.5e-07", "version 2.13.0", "12345 steps", "2026-11-21"]
)
def test_short_numbers_and_versions_pass(text, notebook):
    add_output(notebook, {**STREAM, "text": text})
    assert list(check_book.few_digits(notebook)) == []


# ---- nbval: the committed numbers are the ones that the code prints ----


def nbval(notebook: Notebook, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `pytest --nbval` as `make test` does, on this notebook alone."""
    path = folder / "chapter.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", str(path)]
    command += ["-p", "no:cacheprovider", f"--rootdir={folder}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def up_to_first_decimal(notebook: Notebook) -> dict[str, Any]:
    """Cut the notebook after the first output that prints a decimal, and return that output."""
    for place, _, output in check_book.outputs(notebook):
        if re.search(r"\d\.\d", "".join(output.get("text", ""))):
            del notebook["cells"][place + 1 :]
            return output
    pytest.fail(f"{FIRST} prints no decimal")


def test_nbval_passes_on_the_chapter_as_committed(notebook, tmp_path):
    up_to_first_decimal(notebook)
    result = nbval(notebook, tmp_path)
    assert result.returncode == 0, result.stdout


def test_nbval_fails_when_one_digit_of_one_output_is_changed(notebook, tmp_path):
    output = up_to_first_decimal(notebook)
    text = "".join(output["text"])
    digit = re.search(r"\d\.\d", text).end() - 1
    output["text"] = text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :]
    result = nbval(notebook, tmp_path)
    assert result.returncode == 1, result.stdout
    assert "1 failed" in result.stdout.splitlines()[-1]
