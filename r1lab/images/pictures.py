"""Many images as one picture, and a picture as a file."""

import io
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from r1lab.images.errors import InputError
from r1lab.images.files import write_atomically

__all__ = ["grid", "write_picture"]

_GAP = 2  # pixels between two images


def grid(images: Tensor, columns: int | None = None) -> np.ndarray:
    """Images side by side, row by row, as one picture.

    Parameters
    ----------
    images : (N, C, H, W) floating-point, in [-1, 1]; C is 1 (grey) or 3 (colour).
    columns : images in a row; by default about as many as there are rows.

    Returns
    -------
    (H', W', 3) uint8, what `matplotlib.pyplot.imshow` and `PIL.Image.fromarray` take. White
    gaps of 2 pixels lie between the images.

    Raises
    ------
    ValueError : images that are not such a batch, or columns < 1.

    Examples
    --------
    >>> import torch
    >>> grid(torch.zeros(6, 1, 32, 32), columns=3).shape
    (66, 100, 3)
    """
    if images.dim() != 4 or len(images) == 0 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"images must be a batch of shape (N, 1 or 3, H, W), not {tuple(images.shape)}"
        )
    if columns is not None and columns < 1:
        raise ValueError(f"columns must be at least 1, not {columns}")
    scaled = ((images.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255).byte()
    pixels = scaled.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    count, height, width, _ = pixels.shape
    columns = columns or ceil(sqrt(count))
    rows = ceil(count / columns)
    shape = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3)
    picture = np.full(shape, 255, np.uint8)
    for i, image in enumerate(pixels):
        top, left = i // columns * (height + _GAP), i % columns * (width + _GAP)
        picture[top : top + height, left : left + width] = image
    return picture


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W, 3) uint8 pixels as a picture; the path's suffix chooses the format.

    Raises
    ------
    InputError : a suffix that names no picture format.

    Examples
    --------
    >>> write_picture(Path("grid.doc"), np.zeros((2, 2, 3), np.uint8))
    Traceback (most recent call last):
    r1lab.images.errors.InputError: cannot write a picture as grid.doc: use a name that ends in .png
    """
    buffer = io.BytesIO()
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise InputError(f"cannot write a picture as {path}: use a name that ends in .png")
    Image.fromarray(pixels).save(buffer, kind)
    write_atomically(path, buffer.getvalue())
