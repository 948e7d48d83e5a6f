"""Chapter 2's exercises: its solutions pass, wrong answers get the hint that fits."""

import math

import numpy as np
import pytest
from scipy.special import expit

from r1lab.notebook.exercises import check
from r1lab.notebook.exercises.chapter02 import EXERCISES

PLACE = np.arange(101)


def normalised(masses):
    return masses / masses.sum()


LEFT = normalised(np.where(PLACE < 50, 1.0, 0.01))
EVEN, ODD = (normalised((rest == PLACE % 2) * 1.0) for rest in (0, 1))
HALF, REST = (normalised((PLACE < 50) == first) for first in (True, False))


def overflowing(logit, slope):
    share = 1 / (1 + math.exp(-logit))
    return share * slope, (1 - share) * slope


SOLUTIONS = {
    "ch02-fit": (LEFT, LEFT[::-1], EVEN, ODD),
    "ch02-noise": 0.41,
    "ch02-push": lambda logit, slope: (expit(logit) * slope, expit(-logit) * slope),
}
WRONG = [
    ("ch02-fit", (LEFT, LEFT[::-1]), "four probability vectors"),
    ("ch02-fit", (LEFT * 2, LEFT, EVEN, ODD), "p must be a probability vector"),
    ("ch02-fit", (HALF, REST, EVEN, ODD), "p has mass at a point where q has none"),
    ("ch02-fit", (LEFT, np.full(101, 1 / 101), EVEN, ODD), "further apart"),
    ("ch02-fit", (LEFT, LEFT[::-1], EVEN, np.full(101, 1 / 101)), "a << b holds"),
    ("ch02-fit", (LEFT, LEFT[::-1], HALF, REST), "goal next door"),
    ("ch02-noise", "much", "one number"),
    ("ch02-noise", 0.0, "the slope is zero"),
    ("ch02-noise", 1 / 1.636, "vary s"),
    ("ch02-noise", 0.2, "try more noise"),
    ("ch02-noise", 1.636, "try less noise"),
    ("ch02-push", (0.0002, 30.0), "without calling it"),
    ("ch02-push", lambda d, slope: (expit(-d) * slope, expit(d) * slope), "swapped"),
    ("ch02-push", lambda d, slope: (-expit(d) * slope, -expit(-d) * slope), "the sign"),
    ("ch02-push", lambda d, slope: (slope, slope), "differentiate each loss"),
    ("ch02-push", lambda d, slope: expit(d) * slope, "two numbers"),
    ("ch02-push", lambda d, slope: (expit(d),) * 3, "two numbers, not 3"),
    ("ch02-push", overflowing, "overflows"),
]


def test_every_exercise_has_a_solution():
    assert SOLUTIONS.keys() == EXERCISES.keys()


@pytest.mark.parametrize("name", SOLUTIONS)
def test_solutions_pass(name, capsys):
    assert check(name, SOLUTIONS[name])
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_wrong_answers_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


def test_the_best_noise_is_where_the_slope_is_stationary():
    """d/ds of dJS/dt vanishes at the accepted value, by differences of JS itself."""
    from r1lab.theory.divergences import diracs

    def slope(s, eps=1e-4):
        return (diracs(1 + eps, s).js - diracs(1 - eps, s).js) / (2 * eps)

    around = [slope(s) for s in (0.395, 0.4055, 0.416)]
    assert around[1] > max(around[0], around[2])
    assert EXERCISES["ch02-noise"](0.4055) is None
