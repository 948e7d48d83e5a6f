"""Images from a trained generator."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import Module

from r1lab.images import checkpoints
from r1lab.images.config import Config
from r1lab.images.draws import FIXED_LATENTS, latents
from r1lab.images.errors import InputError
from r1lab.images.networks import Generator, in_channels_last

if TYPE_CHECKING:
    from r1lab.images.trainer import Trainer

__all__ = ["sample"]

_AT_ONCE = 64  # images in memory at once


def sample(run: "Path | str | Trainer", count: int = 64, seed: int = 0) -> Tensor:
    """Images from the averaged generator of a run.

    Parameters
    ----------
    run : a run's folder, or a `Trainer`.
    count : how many.
    seed : of the latents.

    Returns
    -------
    (count, C, S, S) float32 in [-1, 1], on the CPU.

    Raises
    ------
    InputError : a folder without a readable checkpoint, or a count below 1.

    Examples
    --------
    >>> sample("nowhere")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no checkpoint nowhere/checkpoint.safetensors
    """
    if count < 1:
        raise InputError(f"count must be at least 1, not {count}")
    generator: Module
    if isinstance(run, str | Path):
        generator, latent_dim = _load_generator(Path(run))
    else:
        generator, latent_dim = run.players.ema.module, run.config.latent_dim
    device = next(generator.parameters()).device
    z = latents(seed, 0, count, latent_dim, stream=FIXED_LATENTS).to(device)
    with torch.no_grad():
        return torch.cat([generator(part).cpu() for part in z.split(_AT_ONCE)])


def _load_generator(run: Path) -> tuple[Generator, int]:
    tensors, metadata = checkpoints.load(run / checkpoints.FILE_NAME)
    config = Config.from_json(metadata["config"])
    channels, size, _ = metadata["shape"]
    generator = Generator(config.latent_dim, channels, size, config.width)
    generator.load_state_dict(checkpoints.under("ema.module", tensors))
    return in_channels_last(generator), config.latent_dim
