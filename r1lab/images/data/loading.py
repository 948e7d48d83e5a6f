"""From the value of `--data` to images: `load`, and `inspect` for what is wrong with them."""

import os
from pathlib import Path
from typing import Literal

from r1lab.images.data.array_files import has_idx, read_array, read_idx_folder
from r1lab.images.data.arrays import fit_all
from r1lab.images.data.builtin import BUILTIN
from r1lab.images.data.folders import read_folder, read_zip
from r1lab.images.data.hub import PREFIX, parsed, read_hub
from r1lab.images.data.imageset import Images
from r1lab.images.data.report import Problem, Report
from r1lab.images.data.text import printable
from r1lab.images.errors import InputError

__all__ = ["absolute", "inspect", "load"]

_SHOWN = 3  # files of one problem, in a sentence


def load(
    data: str,
    size: int = 32,
    *,
    on_problem: Literal["stop", "continue"] = "stop",
    limit: int | None = None,
) -> Images:
    """The images of a data set, resized to `size` x `size` pixels.

    Each is cropped to its central square; transparent parts become white; all are grey if all
    files are, else colour. More than 2 GiB are decoded into a file in `cache_folder()` once and
    mapped into memory.

    Parameters
    ----------
    data : one of

        - "mnist-5k" (5000 handwritten digits; the first call takes seconds), "photos-32" (3000
          colour crops of photographs) or "fashion-mnist" (60000 pieces of clothing, where
          Debian's package puts them);
        - a folder of images, searched recursively; if it has at least two subfolders, and each
          image lies directly in one of them, they are the classes;
        - a .zip of images, by the same rules;
        - a folder with train-images-idx3-ubyte(.gz) and perhaps train-labels-idx1-ubyte(.gz);
        - an .npy or .npz of uint8 (N, H, W), (N, H, W, C) or (N, C, H, W), C 1, 3 or 4; in an
          .npz called images, x, x_train or arr_0, with labels, y or y_train. An .npy of
          (N, 1 or 3, size, size) is mapped into memory as it is;
        - "hf:owner/name" or "hf:owner/name:split", a data set of the Hugging Face Hub, of which
          only the resized pixels are kept, in `cache_folder()`; "hf:/path", a folder that the
          datasets library can read.
    size : side in pixels. Arrays of 28 x 28 are first padded to 32.
    on_problem : "stop" raises where files cannot be read or differ in size or mode; "continue"
        leaves out the former and crops and converts the latter.
    limit : take only so many images, the first ones in the order of their names.

    Raises
    ------
    InputError : an unknown name, a data set that is not there, or a problem.

    Examples
    --------
    >>> photos = load("photos-32")
    >>> len(photos), photos.shape
    (3000, (3, 32, 32))
    """
    if on_problem not in ("stop", "continue"):
        raise InputError(f"unknown on_problem {on_problem!r}: use one of stop, continue")
    report = inspect(data, size, limit)
    told = "; ".join(_told(problem) for problem in report.problems)
    if report.images is None:
        raise InputError(f"{printable(data)}: {told or 'it holds no images'}")
    if report.problems and on_problem == "stop":
        raise InputError(
            f"{printable(data)}: {told}: see them all with `r1lab data {printable(data)}`, or "
            "train with `--on-problem continue`, which leaves out what cannot be read and crops "
            "and converts the rest"
        )
    return report.images


def inspect(data: str, size: int = 32, limit: int | None = None) -> Report:
    """What is in a data set, also where `load` would stop.

    Parameters
    ----------
    data, size, limit : as for `load`.

    Raises
    ------
    InputError : an unknown name, or a data set that is not there.

    Examples
    --------
    >>> inspect("photos-32", limit=100).sizes
    {(32, 32): 100}
    >>> inspect("cifar")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    r1lab.images.errors.InputError: unknown data 'cifar': use mnist-5k, photos-32, ...
    """
    for name, value in (("size", size), ("limit", limit)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1, not {value}")
    if data in BUILTIN:
        return fit_all(BUILTIN[data](), size, limit)
    if data.startswith(PREFIX):
        return read_hub(data, size, limit)
    path = Path(data)
    if os.path.isdir(data):
        if has_idx(path):
            return fit_all(read_idx_folder(path), size, limit)
        return read_folder(path, size, limit)
    if os.path.isfile(data) and path.suffix.lower() in (".npy", ".npz"):
        return fit_all(read_array(path), size, limit)
    if os.path.isfile(data) and path.suffix.lower() == ".zip":
        return read_zip(path, size, limit)
    raise InputError(
        f"unknown data '{printable(data)}': use {', '.join(BUILTIN)}, a folder of images, a folder "
        "with train-images-idx3-ubyte(.gz), a .zip, .npy or .npz file, or hf:owner/name"
    )


def absolute(data: str) -> str:
    """The same data set, from whatever folder it is asked for.

    Examples
    --------
    >>> absolute("photos-32"), absolute("hf:owner/name"), absolute("/")
    ('photos-32', 'hf:owner/name', '/')
    """
    if data.startswith(PREFIX):
        name, _ = parsed(data)
        split = data.removeprefix(PREFIX + name)
        return f"{PREFIX}{Path(name).resolve()}{split}" if os.path.isdir(name) else data
    return str(Path(data).resolve()) if data not in BUILTIN and os.path.exists(data) else data


def _told(problem: Problem) -> str:
    """A problem with the first few of its files."""
    pairs = list(zip(problem.files, problem.details, strict=True))
    first = ", ".join(f"{printable(file)}: {detail}" for file, detail in pairs[:_SHOWN])
    more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    return f"{problem.sentence} ({first}{more})"
