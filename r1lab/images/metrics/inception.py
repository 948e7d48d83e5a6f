"""Inception v3, the network of published FIDs, as features; its weights have to be downloaded."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from r1lab.images.errors import InputError
from r1lab.images.metrics.base import Features

__all__ = ["InceptionV3"]


class InceptionV3(Features):
    """The standard network of the FID; grey is repeated to three channels.

    The weights are those of the FID's authors, converted by torch-fidelity, which resizes to
    299 x 299 as they do. They are downloaded once, to torch.hub's folder. For numbers that are
    comparable with published ones, compare as many images as were compared there.

    Source: Heusel et al. 2017, "GANs trained by a two time-scale update rule ...".

    Raises
    ------
    InputError : torch-fidelity is not installed, or its weights cannot be had.

    Examples
    --------
    >>> InceptionV3()(torch.zeros(2, 1, 32, 32, dtype=torch.uint8)).shape   # doctest: +SKIP
    torch.Size([2, 2048])
    """

    name = "inception-v3"
    num_features = 2048

    def __init__(self) -> None:
        super().__init__()
        from torchmetrics.image.fid import FrechetInceptionDistance  # here: takes seconds to import

        folder = f"{torch.hub.get_dir()}/checkpoints"
        try:
            with _plain_weights_only():
                # antialias=False: resized as in the original FID.
                self.network = FrechetInceptionDistance(2048, antialias=False).inception
        except ModuleNotFoundError as error:
            raise InputError(
                f"the features {self.name} need torch-fidelity: run `pip install torch-fidelity`"
            ) from error
        except OSError as error:
            raise InputError(
                f"the weights of {self.name} cannot be downloaded ({error}): copy them to "
                f"{folder} from a machine with network, or use other features"
            ) from error
        except Exception as error:  # torch has many kinds for a file that it cannot read
            raise InputError(
                f"the weights of {self.name} are garbled: delete them from {folder}"
            ) from error

    def vectors(self, images: Tensor) -> Tensor:
        """(N, 2048), the last pooling layer."""
        return self.network(images.expand(-1, 3, -1, -1))


@contextmanager
def _plain_weights_only() -> Iterator[None]:
    """Make torch refuse a downloaded file that holds code."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
