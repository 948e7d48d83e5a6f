"""The files of book/results: what they are named, read as they are."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["film", "film_path", "read"]


def read(pattern: str, folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """The records whose names match a pattern such as "images/*/*", by name.

    Parameters
    ----------
    pattern : of names, as a shell has it.
    folder : of the results; by default book/results, looked for here and in the folders above.

    Raises
    ------
    FileNotFoundError : no such record.

    Examples
    --------
    >>> read("images/r1/0")["images/r1/0"]["result"]["settings"]["gamma"]
    10.0
    """
    root = folder or _results()
    paths = sorted(root.glob(f"{pattern}.json"))
    if not paths:
        raise FileNotFoundError(f"no recorded run {pattern!r} in {root}")
    found = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    return {record["name"]: record for record in found}


def film_path(name: str, folder: Path | None = None) -> Path:
    """The strip with a run's samples at every snapshot, square frames one below the other.

    Parameters
    ----------
    name, folder : as for `film`.

    Raises
    ------
    FileNotFoundError : no such film; of the image runs only seed 0 has one.

    Examples
    --------
    >>> film_path("images/r1/0").name
    '0-film.webp'
    """
    path = (folder or _results()) / f"{name}-film.webp"
    if not path.exists():
        raise FileNotFoundError(f"no film of a recorded run {name!r} in {path.parent}")
    return path


def _results() -> Path:
    here = Path.cwd()
    for folder, tail in product((here, *here.parents), ("results", "book/results")):
        if (folder / tail / "images").is_dir():
            return folder / tail
    raise FileNotFoundError(f"no book/results in or above {here}: chapters run in the repository")


def film(name: str, folder: Path | None = None) -> np.ndarray:
    """Samples along a recorded image run, of the same latents: (snapshots, side, side, 3) bytes.

    Parameters
    ----------
    folder : of the results, as for `read`.

    Raises
    ------
    FileNotFoundError : a run without a film.

    Examples
    --------
    >>> film("images/r1/0").shape
    (12, 202, 202, 3)
    """
    with Image.open(film_path(name, folder)) as strip:
        pixels = np.asarray(strip.convert("RGB"))
    side = pixels.shape[1]
    return pixels.reshape(-1, side, side, 3)
