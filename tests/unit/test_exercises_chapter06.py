"""Chapter 6's exercises: solutions pass, and planted mistakes get the hint that fits."""

import math

import numpy as np
import pytest

from r1lab.notebook.exercises import check
from r1lab.theory.dirac import DiracGAN


def noise(gamma):
    return math.sqrt(2 * gamma)


def consensus_step(gamma):
    return 8 * gamma / (gamma**2 + 4)


def stuck(weight, center):
    return 2 * weight * center


@pytest.mark.parametrize(
    ("name", "answer"),
    [("ch06-noise", noise), ("ch06-consensus-step", consensus_step), ("ch06-stuck", stuck)],
)
def test_solutions_are_right(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ch06-noise", lambda gamma: 2 * gamma, "the variance"),
        ("ch06-noise", lambda gamma: math.sqrt(4 * gamma), "real and the fake"),
        ("ch06-noise", lambda gamma: math.sqrt(gamma / 2), "not -1"),
        ("ch06-noise", lambda gamma: gamma, "the sums"),
        ("ch06-noise", 2.0, "a function of gamma"),
        ("ch06-consensus-step", lambda gamma: 8 / gamma, "forgets the rotation"),
        ("ch06-consensus-step", lambda gamma: 4 * gamma, "R1's limit"),
        ("ch06-consensus-step", lambda gamma: 2 * gamma / (gamma**2 + 1), "not 1"),
        ("ch06-consensus-step", lambda gamma: 1.0, "the eigenvalues are"),
        ("ch06-stuck", lambda weight, center: weight * center, "a factor 2"),
        ("ch06-stuck", lambda weight, center: 2 * weight, "the target slope"),
        ("ch06-stuck", lambda weight, center: 0.0, "still pushes"),
        ("ch06-stuck", lambda weight, center: weight + center, "at rest"),
        ("ch06-stuck", 2.0, "a function of weight and center"),
    ],
)
def test_mistakes_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("gamma", [0.3, 1.7])
def test_the_solutions_agree_with_the_dirac_gan(gamma):
    noisy = DiracGAN("minimax", "instance-noise", noise(gamma)).jacobian()
    np.testing.assert_allclose(noisy, DiracGAN("minimax", "r1", gamma).jacobian())
    consensus = DiracGAN("minimax", "consensus", gamma)
    assert consensus.largest_stable_step() == pytest.approx(consensus_step(gamma), rel=1e-9)
    weight = 1 + gamma
    rest = -stuck(weight, 0.5), 1e-9  # on the side psi > 0
    field = DiracGAN("wasserstein", "wgan-gp", weight, 0.5).field(*rest)
    np.testing.assert_allclose(field, 0.0, atol=1e-8)
