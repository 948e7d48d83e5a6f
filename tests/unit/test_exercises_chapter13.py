"""Chapter 13's exercises: solutions pass, and planted mistakes get the hint that fits."""

import math

import numpy as np
import pytest
import torch

from r1lab.notebook.exercises import check
from r1lab.theory.dirac import DiracGAN


def by_quadrature(a, d, sigma, gamma):
    """In one direction after the other: n_i^2 has mean 1 and mean square 3."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    mean2, mean4 = (weights @ nodes**p / math.sqrt(2 * math.pi) for p in (2, 4))
    square = d * mean4 + d * (d - 1) * mean2**2  # of the sum of the n_i^2
    return gamma / 2 * (sigma * a / 2) ** 2 * square


def longest(gamma, h):
    gan = DiracGAN("minimax", "r1", gamma)
    for k in range(1, 500):
        if max(abs(np.linalg.eigvals(gan.lazy_update_matrix(h, k, "alternating")))) >= 1:
            return k - 1
    raise AssertionError


def neighbour(logit, sigma):
    x = torch.tensor(logit, dtype=torch.bfloat16)
    there = torch.nextafter(x, torch.tensor(math.inf, dtype=torch.bfloat16))
    return ((there.item() - x.item()) / sigma) ** 2


@pytest.mark.parametrize(
    ("name", "answer"),
    [("ch13-bias", by_quadrature), ("ch13-lazy", longest), ("ch13-rounding", neighbour)],
)
def test_solutions_are_right(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ch13-bias", 3.0, "give a function"),
        ("ch13-bias", lambda a, d, s, g: 0.0, "D is curved"),
        ("ch13-bias", lambda a, d, s, g: by_quadrature(a, d, s, 2.0), "gamma / 2"),
        ("ch13-bias", lambda a, d, s, g: g * s**2 * a**2 * d**2 / 8, "fourth moment"),
        ("ch13-bias", lambda a, d, s, g: g * s**2 * a**2 * d / 4, "counts twice"),
        ("ch13-lazy", lambda g, h: int(2 / (h * g)), "it may do so before"),
        ("ch13-lazy", lambda g, h: longest(g, h) + 1, "the one before"),
        ("ch13-lazy", lambda g, h: 1 / 0, "ZeroDivisionError"),
        ("ch13-rounding", lambda x, s: neighbour(x, s) ** 0.5, "squared slope"),
        ("ch13-rounding", lambda x, s: (x / 128 / s) ** 2, "powers of two"),
        ("ch13-rounding", lambda x, s: neighbour(x, s) / 4, "leading bit"),
    ],
)
def test_mistakes_get_their_hint(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out
