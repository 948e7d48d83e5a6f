"""Chapter 13's exercises: solutions pass, and planted mistakes get the hint that fits."""

import math

import numpy as np
import pytest

from r1lab.notebook.exercises import check
from r1lab.theory.dirac import DiracGAN
from r1lab.theory.dynamics import spectral_radius


def interval(gamma, h, scheme="alternating"):
    gan, k = DiracGAN(regularizer="r1", strength=gamma), 1
    while spectral_radius(gan.lazy_update_matrix(h, k, scheme)) < 1 - 1e-12:
        k += 1
    return k - 1


def rounding(q, sigma, g):
    return q * math.sqrt(2 / math.pi) / (sigma * g)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ch13-curvature", lambda a, d, sigma: sigma**2 * a**2 * d * (d + 2) / 8),
        ("ch13-interval", interval),
        ("ch13-rounding", rounding),
    ],
)
def test_solutions_are_right(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ch13-curvature", lambda a, d, s: s**2 * a**2 * d**2 / 8, "|n|^2 is random"),
        ("ch13-curvature", lambda a, d, s: s**2 * a**2 * d / 4, "lacks d^2"),
        ("ch13-curvature", lambda a, d, s: s**2 * a**2 * d * (d + 2) / 4, "has gamma/2"),
        ("ch13-curvature", lambda a, d, s: s**4 * a**2 * d * (d + 2) / 8, "divided by sigma"),
        ("ch13-curvature", lambda a, d, s: 0.0, "D still bends"),
        ("ch13-curvature", lambda a, d, s: s, "take the mean"),
        ("ch13-curvature", 0.1, "a function of a, d and sigma"),
        ("ch13-curvature", lambda a, d: 0.0, "your function failed: TypeError"),
        ("ch13-curvature", lambda a, d, s: None, "must return a number"),
        ("ch13-interval", lambda g, h: interval(g, h) + 1, "one too many"),
        ("ch13-interval", lambda g, h: interval(g, h, "simultaneous"), "simultaneous"),
        ("ch13-interval", lambda g, h: int(2 / (g * h)), "half a turn"),
        ("ch13-interval", lambda g, h: 16, "raise the interval"),
        ("ch13-rounding", lambda q, s, g: q / (s * g), "the mean of |n|"),
        ("ch13-rounding", lambda q, s, g: (q / (s * g)) ** 2, "a jump of q is rare"),
        ("ch13-rounding", lambda q, s, g: q**2 / (6 * s**2 * g**2), "round alike"),
        ("ch13-rounding", lambda q, s, g: g**2 * rounding(q, s, g), "divide it by the true one"),
        ("ch13-rounding", lambda q, s, g: 1.0, "not of its square"),
        ("ch13-rounding", lambda q, s, g: -1.0, "times its probability"),
    ],
)
def test_mistakes_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


def test_the_story_of_the_rounding_exercise():
    """Rounded logits of a line with a random offset, as in the exercise."""
    rng = np.random.default_rng(0)
    q, sigma, g = 2.0**-7, 1e-3, 1.0
    base = rng.uniform(1, 1.9, 1_000_000)
    moved = base + sigma * g * rng.standard_normal(base.size)
    difference = q * (np.round(moved / q) - np.round(base / q))
    measured = np.mean((difference / sigma) ** 2) / g**2
    assert measured == pytest.approx(rounding(q, sigma, g), rel=0.02)
