"""Chapter 8's exercises: solutions pass, and planted mistakes get the hint that fits."""

import math

import numpy as np
import pytest

from r1lab.notebook.exercises import check
from r1lab.theory.solvable import LineGAN

ONE_ZERO = np.diag([1.0, 0.0])
MIXING = np.array([[1.0, 1.0], [0.0, 1.0]])


def step_limit(gamma):
    values = LineGAN("minimax", "r1", gamma).eigenvalues()
    values = values[abs(values) > 1e-9]
    return (-2 * values.real / abs(values) ** 2).min()


def offset(gamma):
    if gamma < 1:
        return 4 * gamma
    return 4 / (gamma + math.sqrt(gamma**2 - 1))


def spread(gamma):
    q = 0.5 + 2 * gamma
    return 2 * q if q < 1 else 2 / (q + math.sqrt(q**2 - 1))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ch08-zeros", lambda latents: latents),
        ("ch08-block", (MIXING, ONE_ZERO)),
        ("ch08-block", ([[1, 2], [3, 4]], [[1, 1], [1, 1]])),
        ("ch08-step-limit", step_limit),
    ],
)
def test_solutions_are_right(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ch08-zeros", lambda latents: latents - 1, "one of the two sets"),
        ("ch08-zeros", lambda latents: latents + 1, "one dimension less"),
        ("ch08-zeros", lambda latents: 2, "dimension of M_G plus"),
        ("ch08-zeros", 5, "a function"),
        ("ch08-zeros", lambda latents: None, "must return a number, not None"),
        ("ch08-zeros", lambda: 2, "your function failed: TypeError"),
        ("ch08-block", (MIXING, np.eye(2)), "positive definite"),
        ("ch08-block", (MIXING, np.diag([1.0, -1.0])), "negative eigenvalue"),
        ("ch08-block", (MIXING, MIXING), "symmetric"),
        ("ch08-block", (np.eye(2), ONE_ZERO), "kernel of C"),
        ("ch08-block", (np.diag([0.0, 1.0]), ONE_ZERO), "goes unnoticed"),
        ("ch08-block", (np.eye(3), ONE_ZERO), "2 x 2"),
        ("ch08-block", (0.1 * MIXING, ONE_ZERO), "by less than 0.01"),
        ("ch08-block", (MIXING, 100 * ONE_ZERO), "by less than 0.01"),
        ("ch08-block", 3, "a pair"),
        ("ch08-step-limit", offset, "the spread along the line is stiffer"),
        ("ch08-step-limit", spread, "the offset rotates longer"),
        ("ch08-step-limit", lambda gamma: 0.0, "leave out the zero"),
        ("ch08-step-limit", lambda gamma: math.nan, "leave out the zero"),
        ("ch08-step-limit", lambda gamma: step_limit(gamma) / 2, "half of it"),
        ("ch08-step-limit", lambda gamma: 4 * gamma, "every eigenvalue"),
        ("ch08-step-limit", 0.2, "a function"),
        (
            "ch08-step-limit",
            lambda gamma: np.array([gamma]),
            "must return a number, not array",
        ),
        ("ch08-step-limit", lambda gamma: 0.2 + 0j, "must return a number, not (0.2"),
    ],
)
def test_mistakes_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(("gamma", "stable"), [(2.0, True), (4.0, False)])
def test_the_story_of_the_last_exercise(gamma, stable):
    assert (step_limit(gamma) > 0.2) == stable


@pytest.mark.parametrize("latents", [2, 3, 6])
def test_the_zeros_of_a_generator_with_more_latents(latents):
    """The Jacobian's blocks, with the derivative of E phi(G) from the closed form."""
    n, m, gamma = latents + 3, 6, 0.3
    b = np.zeros((m, n))  # theta = (a_1, ..., a_l, b, t, d) at a = e_1
    b[3, 0], b[1, latents], b[4, latents + 1], b[2, latents + 2] = 1.0, 0.5, 0.5, 0.5
    c = np.diag([0.5, 0.5 + gamma, gamma, 1 + 4 * gamma, gamma, 0])
    values = np.linalg.eigvals(np.block([[np.zeros((n, n)), -b.T], [b, -c]]))
    assert (abs(values) < 1e-9).sum() == latents
