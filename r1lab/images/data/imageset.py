"""A set of square images, with labels or without: `Images`."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from r1lab.images.pictures import to_unit_range

__all__ = ["Images"]


@dataclass(frozen=True, eq=False)
class Images:
    """A set of square images, in memory or memory-mapped.

    Parameters
    ----------
    name : short, fit for the name of a folder.
    images : (N, C, S, S) uint8 tensor, C 1 for grey or 3 for colour.
    labels : (N,) int64 tensor of class numbers 0 to len(classes) - 1; None without labels.
    classes : the names of the classes; empty without labels.

    Raises
    ------
    ValueError : tensors that are not of this shape and type.

    Examples
    --------
    >>> pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    >>> images = Images("two", pixels, torch.tensor([0, 1]), ("dark", "light"))
    >>> images.batch(torch.tensor([1, 0])).flatten()
    tensor([ 1., -1.])
    >>> [images.classes[label] for label in images.labels]
    ['dark', 'light']
    """

    name: str
    images: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.images.shape), self.images.dtype
        square = len(shape) == 4 and shape[1] in (1, 3) and shape[2] == shape[3]
        if not square or dtype != torch.uint8:
            raise ValueError(f"images must be uint8 (N, 1 or 3, S, S), not {dtype} {shape}")
        if self.labels is not None and (
            self.labels.dtype != torch.int64 or self.labels.shape != shape[:1]
        ):
            raise ValueError(
                f"labels must be int64 ({shape[0]},), "
                f"not {self.labels.dtype} {tuple(self.labels.shape)}"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, S, S) of one image.

        Examples
        --------
        >>> Images("three", torch.zeros(3, 1, 8, 8, dtype=torch.uint8)).shape
        (1, 8, 8)
        """
        _, channels, height, width = self.images.shape
        return channels, height, width

    @cached_property
    def sha256(self) -> str:
        """A fingerprint of pixels and labels: sets with the same one give the same training."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        for tensor in (self.images, self.labels):
            if tensor is not None:
                digest.update(tensor.contiguous().numpy().reshape(-1).data)
        return digest.hexdigest()

    def batch(self, indices: Tensor, flips: Tensor | None = None) -> Tensor:
        """The images with these indices (B,), as (B, C, S, S) float32 in [-1, 1].

        Parameters
        ----------
        indices : (B,) int64.
        flips : (B,) bool, which of them to mirror left to right; by default none.
        """
        return to_unit_range(self.images.index_select(0, indices), flips)
