"""Chapter 3, vector fields and Jacobian spectra: the step size bound, extragradient, a verdict."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r1lab.notebook.answers import call
from r1lab.notebook.exercises import Checker

__all__ = ["EXERCISES"]

Array = NDArray[np.float64]

# Jacobians of stable games: one pair, two different pairs, a pair and a fast real eigenvalue.
_PAIR = np.array([[-0.3, -1.0], [1.0, -0.3]])
_TWO_PAIRS = np.kron(np.diag([1.0, 0.0]), _PAIR) + np.kron(
    np.diag([0.0, 1.0]), [[-0.1, -2.0], [2.0, -0.1]]
)
_FAST = np.array([[-0.3, -1.0, 0.0], [1.0, -0.3, 0.0], [0.0, 0.0, -5.0]])
_UNSTABLE = (np.array([[0.0, -1.0], [1.0, 0.0]]), np.array([[-0.3, 0.0], [0.0, 0.2]]))


def _step_size(answer: object) -> str | None:
    """A function of a Jacobian: the smallest 2 |Re| / |lambda|^2, 0 where none contracts."""
    if not callable(answer):
        return "give the function itself, limit, which takes a Jacobian."
    for jacobian in (_PAIR, _TWO_PAIRS, _FAST):
        values = np.linalg.eigvals(jacobian)
        bounds = -2 * values.real / abs(values) ** 2
        got, failure = call(lambda argument: float(answer(argument)), jacobian)
        if failure:
            return failure
        if np.isclose(got, bounds.min()):
            continue
        if np.isclose(got, bounds.max()):
            return "every multiplier must be inside: the smallest bound counts, not the largest."
        if np.isclose(got, bounds.min() / 2):
            return "that is half the bound, the step that is best for one pair."
        if np.isclose(got, (2 / abs(values.real)).min()):
            return "2/|Re| holds without rotation: the imaginary part shortens the step."
        return f"for the eigenvalues {np.round(values, 3)} it gives {got:.4g}: see the theorem."
    for jacobian in _UNSTABLE:
        got, failure = call(lambda argument: float(answer(argument)), jacobian)
        if failure:
            return failure
        if got != 0:
            return "where an eigenvalue has a real part of zero or more no step contracts: give 0."
    return None


def _curved(z: ArrayLike) -> Array:
    x, y = np.asarray(z, float)
    return np.array([-y - x**3, x - 0.3 * y])


def _extragradient(answer: object) -> str | None:
    """A function (field, z, h): z + h field(z + h field(z))."""
    if not callable(answer):
        return "give the function itself, step, which takes a field, a point and h."
    z, h = np.array([0.7, -0.4]), 0.3
    got, failure = call(lambda: np.asarray(answer(_curved, z, h), float))
    if failure:
        return failure
    if not np.array_equal(z, [0.7, -0.4]):
        return "it changes z in place (z += ...): the caller's point must stay as it is."
    ahead = z + h * _curved(z)
    there = _curved(ahead)
    known = {
        "that is a plain step: measure the velocity once more, at the point ahead.": ahead,
        "you step from the point ahead, which makes two plain steps: step from z.": ahead
        + h * there,
        "you average both velocities: only the one measured ahead moves z.": z
        + h / 2 * (_curved(z) + there),
    }
    if got.shape == z.shape and np.allclose(got, z + h * there):
        return None
    for hint, value in known.items():
        if got.shape == z.shape and np.allclose(got, value):
            return hint
    return "look ahead to z + h v(z), measure v there, and step from z with it."


_CASES: tuple[tuple[ArrayLike, str, str], ...] = (
    ([[-1.3, 0.0], [0.0, 0.5]], "repels", "a multiplier of -1.3 is below one, its modulus is not."),
    (
        [[0.9, -0.9], [0.9, 0.9]],
        "repels",
        "0.9 ± 0.9i has modulus 1.27: take abs, not real.",
    ),
    ([[0.5, 0.0], [0.0, 1.2]], "repels", "one multiplier outside is enough to repel."),
    ([[0.5, 9.0], [0.0, 0.4]], "converges", "eigenvalues decide, not the size of the entries."),
    ([[0.6, -0.6], [0.6, 0.6]], "converges", "0.6 ± 0.6i has modulus 0.85, inside."),
    (
        [[0.6, -0.8], [0.8, 0.6]],
        "undecided",
        "0.6 ± 0.8i has modulus one: undecided.",
    ),
    ([[1.0, 0.0], [0.0, 0.5]], "undecided", "a multiplier of one and nothing outside: undecided."),
)


def _verdict(answer: object) -> str | None:
    """A function of an update matrix: "converges", "repels" or "undecided"."""
    if not callable(answer):
        return "give the function itself, verdict, which takes a matrix."
    for matrix, expected, hint in _CASES:
        got, failure = call(answer, np.array(matrix))
        if failure:
            return failure
        if not isinstance(got, str) or got not in ("converges", "repels", "undecided"):
            return f'the answer must be "converges", "repels" or "undecided", not {got!r}.'
        if got != expected:
            return hint
    return None


EXERCISES: dict[str, Checker] = {
    "ch03-step-size": _step_size,
    "ch03-extragradient": _extragradient,
    "ch03-verdict": _verdict,
}
