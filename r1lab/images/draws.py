"""Every random choice of a run as a function of (seed, step), so that a resumed run repeats it."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from r1lab.images.errors import InputError

__all__ = ["WEIGHTS", "batch_indices", "flips", "latents", "spherical_ways", "stream_seed"]

# One independent stream of numbers for each purpose.
WEIGHTS, ORDER, LATENTS, NOISE, FIXED_LATENTS, FLIPS, EVALUATION = range(7)


def stream_seed(seed: int, stream: int, step: int = 0, rank: int = 0) -> int:
    """A 63-bit seed; different arguments give unrelated streams, unlike seed + step.

    Only noise, which is drawn on the device, is a stream of each process (rank) by itself.

    Raises
    ------
    InputError : a seed that is negative or has more than 63 bits.

    Examples
    --------
    >>> stream_seed(0, LATENTS, 1) == stream_seed(1, LATENTS, 0)
    False
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"seed must be from 0 to 2**63 - 1, not {seed}")
    entropy = np.random.SeedSequence((seed, stream, step, rank))
    return int(entropy.generate_state(1, np.uint64)[0]) >> 1


def batch_indices(seed: int, step: int, batch: int, count: int) -> Tensor:
    """Which of `count` images make the batch of this step, (batch,) int64.

    Each epoch is a new permutation of all images; a batch may end one and begin the next.

    Examples
    --------
    >>> both = torch.cat([batch_indices(0, step, 4, 8) for step in (0, 1)])
    >>> both.sort().values
    tensor([0, 1, 2, 3, 4, 5, 6, 7])
    """
    first = step * batch
    epochs = range(first // count, (first + batch - 1) // count + 1)
    order = torch.cat([_permutation(seed, epoch, count) for epoch in epochs])
    start = first % count
    return order[start : start + batch]


def latents(seed: int, step: int, *shape: int, stream: int = LATENTS) -> Tensor:
    """Standard normal latents of this shape, on the CPU.

    Examples
    --------
    >>> torch.equal(latents(0, 5, 2, 8), latents(0, 5, 2, 8))
    True
    """
    generator = torch.Generator().manual_seed(stream_seed(seed, stream, step))
    return torch.randn(shape, generator=generator)


def spherical_ways(start: Tensor, end: Tensor, columns: int) -> Tensor:
    """The shorter arcs from one latent to another: (rows, dim) twice to (rows, columns, dim).

    Examples
    --------
    >>> spherical_ways(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 3)
    tensor([[[1.0000, 0.0000],
             [0.7071, 0.7071],
             [0.0000, 1.0000]]])
    """
    start, end = start[:, None], end[:, None]
    angle = torch.cosine_similarity(start, end, dim=-1).acos()[..., None]
    t = torch.linspace(0, 1, columns).view(1, -1, 1)
    return (((1 - t) * angle).sin() * start + (t * angle).sin() * end) / angle.sin()


def flips(seed: int, step: int, batch: int) -> Tensor:
    """Which images of this step's batch are mirrored: (batch,) bool, each with probability 1/2.

    Examples
    --------
    >>> flips(0, step=0, batch=1000).float().mean() - 0.5 < 0.05
    tensor(True)
    """
    generator = torch.Generator().manual_seed(stream_seed(seed, FLIPS, step))
    return torch.randint(2, (batch,), generator=generator).bool()


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(stream_seed(seed, ORDER, epoch))
    return torch.randperm(count, generator=generator)
