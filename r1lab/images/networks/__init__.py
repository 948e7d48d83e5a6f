"""Pairs of networks for square images: residual (the default) and DCGAN, conditional or not."""

from torch import nn

from r1lab.images.config import Config
from r1lab.images.errors import InputError
from r1lab.images.networks.cost import Cost, cost
from r1lab.images.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from r1lab.images.networks.parts import ACTIVATIONS, in_channels_last
from r1lab.images.networks.residual import Discriminator, Generator, ResidualBlock

__all__ = [
    "Cost",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Discriminator",
    "Generator",
    "ResidualBlock",
    "cost",
    "in_channels_last",
    "pair",
]

_PAIRS: dict[str, tuple[type[nn.Module], type[nn.Module]]] = {
    "residual": (Generator, Discriminator),
    "dcgan": (DCGANGenerator, DCGANDiscriminator),
}


def pair(
    name: str,
    shape: tuple[int, int, int],
    *,
    latent_dim: int,
    width: int,
    activation: str = "leaky-relu",
    classes: int = 0,
) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator that fit together, with new random weights.

    Parameters
    ----------
    name : "residual" or "dcgan".
    shape : (C, S, S) of one image.
    latent_dim, width : see the networks.
    activation : "leaky-relu", or "silu" or "softplus", which have the second derivatives that
        spectra need.
    classes : number of classes, 0 for networks that take no labels.

    Raises
    ------
    InputError : an unknown name or activation, or a size that no network has.

    Examples
    --------
    >>> import torch
    >>> generator, discriminator = pair("dcgan", (1, 16, 16), latent_dim=8, width=4)
    >>> discriminator(generator(torch.zeros(2, 8))).shape
    torch.Size([2])
    """
    for kind, value, known in (("network", name, _PAIRS), ("activation", activation, ACTIVATIONS)):
        if value not in known:
            raise InputError(f"unknown {kind} {value!r}: use one of {', '.join(known)}")
    make_generator, make_discriminator = _PAIRS[name]
    channels, size, _ = shape
    further = {"width": width, "activation": ACTIVATIONS[activation], "classes": classes}
    generator = make_generator(latent_dim=latent_dim, channels=channels, size=size, **further)
    return generator, make_discriminator(channels=channels, size=size, **further)


def pair_of(
    config: Config, shape: tuple[int, int, int], classes: int
) -> tuple[nn.Module, nn.Module]:
    """The `pair` of a run's settings; arguments and errors as there.

    Examples
    --------
    >>> import torch
    >>> generator, discriminator = pair_of(Config(latent_dim=8, width=4), (1, 32, 32), classes=0)
    >>> discriminator(generator(torch.zeros(2, 8))).shape
    torch.Size([2])
    """
    return pair(
        config.network,
        shape,
        latent_dim=config.latent_dim,
        width=config.width,
        activation=config.activation,
        classes=classes,
    )
