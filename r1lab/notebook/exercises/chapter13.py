"""Exercises of chapter 13, what came after R1."""

import math
from collections.abc import Callable, Sequence
from numbers import Real

import numpy as np

from r1lab.notebook.exercises import Checker
from r1lab.theory.dirac import DiracGAN
from r1lab.theory.dynamics import spectral_radius

__all__ = ["EXERCISES"]

CURVED = ((1.0, 1, 0.1), (2.0, 10, 0.3), (-0.5, 100, 0.01))  # a, d, sigma
LAZY = ((1.0, 0.2), (0.3, 0.2), (0.1, 0.2), (4.0, 0.1))  # gamma, h
ROUNDED = ((2.0**-7, 1e-3, 1.0), (2.0**-8, 1e-4, 3.0), (2.0**-6, 1e-3, 0.5))  # q, sigma, g

Cases = Sequence[tuple[float, ...]]


def _values(answer: object, cases: Cases, arguments: str) -> list[float] | str:
    """The function's values, or what is wrong with one of them."""
    if not callable(answer):
        return f"give a function of {arguments}"
    values = []
    for case in cases:
        try:
            value = answer(*case)
        except Exception as error:  # the reader's code may fail in any way
            return f"your function failed: {type(error).__name__}: {error}"
        if not isinstance(value, Real):
            return f"it must return a number, not {value!r}"
        values.append(float(value))
    return values


def _are(values: list[float], cases: Cases, target: Callable[..., float]) -> bool:
    pairs = zip(values, cases, strict=True)
    return all(math.isclose(value, target(*case), rel_tol=0.01) for value, case in pairs)


def _bias(a: float, d: float, sigma: float) -> float:
    return sigma**2 * a**2 * (d**2 + 2 * d) / 8


def _curvature(answer: object) -> str | None:
    values = _values(answer, CURVED, "a, d and sigma")
    if isinstance(values, str):
        return values
    if _are(values, CURVED, _bias):
        return None
    mistakes: list[tuple[Callable[..., float], str]] = [
        (lambda a, d, s: s**2 * a**2 * d**2 / 8, "|n|^2 is random: E |n|^4 is d^2 + 2d, not d^2"),
        (lambda a, d, s: s**2 * a**2 * d / 4, "this lacks d^2: E |n|^4 is d^2 + 2d"),
        (lambda a, d, s: 2 * _bias(a, d, s), "this is the mean square; the penalty has gamma/2"),
        (lambda a, d, s: s**2 * _bias(a, d, s), "the difference is divided by sigma, then squared"),
        (lambda a, d, s: 0.0, "the exact R1 is zero here; D still bends"),
    ]
    for wrong, hint in mistakes:
        if _are(values, CURVED, wrong):
            return hint
    return "D(sigma n) - D(0) = a sigma^2 |n|^2 / 2; divide by sigma, square, take the mean"


def _largest(gamma: float, h: float, scheme: str = "alternating", strength: float = 1.0) -> int:
    """The last interval before the first that is not stable."""
    gan = DiracGAN("relativistic", "r1", strength * gamma)
    interval = 1
    while (
        spectral_radius(gan.lazy_update_matrix(h, interval, scheme))  # type: ignore[arg-type]
        < 1 - 1e-12
    ):
        interval += 1
    return interval - 1


def _interval(answer: object) -> str | None:
    values = _values(answer, LAZY, "gamma and h")
    if isinstance(values, str):
        return values
    found = [_largest(*case) for case in LAZY]
    if values == found:
        return None
    if values == [_largest(*case, scheme="simultaneous") for case in LAZY]:
        return "these are the limits of simultaneous steps"
    if values == [interval + 1 for interval in found]:
        return "this is the first interval that is not stable, one too many"
    if all(
        abs(value - 2 / (h * gamma)) <= 1 for value, (gamma, h) in zip(values, LAZY, strict=True)
    ):
        return "2/(h gamma) bounds it; half a turn between two penalties is the other limit"
    return "raise the interval from 1 until the spectral radius of the cycle reaches one"


def _excess(spacing: float, sigma: float, slope: float) -> float:
    return spacing * math.sqrt(2 / math.pi) / (sigma * slope)


def _rounding(answer: object) -> str | None:
    values = _values(answer, ROUNDED, "q, sigma and g")
    if isinstance(values, str):
        return values
    if _are(values, ROUNDED, _excess):
        return None
    mistakes: list[tuple[Callable[..., float], str]] = [
        (lambda q, s, g: q / (s * g), "the mean of |n| is sqrt(2/pi), not one"),
        (
            lambda q, s, g: (q / (s * g)) ** 2,
            "a jump of q is rare: its probability is sigma g |n| / q",
        ),
        (
            lambda q, s, g: q**2 / (6 * (s * g) ** 2),
            "that is for independent rounding errors; here the two logits mostly round alike",
        ),
        (
            lambda q, s, g: g * g * _excess(q, s, g),
            "this is the squared slope itself; divide it by the true one",
        ),
        (lambda q, s, g: 1.0, "rounding makes the mean of the difference right, not of its square"),
    ]
    for wrong, hint in mistakes:
        if _are(values, ROUNDED, wrong):
            return hint
    return "a jump of q, squared and divided by sigma^2, times its probability, over g^2"


EXERCISES: dict[str, Checker] = {
    "ch13-curvature": _curvature,
    "ch13-interval": _interval,
    "ch13-rounding": _rounding,
}
