"""The spectrum of a trained run: its game's Jacobian on one fixed batch, in float64."""

from pathlib import Path

from torch import nn

from r1lab.images import draws
from r1lab.images.config import Config
from r1lab.images.errors import InputError
from r1lab.images.runs import images_of
from r1lab.images.sampling import load_networks
from r1lab.images.schedule import gamma_at, penalty_at
from r1lab.theory.spectra import GameJacobian

__all__ = ["game_jacobian"]


def game_jacobian(
    run: Path | str,
    images: int = 128,
    gamma: float | None = None,
    seed: int = 0,
    data: str | None = None,
) -> GameJacobian:
    """The Jacobian of a run's regularised gradient field at its last checkpoint.

    It is that of plain gradient steps on one fixed batch (stable: negative real part), whatever
    the run's optimiser; the networks are those that were trained, not the average. A lazy penalty
    counts with its mean strength.

    Parameters
    ----------
    run : its folder, or the name of a trained pair.
    images : real images, and latents, in the fixed batch.
    gamma : strength of the run's penalty in paper units; by default as in its last step, 0 for
        the same networks without it.
    seed : of the choice of images and latents.
    data : where the run's images are now, if they were moved.

    Raises
    ------
    InputError : no readable checkpoint, other images than the run's, a class-conditional run, or
        one with instance noise; a gamma for a run without a penalty.

    Warns
    -----
    UserWarning : leaky ReLUs: automatic differentiation drops the jumps of their slopes.

    Source: Mescheder, Geiger & Nowozin 2018, equation 3.

    Examples
    --------
    >>> game_jacobian("nowhere")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no run nowhere
    """
    networks = load_networks(run)
    config = networks.config
    if networks.classes:
        raise InputError("spectra of class-conditional runs are not supported")
    if config.instance_noise:
        raise InputError("spectra of runs with instance noise are not supported")
    if gamma and config.penalty == "none":
        raise InputError(f"{run} was trained without a penalty: there is no gamma to set")
    if images < 1:
        raise InputError(f"images must be at least 1, not {images}")
    own = images_of(run, networks.metadata, data)
    real = own.batch(draws.batch_indices(seed, 0, images, len(own))).double()
    latents = draws.latents(seed, 0, images, config.latent_dim, stream=draws.EVALUATION).double()
    return GameJacobian(
        _in_double(networks.generator),
        _in_double(networks.discriminator),
        real,
        latents,
        loss=config.loss,
        penalty=penalty_at(_unlazy(config, gamma, networks.metadata["step"]), step=0),
        chunk=images if config.penalty == "dragan" else 64,
        seed=seed,
    )


def _unlazy(config: Config, gamma: float | None, step: int) -> Config:
    last = {**config.to_json(), "lazy": 1}
    now = gamma_at(Config.from_json(last), step - 1) if gamma is None else gamma
    return Config.from_json({**last, "gamma": now, "gamma_end": None})


def _in_double(network: nn.Module) -> nn.Module:
    return network.double().eval()
