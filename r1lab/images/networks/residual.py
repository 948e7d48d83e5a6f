"""The residual pair: generator and discriminator for square images, without normalisation layers.

They follow the image experiments of Mescheder, Geiger & Nowozin 2018: pre-activation residual
blocks, average pooling, leaky ReLU 0.2; but up-sampling is bilinear. Nothing couples the samples
of a batch, so a gradient penalty sees each sample's own gradient.
"""

from itertools import pairwise
from math import log2

from torch import Tensor, nn

from r1lab.images.config import check_size
from r1lab.images.networks.labels import Conditioned, select
from r1lab.images.networks.parts import Activation, initialize, leaky_relu

__all__ = ["Discriminator", "Generator", "ResidualBlock"]

_BASE = 4  # the side of the smallest feature map
_WIDEST = 4  # no layer has more than _WIDEST * width channels


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
        """Feature maps x, (B, channels_in, H, W), to (B, channels_out, H, W)."""
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
    classes : number of classes, 0 without labels. As in the authors' code, a class is an embedding
        beside the latents.

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
        classes: int = 0,
    ) -> None:
        super().__init__()
        widths = _widths(size, width)[::-1]
        self.condition = Conditioned(latent_dim, classes)
        self.project = nn.Linear(self.condition.width, widths[0] * _BASE * _BASE)
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
        initialize(self)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, latent_dim), and (B,) labels if there are classes, to images in [-1, 1]."""
        hidden = self.project(self.condition(latents, labels))
        return self.to_image(self.blocks(self.unflatten(hidden)))


class Discriminator(nn.Module):
    """Images to logits, large on real data.

    Parameters
    ----------
    channels, size, width, activation : see `Generator`.
    classes : number of classes, 0 without labels. As in the authors' code, each class has a logit
        of its own, and an image's label chooses one.

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
        self,
        channels: int,
        size: int,
        width: int,
        activation: Activation = leaky_relu,
        classes: int = 0,
    ) -> None:
        super().__init__()
        widths = _widths(size, width)
        self.from_image = nn.Conv2d(channels, widths[0], 3, padding=1)
        layers: list[nn.Module] = []
        for fine, coarse in pairwise(widths):
            layers += [nn.AvgPool2d(2), ResidualBlock(fine, coarse, activation)]
        self.blocks = nn.Sequential(*layers)
        self.to_logit = nn.Sequential(
            activation(), nn.Flatten(), nn.Linear(widths[-1] * _BASE * _BASE, max(classes, 1))
        )
        initialize(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, channels, size, size) in [-1, 1], and (B,) labels if there are classes, to (B,)."""
        return select(self.to_logit(self.blocks(self.from_image(images))), labels)


def _widths(size: int, width: int) -> list[int]:
    """Channels of the feature maps from `size` pixels down to 4.

    >>> _widths(32, 16)
    [16, 32, 64, 64]
    """
    check_size(size)
    halvings = int(log2(size // _BASE))
    return [width * min(2**level, _WIDEST) for level in range(halvings + 1)]
