"""Images as bytes and as floats, many as one picture or film, and files of them."""

import io
from math import ceil, sqrt
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from r1lab.images.errors import InputError
from r1lab.images.files import write_atomically

__all__ = ["grid", "to_bytes", "to_unit_range", "write_film", "write_picture"]


def to_unit_range(
    pixels: Tensor, mirrored: Tensor | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """Bytes 0 to 255 as floats in [-1, 1], those images that are asked for mirrored.

    Parameters
    ----------
    pixels : (B, C, H, W) uint8.
    mirrored : (B,) bool, or None for none.
    dtype : of the floats; by default torch's default dtype.

    Examples
    --------
    >>> to_unit_range(torch.tensor([[[[0, 255]]]], dtype=torch.uint8), torch.tensor([True]))
    tensor([[[[ 1., -1.]]]])
    """
    if mirrored is not None:
        # Choosing whole images among both ways round is faster than a mask over the pixels.
        both, count = torch.cat([pixels, pixels.flip(3)]), len(pixels)
        pixels = both[torch.arange(count, device=pixels.device) + count * mirrored]
    return pixels.to(dtype or torch.get_default_dtype()).div_(127.5).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Images in [-1, 1] as uint8, rounded; the inverse of `to_unit_range`.

    Examples
    --------
    >>> to_bytes(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([  0, 128, 255], dtype=torch.uint8)
    """
    return ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).byte()


def grid(images: Tensor, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Images side by side, row by row, as one picture.

    Parameters
    ----------
    images : (N, C, H, W) floating-point, in [-1, 1]; C is 1 (grey) or 3 (colour).
    columns : images in a row; by default about as many as there are rows.
    gap : white pixels between two images.

    Returns
    -------
    (H', W', 3) uint8, what `matplotlib.pyplot.imshow` and `PIL.Image.fromarray` take.

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
    pixels = to_bytes(images).cpu().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    count, height, width, _ = pixels.shape
    columns = columns or ceil(sqrt(count))
    rows = ceil(count / columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    picture = np.full(shape, 255, np.uint8)
    for i, image in enumerate(pixels):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
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


def write_film(path: Path, pictures: list[np.ndarray], milliseconds: int = 120) -> None:
    """Write pictures of one size as an animated WebP or GIF that repeats, resting on the last.

    Parameters
    ----------
    path : ends in .webp or .gif. pictures : (H, W, 3) uint8 each. milliseconds : of one picture.

    Raises
    ------
    InputError : no pictures, or another suffix.

    Examples
    --------
    >>> write_film(Path("film.webp"), [])
    Traceback (most recent call last):
    r1lab.images.errors.InputError: cannot write film.webp: there are no pictures to show
    """
    if not pictures:
        raise InputError(f"cannot write {path}: there are no pictures to show")
    if path.suffix not in (".webp", ".gif"):
        raise InputError(f"cannot write a film as {path}: use a name that ends in .webp or .gif")
    first, *others = map(Image.fromarray, pictures)
    duration = [milliseconds] * len(others) + [10 * milliseconds]
    buffer = io.BytesIO()
    first.save(
        buffer, path.suffix[1:], save_all=True, append_images=others, duration=duration, loop=0
    )
    write_atomically(path, buffer.getvalue())
