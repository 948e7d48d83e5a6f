"""R1 and R2 by finite differences: no second derivative, the same gamma, a noisy estimate.

For n ~ N(0, I), E ((D(x + sigma n) - D(x)) / sigma)^2 tends to ||grad_x D(x)||^2 as sigma goes to
0. With one probe the value has a relative standard deviation of about sqrt(2) per sample.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from r1lab.penalties.interpolates import check_generator
from r1lab.penalties.primitive import (
    HALF,
    Discriminator,
    PenaltyTerms,
    Transform,
    check_batch,
    check_not_negative,
    check_trainable,
    logits_of,
)

__all__ = ["ApproximateR1", "ApproximateR2", "approximate_r1", "approximate_r2"]

# bfloat16 needs sigma >= 0.03: below, rounding of D(x) is taken for slope (1.2 times too large at
# 0.01, 10 times at 0.001). The other types get the same ratio of rounding to sigma.
_SMALLEST_SIGMA_PER_EPS = 0.03 / torch.finfo(torch.bfloat16).eps


def approximate_r1(
    discriminator: Discriminator,
    real: Tensor,
    gamma: float | Tensor,
    sigma: float = 0.01,
    probes: int = 1,
    generator: torch.Generator | None = None,
    *,
    fraction: float = 1.0,
    args: tuple = (),
    transform: Transform | None = None,
) -> Tensor:
    """R1 by finite differences: gamma/2 * E ((D(x + sigma n) - D(x)) / sigma)^2, n ~ N(0, I).

    Source: Lin et al. 2025 (Seaweed-APT), there without the units of gamma.

    Parameters
    ----------
    discriminator : callable (B, ...) -> (B,) or (B, ...), logits; several are summed per sample.
    real : (B, ...) floating-point batch.
    gamma : strength in paper units, not negative.
    sigma : standard deviation of the noise, in units of x; at least 0.03 in bfloat16.
    probes : random directions per sample; the variance falls as 1 / probes.
    generator : source of the noise; torch's global one by default.
    fraction : the share of the batch that is probed, its first samples.
    args : further arguments of the discriminator; a tensor with B rows is cut with the batch.
    transform : preprocessing of x, applied after the noise; it must not be random.

    Returns
    -------
    0-d tensor to be added to the loss that the discriminator *minimises*.

    Raises
    ------
    TypeError : a batch that is not a floating-point tensor.
    ValueError : a negative gamma, a sigma that is too small for the precision of the logits, no
        probes, a fraction outside (0, 1], a batch or logits without their dimensions, a frozen
        discriminator, or one with dropout or BatchNorm in training mode.

    Examples
    --------
    >>> w = torch.tensor([3.0, 4.0], dtype=torch.float64)
    >>> x = torch.zeros(4, 2, dtype=torch.float64)
    >>> seeded = torch.Generator().manual_seed(0)
    >>> value = approximate_r1(lambda x: x @ w, x, 2.0, probes=10_000, generator=seeded)
    >>> abs(value.item() - 25) < 1  # R1 is 25
    True
    """
    penalty = ApproximateR1(gamma, sigma, probes, generator, fraction, transform)
    return penalty(discriminator, real, real, args).value


def approximate_r2(
    discriminator: Discriminator,
    fake: Tensor,
    gamma: float | Tensor,
    sigma: float = 0.01,
    probes: int = 1,
    generator: torch.Generator | None = None,
    *,
    fraction: float = 1.0,
    args: tuple = (),
    transform: Transform | None = None,
) -> Tensor:
    """R2 by finite differences: `approximate_r1` on generated data made under `torch.no_grad()`.

    Parameters, Returns, Raises : as `approximate_r1`, with `fake` in place of `real`.

    Examples
    --------
    >>> approximate_r2(lambda x: 0 * x.sum(1), torch.zeros(4, 2), gamma=2.0)
    tensor(0.)
    """
    penalty = ApproximateR2(gamma, sigma, probes, generator, fraction, transform)
    return penalty(discriminator, fake, fake, args).value


@dataclass(frozen=True)
class _Approximate:
    gamma: float | Tensor
    sigma: float = 0.01
    probes: int = 1
    generator: torch.Generator | None = None
    fraction: float = 1.0
    transform: Transform | None = None

    def __post_init__(self) -> None:
        check_not_negative("gamma", self.gamma)
        if not 0 < self.sigma < float("inf"):
            raise ValueError(f"sigma must be positive and finite, not {self.sigma}")
        if self.probes < 1:
            raise ValueError(f"probes must be at least 1, not {self.probes}")
        if not 0 < self.fraction <= 1:
            raise ValueError(f"fraction must be above 0 and at most 1, not {self.fraction}")

    def _at(
        self, discriminator: Discriminator, x: Tensor, args: tuple
    ) -> tuple[Tensor | None, Tensor]:
        check_batch("x", x)
        check_generator(self.generator)
        check_trainable(discriminator)
        _check_repeatable(discriminator)
        batch, rows = len(x), max(1, round(self.fraction * len(x)))
        noise = torch.stack([self._noise(x[:rows]) for _ in range(self.probes)])
        moved = (x[:rows] + self.sigma * noise).flatten(0, 1)
        # One forward for all, so that spectral norm's power iteration cannot move in between.
        every = tuple(_repeated(arg, batch, rows, self.probes) for arg in args)
        logits = logits_of(discriminator, torch.cat([x, moved]), every, self.transform)
        self._check_precision(x, logits)
        base, probed = _per_sample(logits[:rows]), _per_sample(logits[batch:])
        slopes = (probed.view(self.probes, rows) - base) / self.sigma
        usable = logits[:batch] if self.transform is None else None
        return usable, self.gamma / 2 * slopes.square().mean()

    def _noise(self, like: Tensor) -> Tensor:
        shape, dtype, device = like.shape, like.dtype, like.device
        return torch.randn(shape, dtype=dtype, device=device, generator=self.generator)

    def _check_precision(self, x: Tensor, logits: Tensor) -> None:
        dtypes = [x.dtype, logits.dtype]
        if torch.amp.is_autocast_available(x.device.type) and torch.is_autocast_enabled(
            x.device.type
        ):
            dtypes.append(torch.get_autocast_dtype(x.device.type))
        coarsest = max(dtypes, key=lambda dtype: torch.finfo(dtype).eps)
        smallest = _SMALLEST_SIGMA_PER_EPS * torch.finfo(coarsest).eps
        if self.sigma < smallest:
            raise ValueError(
                f"sigma {self.sigma} is too small for {coarsest}: rounding would be taken for "
                f"slope; use sigma >= {smallest:.2g}, or compute the logits in float32"
            )


class ApproximateR1(_Approximate):
    """Approximate R1 with its settings; see `approximate_r1`.

    Examples
    --------
    >>> ApproximateR1(gamma=2.0).sigma
    0.01
    """

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,
        args: tuple = (),
        scale: float = 1.0,
    ) -> PenaltyTerms:
        """The penalty's terms; `scale` is not needed, since no gradient is taken here."""
        logits, value = self._at(discriminator, real, args)
        return PenaltyTerms(value, real_logits=logits)


