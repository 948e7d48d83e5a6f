"""Chapter 9's exercises: solutions pass, and planted mistakes get the hint that fits."""

import math
from itertools import combinations

import numpy as np
import pytest

from r1lab.notebook.exercises import check
from r1lab.theory import toy
from r1lab.theory.divergences import sample_wasserstein


def counted(n):
    """All sets of places that the first method's runs can take among 2n, for small n."""
    if n > 5:
        return 2 * math.factorial(n) ** 2 / math.factorial(2 * n)
    sets = list(combinations(range(2 * n), n))
    return sum(s in (tuple(range(n)), tuple(range(n, 2 * n))) for s in sets) / len(sets)


def floor(n):
    circle = toy.get("circle")
    return np.mean(
        [
            sample_wasserstein(circle.sample(n, 2 * k).numpy(), circle.sample(n, 2 * k + 1).numpy())
            for k in range(8)
        ]
    )


def transported(m, r):
    """W1 of the two point sets themselves, by POT, each mode m times."""
    angles = 2 * np.pi * np.arange(m) / m
    points = r * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return sample_wasserstein(points, np.concatenate([points[1:], points[1:2]]))


@pytest.mark.parametrize(
    ("name", "answer"),
    [("ch09-luck", counted), ("ch09-floor", floor), ("ch09-mode", transported)],
)
def test_solutions_are_right(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ch09-luck", 0.1, "give a function"),
        ("ch09-luck", lambda n: counted(n) / 2, "may be the lucky one"),
        ("ch09-luck", lambda n: 2 * 0.5**n, "not compared in pairs"),
        ("ch09-luck", lambda n: n, "chosen"),
        ("ch09-floor", lambda n: 0.0, "different seeds"),
        ("ch09-floor", lambda n: 8 * floor(n), "not the sum"),
        ("ch09-floor", lambda n: 1 / n, "eight pairs"),
        ("ch09-mode", lambda m, r: m * transported(m, r), "a share of 1/m"),
        ("ch09-mode", lambda m, r: 2 * math.pi * r / m**2, "straight lines"),
        ("ch09-mode", lambda m, r: r / m, "distance to the centre"),
        ("ch09-mode", lambda m, r: "far", "a number"),
    ],
)
def test_mistakes_get_their_hint(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out
