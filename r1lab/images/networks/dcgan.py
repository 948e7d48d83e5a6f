"""The DCGAN pair of Radford, Metz & Chintala 2016, the discriminator without BatchNorm.

BatchNorm would make the logit of one image depend on the others, and a gradient penalty would
measure something else than that image's own gradient. The generator keeps it.
"""

from itertools import pairwise
from math import log2

from torch import Tensor, nn

from r1lab.images.config import check_size
from r1lab.images.networks.labels import Conditioned, select
from r1lab.images.networks.parts import Activation, initialize, leaky_relu

__all__ = ["DCGANDiscriminator", "DCGANGenerator"]

_BASE = 4  # the side of the smallest feature map


class DCGANGenerator(nn.Module):
    """Latents to images by transposed convolutions with BatchNorm.

    Parameters
    ----------
    latent_dim : dimension of the latents.
    channels : 1 for grey, 3 for colour.
    size : side of the images in pixels, a power of two from 16 to 256.
    width : channels of the finest feature map; they double with each halving of the side.
    activation : makes a module; leaky ReLU 0.2 by default (the paper has ReLU here).
    classes : number of classes, 0 without labels.

    Raises
    ------
    InputError : a size that is not such a power of two.

    Examples
    --------
    >>> import torch
    >>> DCGANGenerator(latent_dim=8, channels=3, size=16, width=4)(torch.zeros(2, 8)).shape
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
        self.project = nn.Linear(self.condition.width, widths[0] * _BASE * _BASE, bias=False)
        layers: list[nn.Module] = [nn.Unflatten(1, (widths[0], _BASE, _BASE))]
        for coarse, fine in pairwise(widths):
            layers += [nn.BatchNorm2d(coarse), activation()]
            layers += [nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(widths[-1]), activation()]
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialize(self)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, latent_dim), and (B,) labels if there are classes, to images in [-1, 1]."""
        return self.layers(self.project(self.condition(latents, labels)))


class DCGANDiscriminator(nn.Module):
    """Images to logits, large on real data, by strided convolutions.

    Parameters
    ----------
    channels, size, width, activation, classes : see `DCGANGenerator`.

    Raises
    ------
    InputError : a size that is not a power of two from 16 to 256.

    Examples
    --------
    >>> import torch
    >>> DCGANDiscriminator(channels=3, size=16, width=4)(torch.zeros(2, 3, 16, 16)).shape
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
        self.from_image = nn.Conv2d(channels, widths[0], 4, stride=2, padding=1)
        layers: list[nn.Module] = []
        for fine, coarse in pairwise(widths):
            layers += [activation(), nn.Conv2d(fine, coarse, 4, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers, activation(), nn.Flatten())
        self.to_logit = nn.Linear(widths[-1] * _BASE * _BASE, max(classes, 1))
        initialize(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, channels, size, size) in [-1, 1], and (B,) labels if there are classes, to (B,)."""
        return select(self.to_logit(self.layers(self.from_image(images))), labels)


def _widths(size: int, width: int) -> list[int]:
    """Channels of the feature maps from size/2 pixels down to 4.

    >>> _widths(32, 16)
    [16, 32, 64]
    """
    check_size(size)
    return [width * 2**level for level in range(int(log2(size // _BASE)))]
