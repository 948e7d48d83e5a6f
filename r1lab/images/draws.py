"""Every random choice of a run as a function of (seed, step), so that a resumed run repeats it."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

__all__ = ["WEIGHTS", "batch_indices", "latents", "stream_seed"]

# One independent stream of numbers for each purpose.
WEIGHTS, ORDER, LATENTS, INTERPOLATES, FIXED_LATENTS = range(5)


def stream_seed(seed: int, stream: int, step: int = 0) -> int:
    """A 63-bit seed; different arguments give unrelated streams, unlike seed + step.

    Examples
    --------
    >>> stream_seed(0, LATENTS, 1) == stream_seed(1, LATENTS, 0)
    False
    """
    entropy = np.random.SeedSequence((seed, stream, step))
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


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(stream_seed(seed, ORDER, epoch))
    return torch.randperm(count, generator=generator)
