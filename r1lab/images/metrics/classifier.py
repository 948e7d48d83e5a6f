"""A small classifier of Fashion-MNIST, whose weights ship with the package, as features."""

import hashlib
import json
from importlib.resources import files
from typing import Any, Self

import torch
from safetensors.torch import load as from_bytes
from torch import Tensor, nn
from torch.nn.functional import pad

from r1lab.images.errors import InputError
from r1lab.images.metrics.base import Features
from r1lab.images.networks import in_channels_last
from r1lab.images.pictures import to_unit_range

__all__ = ["FashionMNISTClassifier"]


class FashionMNISTClassifier(Features):
    """The last hidden layer of a small classifier of Fashion-MNIST, for grey images of 28 or 32 px.

    Three convolutions, each max-pooled, then 64 hidden units; SiLU throughout; 28 px are padded
    to 32. Each unit is standardised: mean 0 and variance 1 over the first 10,000 images of
    Fashion-MNIST's training set, so that a Fréchet distance of 64 is as if all units were off by
    one standard deviation. The weights were made by `python tools/train_features.py`; `record`
    has their accuracy.

    Raises
    ------
    InputError : `trained`, and the file of weights is not the one that this code was made with.

    Examples
    --------
    >>> classifier = FashionMNISTClassifier.trained()
    >>> classifier.logits(torch.zeros(2, 1, 32, 32, dtype=torch.uint8)).shape
    torch.Size([2, 10])
    """

    name = "fashion-mnist-classifier"
    num_features = 64
    sha256 = "10538ee39a644210a1b2fb14dfd8278abb915884cdc74235893ea08904d98ad5"

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 24), (24, 48), (48, 96)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.SiLU()]
        self.body = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(4 * 4 * 96, self.num_features), nn.SiLU()
        )
        self.mean = nn.Buffer(torch.zeros(self.num_features))
        self.std = nn.Buffer(torch.ones(self.num_features))
        self.head = nn.Linear(self.num_features, 10)

    @classmethod
    def trained(cls) -> Self:
        """The classifier with the weights that ship with the package."""
        content = (files(__package__) / f"{cls.name}.safetensors").read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != cls.sha256:
            raise InputError(
                f"{cls.name}.safetensors was altered: its sha256 is {found}, not {cls.sha256}; "
                "install r1lab again"
            )
        classifier = cls()
        classifier.load_state_dict(from_bytes(content))  # float16 there, float32 here
        return in_channels_last(classifier.requires_grad_(False))  # twice as fast on a CPU

    @classmethod
    def record(cls) -> dict[str, Any]:
        """How the shipped weights were made: command, accuracy, seconds, versions, hash.

        Examples
        --------
        >>> FashionMNISTClassifier.record()["command"]
        'python tools/train_features.py'
        """
        record: dict[str, Any] = json.loads((files(__package__) / f"{cls.name}.json").read_text())
        return record

    def vectors(self, images: Tensor) -> Tensor:
        """(N, 64), the last hidden layer, standardised."""
        if images.shape[-1] == 28:
            images = pad(images, (2, 2, 2, 2))
        return (self.body(to_unit_range(images, dtype=torch.float32)) - self.mean) / self.std

    def logits(self, images: Tensor) -> Tensor:
        """(N, 10) logits of the classes, of (N, 1, 28, 28) or (N, 1, 32, 32) uint8 images."""
        return self.head(self(images))

    def check_shape(self, shape: torch.Size) -> None:
        """Grey, 28 or 32 px."""
        if tuple(shape) not in ((1, 28, 28), (1, 32, 32)):
            raise InputError(
                f"the features {self.name} are for grey images of 28 or 32 pixels, not for "
                f"{tuple(shape)}: use pixels-8x8"
            )
