"""Runs side by side: the settings in which they differ, where they ended, and their samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.markup import escape
from rich.table import Table

from r1lab.images.errors import InputError
from r1lab.images.pictures import grid, to_unit_range
from r1lab.images.runs import RunFolder
from r1lab.images.sampling import sample

__all__ = ["comparison_table", "side_by_side"]

_SHOWN = ("step", "images", "seconds", "d_loss", "real_gradient", "fake_gradient", "penalty_share")


def comparison_table(runs: Sequence[Path | str]) -> Table:
    """A table with a column for each run: settings that differ, then the last metrics of each.

    Distances carry the name of their features; `(best)` is the smallest of the run.

    Parameters
    ----------
    runs : folders.

    Raises
    ------
    InputError : no runs, or one without a readable checkpoint.

    Examples
    --------
    >>> comparison_table([])
    Traceback (most recent call last):
    r1lab.images.errors.InputError: name at least one run to compare
    """
    if not runs:
        raise InputError("name at least one run to compare")
    table = Table("", *(escape(str(run)) for run in runs))
    settings = [RunFolder(run).latest()[1]["config"] for run in runs]
    for name in settings[0]:
        values = [run.get(name) for run in settings]
        if any(value != values[0] for value in values):
            table.add_row(name, *map(_text, values))
    table.add_section()
    columns = [_last_metrics(RunFolder(run)) for run in runs]
    for name in dict.fromkeys(name for column in columns for name in column):
        table.add_row(name, *(_text(column.get(name)) for column in columns))
    return table


def side_by_side(runs: Sequence[Path | str], count: int = 36, seed: int = 0) -> np.ndarray:
    """Samples of each run from the same latents, grids next to each other, (H, W, 3) uint8.

    Raises
    ------
    InputError : as `sample`; images of different sizes.

    Examples
    --------
    >>> side_by_side(["nowhere"])
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no run nowhere
    """
    grids = [torch.from_numpy(grid(sample(run, count, seed))) for run in runs]
    if len({picture.shape for picture in grids}) > 1:
        raise InputError("the runs have images of different sizes: compare those of one size")
    pictures = torch.stack(grids).permute(0, 3, 1, 2)
    return grid(to_unit_range(pictures), columns=len(grids), gap=12)


def _last_metrics(run: RunFolder) -> dict[str, Any]:
    lines = run.metrics()
    found: dict[str, Any] = {}
    for line in lines:  # some are measured less often than others
        found |= {name: line[name] for name in _SHOWN if name in line}
        for name, value in line.items():
            if name.startswith("frechet["):
                found[name] = value
                found[f"{name} (best)"] = min(value, found.get(f"{name} (best)", value))
    return found


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
