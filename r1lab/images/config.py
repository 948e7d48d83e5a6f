"""The settings of a training run; imports no torch, so that the command line answers at once."""

from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from r1lab.images.errors import InputError

__all__ = ["Config", "check_size"]

Preset = Literal["mnist-5k", "fashion-mnist-32", "cifar10-32", "celeba-64", "ffhq-256"]
Penalty = Literal[
    "r1",
    "r2",
    "r1+r2",
    "zero-centered",
    "wgan-gp",
    "dragan",
    "approximate-r1",
    "approximate-r2",
    "none",
]
LossName = Literal[
    "non-saturating", "minimax", "wasserstein", "hinge", "least-squares", "relativistic"
]


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

    preset: Preset | None = None
    """Settings to start from; the other options change them. `r1lab train --preset NAME --help`
    shows what they are and where they come from."""

    data: str = "mnist-5k"
    """Images to learn: mnist-5k, photos-32 or fashion-mnist; a folder or a .zip of images; a folder
    of IDX files (train-images-idx3-ubyte, with or without .gz); an .npz or .npy array of bytes; or
    hf:owner/name, a data set of the Hugging Face hub."""

    size: int = 32
    """Side of the images in pixels: 16, 32, 64, 128 or 256."""

    limit: int | None = None
    """Use only the first so many images."""

    on_problem: Literal["stop", "continue"] = "stop"
    """Files that cannot be read, or images of mixed sizes and modes: stop with a report, or
    continue without the unreadable ones and with the others cropped and converted."""

    flips: bool = False
    """Mirror half of the real images: twice the data, where left and right do not matter."""

    conditional: bool = False
    """Networks that are told the class of an image; needs data with labels."""

    network: Literal["residual", "dcgan"] = "residual"
    """Residual networks as in the R1 paper, or DCGAN (BatchNorm in the generator only)."""

    width: int = 16
    """Channels of the finest layer of both networks: more is better and slower."""

    activation: Literal["leaky-relu", "silu", "softplus"] = "leaky-relu"
    """silu and softplus are smooth, which `r1lab spectrum` needs."""

    latent_dim: int = 64
    """Dimension of the generator's Gaussian input."""

    loss: LossName = "non-saturating"
    """GAN loss of both networks."""

    penalty: Penalty = "r1"
    """Gradient penalty on the discriminator: on real data (r1), on fakes (r2), on both (r1+r2), on
    lines between them (zero-centered), the one-centred wgan-gp and dragan, r1 and r2 by finite
    differences (approximate-...), or none, which may not converge."""

    gamma: float = 10.0
    """Strength of the penalty in the units of the R1 paper: gamma/2 * E||grad D||^2. For wgan-gp
    and dragan, gamma is 2 x their weight: the usual weight 10 is gamma 20."""

    gamma_end: float | None = None
    """Take gamma to this value over the run, along a cosine."""

    lazy: int = 1
    """Compute the penalty in one step of so many, and so many times as strong."""

    instance_noise: float = 0.0
    """Standard deviation of Gaussian noise on all images that the discriminator sees."""

    batch: int = 64
    """Images per step, over all processes."""

    steps: int = 1300
    """Training steps in all; each is d_steps of the discriminator, then one of the generator."""

    d_steps: int = 1
    """Discriminator steps per generator step."""

    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    """Of both networks."""

    lr: float = 2e-3
    """Learning rate of both networks."""

    betas: tuple[float, float] = (0.0, 0.99)
    """Decay rates of the optimiser's momentum (0 for GANs) and of its mean square gradient, which
    sgd does not have."""

    warmup: int = 0
    """Steps over which the learning rate grows to its value."""

    ema_half_life: int = 4000
    """The samples come from an average of the generator over training; a step's weight in it halves
    after this many generated images, a batch for each step."""

    seed: int = 0
    """Of weights, data order and latents: on a CPU, the same seed gives the same run."""

    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """bf16 and fp16 train in mixed precision: faster where the hardware has it. fp16 needs a
    GPU."""

    compile: bool = False
    """Compile both players' steps with torch.compile: a minute at the start, faster after it."""

    device: Literal["auto", "cpu"] = "auto"
    """auto takes the accelerator that is found; cpu takes the CPU."""

    snapshot_every: int = 500
    """Steps between two checkpoints, each with a grid of samples."""

    keep: int = 3
    """Checkpoints to keep: the last so many, and the best one if there is a --evaluate-every."""

    evaluate_every: int = 0
    """Steps between two measurements of the samples' Fréchet distance from the data; 0 for none."""

    tensorboard: bool = False
    """Write the metrics and samples for TensorBoard, too."""

    out: Path | None = None
    """Folder of the run; by default the next free runs/<data>-<number>."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            _check_type(name, getattr(self, name), hint)
        object.__setattr__(self, "data", str(self.data))
        object.__setattr__(self, "out", None if self.out is None else Path(self.out))
        for name in ("gamma", "gamma_end", "instance_noise"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value * self.lazy) and value >= 0):
                raise InputError(f"{name} must be finite and not negative, not {value}")
        if self.seed >= 2**63:
            raise InputError(f"seed must be below 2**63, not {self.seed}")
        check_size(self.size)
        if not (isfinite(self.lr) and self.lr > 0):
            raise InputError(f"lr must be a positive number, not {self.lr}")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas must be two numbers from 0 to below 1, not {self.betas}")
        self._check_noise()

    def _check_noise(self) -> None:
        if self.instance_noise and self.penalty.startswith("approximate"):
            raise InputError(
                f"penalty {self.penalty} would take the instance noise for slope: use an exact one"
            )
        if self.instance_noise and self.compile and self.penalty != "none":
            raise InputError(
                f"penalty {self.penalty} cannot be compiled with instance noise, which is drawn "
                "inside its gradient: leave out --compile or the noise, or use penalty none"
            )

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
        """What `to_json` gave, as settings.

        Parameters
        ----------
        settings : by name.

        Raises
        ------
        InputError : settings that this version does not know.
        """
        known = {field.name for field in fields(cls)} - {"out"}
        if odd := sorted(set(settings) ^ known):
            raise InputError(f"settings of another version of r1lab: {', '.join(odd)}")
        try:
            return cls(**{**settings, "betas": tuple(settings["betas"])})
        except TypeError as error:
            raise InputError(f"settings of the wrong type: {error}") from error


def check_size(size: int) -> None:
    """Refuse a side of images that no network has.

    Raises
    ------
    InputError : not a power of two from 16 to 256.

    Examples
    --------
    >>> check_size(30)
    Traceback (most recent call last):
    r1lab.images.errors.InputError: size must be 16, 32, 64, 128 or 256 pixels, not 30
    """
    if size not in _SIZES:
        *others, last = _SIZES
        listed = ", ".join(map(str, others))
        raise InputError(f"size must be {listed} or {last} pixels, not {size}")


def _check_type(name: str, value: object, hint: Any) -> None:
    """Refuse what the hint does not allow: True is no number, but a whole number is one."""
    parts = [part for part in get_args(hint) if part is not NoneType]
    if value is None and NoneType in get_args(hint):
        return
    kind = parts[0] if NoneType in get_args(hint) else hint
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            allowed = ", ".join(get_args(kind))
            raise InputError(f"unknown {name} {value!r}: use one of {allowed}")
    elif kind is int:
        least = 0 if name in _FROM_ZERO else 1
        if not _is(value, int) or value < least:  # type: ignore[operator]
            raise InputError(f"{name} must be a whole number of at least {least}, not {value}")
    elif kind is float and not _is(value, int | float):
        raise InputError(f"{name} must be a number, not {value!r}")
    elif kind is bool and not isinstance(value, bool):
        raise InputError(f"{name} must be True or False, not {value!r}")
    elif kind in (str, Path) and not isinstance(value, str | Path):
        raise InputError(f"{name} must be a name or a path, not {value!r}")
    elif get_origin(kind) is tuple and not _are_numbers(value):
        raise InputError(f"{name} must be two numbers from 0 to below 1, not {value!r}")


def _are_numbers(value: object) -> bool:
    return isinstance(value, tuple | list) and all(_is(part, int | float) for part in value)


def _is(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


_SIZES = (16, 32, 64, 128, 256)
_FROM_ZERO = ("seed", "warmup", "evaluate_every")
