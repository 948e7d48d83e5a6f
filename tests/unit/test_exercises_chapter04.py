"""Chapter 4's exercises: right answers pass, typical wrong ones get the hint that fits."""

import numpy as np
import pytest

from r1lab.notebook.exercises import check
from r1lab.theory.dirac import DiracGAN


def limit(gamma):
    lam = np.roots([1, gamma, 0.25])
    return (-2 * lam.real / abs(lam) ** 2).min()


def slower(gamma):
    lam = np.roots([1, gamma, 0.25])
    return (-2 * lam.real / abs(lam) ** 2).max()


def doubling(h):
    return np.log(2) / np.log(abs(1 + 0.5j * h))


RIGHT = [
    ("ch04-step-size", limit),
    ("ch04-step-size", lambda gamma: DiracGAN("minimax", "r1", gamma).largest_stable_step()),
    ("ch04-smaller-h", doubling),
    ("ch04-generator-friction", lambda c, gamma: (c, -2 * gamma * c)),
    ("ch04-generator-friction", lambda c, gamma: np.array([c, -2 * gamma * c])),
]
WRONG = [
    ("ch04-step-size", 0.4, "give the function itself"),
    ("ch04-step-size", lambda gamma: 4 * gamma, "take the real eigenvalues"),
    ("ch04-step-size", lambda gamma: limit(gamma) / 2, "half the bound"),
    ("ch04-step-size", lambda gamma: gamma, "f'(0) is 1/2"),
    ("ch04-step-size", slower, "the faster one"),
    ("ch04-step-size", lambda gamma: 2 / -np.roots([1, gamma, 0.25]).real.min(), "the rotation"),
    ("ch04-step-size", lambda gamma: 1.0, "at (0.1) it gives 1.0"),
    ("ch04-step-size", lambda: 1.0, "your function failed: TypeError"),
    ("ch04-smaller-h", 277.0, "give the function itself"),
    ("ch04-smaller-h", lambda h: np.log(2) / np.log(abs(1 + 1j * h)), "f'(0) is 1/2"),
    ("ch04-smaller-h", lambda h: doubling(h) / 2, "the square root"),
    ("ch04-smaller-h", lambda h: 8 * np.log(2) / h**2, "for small h only"),
    ("ch04-smaller-h", lambda h: doubling(h) * h, "that is the time"),
    ("ch04-smaller-h", lambda h: np.inf, "no step size is small enough"),
    ("ch04-smaller-h", lambda h: (h, h), "one number"),
    ("ch04-generator-friction", lambda c, gamma: (c, 0.0), "flat discriminator"),
    ("ch04-generator-friction", lambda c, gamma: (0.0, 0.0), "theta - c is zero"),
    ("ch04-generator-friction", lambda c, gamma: (c, 2 * gamma * c), "check the sign"),
    ("ch04-generator-friction", lambda c, gamma: (c, -gamma * c), "f'(0) = 1/2"),
    ("ch04-generator-friction", lambda c, gamma: c, "two numbers"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_pass(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_wrong_answers_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_the_doubling_time_is_that_of_a_run_near_the_equilibrium(h):
    steps = int(doubling(h))
    distance = np.hypot(*DiracGAN("minimax").run((1e-30, 0.0), h, steps + 1).T) / 1e-30
    assert distance[steps] <= 2 < distance[steps + 1]


@pytest.mark.parametrize(("c", "gamma"), [(1.0, 0.3), (-2.0, 0.5)])
def test_friction_on_the_generator_rests_against_a_slope(c, gamma):
    theta, psi = c, -2 * gamma * c
    slope = 1 / (1 + np.exp(psi * (theta - c)))  # f' of the logistic loss
    assert -psi * slope - gamma * theta == pytest.approx(0, abs=1e-12)
    assert (theta - c) * slope == 0
