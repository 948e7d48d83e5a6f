"""Random points at which penalties look: between real and fake samples, and around real ones."""

import torch
from torch import Tensor

from r1lab.penalties.primitive import check_batch

__all__ = ["around", "between", "check_generator"]


def between(real: Tensor, fake: Tensor, generator: torch.Generator | None) -> Tensor:
    """eps real + (1 - eps) fake, one eps ~ U[0, 1] for each pair; differentiable in both.

    Raises
    ------
    TypeError, ValueError : batches that are not floating-point, or of two shapes.

    Examples
    --------
    >>> between(torch.ones(2, 3), torch.ones(2, 3), None)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    check_batch("real", real)
    check_batch("fake", fake)
    if real.shape != fake.shape:
        raise ValueError(
            f"real and fake must have one shape, not {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    check_generator(generator)
    shape = (real.shape[0],) + (1,) * (real.dim() - 1)
    eps = torch.rand(shape, dtype=real.dtype, device=real.device, generator=generator)
    return eps * real + (1 - eps) * fake


def around(real: Tensor, generator: torch.Generator | None) -> Tensor:
    """real + delta, delta Gaussian with half the standard deviation of the batch's entries.

    Raises
    ------
    TypeError, ValueError : a batch that is not floating-point.

    Examples
    --------
    >>> around(torch.zeros(1, 3), None)  # no spread, no noise
    tensor([[0., 0., 0.]])
    """
    check_batch("real", real)
    check_generator(generator)
    noise = torch.randn(real.shape, dtype=real.dtype, device=real.device, generator=generator)
    # The size of the noise is a setting, not something to differentiate through.
    return real + 0.5 * real.detach().std(correction=0) * noise


def check_generator(generator: torch.Generator | None) -> None:
    """Refuse a generator that is no source of random numbers: in a GAN the word is taken.

    Raises
    ------
    TypeError : neither a `torch.Generator` nor None.

    Examples
    --------
    >>> check_generator(torch.Generator())
    """
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(
            "generator must be a torch.Generator, the source of random numbers, "
            f"not {type(generator).__name__}"
        )
