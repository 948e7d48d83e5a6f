"""What all features have in common: a name, and images turned into vectors."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from r1lab.images.errors import InputError

__all__ = ["Features", "check_images", "extract"]

_AT_ONCE = 64  # images in memory at once


class Features(nn.Module):
    """A named, fixed function from images to vectors.

    A subclass sets `name` and `num_features` and defines `vectors`. The result depends neither
    on autocast nor on train() or eval(), and no gradient flows back.

    Attributes
    ----------
    name : stands beside each distance that was measured with these features.
    num_features : length of a vector.

    Examples
    --------
    >>> from r1lab.images.pictures import to_unit_range
    >>> class Corner(Features):
    ...     name, num_features = "corner", 1
    ...     def vectors(self, images):
    ...         return to_unit_range(images)[:, 0, 0, :1]
    >>> corner = Corner()
    >>> black = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    >>> corner.check_shape(black.shape[1:])   # fits any images
    >>> corner.vectors(black).equal(corner(black))
    True
    >>> corner(black)
    tensor([[-1.],
            [-1.]])
    """

    name: ClassVar[str]
    num_features: ClassVar[int]

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, S, S) uint8 images as (N, num_features) float32 vectors.

        Raises
        ------
        InputError : images that are not such a batch, or not what the features are for.
        """
        check_images(images, "the images")
        self.check_shape(images.shape[1:])
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            return self.vectors(images)

    def vectors(self, images: Tensor) -> Tensor:
        """What `forward` returns, of images that it has checked."""
        raise NotImplementedError

    def check_shape(self, shape: torch.Size) -> None:
        """Raise an InputError where the features are not for images of this shape (C, S, S)."""


def extract(features: Features, images: Tensor) -> Tensor:
    """The vectors of all images, batch by batch, (N, num_features) float64 on the CPU.

    Parameters
    ----------
    features : moved to the device of the images.
    images : (N, C, S, S) uint8 on any device.

    Examples
    --------
    >>> from r1lab.images.metrics import features
    >>> black = torch.zeros(100, 3, 16, 16, dtype=torch.uint8)
    >>> extract(features.get("pixels-8x8"), black).shape
    torch.Size([100, 192])
    """
    features.to(images.device)
    return torch.cat([features(part).cpu().double() for part in images.split(_AT_ONCE)])


def check_images(images: Tensor, what: str) -> None:
    """Raise an InputError where this is not a batch of square uint8 images, grey or colour.

    Examples
    --------
    >>> check_images(torch.zeros(2, 3, 16, 16), "the fakes")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: the fakes must be uint8 (0 to 255), not torch.float32
    """
    if images.dtype != torch.uint8:
        raise InputError(f"{what} must be uint8 (0 to 255), not {images.dtype}")
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] not in (1, 3) or shape[2] != shape[3]:
        raise InputError(f"{what} must be of shape (N, 1 or 3, S, S), not {shape}")
