"""Residual generator and discriminator for square images, without normalisation layers.

They follow the image experiments of Mescheder, Geiger & Nowozin 2018: pre-activation residual
blocks, average pooling, leaky ReLU 0.2; but up-sampling is bilinear. Nothing couples the samples
of a batch, so a gradient penalty sees each sample's own gradient.
"""

from collections.abc import Callable
from itertools import pairwise
from math import log2
from typing import TypeVar

import torch
from torch import Tensor, nn

from r1lab.images.errors import InputError

__all__ = ["Discriminator", "Generator", "in_channels_last"]

Activation = Callable[[], nn.Module]
Network = TypeVar("Network", bound=nn.Module)

_BASE = 4  # the side of the smallest feature map
_WIDEST = 4  # no layer has more than _WIDEST * width channels


def leaky_relu() -> nn.Module:
    """The default activation, LeakyReLU(0.2).

    Examples
    --------
    >>> leaky_relu()
    LeakyReLU(negative_slope=0.2)
    """
    return nn.LeakyReLU(0.2)


class ResidualBlock(nn.Module):
    """out = shortcut(x) + 0.1 * dx, where dx is two pre-activated 3x3 convolutions.

    The shortcut is the identity, or a 1x1 convolution where the number of channels changes.
    Source: the authors' code for Mescheder, Geiger & Nowozin 2018.

    Parameters
    ----------
    channels_in, channels_out : of (B, C, H, W) feature maps; H and W stay as they are.
    activation : makes a module, for example `torch.nn.Softplus`.

    Examples
    --------
    >>> import torch
    >>> ResidualBlock(8, 16, torch.nn.Softplus)(torch.zeros(2, 8, 4, 4)).shape
    torch.Size([2, 16, 4, 4])
    """

    def __init__(self, channels_in: int, channels_out: int, activation: Activation) -> None:
        super().__init__()
        hidden = min(channels_in, channels_out)
        self.residual = nn.Sequential(
            activation(),
            nn.Conv2d(channels_in, hidden, 3, padding=1),
            activation(),
            nn.Conv2d(hidden, channels_out, 3, padding=1),
        )
        self.shortcut: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # 0.1 keeps a deep stack of blocks near the identity, which stands in for normalisation.
        return self.shortcut(x) + 0.1 * self.residual(x)


class Generator(nn.Module):
    """Latents to images.

    Parameters
    ----------
    latent_dim : dimension of the latents.
    channels : 1 for grey, 3 for colour.
    size : side of the images in pixels, a power of two from 16 to 256.
    width : channels of the finest feature map; coarser ones have up to 4 * width.
    activation : makes a module; leaky ReLU 0.2 by default, a smooth one for spectra.

    Raises
    ------
    InputError : a size that is not such a power of two.

    Examples
    --------
    >>> import torch
    >>> Generator(latent_dim=8, channels=3, size=16, width=4)(torch.zeros(2, 8)).shape
    torch.Size([2, 3, 16, 16])
    """

    def __init__(
        self,
        latent_dim: int,
        channels: int,
        size: int,
        width: int,
        activation: Activation = leaky_relu,
    ) -> None:
        super().__init__()
        widths = _widths(size, width)[::-1]
        self.project = nn.Linear(latent_dim, widths[0] * _BASE * _BASE)
        self.unflatten = nn.Unflatten(1, (widths[0], _BASE, _BASE))
        layers: list[nn.Module] = []
        for coarse, fine in pairwise(widths):
            # Nearest-neighbour up-sampling leaves lines that take long training to remove.
            upsample = nn.Upsample(scale_factor=2, mode="bilinear")
            layers += [ResidualBlock(coarse, fine, activation), upsample]
        self.blocks = nn.Sequential(*layers)
        self.to_image = nn.Sequential(
            activation(), nn.Conv2d(widths[-1], channels, 3, padding=1), nn.Tanh()
        )
        _initialize(self)

    def forward(self, latents: Tensor) -> Tensor:
        """(B, latent_dim) to (B, channels, size, size) in [-1, 1]."""
        return self.to_image(self.blocks(self.unflatten(self.project(latents))))


class Discriminator(nn.Module):
    """Images to logits, large on real data.

    Parameters
    ----------
    channels, size, width, activation : see `Generator`.

    Raises
    ------
    InputError : a size that is not a power of two from 16 to 256.

    Examples
    --------
    >>> import torch
    >>> Discriminator(channels=3, size=16, width=4)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2])
    """

    def __init__(
        self, channels: int, size: int, width: int, activation: Activation = leaky_relu
    ) -> None:
        super().__init__()
        widths = _widths(size, width)
        self.from_image = nn.Conv2d(channels, widths[0], 3, padding=1)
        layers: list[nn.Module] = []
        for fine, coarse in pairwise(widths):
            layers += [nn.AvgPool2d(2), ResidualBlock(fine, coarse, activation)]
        self.blocks = nn.Sequential(*layers)
        self.to_logit = nn.Sequential(
            activation(), nn.Flatten(), nn.Linear(widths[-1] * _BASE * _BASE, 1)
        )
        _initialize(self)

    def forward(self, images: Tensor) -> Tensor:
        """(B, channels, size, size) in [-1, 1] to (B,)."""
        return self.to_logit(self.blocks(self.from_image(images))).squeeze(1)


def in_channels_last(network: Network) -> Network:
    """The network itself, its weights laid out channels last: a third faster on CPUs.

    Not the default, because such weights have no flat view, which spectra ask for.

    Examples
    --------
    >>> layer = in_channels_last(nn.Conv2d(2, 2, 3))
    >>> layer.weight.is_contiguous(memory_format=torch.channels_last)
    True
    """
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _initialize(network: nn.Module) -> None:
    """Normal weights that keep the variance from layer to layer (He et al. 2015), biases zero.

    PyTorch's default weights are smaller by a factor of 1.7 to 2.4 a layer. Without normalisation
    the latents' signal then fades, and the output bias alone drives tanh into saturation at the
    background colour, where the generator stops learning.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if name.endswith(("project", "shortcut", "from_image")):  # no activation before it
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            else:
                nn.init.kaiming_normal_(module.weight, a=0.2, nonlinearity="leaky_relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _widths(size: int, width: int) -> list[int]:
    """Channels of the feature maps from `size` pixels down to 4.

    >>> _widths(32, 16)
    [16, 32, 64, 64]
    """
    if size not in (16, 32, 64, 128, 256):
        raise InputError(f"size must be 16, 32, 64, 128 or 256 pixels, not {size}")
    halvings = int(log2(size // _BASE))
    return [width * min(2**level, _WIDEST) for level in range(halvings + 1)]
