"""Exercises of appendix A, regularisation basics."""

import math
from collections.abc import Callable

import numpy as np

from r1lab.notebook.exercises import Checker

__all__ = ["EXERCISES"]

NORMS = ((1.0, 4.0), (3.0, 0.5), (2.0, 2.0))


def _near(value: float, target: float) -> bool:
    return math.isclose(value, target, rel_tol=1e-6)


def _empty_model(answer: object) -> str | None:
    if not callable(answer):
        return "give a function of X and y"
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    y -= X[:, 0]  # the largest correlation is negative
    correlations = X.T @ y
    value = float(answer(X, y))
    largest = float(np.abs(correlations).max())
    slips = {
        largest / len(y): None,
        largest: "this is lambda; scikit-learn divides the square by 2 n, so alpha = lambda / n",
        largest / (2 * len(y)): "the 2 is in the lasso of this page, too: divide by n only",
        float(correlations.max()) / len(y): "a large negative correlation counts, too",
    }
    for target, hint in slips.items():
        if _near(value, target):
            return hint
    return "all weights stay at zero as long as no |x_j . y| exceeds the threshold"


def _balance(answer: object) -> str | None:
    if not callable(answer):
        return "give a function of the two norms"

    def agrees(target: Callable[[float, float], float]) -> bool:
        return all(_near(float(answer(a, w)), target(a, w)) for a, w in NORMS)

    slips: dict[Callable[[float, float], float], str | None] = {
        lambda a, w: math.sqrt(a / w): None,
        lambda a, w: math.sqrt(w / a): "the layer that is multiplied by c is the one with norm w",
        lambda a, w: a / w: "this is the square of c",
        lambda a, w: w / a: "the layers end with one norm: c w = a / c",
    }
    for target, hint in slips.items():
        if agrees(target):
            return hint
    return "minimise c^2 w^2 + a^2 / c^2 over c"


EXERCISES: dict[str, Checker] = {
    "app-a-empty-model": _empty_model,
    "app-a-balance": _balance,
}
