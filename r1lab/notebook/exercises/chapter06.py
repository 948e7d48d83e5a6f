"""Exercises of chapter 6, regularisation strategies."""

import math
from collections.abc import Callable

from r1lab.notebook.answers import give_the_same, numbers, slip
from r1lab.notebook.exercises import Checker

__all__ = ["EXERCISES"]

STRENGTHS = (0.1, 0.7, 3.0)
PENALTIES = ((0.35, 1.0), (1.5, 0.4), (10.0, 2.0))  # weight, center

Formula = Callable[..., float]


def _checker(
    arguments: str,
    cases: tuple[tuple[float, ...], ...],
    right: Formula,
    slips: dict[str, Formula],
    otherwise: str,
) -> Checker:
    def checker(answer: object) -> str | None:
        if not callable(answer):
            return f"give a function of {arguments}"
        values = numbers(answer, cases)
        if isinstance(values, str):
            return values
        if give_the_same(values, right, cases):
            return None
        return slip(values, cases, slips, otherwise)

    return checker


_GAMMAS = tuple((gamma,) for gamma in STRENGTHS)

EXERCISES: dict[str, Checker] = {
    "ch06-noise": _checker(
        "gamma",
        _GAMMAS,
        lambda gamma: math.sqrt(2 * gamma),
        {
            "this is the variance, not the standard deviation": lambda gamma: 2 * gamma,
            "both the real and the fake samples are noisy: the damping is 2 sigma^2 |f''(0)|": (
                lambda gamma: math.sqrt(4 * gamma)
            ),
            "f''(0) is -1/4 for the logistic loss, not -1": lambda gamma: math.sqrt(gamma / 2),
        },
        "the sums of the two eigenvalues must be equal",
    ),
    "ch06-consensus-step": _checker(
        "gamma",
        _GAMMAS,
        lambda gamma: 8 * gamma / (gamma**2 + 4),
        {
            "this forgets the rotation: h < 2 |Re lambda| / |lambda|^2": lambda gamma: 8 / gamma,
            "this is R1's limit: consensus changes |lambda|, too": lambda gamma: 4 * gamma,
            "f'(0) is 1/2 for the logistic loss, not 1": lambda gamma: 2 * gamma / (gamma**2 + 1),
        },
        "the eigenvalues are -gamma f'(0)^2 ± i f'(0), with f'(0) = 1/2",
    ),
    "ch06-stuck": _checker(
        "weight and center",
        PENALTIES,
        lambda weight, center: 2 * weight * center,
        {
            "the derivative of the square brings a factor 2": lambda weight, center: (
                weight * center
            ),
            "the target slope is center, not always 1": lambda weight, center: 2 * weight,
            "at theta = 0 the penalty still pushes a flat D": lambda weight, center: 0.0,
        },
        "at rest psi -> 0 from one side, and there v_psi = theta ± 2 weight center",
    ),
}