class ApproximateR2(_Approximate):
    """Approximate R2 with its settings; see `approximate_r2`.

    Examples
    --------
    >>> ApproximateR2(gamma=2.0, probes=4).probes
    4
    """

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,
        args: tuple = (),
        scale: float = 1.0,
    ) -> PenaltyTerms:
        """The penalty's terms; `scale` is not needed, since no gradient is taken here."""
        logits, value = self._at(discriminator, fake, args)
        return PenaltyTerms(value, fake_logits=logits)


def _per_sample(logits: Tensor) -> Tensor:
    # The difference of two half-precision numbers has few digits left: subtract in float32.
    return (logits.float() if logits.dtype in HALF else logits).reshape(len(logits), -1).sum(1)


def _repeated(arg: Any, batch: int, rows: int, probes: int) -> Any:
    is_batch = isinstance(arg, Tensor) and arg.shape[:1] == (batch,)
    return torch.cat([arg, *[arg[:rows]] * probes]) if is_batch else arg


def _check_repeatable(discriminator: Discriminator) -> None:
    if not isinstance(discriminator, nn.Module):
        return
    for name, module in discriminator.named_modules():
        if module.training and isinstance(module, (_DropoutNd, _BatchNorm)):
            raise ValueError(
                f"{type(module).__name__} {name!r} makes D(x) differ from one sample's pass to the "
                "next, and a finite difference would take that for slope: use the exact penalty, "
                "or another discriminator"
            )
