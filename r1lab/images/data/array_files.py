"""Files of numbers: `read_array` for .npy and .npz, `read_idx_folder` for MNIST's format."""

import gzip
import struct
import zlib
from math import prod
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.lib.npyio import NpzFile

from r1lab.images.data.arrays import ImageArray
from r1lab.images.data.text import counted, listed, one_line, printable, short_name
from r1lab.images.errors import InputError

__all__ = ["has_idx", "read_array", "read_idx", "read_idx_folder"]

_IDX_IMAGES, _IDX_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
_IMAGE_NAMES = ("images", "x", "x_train", "arr_0")
_LABEL_NAMES = ("labels", "y", "y_train")


def read_array(path: Path) -> ImageArray:
    """The images of an .npy file, which is mapped into memory, or of an .npz file.

    Parameters
    ----------
    path : of (N, H, W), (N, H, W, C) or (N, C, H, W) uint8; C 1, 3 or 4. In an .npz they are
        called images, x, x_train or arr_0, or are the only such array; labels, y or y_train may
        hold (N,) whole numbers or strings.

    Raises
    ------
    InputError : no such array, other numbers, or labels that do not match.

    Examples
    --------
    >>> read_array(Path("nowhere.npy"))
    Traceback (most recent call last):
    r1lab.images.errors.InputError: cannot read nowhere.npy: No such file or directory
    """
    try:
        name, stored, labels = _mapped(path) if path.suffix.lower() == ".npy" else _unpacked(path)
        pixels = _channels_first(name, stored)
        labels = None if labels is None else _one_each(labels, len(pixels))
    except Exception as error:  # a parser that meets garbage raises anything
        raise InputError(f"cannot read {printable(path)}: {one_line(error)}") from error
    return ImageArray(short_name(path.stem), pixels, labels, source=path)


def has_idx(folder: Path) -> bool:
    """Whether a folder has the training images of MNIST's format.

    Examples
    --------
    >>> has_idx(Path("nowhere"))
    False
    """
    return _plain_or_gz(folder / _IDX_IMAGES) is not None


def read_idx_folder(folder: Path, classes: tuple[str, ...] | None = None) -> ImageArray:
    """The training images of a folder in MNIST's format, with their labels where it has them.

    Raises
    ------
    InputError : a file that cannot be read, or not one label for each image.

    Examples
    --------
    >>> read_idx_folder(Path("/usr/share/datasets/fashion-mnist")).pixels.shape  # doctest: +SKIP
    (60000, 1, 28, 28)
    """
    source = _plain_or_gz(folder / _IDX_IMAGES) or folder / _IDX_IMAGES
    pixels = read_idx(source, 3)
    labels = None
    if (path := _plain_or_gz(folder / _IDX_LABELS)) is not None:
        labels = read_idx(path, 1)
        if len(labels) != len(pixels):
            raise InputError(f"{printable(path)} has {len(labels)} labels for {len(pixels)} images")
    name = short_name(folder.resolve().name)
    return ImageArray(name, pixels[:, None], labels, classes, source)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The bytes of an IDX file, an array of so many dimensions.

    Format: big-endian; 0, 0, 8 (unsigned bytes), the number of dimensions, then their sizes in 32
    bits each, then the bytes row by row (LeCun et al., the MNIST data set).

    Raises
    ------
    InputError : a file that cannot be read or is not of this format.

    Examples
    --------
    >>> read_idx(Path("images-idx3-ubyte"), 3)
    Traceback (most recent call last):
    r1lab.images.errors.InputError: cannot read images-idx3-ubyte as IDX: No such file or directory
    """
    try:
        with cast(IO[bytes], gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            magic, *shape = struct.unpack(f">{1 + dimensions}I", file.read(4 + 4 * dimensions))
            if magic != 0x00000800 + dimensions:
                raise ValueError(f"it starts with {magic:#010x}, not {0x800 + dimensions:#010x}")
            # One more than it should have, to see whether there are more.
            content = file.read(prod(shape) + 1)
        if len(content) != prod(shape):
            raise ValueError(f"it should have {' x '.join(map(str, shape))} bytes of data")
    except (OSError, EOFError, ValueError, OverflowError, MemoryError) as error:
        raise InputError(f"cannot read {printable(path)} as IDX: {one_line(error)}") from error
    except (struct.error, zlib.error) as error:
        raise InputError(f"cannot read {printable(path)} as IDX: it is cut short") from error
    return np.frombuffer(content, np.uint8).reshape(shape)


def _plain_or_gz(path: Path) -> Path | None:
    """The file itself, or packed by gzip, or None."""
    candidates = (path, path.with_name(f"{path.name}.gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _mapped(path: Path) -> tuple[str, np.ndarray, None]:
    # Copy on write: a tensor cannot be read-only.
    return "it", np.lib.format.open_memmap(path, mode="c"), None


def _unpacked(path: Path) -> tuple[str, np.ndarray, np.ndarray | None]:
    """The images of an .npz and what they are called, and the labels."""
    with np.load(path, allow_pickle=False) as content:
        if not isinstance(content, NpzFile):
            raise ValueError("it is a single array: rename it to .npy")
        names = {name.lower(): name for name in content.files}
        images = next((names[name] for name in _IMAGE_NAMES if name in names), None)
        if images is None:
            arrays = {name: content[name] for name in content.files}
            fit = [n for n, a in arrays.items() if a.dtype == np.uint8 and a.ndim in (3, 4)]
            if len(fit) != 1:
                raise ValueError(
                    f"none of its arrays ({listed(content.files, 5) or 'it has none'}) is "
                    f"called {' or '.join(_IMAGE_NAMES)}, and {len(fit)} could be images"
                )
            images = fit[0]
        labels = next((names[name] for name in _LABEL_NAMES if name in names), None)
        return images, content[images], None if labels is None else content[labels]


def _channels_first(name: str, pixels: np.ndarray) -> np.ndarray:
    """Pixels of any accepted layout as an (N, C, H, W) view."""
    shape = pixels.shape
    if pixels.dtype != np.uint8:
        raise ValueError(
            f"{printable(name)} has {pixels.dtype} numbers: save whole numbers from 0 to 255 "
            "of type uint8"
        )
    # A last dimension of 3 or 4 is that of one colour image, not of many grey ones.
    if pixels.ndim == 3 and shape[2] not in (3, 4):
        return pixels[:, None]
    if pixels.ndim == 4:
        layouts = [
            view for view in (pixels.transpose(0, 3, 1, 2), pixels) if view.shape[1] in (1, 3, 4)
        ]
        layouts.sort(key=lambda view: view.shape[2] != view.shape[3])  # square ones first
        if layouts:
            return layouts[0]
    raise ValueError(
        f"{printable(name)} has the shape {shape}: images are (N, H, W), (N, H, W, C) or "
        "(N, C, H, W), with 1, 3 or 4 channels C"
    )


def _one_each(labels: np.ndarray, count: int) -> np.ndarray:
    if labels.shape not in ((count,), (count, 1)) or labels.dtype.kind not in "iuU":
        raise ValueError(
            f"its labels must be a whole number or a name for each of {counted(count, 'image')}, "
            f"not {labels.dtype} {labels.shape}"
        )
    return labels.reshape(count)
