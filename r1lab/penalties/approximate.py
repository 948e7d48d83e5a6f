"""R1 and R2 by finite differences: no second derivative, the same gamma, a noisy estimate.

For n ~ N(0, I), E ((D(x + sigma n) - D(x)) / sigma)^2 tends to ||grad_x D(x)||^2 as sigma goes to
0. With one probe the value has a relative standard deviation of about sqrt(2) per sample.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor

from r1lab.penalties.primitive import (
    HALF,
    Discriminator,
    PenaltyTerms,
    Transform,
    check_batch,
    check_not_negative,
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
    transform : preprocessing or augmentation of x, applied after the noise.

    Returns
    -------
    0-d tensor to be added to the loss that the discriminator *minimises*.

    Raises
    ------
    TypeError : a batch that is not a floating-point tensor.
    ValueError : a negative gamma, a sigma that is too small for the precision of the logits, no
        probes, a fraction outside (0, 1], or a batch or logits without their dimensions.

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

    def _at(self, discriminator: Discriminator, x: Tensor, args: tuple) -> tuple[Tensor, Tensor]:
        check_batch("x", x)
        logits = logits_of(discriminator, x, args, self.transform)
        self._check_precision(x, logits)
        rows = ceil(self.fraction * x.shape[0])
        some, base = x[:rows], _per_sample(logits[:rows])
        cut = tuple(_first_rows(arg, rows, x.shape[0]) for arg in args)
        squares = []
        for _ in range(self.probes):
            noise = torch.randn(
                some.shape, dtype=x.dtype, device=x.device, generator=self.generator
            )
            moved = logits_of(discriminator, some + self.sigma * noise, cut, self.transform)
            squares.append(((_per_sample(moved) - base) / self.sigma).square().mean())
        return logits, self.gamma / 2 * torch.stack(squares).mean()

    def _check_precision(self, x: Tensor, logits: Tensor) -> None:
        dtypes = [x.dtype, logits.dtype]
        if torch.is_autocast_enabled(x.device.type):
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


def _first_rows(arg: Any, rows: int, batch: int) -> Any:
    is_batch = isinstance(arg, Tensor) and arg.shape[:1] == (batch,)
    return arg[:rows] if is_batch else arg
