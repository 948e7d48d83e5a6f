"""Exercises of chapter 12, spectra of real GANs: residuals, a step's bound, a deleted block."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from r1lab.notebook.answers import call
from r1lab.notebook.exercises import Checker

__all__ = ["EXERCISES"]

Array = NDArray[Any]

_GAME = np.array([[-0.2, 0.1, -1.0], [0.1, -0.1, 0.5], [1.5, -0.5, -2.0]])  # generator: two rows
_SPECTRA = (
    np.array([-17.0, -0.2 + 1.7j, -0.2 - 1.7j]),
    np.array([-90.0, -0.4 + 1.5j, -0.4 - 1.5j]),
    np.array([-3.0 + 2.5j, -3.0 - 2.5j]),
)


def _pairs() -> tuple[Array, Array, Array]:
    """A matrix with a list of values and columns: good, scaled, wrong, tiny, nearly zero."""
    rng = np.random.default_rng(12)
    basis = rng.standard_normal((5, 5))
    exact = np.array([-40.0, -3.0, 2.0, 1e-7, -1.0])
    matrix = basis @ np.diag(exact) @ np.linalg.inv(basis)
    columns = basis / np.linalg.norm(basis, axis=0)
    off = columns[:, 4] + 1e-3 * columns[:, 1]
    vectors = np.column_stack([columns[:, 0], 1e12 * columns[:, 1], 1e-9 * columns[:, 2], off])
    # 2.5 is no eigenvalue; the last value is a thousand times the small one, of the wrong sign.
    vectors = np.column_stack([vectors, columns[:, 3]])
    return matrix, np.array([-40.0, -3.0, 2.5, -1.0, -1e-7]), vectors


def _residual(answer: object) -> str | None:
    if not callable(answer):
        return "give the function itself, trusted, which takes J, values and vectors"
    matrix, values, vectors = _pairs()
    got, failure = call(answer, matrix, values, vectors)
    if failure:
        return failure
    flags = np.asarray(got)
    if flags.shape != values.shape or flags.dtype != bool:
        return f"give one boolean for each of the {len(values)} values"
    if not flags[0]:
        return "a good pair is refused: are the vectors columns, and did you subtract value * x?"
    if not flags[1]:
        return "a long vector has a long residual: divide by the length of x"
    if flags[2]:
        return "a short vector has a short residual: divide by the length of x"
    if flags[4]:
        return "divide by the modulus of the value: near zero an absolute residual hides the sign"
    return "the vector is off by a thousandth: that is no eigenvector to 1e-6" if flags[3] else None


def _step(answer: object) -> str | None:
    if not callable(answer):
        return "give the function itself, longest, which takes an array of eigenvalues"
    for values in _SPECTRA:
        bounds = -2 * values.real / abs(values) ** 2
        got, failure = call(answer, values)
        if failure:
            return failure
        if not isinstance(got, float | int):
            return f"it must return a number, not {got!r}"
        known = {
            float((2 / abs(values)).min()): "2 / |lambda| forgets that what turns allows less",
            float((2 / abs(values.real)).min()): "2 / |Re| holds only without rotation",
            float(bounds.max()): "all of them must contract: the smallest bound counts",
            float(bounds.min() / 2): "this is half of it, the step that is best for one pair",
        }
        if not np.isclose(got, bounds.min()):
            hints = [hint for value, hint in known.items() if np.isclose(got, value)]
            return hints[0] if hints else "2 |Re lambda| / |lambda|^2, the smallest of them"
    got, failure = call(answer, np.array([-17.0, 1.45, -0.2 + 1.7j, -0.2 - 1.7j]))
    if failure:
        return failure
    return None if got == 0 else "an eigenvalue on the right forbids all steps: give 0.0"


def _detached(answer: object) -> str | None:
    if not callable(answer):
        return "give the function itself, detached, which takes J and n"
    given = _GAME.copy()
    got, failure = call(answer, given, 2)
    if failure:
        return failure
    if not np.array_equal(given, _GAME):
        return "it changes J in place: work on a copy"
    got = np.asarray(got)
    if got.shape != _GAME.shape:
        return f"give a matrix of the shape of J, {_GAME.shape}, not {got.shape}"
    right, other, both = _GAME.copy(), _GAME.copy(), _GAME.copy()
    right[2:, :2] = other[:2, 2:] = 0
    both[2:, :2] = both[:2, 2:] = 0
    if np.allclose(got, right):
        return None
    if np.allclose(got, other):
        return "that cuts psi from the generator's gradient; cut are the fakes in D's loss"
    if np.allclose(got, both):
        return "the generator's step goes through D without a detach: its block with psi stays"
    if np.allclose(got, _GAME):
        return "nothing was deleted: which gradient no longer depends on theta?"
    return "only one block changes, and it becomes zero: rows of psi, columns of theta"


EXERCISES: dict[str, Checker] = {
    "ch12-residual": _residual,
    "ch12-step": _step,
    "ch12-detached": _detached,
}
