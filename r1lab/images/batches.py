"""What a training step is fed: real images, labels and latents as functions of (seed, step)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from torch import Tensor

from r1lab.images import draws
from r1lab.images.config import Config
from r1lab.images.data import Images
from r1lab.images.errors import InputError
from r1lab.images.pictures import to_unit_range

__all__ = ["Batch", "Batches"]


class Batch(NamedTuple):
    """The inputs of one training step, on the device; b is this process's part of the batch.

    reals : (d_steps, b, C, S, S) real images in [-1, 1].
    latents : (d_steps + 1, b, latent_dim); the last ones are the generator's.
    labels : (d_steps, b) int64, or None; the generator's step has those of the last reals.
    """

    reals: Tensor
    latents: Tensor
    labels: Tensor | None


class Batches:
    """The batches of a run: each process cuts its part out of one stream.

    Parameters
    ----------
    images : the data.
    config : the run's settings.
    device : where the batches are wanted.
    rank, world : this process's number, of how many.

    Raises
    ------
    InputError : a batch that cannot be divided by the number of processes; classes asked of data
        that have none.

    Examples
    --------
    >>> images = Images("two", torch.zeros(2, 1, 16, 16, dtype=torch.uint8))
    >>> batches = Batches(images, Config(batch=4, d_steps=3, latent_dim=8), torch.device("cpu"))
    >>> batches.at(step=0).reals.shape
    torch.Size([3, 4, 1, 16, 16])
    """

    def __init__(
        self, images: Images, config: Config, device: torch.device, rank: int = 0, world: int = 1
    ) -> None:
        if config.batch % world:
            raise InputError(f"batch {config.batch} cannot be divided by {world} processes")
        if config.conditional and images.labels is None:
            raise InputError(f"{config.data} has no labels, which --conditional needs")
        if config.conditional and len(images.classes) < 2:
            raise InputError(f"{config.data} has only one class: train without --conditional")
        self.images, self.config, self.device = images, config, device
        part = config.batch // world
        self._mine = slice(rank * part, (rank + 1) * part)

    def at(self, step: int) -> Batch:
        """The batch of this step."""
        return self._on_device(self._gathered(step))

    def stream(self, steps: range) -> Iterator[Batch]:
        """The batches of these steps in order; an accelerator's next one is gathered meanwhile."""
        if self.device.type == "cpu":  # a second thread would take the training's own core
            yield from map(self.at, steps)
            return
        with ThreadPoolExecutor(1) as worker:
            waiting = [worker.submit(self._gathered, step) for step in steps[:1]]
            for following in [*steps[1:], None]:
                gathered = waiting.pop().result()
                if following is not None:
                    waiting.append(worker.submit(self._gathered, following))
                yield self._on_device(gathered)

    def _gathered(self, step: int) -> tuple[Tensor, ...]:
        """Bytes, flips, labels and latents of this process, on the CPU."""
        c, mine = self.config, self._mine
        indices = draws.batch_indices(c.seed, step, c.d_steps * c.batch, len(self.images))
        indices = indices.view(c.d_steps, c.batch)[:, mine]
        mirrored = draws.flips(c.seed, step, c.d_steps * c.batch).view(c.d_steps, c.batch)[:, mine]
        latents = draws.latents(c.seed, step, c.d_steps + 1, c.batch, c.latent_dim)[:, mine]
        gathered = [self.images.images[indices], mirrored, latents]
        if c.conditional:
            assert self.images.labels is not None
            gathered.append(self.images.labels[indices])
        return tuple(t.pin_memory() if self.device.type == "cuda" else t for t in gathered)

    def _on_device(self, gathered: tuple[Tensor, ...]) -> Batch:
        pixels, mirrored, latents, *labels = (
            t.to(self.device, non_blocking=True) for t in gathered
        )
        flips = mirrored.flatten() if self.config.flips else None
        reals = to_unit_range(pixels.flatten(0, 1), flips)
        reals = reals.contiguous(memory_format=torch.channels_last).view(pixels.shape)
        return Batch(reals, latents, labels[0] if labels else None)
