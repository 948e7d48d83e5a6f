"""Exercises of chapter 13, what came after R1."""

import math
from collections.abc import Callable

from r1lab.notebook.answers import give_the_same, numbers, slip
from r1lab.notebook.exercises import Checker
from r1lab.theory import dynamics
from r1lab.theory.dirac import DiracGAN

__all__ = ["EXERCISES"]

BOWLS = ((1.0, 2, 0.3, 2.0), (-0.5, 10, 0.1, 1.0), (2.0, 100, 0.01, 10.0))  # a, d, sigma, gamma
STEPS = ((0.3, 0.2), (0.1, 0.2), (1.0, 0.2), (0.3, 0.5))  # gamma, h
LOGITS = ((3.0, 0.001), (0.7, 0.01), (100.0, 0.03))  # logit, sigma


def _bowl(a: float, d: int, sigma: float, gamma: float) -> float:
    return gamma * sigma**2 * a**2 * (d**2 + 2 * d) / 8


def _bias(answer: object) -> str | None:
    values = numbers(answer, BOWLS)
    if isinstance(values, str):
        return values
    slips: dict[str, Callable[..., float]] = {
        "do not forget gamma / 2": lambda a, d, s, g: _bowl(a, d, s, 2.0),
        "R1 is zero here, the approximate penalty is not: D is curved": lambda a, d, s, g: 0.0,
        "the trace of A squared counts twice, and (tr A)^2 is there, too": (
            lambda a, d, s, g: g * s**2 * a**2 * 2 * d / 8
        ),
        "(tr A)^2 is not all: each input's own fourth moment adds 2 tr A^2": (
            lambda a, d, s, g: g * s**2 * a**2 * d**2 / 8
        ),
    }
    if give_the_same(values, _bowl, BOWLS):
        return None
    otherwise = "use the proposition with g = 0 and A = a I, and multiply by gamma / 2"
    return slip(values, BOWLS, slips, otherwise)


def _longest(gamma: float, h: float) -> int:
    gan, interval = DiracGAN("minimax", "r1", gamma), 1
    while dynamics.spectral_radius(gan.lazy_update_matrix(h, interval, "alternating")) < 1:
        interval += 1
    return interval - 1


def _lazy(answer: object) -> str | None:
    values = numbers(answer, STEPS)
    if isinstance(values, str):
        return values
    if give_the_same(values, _longest, STEPS):
        return None
    if give_the_same(values, lambda gamma, h: _longest(gamma, h) + 1, STEPS):
        return "that is the first interval that does not contract: the one before is asked for"
    if all(abs(v - 2 / (h * g)) <= 1 for v, (g, h) in zip(values, STEPS, strict=True)):
        return "beyond 2 / (h gamma) it must diverge, but it may do so before: look at the matrix"
    return "ask the cycle's matrix: DiracGAN(...).lazy_update_matrix(h, k, 'alternating')"


def _slope(logit: float, sigma: float) -> float:
    return 4.0 ** (math.floor(math.log2(logit)) - 7) / sigma**2


def _rounding(answer: object) -> str | None:
    values = numbers(answer, LOGITS)
    if isinstance(values, str):
        return values
    slips: dict[str, Callable[..., float]] = {
        "the squared slope is asked for": lambda x, s: math.sqrt(_slope(x, s)),
        "the spacing is 2**(e - 7): the leading bit is one of the eight": (
            lambda x, s: _slope(x, s) / 4
        ),
        "spacings come in powers of two: take the floor of log2(logit)": (
            lambda x, s: (x * 2**-7 / s) ** 2
        ),
        "divide by sigma before you square": lambda x, s: _slope(x, s) * s,
    }
    if give_the_same(values, _slope, LOGITS):
        return None
    otherwise = "one spacing between neighbouring logits, over sigma, squared"
    return slip(values, LOGITS, slips, otherwise)


EXERCISES: dict[str, Checker] = {
    "ch13-bias": _bias,
    "ch13-lazy": _lazy,
    "ch13-rounding": _rounding,
}
