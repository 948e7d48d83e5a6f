"""Exercises of chapter 5, where instabilities come from."""

import math
from collections.abc import Callable
from numbers import Real

from r1lab.notebook.answers import call
from r1lab.notebook.exercises import Checker

__all__ = ["EXERCISES"]

K, MU = 0.5, 0.25  # f'(0) and -f''(0) of the logistic loss
THICKNESSES = (0.1, 0.3, 0.7)


def _near(value: float, target: float) -> bool:
    return math.isclose(value, target, rel_tol=0.01)


def _is(answer: Callable[[float], float], target: Callable[[float], float]) -> bool:
    return all(_near(float(answer(eps)), target(eps)) for eps in THICKNESSES)


def _failure(answer: Callable[[float], float]) -> str | None:
    return call(lambda: [float(answer(eps)) for eps in THICKNESSES])[1]


def _halving(answer: object) -> str | None:
    if not isinstance(answer, Real):
        return "give one number, the steps"
    h, eps = 0.1, 0.02
    steps = math.log(2) / (h * MU * eps**2)
    slips = {
        steps: None,
        steps * h: "this is the time; each step covers only h of it",
        steps / math.log(2): "this is the factor e, not the factor 2",
        steps * eps: "the rate falls with the square of the thickness",
        steps / 2: "mu is 1/4 for the logistic loss, and the rate is mu eps^2, not 2 mu eps^2",
    }
    for value, hint in slips.items():
        if _near(float(answer), value):
            return hint
    return "one step multiplies the distance by sqrt(1 - 2 h mu eps^2), with mu = 1/4"


def _same_damping(answer: object) -> str | None:
    if not callable(answer):
        return "give a function of eps"
    if failure := _failure(answer):
        return failure
    if _is(answer, lambda eps: 2 * MU * (1 - eps**2)):
        return None
    if _is(answer, lambda eps: MU * (1 - eps**2)):
        return "R1 damps at the rate gamma/2, not gamma"
    if _is(answer, lambda eps: 2 * MU):
        return "the thickness that is there damps, too: less gamma is needed"
    return "set mu eps^2 + gamma/2 equal to mu"


def _thin_step(answer: object) -> str | None:
    if not callable(answer):
        return "give a function of eps"
    if failure := _failure(answer):
        return failure
    if _is(answer, lambda eps: 2 * MU * eps**2 / K**2):
        return None
    if _is(answer, lambda eps: MU * eps**2 / K**2):
        return "this is the best step, half of the largest"
    if _is(answer, lambda eps: 2 / (MU * eps**2)):
        return "this forgets the rotation: h < 2 |Re lambda| / |lambda|^2"
    if _near(float(answer(0.1)), float(answer(0.7))):
        return "the limit depends on the thickness"
    return "|1 + h lambda|^2 = 1 - 2 h mu eps^2 + h^2 k^2 must be below one"


EXERCISES: dict[str, Checker] = {
    "ch05-halving": _halving,
    "ch05-same-damping": _same_damping,
    "ch05-thin-step": _thin_step,
}
