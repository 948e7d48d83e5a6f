"""Exercises of chapter 8, the convergence theorem."""

import math

import numpy as np

from r1lab.notebook.answers import give_the_same, numbers
from r1lab.notebook.exercises import Checker

__all__ = ["EXERCISES"]

LATENTS = ((2,), (3,), (7,))
STRENGTHS = ((0.05,), (0.3,), (0.7,), (2.0,), (4.0,))
K, MU = 0.5, 0.25  # f'(0) and -f''(0) of the logistic loss


def _bound(half_trace: float, frequency: float) -> float:
    """The largest step for the eigenvalues -q +- sqrt(q^2 - omega^2)."""
    if half_trace < frequency:
        return 2 * half_trace / frequency**2
    return 2 / (half_trace + math.sqrt(half_trace**2 - frequency**2))


def _offset(gamma: float) -> float:
    return _bound(gamma / 2, K)


def _spread(gamma: float) -> float:
    return _bound(2 * (MU + gamma), 2 * K)


def _limit(gamma: float) -> float:
    pairs = (_offset(gamma), _spread(gamma), _bound(MU + gamma / 2, K))
    return min(*pairs, 1 / MU)


def _zeros(answer: object) -> str | None:
    if not callable(answer):
        return "give a function of the number of latents"
    found = numbers(answer, LATENTS)
    if isinstance(found, str):
        return found
    hints: dict[float, str | None] = {
        0: None,
        -1: "one of the two sets is missing: M_G is a sphere, M_D the psi5-axis",
        1: "a sphere in as many dimensions as latents has one dimension less",
    }
    difference = {got - latents for got, (latents,) in zip(found, LATENTS, strict=True)}
    wrong = "the zeros are the dimension of M_G plus that of M_D"
    return hints.get(difference.pop(), wrong) if len(difference) == 1 else wrong


def _block(answer: object) -> str | None:
    try:
        b, c = (np.array(part, float) for part in answer)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return "give a pair (B, C) of matrices"
    if b.shape != (2, 2) or c.shape != (2, 2) or not np.isfinite([b, c]).all():
        return "B and C must be 2 x 2 matrices of numbers"
    if not np.allclose(c, c.T):
        return "C must be symmetric"
    low, high = np.linalg.eigvalsh(c)
    if low < -1e-9 * max(high, 1):
        return "C has a negative eigenvalue: it must be positive semidefinite"
    if low > 1e-9 * max(high, 1):
        return "C is positive definite: the lemma covers it. Make it singular"
    game = np.block([[np.zeros((2, 2)), -b.T], [b, -c]])
    if np.linalg.eigvals(game).real.max() < -0.01:
        return None
    if abs(np.linalg.det(b)) < 1e-9:
        return "B is singular: some move of the generator goes unnoticed"
    if np.linalg.eigvals(game).real.max() < -1e-6:
        return "all four are damped, the slowest by less than 0.01: scale B and C to a size near 1"
    return "B B^T must not map the kernel of C into itself (a diagonal pair will not do)"


def _step_limit(answer: object) -> str | None:
    if not callable(answer):
        return "give a function of gamma"
    values = numbers(answer, STRENGTHS)
    if isinstance(values, str):
        return values
    if not all(math.isfinite(value) and value > 0 for value in values):
        return "leave out the zero eigenvalues: they belong to the tangent space"
    if give_the_same(values, _limit, STRENGTHS):
        return None
    if give_the_same(values, _offset, STRENGTHS):
        return "this is the offset alone; the spread along the line is stiffer for large gamma"
    if give_the_same(values, _spread, STRENGTHS):
        return "this is the spread alone; the offset rotates longer for small gamma"
    if give_the_same(values, lambda gamma: _limit(gamma) / 2, STRENGTHS):
        return "this is half of it"
    return "h < 2 |Re lambda| / |lambda|^2 for every eigenvalue that is not zero"


EXERCISES: dict[str, Checker] = {
    "ch08-zeros": _zeros,
    "ch08-block": _block,
    "ch08-step-limit": _step_limit,
}
