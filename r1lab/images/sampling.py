"""Images from a trained generator: samples, and ways from one sample to another."""

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Module

from r1lab.images import checkpoints
from r1lab.images.config import Config
from r1lab.images.data.text import one_line
from r1lab.images.draws import FIXED_LATENTS, latents, spherical_ways
from r1lab.images.errors import InputError
from r1lab.images.networks import in_channels_last, pair_of
from r1lab.images.runs import RunFolder

if TYPE_CHECKING:
    from r1lab.images.trainer import Trainer

__all__ = ["Networks", "device_of", "interpolate", "load_networks", "sample"]

_AT_ONCE = 250  # images in memory at once


class Networks(NamedTuple):
    """The networks of a run as a checkpoint has them, on the CPU.

    Attributes
    ----------
    generator, discriminator : as trained.
    ema : the generator's average.
    config, metadata : of the run.

    Examples
    --------
    >>> networks = load_networks("fashion-mnist-32")
    >>> networks.config.penalty, networks.classes
    ('r1', [])
    """

    generator: Module
    discriminator: Module
    ema: Module
    config: Config
    metadata: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        """The names of the classes; none for networks that take no labels."""
        return self.metadata["classes"]


def load_networks(run: Path | str, best: bool = False) -> Networks:
    """The networks of a run's last readable checkpoint, or of its best one.

    Parameters
    ----------
    run : its folder, or the name of a trained pair that ships with the package:
        "fashion-mnist-32".
    best : the checkpoint with the smallest distance, instead of the last.

    Raises
    ------
    InputError : no readable checkpoint.

    Examples
    --------
    >>> load_networks("nowhere")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no run nowhere
    """
    folder = RunFolder(run)
    tensors, metadata = folder.best() if best else folder.latest()
    config = Config.from_json(metadata["config"])
    generator, discriminator = pair_of(config, metadata["shape"], len(metadata["classes"]))
    networks = {
        "generator": generator,
        "discriminator": discriminator,
        "ema": copy.deepcopy(generator),
    }
    try:
        for name, network in networks.items():
            network.load_state_dict(checkpoints.under(name, tensors))
            network.eval()
    except RuntimeError as error:
        told = one_line(error)[:200]
        raise InputError(
            f"the last checkpoint of {run} does not fit its settings: {told}"
        ) from error
    return Networks(**networks, config=config, metadata=metadata)


def device_of(config: Config) -> torch.device:
    """Where the networks of a run make images: what `device` means to a trainer.

    Examples
    --------
    >>> device_of(Config(device="cpu"))
    device(type='cpu')
    """
    found = (
        None
        if config.device == "cpu"
        else torch.accelerator.current_accelerator(check_available=True)
    )
    return torch.device("cpu") if found is None else found


def sample(
    run: "Path | str | Networks | Trainer",
    count: int = 64,
    seed: int = 0,
    label: int | None = None,
    *,
    best: bool = False,
    stream: int = FIXED_LATENTS,
) -> Tensor:
    """Images from the averaged generator of a run.

    They are made where the run trains: on the accelerator that is found, unless its `device` says
    cpu. The latents are drawn on the CPU, the same everywhere.

    Parameters
    ----------
    run : a run's folder, the name of a trained pair, its `Networks`, or a `Trainer`.
    count : how many.
    seed : of the latents.
    label : the class of all of them; by default, of a conditional run, all classes in turn.
    best : see `load_networks`; not used where the networks are given.
    stream : which stream of random numbers the seed belongs to (`r1lab.images.draws`).

    Returns
    -------
    (count, C, S, S) float32 in [-1, 1], on the CPU.

    Raises
    ------
    InputError : a folder without a readable checkpoint, a count below 1, or a label that the run
        does not have.

    Examples
    --------
    >>> sample("nowhere")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no run nowhere
    """
    if count < 1:
        raise InputError(f"count must be at least 1, not {count}")
    ema, config, classes = _averaged(run, best)
    z = latents(seed, 0, count, config.latent_dim, stream=stream)
    return _generate(ema, z, _labels(count, classes, label))


def interpolate(
    run: "Path | str | Networks | Trainer",
    rows: int = 6,
    columns: int = 9,
    seed: int = 0,
    *,
    best: bool = False,
) -> Tensor:
    """Ways on the sphere of latents from one sample to another, a row each.

    Gaussian latents lie near a sphere; a straight line would leave it.

    Parameters
    ----------
    run, seed, best : see `sample`.
    rows : how many ways.
    columns : images on each, at least 2.

    Returns
    -------
    (rows * columns, C, S, S) float32 in [-1, 1], row by row, on the CPU.

    Raises
    ------
    InputError : as `sample`; fewer than two columns; a run whose latents have one dimension.

    Examples
    --------
    >>> interpolate("fashion-mnist-32", rows=2, columns=3).shape
    torch.Size([6, 1, 32, 32])
    """
    if rows < 1 or columns < 2:
        raise InputError(f"interpolations need 1 row and 2 columns at least: {rows} x {columns}")
    ema, config, classes = _averaged(run, best)
    if config.latent_dim < 2:
        raise InputError("a run with latents of one dimension has no ways on a sphere")
    start, end = latents(seed, 0, 2, rows, config.latent_dim, stream=FIXED_LATENTS)
    labels = _labels(rows, classes, None)
    if labels is not None:
        labels = labels.repeat_interleave(columns)
    return _generate(ema, spherical_ways(start, end, columns).flatten(0, 1), labels)


def _averaged(run: "Path | str | Networks | Trainer", best: bool) -> tuple[Module, Config, int]:
    if isinstance(run, str | Path):
        run = load_networks(run, best)
    if isinstance(run, Networks):
        # A copy: who gave the networks keeps them on the CPU.
        ema = copy.deepcopy(run.ema).to(device_of(run.config))
        return in_channels_last(ema), run.config, len(run.classes)
    classes = len(run.images.classes) if run.config.conditional else 0
    return run.players.ema, run.config, classes


def _labels(count: int, classes: int, label: int | None) -> Tensor | None:
    if label is not None and not 0 <= label < classes:
        known = f"it has classes 0 to {classes - 1}" if classes else "it was not told any classes"
        raise InputError(f"the run has no class {label}: {known}")
    if not classes:
        return None
    return torch.arange(count) % classes if label is None else torch.full((count,), label)


def _generate(ema: Module, z: Tensor, labels: Tensor | None) -> Tensor:
    device = next(ema.parameters()).device
    parts = [(z,), (z, labels)][labels is not None]
    chunks = zip(*(part.split(_AT_ONCE) for part in parts if part is not None), strict=True)
    with torch.no_grad():
        return torch.cat([ema(*(part.to(device) for part in chunk)).cpu() for chunk in chunks])
