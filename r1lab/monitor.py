"""A light monitor of training: six numbers of the discriminator's game, and advice on gamma."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from statistics import mean

import torch
from torch import Tensor, nn

from r1lab import losses, penalties
from r1lab.doctor.state import untouched

__all__ = ["Measurement", "advice", "measure"]

_IDLE, _WEAK = 0.01, 0.1  # shares of the penalty in the parameter gradient
_GROWTH = 2.0
_BLIND = 0.01


@dataclass(frozen=True)
class Measurement:
    """The state of a discriminator on one real and one fake batch.

    Attributes
    ----------
    real_gradient, fake_gradient : E ||grad_x D||^2 on either batch.
    logit_gap : E D(real) - E D(fake).
    penalty_share : the penalty's part of the parameter gradient, |p| / (|p| + |a|) with p and a
        the gradients of penalty and adversarial loss; from 0 to 1, and 0 without a penalty.
    loss : the discriminator's adversarial loss, without the penalty.
    blind_loss : that loss where all logits are 0: 2 log 2 for minimax and non-saturating.
    """

    real_gradient: float
    fake_gradient: float
    logit_gap: float
    penalty_share: float
    loss: float
    blind_loss: float


def measure(
    discriminator: nn.Module,
    real: Tensor,
    fake: Tensor,
    loss: str | losses.Loss,
    penalty: penalties.Penalty | None,
    args: tuple = (),
) -> Measurement:
    """Measure a discriminator in its training; costs about two of its steps.

    The discriminator is left as it was, and so are the random states of the penalty and of torch,
    on the CPU and on the batch's CUDA device.
    Twenty to a hundred measurements over a run are enough for `advice`.

    Parameters
    ----------
    discriminator : module (B, ...) -> logits, large on real data.
    real, fake : (B, ...) floating-point batches; nothing is propagated into them.
    loss : a name or object of `r1lab.losses`.
    penalty : what the discriminator trains with, at this step's strength; None without one.
    args : further arguments of the discriminator.

    Raises
    ------
    TypeError, ValueError : as `penalties.squared_gradient_norm` and `losses.get`.

    Examples
    --------
    >>> discriminator = torch.nn.Linear(2, 1)
    >>> _ = discriminator.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
    >>> real, fake = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    >>> seen = measure(discriminator, real, fake, "wasserstein", penalties.R1(gamma=10.0))
    >>> seen.real_gradient, round(seen.logit_gap, 4)
    (25.0, 3.0)
    """
    loss = losses.get(loss)
    real, fake = real.detach(), fake.detach()
    parameters = [p for p in discriminator.parameters() if p.requires_grad]
    with untouched(discriminator, real), _kept(getattr(penalty, "generator", None)):
        real_logits, real_squares = penalties.squared_gradient_norm(discriminator, real, *args)
        fake_logits, fake_squares = penalties.squared_gradient_norm(discriminator, fake, *args)
        adversarial = loss.discriminator(real_logits, fake_logits)
        own = _norm(adversarial, parameters)
        added = 0.0
        if penalty is not None:
            added = _norm(penalty(discriminator, real, fake, args).value, parameters)
        blind = loss.discriminator(torch.zeros_like(real_logits), torch.zeros_like(fake_logits))
    return Measurement(
        real_gradient=_value(real_squares),
        fake_gradient=_value(fake_squares),
        logit_gap=_value(real_logits) - _value(fake_logits),
        penalty_share=added / (added + own) if added else 0.0,
        loss=_value(adversarial),
        blind_loss=_value(blind),
    )


def advice(measurements: Sequence[Measurement]) -> list[str]:
    """What the measurements of a run say about gamma, a sentence each; none where all is well.

    Rules, on the thirds of the run: the penalty does nothing where its share of the gradient is
    below 1 % in the last; gamma is too small where, at a share below 10 %, the gradient on
    real data or the logit gap doubles from the second third to the last, while the discriminator
    tells real from fake by more than 1 % of its blind loss; gamma is too large where
    the discriminator's loss never left 1 % of its blind value. These are rules of thumb, tested on
    small runs; a run of which only the converged end was measured looks like the last case.

    Parameters
    ----------
    measurements : of one run with one loss and penalty, evenly spaced from its start; fewer than
        six give no advice.

    Examples
    --------
    >>> blind = Measurement(1e-6, 1e-6, 1e-4, penalty_share=0.6, loss=1.386, blind_loss=1.3863)
    >>> print(*advice([blind] * 6))
    gamma is too large because the discriminator's loss stayed within 1 % of 1.386, that of a \
discriminator that cannot tell (now E||grad D||^2 = 1e-06 on real data): divide gamma by 10.
    """
    if bad := [m for m in measurements if not all(map(math.isfinite, astuple(m)))]:
        index = measurements.index(bad[0])
        return [
            f"training diverged because measurement {index} is not finite: lower the learning rate,"
            " check the penalty for NaN at zero gradient, or raise gamma."
        ]
    third = len(measurements) // 3
    if third < 2:
        return []
    middle, last = measurements[-2 * third : -third], measurements[-third:]
    return [*_too_small(middle, last), *_too_large(measurements)]


def _too_small(middle: Sequence[Measurement], last: Sequence[Measurement]) -> Iterator[str]:
    share = mean(m.penalty_share for m in last)
    if share < _IDLE:
        yield (
            f"the penalty does nothing because only {share:.1g} of the parameter gradient comes "
            "from it: raise gamma, or check that it reaches the parameters (r1lab.doctor)."
        )
    tells = mean(m.loss for m in last) < (1 - _BLIND) * last[0].blind_loss
    if not tells or share >= _WEAK:
        return
    growing = {"real_gradient": "E||grad D||^2 on real data", "logit_gap": "the logit gap"}
    for name, words in growing.items():
        before, now = (mean(getattr(m, name) for m in part) for part in (middle, last))
        if now > _GROWTH * max(before, 0):
            yield (
                f"gamma is too small because {words} keeps growing ({before:.2g} to {now:.2g}) "
                f"and the penalty is {share:.1%} of the parameter gradient: multiply gamma by 10."
            )
            return


def _too_large(measurements: Sequence[Measurement]) -> Iterator[str]:
    blind, now = measurements[-1].blind_loss, measurements[-1].real_gradient
    # A loss without a scale (Wasserstein: blind at 0) says nothing about gamma.
    if blind and all(abs(m.loss / blind - 1) < _BLIND for m in measurements):
        yield (
            f"gamma is too large because the discriminator's loss stayed within 1 % of {blind:.4g},"
            f" that of a discriminator that cannot tell (now E||grad D||^2 = {now:.1g} on real "
            "data): divide gamma by 10."
        )


@contextmanager
def _kept(generator: torch.Generator | None) -> Iterator[None]:
    """Afterwards the generator's state is as it was."""
    state = generator.get_state() if generator is not None else None
    try:
        yield
    finally:
        if generator is not None and state is not None:
            generator.set_state(state)


def _value(tensor: Tensor) -> float:
    return float(tensor.detach().cpu().double().mean())  # Apple's GPUs have no float64


def _norm(value: Tensor, parameters: list[nn.Parameter]) -> float:
    """The norm of the value's gradient for all parameters."""
    if not value.requires_grad:
        return 0.0
    gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return sum(float(g.cpu().double().square().sum()) for g in gradients if g is not None) ** 0.5
