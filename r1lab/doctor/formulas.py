"""The family of formulas that people write for R1, right and wrong, and which one explains values.

A formula is one choice on each of five axes; the first choice is the right one, and every other
choice is one fault. A free factor K stands for the one half, the sign and the rest.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

__all__ = ["CAUSES", "Formula", "Match", "match"]

_SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "logit": torch.ones_like,
    "probability": lambda logits: torch.sigmoid(logits) * torch.sigmoid(-logits),
    "loss": lambda logits: torch.sigmoid(-logits),
}
_TOTALS: dict[str, Callable[[int], float]] = {
    "sum": lambda batch: 1.0,
    "mean": lambda batch: 1 / batch,
    "broadcast": float,
}
_POWERS: dict[str, Callable[[Tensor], Tensor]] = {
    "squared": lambda squares: squares,
    "norm": torch.sqrt,
    "one-centred": lambda squares: (squares.sqrt() - 1).square(),
}
_GROUPS: dict[str, Callable[[int], tuple[int, ...]]] = {
    "sample": lambda dims: tuple(range(1, dims)),
    "channels": lambda dims: (1,),
    "entry": lambda dims: (),
    "batch": lambda dims: tuple(range(dims)),
    "positions": lambda dims: tuple(range(2, dims)),
    "last": lambda dims: (dims - 1,),
}


@dataclass(frozen=True)
class Formula:
    """One way to write the penalty.

    Attributes
    ----------
    output : whose gradient is taken: logit, probability, or loss softplus(-logit).
    total : how outputs are added before the gradient is taken: sum or mean over the batch, or
        the sum of (B, 1) logits broadcast against B others.
    power : what is taken of a norm: squared, norm, one-centred.
    group : the dimensions of one norm.
    reduction : over the norms: mean or sum.
    """

    output: str = "logit"
    total: str = "sum"
    power: str = "squared"
    group: str = "sample"
    reduction: str = "mean"

    def faults(self) -> dict[str, str]:
        """The axes on which this formula is wrong, with its choices."""
        right = vars(Formula())
        return {axis: choice for axis, choice in vars(self).items() if choice != right[axis]}

    def __call__(self, logits: Tensor, gradient: Tensor) -> Tensor:
        """The value from logits (B,) and their input gradients (B, ...), without gamma/2."""
        slope = _SLOPES[self.output](logits)
        g = gradient * slope.reshape(-1, *[1] * (gradient.dim() - 1))
        g = g * _TOTALS[self.total](len(g))
        dims = _GROUPS[self.group](g.dim())
        values = _POWERS[self.power](g.square().sum(dims) if dims else g.square())
        return values.mean() if self.reduction == "mean" else values.sum()


_PER_SAMPLE = "write g.flatten(1).square().sum(1).mean()"

_BATCH_SUM = (
    "batch sum",
    "average over samples: it is summed over the batch, by .sum() or by one norm() over the whole "
    "batch; " + _PER_SAMPLE,
)

# Name and fix of each wrong choice.
CAUSES: dict[tuple[str, str], tuple[str, str]] = {
    ("output", "probability"): (
        "gradient of probabilities",
        "differentiate the logits: it comes from a Sigmoid at the discriminator's end, or "
        "sigmoid(D(x)) inside the penalty",
    ),
    ("output", "loss"): (
        "gradient of the loss",
        "differentiate the logits D(x).sum(): it comes from autograd.grad(softplus(-D(x)), x), or "
        "binary cross-entropy in its place",
    ),
    ("total", "mean"): (
        "batch mean of the logits",
        "differentiate D(x).sum(): it comes from autograd.grad(D(x).mean(), x), which divides "
        "each sample's gradient by the batch size",
    ),
    ("total", "broadcast"): (
        "logits broadcast",
        "differentiate D(x).sum(): it comes from (B, 1) logits that meet a tensor of shape (B,), "
        "which pairs all with all",
    ),
    ("power", "norm"): (
        "square missing",
        "square the norm: it comes from .norm(dim=1).mean() without ** 2, or a sqrt too many; "
        + _PER_SAMPLE,
    ),
    ("power", "one-centred"): (
        "one-centred",
        "drop the - 1: it comes from ((norm - 1) ** 2).mean(), which is the WGAN-GP penalty; "
        + _PER_SAMPLE,
    ),
    ("group", "channels"): (
        "norm over dim 1",
        "flatten first: it comes from g.norm(2, dim=1) or g.square().sum(1) on images, which "
        "leaves the mean over pixels; " + _PER_SAMPLE,
    ),
    ("group", "entry"): (
        "pixel mean",
        "sum over a sample's entries: it comes from g.square().mean() or mse_loss(g, 0); "
        + _PER_SAMPLE,
    ),
    ("group", "batch"): _BATCH_SUM,
    ("reduction", "sum"): _BATCH_SUM,
    ("group", "positions"): (
        "channel mean",
        "sum over the channels too: it comes from .sum((2, 3)).mean(); " + _PER_SAMPLE,
    ),
    ("group", "last"): (
        "norm over the last dim",
        "flatten first: it comes from g.norm(dim=-1) on images; " + _PER_SAMPLE,
    ),
}


@dataclass(frozen=True)
class Match:
    """The formula that explains the values, and the factor in front of it."""

    formula: Formula
    factor: float


def match(
    values: Sequence[float],
    references: Sequence[tuple[Tensor, Tensor]],
    tolerance: float,
    expected: Sequence[float],
) -> Match | None:
    """The formula whose values are in one ratio to `values` on all probes, with fewest faults.

    Parameters
    ----------
    values : one for each probe.
    references : logits and input gradients of each probe.
    tolerance : relative, on the ratio.
    expected : factors with a name of their own; others count as one fault more.
    """
    best, best_cost = None, math.inf
    for formula in _formulas():
        factor = _common_ratio(
            values, [float(formula(*reference)) for reference in references], tolerance
        )
        if factor is None:
            continue
        named = any(abs(abs(factor) / known - 1) < tolerance for known in expected)
        cost = len(formula.faults()) + (0.5 if named else 1.5)
        if cost < best_cost:
            best, best_cost = Match(formula, factor), cost
    return best


def _formulas() -> Iterator[Formula]:
    for output, total, power, group in product(_SLOPES, _TOTALS, _POWERS, _GROUPS):
        for reduction in ("mean", "sum"):
            yield Formula(output, total, power, group, reduction)


def _common_ratio(
    values: Sequence[float], formula: Sequence[float], tolerance: float
) -> float | None:
    ratios = [value / other for value, other in zip(values, formula, strict=True)]
    spread = max(ratios) - min(ratios)
    return ratios[0] if spread <= tolerance * max(map(abs, ratios)) else None
