"""Named features: the spaces in which distances between sets of images are measured."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from r1lab.images.errors import InputError
from r1lab.images.metrics.base import Features
from r1lab.images.metrics.classifier import FashionMNISTClassifier
from r1lab.images.metrics.inception import InceptionV3
from r1lab.images.pictures import to_unit_range

__all__ = ["Pixels", "default_features", "get"]


class Pixels(Features):
    """Mean pixel values on a grid of 8 x 8, in [-1, 1]; grey is repeated to three channels.

    Needs no network and fits any images, but sees only coarse shape and colour.

    Examples
    --------
    >>> Pixels()(torch.full((2, 1, 16, 16), 255, dtype=torch.uint8)).unique()
    tensor([1.])
    """

    name = "pixels-8x8"
    num_features = 3 * 8 * 8

    def vectors(self, images: Tensor) -> Tensor:
        """(N, 192), channel by channel, row by row."""
        floats = to_unit_range(images, dtype=torch.float32)
        return adaptive_avg_pool2d(floats, 8).expand(-1, 3, -1, -1).flatten(1)

    def check_shape(self, shape: torch.Size) -> None:
        """At least 8 px."""
        if shape[-1] < 8:
            raise InputError(f"the features {self.name} need at least 8 pixels, not {shape[-1]}")


_MAKERS: dict[str, Callable[[], Features]] = {
    FashionMNISTClassifier.name: FashionMNISTClassifier.trained,
    Pixels.name: Pixels,
    InceptionV3.name: InceptionV3,
}


def get(name: str) -> Features:
    """The features with this name.

    Parameters
    ----------
    name : "fashion-mnist-classifier" (grey images of 28 or 32 px), "pixels-8x8" (any images) or
        "inception-v3" (the standard FID; needs `pip install torch-fidelity` and a download).

    Raises
    ------
    InputError : an unknown name, or features that this machine does not have.

    Examples
    --------
    >>> get("pixels-8x8").num_features
    192
    """
    if name not in _MAKERS:
        raise InputError(f"unknown features {name!r}: use one of {', '.join(_MAKERS)}")
    with torch.random.fork_rng(devices=[]):  # new layers draw weights, then get others
        return _MAKERS[name]()


def default_features(shape: tuple[int, int, int]) -> str:
    """The name of the best features that every machine has for images of this shape (C, S, S).

    Examples
    --------
    >>> default_features((1, 32, 32)), default_features((3, 64, 64))
    ('fashion-mnist-classifier', 'pixels-8x8')
    """
    grey = tuple(shape) in ((1, 28, 28), (1, 32, 32))
    return FashionMNISTClassifier.name if grey else Pixels.name
