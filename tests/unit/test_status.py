"""The status page names every notebook of the book, and none runs longer than promised."""

import re
from importlib.metadata import version

import status

from browser import pages


def test_every_notebook_is_listed_and_takes_at_most_forty_seconds():
    text = status.TARGET.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \{doc\}`.*? <([\w-]+)>` \| (\d+) \|", text, re.MULTILINE))
    notebooks = [n for n in pages() if (status.ROOT / f"{n}.ipynb").exists()]
    assert [f"book/{stem}" for stem in rows] == notebooks
    assert max(map(int, rows.values())) <= 40
    assert f"| torch | {version('torch').partition('+')[0]}" in text


def test_a_row_counts_cells_and_exercises(tmp_path):
    path = tmp_path / "x.ipynb"
    text = '{"cells": [{"cell_type": "markdown", "source": ["# T\\n", "````{exercise} A\\n"]},'
    path.write_text(text + '{"cell_type": "code", "source": []}]}')
    assert status.row(path, 1.2) == "| {doc}`T <x>` | 2 | 1 | 1 |\n"
