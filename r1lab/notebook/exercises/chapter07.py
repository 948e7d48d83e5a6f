"""Chapter 7, R1 symbol by symbol: a gamma's units, R1 against weight decay, a dead penalty."""

import math
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from r1lab.notebook.answers import call
from r1lab.notebook.exercises import Checker

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["EXERCISES"]

STRETCH = 1 / 127.5  # from [0, 255] to [-1, 1]


def _units(answer: object) -> str | None:
    """The number 2 * 1000 / 127.5^2."""
    if not isinstance(answer, Real):
        return "give one number, the gamma."
    slips = {
        2000 * STRETCH**2: None,
        1000 * STRETCH**2: "the code lacks the one half: 1000 there is 2000 in paper units.",
        500
        * STRETCH**2: "a factor of four: [-1, 1] is two wide, and without the half gamma doubles.",
        2000 * STRETCH: "the gradient is squared, so the stretch counts squared.",
        2000 / STRETCH**2: "smaller inputs mean larger gradients: gamma must fall, not rise.",
        2000.0: "that is for inputs in [0, 255]: the change of range is missing.",
    }
    for value, hint in slips.items():
        if math.isclose(float(answer), value, rel_tol=0.01):
            return hint
    return "first the missing one half, then the square of the stretch."


def _weight_decay(answer: object) -> str | None:
    """A function (psi, gamma, eps): gamma (psi1, psi2, 4 eps^2 psi3)."""
    if not callable(answer):
        return "give the function itself, pull, which takes psi, gamma and eps."
    psi, gamma, eps = np.array([0.4, 0.7, 2.0]), 3.0, 0.3
    got, failure = call(lambda: np.asarray(answer(psi.copy(), gamma, eps), float))
    if failure:
        return failure
    if got.shape != (3,):
        return "it must return three numbers, one for each weight."
    slips: dict[str | None, list[float]] = {
        None: [1, 1, 4 * eps**2],
        "that is weight decay: R1 looks at the slope of D, not at the weights.": [1, 1, 1],
        "that holds for eps = 0: off the line the curved term has a slope.": [1, 1, 0],
        "the derivative of x2^2 is 2 x2, and its square 4 x2^2.": [1, 1, eps**2],
        "the mean of x2^2 is eps^2, not eps.": [1, 1, 4 * eps],
        "that is half of it: the derivative of gamma/2 a^2 is gamma a.": [0.5, 0.5, 2 * eps**2],
    }
    for hint, factors in slips.items():
        if np.allclose(got, gamma * psi * factors):
            return hint
    return "average (psi1)^2 + (psi2 + 2 psi3 x2)^2 over x2, then differentiate by each weight."


Penalty = Callable[["nn.Module", "Tensor"], "Tensor"]


def _dead(answer: object) -> str | None:
    """A function (penalty, discriminator, real): whether the penalty moves any weight."""
    if not callable(answer):
        return "give the function itself, teaches."
    for case, expected, hint in _penalties():
        got, failure = call(answer, *case)
        if failure:
            return failure
        if not isinstance(got, bool):
            return f"it must return True or False, not {got!r}."
        if got != expected:
            return hint
    return None


def _penalties() -> list[tuple[tuple[Penalty, Any, Any], bool, str]]:
    import torch
    from torch import nn

    def penalty(discriminator: nn.Module, real: torch.Tensor, alive: bool = True) -> torch.Tensor:
        real = real.detach().requires_grad_()
        logits = discriminator(real).sum()
        (gradient,) = torch.autograd.grad(logits, real, create_graph=alive)
        return gradient.square().sum(1).mean() / 2

    def dead(discriminator: nn.Module, real: torch.Tensor) -> torch.Tensor:
        return penalty(discriminator, real, alive=False)

    def network() -> nn.Module:
        layers = [nn.Linear(2, 4), nn.Softplus(), nn.Linear(4, 1)]
        for layer in layers[::2]:
            nn.init.constant_(layer.weight, 0.3)  # type: ignore[arg-type]
        return nn.Sequential(*layers)

    real = torch.linspace(-1, 1, 6).reshape(3, 2)
    stale = network()
    stale(real).sum().backward()
    return [
        ((penalty, network(), real), True, "a healthy R1 does move weights: yours says no."),
        ((dead, network(), real), False, "without create_graph the penalty is a plain number."),
        (
            (penalty, network().requires_grad_(False), real),
            False,
            "D is frozen: the penalty still requires a gradient, through x, but no weight gets it.",
        ),
        (
            (dead, stale, real),
            False,
            "those gradients are left over from an earlier loss: ask for the penalty's own.",
        ),
    ]


EXERCISES: dict[str, Checker] = {
    "ch07-units": _units,
    "ch07-weight-decay": _weight_decay,
    "ch07-dead": _dead,
}
