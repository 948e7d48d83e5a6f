"""Units and schedules of gamma: conversion between code bases, heuristic, annealing, laziness.

Paper units: R1 = gamma/2 * E ||grad_x D||^2, the square summed over all non-batch dimensions, the
mean over the batch, D the logit, added to the discriminator's loss in every step.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

__all__ = [
    "CONVENTIONS",
    "Convention",
    "LazyR1",
    "Setting",
    "anneal",
    "convert_gamma",
    "stylegan_heuristic",
]


@dataclass(frozen=True)
class Setting:
    """What a convention's factor may depend on; see `convert_gamma` for its parts.

    Examples
    --------
    >>> setting = Setting(shape=(3, 8, 8))
    >>> setting.features, setting.pixels
    (192, 64)
    """

    shape: tuple[int, ...] = ()
    batch: int = 1
    interval: int = 1
    sigma: float = 1.0

    @property
    def features(self) -> int:
        """Entries of a sample."""
        return math.prod(self.shape)

    @property
    def pixels(self) -> int:
        """Positions of a sample (C, ...)."""
        return math.prod(self.shape[1:])


@dataclass(frozen=True)
class Convention:
    """How a code base writes R1 with its own strength v.

    Attributes
    ----------
    formula : what is added to the discriminator's loss; g = grad_x D, per sample.
    factor : paper gamma for v = 1.
    needs : the arguments of `convert_gamma` that the factor depends on.
    exact : False for finite differences: equal to R1 in the limit of small sigma only.

    Examples
    --------
    >>> CONVENTIONS["gan_stability"].formula
    'v * mean_batch(sum_features(g^2))'
    """

    formula: str
    factor: Callable[[Setting], float]
    needs: tuple[str, ...] = ()
    exact: bool = True


_HALF = "v/2 * mean_batch(sum_features(g^2))"
_WHOLE = "v * mean_batch(sum_features(g^2))"
_LAZY = "every k steps, not multiplied by k: "

#: The conventions that `convert_gamma` knows, by the name of the code base.
CONVENTIONS: dict[str, Convention] = {
    # The paper's formula. StyleGAN multiplies lazy steps by the interval itself.
    "paper": Convention(_HALF, lambda s: 1),
    "stylegan2": Convention(_HALF, lambda s: 1),
    "stylegan3": Convention(_HALF, lambda s: 1),
    "rosinality": Convention(_HALF, lambda s: 1),
    "r3gan": Convention(_HALF, lambda s: 1),
    "stargan_v2": Convention(_HALF, lambda s: 1),
    "studiogan": Convention(_HALF, lambda s: 1),
    "basicsr": Convention(_HALF, lambda s: 1),  # r1_reg_weight, halved by its StyleGAN2 model
    # Without the one half.
    "gan_stability": Convention(_WHOLE, lambda s: 2),
    "wgan_gp_weight": Convention("v * mean_batch((|g| - c)^2) with c = 0", lambda s: 2),
    # Lazy, without the multiplier.
    "lucidrains": Convention(_LAZY + _WHOLE, lambda s: 2 / s.interval, ("interval",)),
    "lightweight_gan": Convention(
        _LAZY + "v * mean of sum_features(g^2) over real and fake samples together",
        lambda s: 1 / s.interval,
        ("interval",),
    ),
    "mmgen_hwc": Convention(_LAZY + _WHOLE, lambda s: 2 / s.interval, ("interval",)),
    "mmgen_pixel": Convention(
        _LAZY + "v * mean_batch(mean_pixels(sum_channels(g^2)))",
        lambda s: 2 / (s.pixels * s.interval),
        ("shape", "interval"),
    ),
    # Reductions found in snippets.
    "feature_mean": Convention(
        "v * mean(g^2) over everything", lambda s: 2 / s.features, ("shape",)
    ),
    "batch_sum": Convention("v * sum(g^2) over everything", lambda s: 2 * s.batch, ("batch",)),
    "mean_logit": Convention(
        "v * mean_batch(sum_features(g^2)), g the gradient of the batch's mean logit",
        lambda s: 2 / s.batch**2,
        ("batch",),
    ),
    # Finite differences: d = D(x + sigma * noise) - D(x).
    "apt": Convention("v * mean_batch(d^2)", lambda s: 2 * s.sigma**2, ("sigma",), exact=False),
    "afm": Convention("v * mean_batch((d / sigma)^2)", lambda s: 2, exact=False),
    "self_forcing": Convention("v/2 * mean_batch((d / sigma)^2)", lambda s: 1, exact=False),
    "gat": Convention("v/2 * mean_batch((d / sigma)^2)", lambda s: 1, exact=False),
}


def convert_gamma(
    value: float,
    source: str,
    target: str = "paper",
    *,
    shape: tuple[int, ...] | None = None,
    batch: int | None = None,
    interval: int | None = None,
    sigma: float | None = None,
) -> float:
    """The strength that means, in `target`'s code, what `value` means in `source`'s.

    It equates the penalty on real data, averaged over lazy steps. It does not equate different
    optimisers, losses or input ranges (stretching the input by c multiplies gamma by c^2).

    Parameters
    ----------
    value : strength in `source`'s units, not negative.
    source, target : names in `CONVENTIONS`.
    shape : (C, ...) of one sample, batch : samples in a batch, interval : steps from one lazy
        penalty to the next, sigma : standard deviation of the noise of finite differences;
        only those that the two conventions need.

    Raises
    ------
    ValueError : an unknown name, a negative or non-finite value, or an argument that is missing
        or not positive.

    Examples
    --------
    The settings file of the R1 authors' image code says 10; it lacks the one half:

    >>> convert_gamma(10, "gan_stability")
    20.0
    >>> convert_gamma(10, "lucidrains", interval=4)
    5.0
    >>> convert_gamma(20, "paper", "mmgen_pixel", shape=(3, 8, 8), interval=1)
    640.0
    """
    if isinstance(value, bool) or not (math.isfinite(value) and value >= 0):
        raise ValueError(f"value must be a finite number that is not negative, not {value}")
    setting = {"shape": shape, "batch": batch, "interval": interval, "sigma": sigma}
    return float(value) * _factor(source, setting) / _factor(target, setting)


def _factor(name: str, setting: Mapping[str, object]) -> float:
    if name not in CONVENTIONS:
        raise ValueError(f"unknown convention {name!r}: use one of {', '.join(CONVENTIONS)}")
    convention = CONVENTIONS[name]
    given = {key: _needed(name, key, setting[key]) for key in convention.needs}
    return convention.factor(Setting(**given))


def _needed(name: str, key: str, item: Any) -> Any:
    """The item in Python's own numbers: NumPy's small integers wrap around when squared."""
    kind, own = (Real, float) if key == "sigma" else (Integral, int)
    words = "a positive number" if key == "sigma" else "a positive whole number"
    entries: tuple[Any, ...] = (item,)
    if key == "shape":
        words = "a tuple of positive whole numbers"
        entries = item if isinstance(item, tuple) else ()
    if not entries or not all(_is(kind, entry) and 0 < entry < math.inf for entry in entries):
        raise ValueError(f"{name} needs {key}=, {words}, not {item}")
    numbers = tuple(own(entry) for entry in entries)
    return numbers if key == "shape" else numbers[0]


def _is(kind: type, value: object) -> bool:
    """NumPy's numbers are Integral and Real, too; True and False count nothing."""
    return isinstance(value, kind) and not isinstance(value, bool)


