"""The settings of a training run; imports no torch, so that the command line answers at once."""

from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal, Self, get_args

from r1lab.images.errors import InputError

__all__ = ["Config"]

Penalty = Literal["r1", "r2", "r1+r2", "wgan-gp", "none"]
LossName = Literal[
    "non-saturating", "minimax", "wasserstein", "hinge", "least-squares", "relativistic"
]
Precision = Literal["fp32", "bf16"]
Device = Literal["auto", "cpu"]


@dataclass(frozen=True)
class Config:
    """The settings of a training run.

    Raises
    ------
    InputError : a value that cannot be used.

    Examples
    --------
    >>> Config(data="photos-32", gamma=10.0).penalty
    'r1'
    """

    data: str = "mnist-5k"
    """Images to learn: mnist-5k, photos-32 or fashion-mnist, or the path of a folder of images or
    of IDX files (train-images-idx3-ubyte, with or without .gz)."""

    size: int = 32
    """Side of the images in pixels: 16, 32, 64, 128 or 256."""

    penalty: Penalty = "r1"
    """Gradient penalty on the discriminator: on real data (r1), on fakes (r2), on both (r1+r2),
    the one-centred wgan-gp, or none, which may not converge."""

    gamma: float = 10.0
    """Strength of the penalty in the units of the R1 paper: gamma/2 * E||grad D||^2. For wgan-gp,
    gamma is 2 x its weight: the usual weight 10 is gamma 20."""

    loss: LossName = "non-saturating"
    """GAN loss of both networks."""

    batch: int = 64
    """Images per step."""

    steps: int = 1300
    """Training steps in all; each is d_steps of the discriminator, then one of the generator."""

    d_steps: int = 1
    """Discriminator steps per generator step."""

    lr: float = 2e-3
    """Learning rate of Adam, for both networks."""

    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates: of its momentum (0 for GANs) and of its mean square gradient."""

    width: int = 16
    """Channels of the finest layer of both networks: more is better and slower."""

    latent_dim: int = 64
    """Dimension of the generator's Gaussian input."""

    ema_half_life: int = 4000
    """The samples come from an average of the generator over training; a step's weight in it halves
    after this many images."""

    seed: int = 0
    """Of weights, data order and latents: on a CPU, the same seed gives the same run."""

    precision: Precision = "fp32"
    """bf16 trains in mixed precision: faster where the hardware has it."""

    device: Device = "auto"
    """auto takes the accelerator that is found; cpu takes the CPU."""

    snapshot_every: int = 500
    """Steps between two checkpoints, each with a grid of samples."""

    out: Path | None = None
    """Folder of the run; by default the next free runs/<data>-<number>."""

    def __post_init__(self) -> None:
        _check_choice("penalty", self.penalty, get_args(Penalty))
        _check_choice("loss", self.loss, get_args(LossName))
        _check_choice("precision", self.precision, get_args(Precision))
        _check_choice("device", self.device, get_args(Device))
        for name in (
            "batch",
            "steps",
            "d_steps",
            "width",
            "latent_dim",
            "ema_half_life",
            "snapshot_every",
        ):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.size not in (16, 32, 64, 128, 256):
            raise InputError(f"size must be 16, 32, 64, 128 or 256 pixels, not {self.size}")
        if not (isfinite(self.gamma) and self.gamma >= 0):
            raise InputError(f"gamma must be finite and not negative, not {self.gamma}")
        if not (isfinite(self.lr) and self.lr > 0):
            raise InputError(f"lr must be a positive number, not {self.lr}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas must be at least 0 and below 1, not {self.betas}")
        if self.seed < 0:
            raise InputError(f"seed must not be negative, not {self.seed}")

    def to_json(self) -> dict[str, Any]:
        """All settings but the folder, as JSON can hold them: a run may be moved.

        Examples
        --------
        >>> Config.from_json(Config(width=8).to_json()) == Config(width=8)
        True
        """
        return {name: value for name, value in asdict(self).items() if name != "out"}

    @classmethod
    def from_json(cls, settings: dict[str, Any]) -> Self:
        """What `to_json` gave, as settings."""
        return cls(**{**settings, "betas": tuple(settings["betas"])})


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"unknown {name} {value!r}: use one of {', '.join(choices)}")
