"""Chapter 4, the Dirac-GAN: the step size R1 allows, friction on the generator, a smaller h."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from r1lab.notebook.answers import call
from r1lab.notebook.exercises import Checker

__all__ = ["EXERCISES"]

Array = NDArray[np.float64]

K = 0.5  # f'(0) of the logistic loss
GAMMAS = (0.1, 0.3, 1.0, 2.0, 5.0)
STEPS = (0.1, 0.5, 1.0)
PLACES = ((1.0, 0.3), (-2.0, 0.5), (0.5, 1.0))  # of the data, with a strength each


def _step_size(answer: object) -> str | None:
    """A function of gamma: gamma / k^2 while the pair rotates, 2 / |the faster one| beyond."""
    gamma = np.array(GAMMAS)
    rotating = gamma / K**2
    root = np.sqrt(np.maximum(gamma**2 / 4 - K**2, 0))
    bound = np.where(gamma <= 2 * K, rotating, 2 / (gamma / 2 + root))
    hints = {
        "gamma/f'(0)^2 holds while the pair rotates: beyond gamma = 1 take the real eigenvalues.": (
            rotating
        ),
        "that is half the bound.": bound / 2,
        "f'(0) is 1/2 for the logistic loss, not 1.": gamma,
        "you took the slower eigenvalue: the faster one leaves the disc first.": np.where(
            gamma <= 2 * K, rotating, 2 / (gamma / 2 - root)
        ),
        "2/|Re| forgets the rotation: |1 + h lambda| has an imaginary part, too.": 2
        / (gamma / 2 + root),
    }
    return _compare(answer, [(value,) for value in GAMMAS], bound, hints)


def _smaller_h(answer: object) -> str | None:
    """A function of h: log 2 / log sqrt(1 + h^2 k^2)."""
    h = np.array(STEPS)
    steps = np.log(2) / np.log(np.sqrt(1 + (h * K) ** 2))
    hints = {
        "f'(0) is 1/2 for the logistic loss, not 1.": np.log(2) / np.log(np.sqrt(1 + h**2)),
        "the modulus is the square root of 1 + h^2 f'(0)^2.": steps / 2,
        "that is good for small h only: take the logarithm of the modulus itself.": 2
        * np.log(2)
        / (h * K) ** 2,
        "that is the time: each step covers h of it.": steps * h,
        "no step size is small enough: every step moves outwards.": np.full(3, np.inf),
    }
    return _compare(answer, [(value,) for value in STEPS], steps, hints)


def _generator_friction(answer: object) -> str | None:
    """A function (c, gamma): the rest (c, -gamma c / k)."""
    c, gamma = np.array(PLACES).T
    hints = {
        "with a flat discriminator only the friction moves the generator, away from c.": (c, 0 * c),
        "the discriminator rests only where theta - c is zero.": (0 * c, 0 * c),
        "check the sign: -psi f'(0) and -gamma theta must cancel.": (c, gamma * c / K),
        "the slope counts with f'(0) = 1/2: -psi f'(0) must cancel -gamma theta.": (c, -gamma * c),
    }
    return _compare(
        answer,
        PLACES,
        np.stack([c, -gamma * c / K], 1),
        {hint: np.stack(pair, 1) for hint, pair in hints.items()},
    )


def _compare(
    answer: object, arguments: Sequence[Sequence[float]], right: Array, slips: dict[str, Array]
) -> str | None:
    """None if the function gives `right` at the arguments, else the hint of what it does give."""
    if not callable(answer):
        return "give the function itself, not its value."
    got, failure = call(lambda: np.array([answer(*values) for values in arguments], float))
    if failure:
        return failure
    if got.shape != right.shape:
        return f"it must return {'two numbers' if right.ndim == 2 else 'one number'}."
    for hint, values in slips.items():
        if np.allclose(got, values, rtol=1e-3):
            return hint
    wrong = ~np.isclose(got, right, rtol=1e-3).reshape(len(right), -1).all(axis=1)
    if not wrong.any():
        return None
    place = int(wrong.argmax())
    inputs = ", ".join(f"{value:g}" for value in arguments[place])
    return f"at ({inputs}) it gives {got[place]}: see the lemma, and put numbers in."


EXERCISES: dict[str, Checker] = {
    "ch04-step-size": _step_size,
    "ch04-generator-friction": _generator_friction,
    "ch04-smaller-h": _smaller_h,
}
