"""What a network costs: its parameters and the arithmetic of one image."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Cost", "cost"]


class Cost(NamedTuple):
    """What a network costs; prints as a sentence.

    Attributes
    ----------
    parameters : their number.
    flops : of one image's forward pass, an addition and a multiplication counted as two;
        convolutions and matrix products only.

    Examples
    --------
    >>> print(Cost(parameters=76, flops=9_216_000))
    76 parameters, 9.2 MFLOP an image
    """

    parameters: int
    flops: int

    def __str__(self) -> str:
        return f"{self.parameters:,} parameters, {self.flops / 1e6:.1f} MFLOP an image"


def cost(network: nn.Module, *inputs: Tensor) -> Cost:
    """Count parameters and FLOPs of a network on one sample; nothing is changed.

    Parameters
    ----------
    network : the module.
    inputs : what its forward takes, a batch of one, on the network's device.

    Examples
    --------
    A 3 x 3 convolution from 2 to 4 channels on 8 x 8 pixels: 2 * 64 * 4 * 2 * 9 FLOPs.

    >>> cost(nn.Conv2d(2, 4, 3, padding=1), torch.zeros(1, 2, 8, 8))
    Cost(parameters=76, flops=9216)
    """
    was_training = network.training
    network.eval()  # BatchNorm refuses a batch of one, and must keep its averages
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(*inputs)
    network.train(was_training)
    return Cost(sum(p.numel() for p in network.parameters()), counter.get_total_flops())
