"""Exercises of appendix A, regularisation basics."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from r1lab.notebook.answers import give_the_same, numbers, slip
from r1lab.notebook.exercises import Checker

__all__ = ["EXERCISES"]

Array = NDArray[np.float64]

NORMS = ((1.0, 4.0), (3.0, 0.5), (2.0, 2.0))


def _largest(X: Array, y: Array) -> float:
    return float(np.abs(X.T @ y).max())


def _threshold(X: Array, y: Array) -> float:
    return _largest(X, y) / len(y)


def _factor(a: float, w: float) -> float:
    return math.sqrt(a / w)


def _empty_model(answer: object) -> str | None:
    if not callable(answer):
        return "give a function of X and y"
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    y -= X[:, 0]  # the largest correlation is negative
    cases = [(X, y)]
    values = numbers(answer, [(X.copy(), y.copy())])  # the reader's code may change its arguments
    if isinstance(values, str):
        return values
    if give_the_same(values, _threshold, cases):
        return None
    slips: dict[str, Callable[..., float]] = {
        "this is lambda; scikit-learn divides the square by 2 n, so alpha = lambda / n": _largest,
        "the 2 is in the lasso of this page, too: divide by n only": (
            lambda X, y: _threshold(X, y) / 2
        ),
        "a large negative correlation counts, too": lambda X, y: float((X.T @ y).max()) / len(y),
    }
    otherwise = "all weights stay at zero as long as no |x_j . y| exceeds the threshold"
    return slip(values, cases, slips, otherwise)


def _balance(answer: object) -> str | None:
    if not callable(answer):
        return "give a function of the two norms"
    values = numbers(answer, NORMS)
    if isinstance(values, str):
        return values
    if give_the_same(values, _factor, NORMS):
        return None
    slips: dict[str, Callable[..., float]] = {
        "the layer that is multiplied by c is the one with norm w": lambda a, w: _factor(w, a),
        "this is the square of c": lambda a, w: a / w,
        "the layers end with one norm: c w = a / c": lambda a, w: w / a,
    }
    return slip(values, NORMS, slips, "minimise c^2 w^2 + a^2 / c^2 over c")


EXERCISES: dict[str, Checker] = {
    "app-a-empty-model": _empty_model,
    "app-a-balance": _balance,
}