def stylegan_heuristic(resolution: int, batch: int) -> float:
    """StyleGAN2-ADA's first guess of gamma: 0.0002 * resolution^2 / batch, in paper units.

    Source: Karras et al. 2020, "Training GANs with limited data", the "auto" configuration of the
    released code. The square of the resolution is a scale law; the batch is experience.

    Raises
    ------
    ValueError : a resolution or batch that is not a finite number from 1.

    Examples
    --------
    >>> round(stylegan_heuristic(1024, 32), 4)
    6.5536
    """
    if not all(_is(Real, size) and 1 <= size < math.inf for size in (resolution, batch)):
        raise ValueError(
            f"resolution and batch must be finite numbers from 1, not {resolution} and {batch}"
        )
    return 0.0002 * float(resolution) ** 2 / float(batch)


def anneal(start: float, end: float, steps: int, shape: str = "cosine") -> Callable[[int], float]:
    """A schedule that takes gamma from `start` at step 0 to `end` at step `steps`, then stays.

    Parameters
    ----------
    start, end : gammas, not negative; positive for "exponential".
    steps : length of the change.
    shape : "cosine" (as in R3GAN), "linear" or "exponential" (a straight line for log gamma).

    Raises
    ------
    ValueError : an unknown shape, a gamma that is out of range, fewer than one step or no end.

    Examples
    --------
    >>> gamma = anneal(2.0, 0.2, steps=100)
    >>> [round(gamma(step), 3) for step in (0, 50, 100, 500)]
    [2.0, 1.1, 0.2, 0.2]
    """
    lowest = math.ulp(0.0) if shape == "exponential" else 0.0
    if not (lowest <= start < math.inf and lowest <= end < math.inf):
        raise ValueError(f"gammas must be finite and in range for {shape}, not {start} and {end}")
    if not (_is(Real, steps) and 1 <= steps < math.inf):
        raise ValueError(f"steps must be at least 1 and finite, not {steps}")
    ways: dict[str, Callable[[float], float]] = {
        "cosine": lambda t: end + (start - end) * (1 + math.cos(math.pi * t)) / 2,
        "linear": lambda t: start + (end - start) * t,
        "exponential": lambda t: start * (end / start) ** t,
    }
    if shape not in ways:
        raise ValueError(f"unknown shape {shape!r}: use one of {', '.join(ways)}")
    return lambda step: ways[shape](min(max(step / steps, 0.0), 1.0))


