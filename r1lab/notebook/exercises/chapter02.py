"""The exercises of chapter 2, absolute continuity and distances between distributions."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from r1lab.notebook.answers import call, give_the_same, slip
from r1lab.notebook.exercises import Checker
from r1lab.theory import divergences as dv

__all__ = ["EXERCISES"]

POINTS = np.linspace(0, 1, 101)


def _fit(answer: object) -> str | None:
    """(p, q, a, b) on POINTS: p, q a bad fit but absolutely continuous, a, b the reverse."""
    try:
        p, q, a, b = (np.asarray(vector, float) for vector in cast(tuple[ArrayLike, ...], answer))
        distances = dv.total_variation(p, q), dv.wasserstein1(a, b, POINTS)
    except (TypeError, ValueError) as error:
        return f"give four probability vectors (p, q, a, b) of length 101: {error}"
    for (name, one), (other, two) in ((("p", p), ("q", q)), (("q", q), ("p", p))):
        if not dv.is_absolutely_continuous(one, two):
            return (
                f"{name} has mass at a point where {other} has none: put a little of {other} there"
            )
    if distances[0] <= 0.9:
        return f"TV(p, q) is {distances[0]:.2f}: pull p and q further apart, a little may stay"
    for (name, one), (other, two) in ((("a", a), ("b", b)), (("b", b), ("a", a))):
        if dv.is_absolutely_continuous(one, two):
            return f"{name} << {other} holds: {name} needs a point that {other} lacks"
    if distances[1] >= 0.02:
        return f"W1(a, b) is {distances[1]:.3f}: every bit of mass should have its goal next door"
    return None


def _noise(answer: object) -> str | None:
    """The smoothing at which the slope of JS in the shift is largest, at shift 1."""
    from scipy.optimize import minimize_scalar

    try:
        s = float(cast(float, answer))
    except (TypeError, ValueError):
        return "give one number, the standard deviation of the noise"
    if not 0 < s < np.inf:
        return "without noise JS is constant: the slope is zero; s must be positive and finite"

    def slope(smoothing: float) -> float:
        return float(dv.slopes(1.0, smoothing).js)

    best = minimize_scalar(lambda k: -slope(k), bounds=(0.1, 2.0), method="bounded").x
    best_shift = minimize_scalar(lambda t: -dv.slopes(t, 1.0).js, bounds=(0.5, 4), method="bounded")
    if abs(s - best) <= 0.02 * best:
        return None
    if abs(s * best_shift.x - 1) < 0.03:
        return "that is the noise for which t = 1 is the best shift; vary s in slope(t / s) / s"
    share = slope(s) / slope(best)
    way = "less" if s > best else "more"
    return f"the slope there is {share:.0%} of the largest: try {way} noise"


def _push(answer: object) -> str | None:
    """push(logit, slope) -> (minimax, non-saturating) force on a fake sample."""
    if not callable(answer):
        return "give the function push itself, without calling it"
    for logit, slope in ((-12.0, 30.0), (1.0, -2.0), (0.0, 1.0), (-800.0, 5.0), (800.0, 5.0)):
        with np.errstate(all="ignore"):
            pair, failure = call(answer, logit, slope)
        if failure and "OverflowError" not in failure:
            return failure
        if failure:
            return f"it overflows at a logit of {logit:g}: use scipy.special.expit"
        got, failure = call(_floats, pair)
        if failure:
            return f"push({logit:g}, {slope:g}) should return two numbers, not {pair!r}"
        if len(got) != 2:
            return f"push should return two numbers, not {len(got)}"
        if hint := _mispushed(got, logit, slope):
            return hint
    return None


def _floats(pair: Any) -> list[float]:
    return [float(number) for number in pair]


def _mispushed(got: list[float], logit: float, slope: float) -> str | None:
    from scipy.special import expit

    right, places = (expit(logit) * slope, expit(-logit) * slope), ((0,), (1,))
    if give_the_same(got, lambda place: right[place], places):
        return None
    if not np.isfinite(got).all():
        return f"it is not finite at a logit of {logit:g}: use scipy.special.expit"
    slips: dict[str, Callable[..., float]] = {
        "the two are swapped: minimax is the one that fades where D is sure of a fake": (
            lambda place: right[1 - place]
        ),
        "the sign: the generator moves against the derivative of its loss": (
            lambda place: -right[place]
        ),
    }
    otherwise = (
        f"at logit {logit:g} and slope {slope:g} it gives {got[0]:.4g} and {got[1]:.4g}: "
        "differentiate each loss with respect to D, then use the chain rule"
    )
    return slip(got, places, slips, otherwise)


EXERCISES: dict[str, Checker] = {"ch02-fit": _fit, "ch02-noise": _noise, "ch02-push": _push}
