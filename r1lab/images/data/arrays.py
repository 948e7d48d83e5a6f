"""Images that are numbers already, all of one size: `ImageArray` and `fit_all`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from r1lab.images.data import cache
from r1lab.images.data.report import Findings, Report
from r1lab.images.data.survey import number_labels
from r1lab.images.data.text import printable
from r1lab.images.errors import InputError

__all__ = ["ImageArray", "fit_all"]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_BLOCK = 1024  # images that are resized in one go


@dataclass(frozen=True, eq=False)
class ImageArray:
    """Images of one size, not resized yet.

    Parameters
    ----------
    name : of the images.
    pixels : (N, C, H, W) uint8, C 1, 3 or 4 (the last one opacity); a view, perhaps of a file.
    labels : (N,) whole numbers or strings, or None.
    classes : names of the classes 0, 1, ...; None where the labels themselves are all there is.
    source : the file, None if there is none.

    Examples
    --------
    >>> ImageArray("two", np.zeros((2, 1, 8, 8), np.uint8), np.array([4, 7])).classes is None
    True
    """

    name: str
    pixels: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] | None = None
    source: Path | None = None


def fit_all(array: ImageArray, size: int, limit: int | None) -> Report:
    """The central squares of images, resized to size x size pixels; 28 x 28 is padded to 32 first.

    Images that have this size already are not touched: those of a mapped file stay there.

    Raises
    ------
    InputError : there are no images, or the cache cannot be written.

    Examples
    --------
    >>> pixels = np.zeros((5, 3, 20, 24), np.uint8)
    >>> fit_all(ImageArray("five", pixels), 16, limit=4).images.images.shape
    torch.Size([4, 3, 16, 16])
    """
    pixels = array.pixels[:limit]
    count, channels, height, width = pixels.shape
    if pixels.size == 0:
        raise InputError(f"{printable(array.source or array.name)} holds no images")
    found = _findings(array, count, channels, (width, height))
    if (channels, height, width) in ((1, size, size), (3, size, size)) and (
        pixels.flags.c_contiguous and pixels.flags.writeable
    ):
        return found.report(torch.from_numpy(pixels))
    large = cache.exceeds_memory(count, channels, size) and array.source is not None
    folder = cache.place(found.name, [array.source], size, limit) if large else None
    kept = cache.read_kept(folder) if folder is not None else None
    if kept is not None:
        return kept
    with cache.PixelStore(size, folder) as store:
        for start in range(0, count, _BLOCK):
            block = torch.from_numpy(np.array(pixels[start : start + _BLOCK]))
            store.append(_fit(block, size).numpy())
        return store.finish(found)


def _findings(array: ImageArray, count: int, channels: int, size: tuple[int, int]) -> Findings:
    sizes, modes = ((size, count),), ((_MODES[channels], count),)
    if array.labels is None:
        return Findings(array.name, (), None, sizes, modes, ())
    if array.classes is None:
        numbers, classes = number_labels(array.labels)
    else:
        numbers, classes = tuple(array.labels.tolist()), array.classes
    return Findings(array.name, classes, numbers[:count], sizes, modes, ())


def _fit(images: Tensor, size: int) -> Tensor:
    """(N, C, H, W) uint8 to (N, 1 or 3, size, size)."""
    if images.shape[1] == 4:  # on white
        colour, opacity = images[:, :3].int(), images[:, 3:].int()
        images = ((colour * opacity + 255 * (255 - opacity) + 127) // 255).byte()
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    images = images[:, :, top : top + side, left : left + side]
    if side == 28 and size != 28:
        images = pad(images, (2, 2, 2, 2))
    if images.shape[2] == size:
        return images
    return interpolate(images, (size, size), mode="bilinear", antialias=True)
