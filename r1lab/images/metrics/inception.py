"""Inception v3, the network of published FIDs, as features; its weights have to be downloaded."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from r1lab.images.errors import InputError
from r1lab.images.metrics.base import Features

__all__ = ["InceptionV3"]

_NAME = "weights-inception-2015-12-05-6726825d.pth"
_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{_NAME}"
# The release names the first eight digits; others who have the file publish all of them.
_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


class InceptionV3(Features):
    """The standard network of the FID; grey is repeated to three channels.

    The weights are those of the FID's authors, converted by torch-fidelity, which resizes to
    299 x 299 as they do. They are downloaded once, to torch.hub's folder, and read only if their
    sha256 is the one that is written down here. For numbers that are comparable with published
    ones, compare as many images as were compared there.

    Source: Heusel et al. 2017, "GANs trained by a two time-scale update rule ...".

    Raises
    ------
    InputError : torch-fidelity is not installed, its weights cannot be had, or they are not the
        published ones.

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

        if find_spec("torch_fidelity") is None:
            raise InputError(
                f"the features {self.name} need torch-fidelity: run `pip install torch-fidelity`"
            )
        weights = _weights(Path(torch.hub.get_dir()) / "checkpoints")
        with _plain_weights_only():
            # antialias=False: resized as in the original FID.
            self.network = FrechetInceptionDistance(
                2048, feature_extractor_weights_path=str(weights), antialias=False
            ).inception

    def vectors(self, images: Tensor) -> Tensor:
        """(N, 2048), the last pooling layer."""
        return self.network(images.expand(-1, 3, -1, -1))


def _weights(folder: Path) -> Path:
    """The file of weights, downloaded if it is not there."""
    path = folder / _NAME
    try:
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(_URL, str(path))
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"the weights of {InceptionV3.name} cannot be downloaded ({error}): copy {_URL} to "
            f"{folder} from a machine with network, or use other features"
        ) from error
    if found != _SHA256:
        raise InputError(
            f"{path} is not what torch-fidelity published: its sha256 is {found}, not {_SHA256}; "
            "delete it, and it will be downloaded again"
        )
    return path


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