@dataclass(frozen=True)
class LazyR1:
    """Lazy regularisation: the penalty in one step of `interval`, `interval` times as strong.

    Over an interval the summed update equals that of the penalty in every step, to first order in
    the step size. It has a stability limit of its own: keep interval * h * gamma well below 2.
    Source: Karras et al. 2020 (StyleGAN2), section 3.1 and appendix B.

    Parameters
    ----------
    gamma : strength of the unlazy penalty, in paper units.
    interval : steps from one penalty to the next.

    Raises
    ------
    ValueError : an interval below 1 or a negative gamma.

    Examples
    --------
    >>> lazy = LazyR1(gamma=10.0, interval=4)
    >>> [lazy.at(step) for step in range(5)]
    [40.0, 0.0, 0.0, 0.0, 40.0]

    In a loop, so that nothing is computed in the steps between:
    `step.penalty = penalties.R1(gamma) if (gamma := lazy.at(k)) else None`
    (`step.module.penalty` under DistributedDataParallel).
    """

    gamma: float
    interval: int = 16

    def __post_init__(self) -> None:
        if isinstance(self.gamma, bool) or not 0 <= self.gamma < math.inf:
            raise ValueError(f"gamma must be finite and not negative, not {self.gamma}")
        if not _is(Integral, self.interval) or self.interval < 1:
            raise ValueError(f"interval must be a whole number from 1, not {self.interval}")
        object.__setattr__(self, "interval", int(self.interval))  # NumPy's small ones wrap around

    def at(self, step: int) -> float:
        """The gamma of this step: 0 means that the penalty need not be computed.

        Examples
        --------
        >>> LazyR1(gamma=1.0, interval=2).at(3)
        0.0
        """
        return self.gamma * self.interval if step % self.interval == 0 else 0.0

    def adam(self, lr: float, betas: tuple[float, float]) -> tuple[float, tuple[float, float]]:
        """Adam's settings where the penalty takes an optimiser step *of its own*.

        Adam then makes interval + 1 steps where it made interval: lr * c and betas ** c with
        c = interval / (interval + 1). Leave Adam alone if the penalty shares the loss's step.

        Examples
        --------
        >>> lr, betas = LazyR1(gamma=10.0, interval=16).adam(0.002, (0.0, 0.99))
        >>> round(lr, 6), tuple(round(beta, 6) for beta in betas)
        (0.001882, (0.0, 0.990585))
        """
        c = self.interval / (self.interval + 1)
        return lr * c, (betas[0] ** c, betas[1] ** c)
