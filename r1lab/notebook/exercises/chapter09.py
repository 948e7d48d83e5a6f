"""Exercises of chapter 9, experiments in the plane."""

import math
from collections.abc import Callable

from r1lab.notebook.answers import give_the_same, numbers, slip
from r1lab.notebook.exercises import Checker
from r1lab.theory import toy
from r1lab.theory.divergences import sample_wasserstein

__all__ = ["EXERCISES"]

SEEDS = ((2,), (3,), (10,))
POINTS = ((50,), (100,))
RINGS = ((8, 1.0), (32, 2.0))  # modes, radius


def _chance(n: int) -> float:
    return 2 / math.comb(2 * n, n)


def _luck(answer: object) -> str | None:
    values = numbers(answer, SEEDS)
    if isinstance(values, str):
        return values
    if give_the_same(values, _chance, SEEDS):
        return None
    slips = {
        "either of the two methods may be the lucky one": lambda n: 1 / math.comb(2 * n, n),
        "the runs are not compared in pairs: all of one method beat all of the other": (
            lambda n: 2 * 0.5**n
        ),
    }
    return slip(values, SEEDS, slips, "in how many ways can the n best of 2n runs be chosen?")


def _apart(n: int) -> float:
    """The mean over the pairs of seeds that the exercise names."""
    samples = [toy.get("circle").sample(n, seed).numpy() for seed in range(16)]
    pairs = zip(samples[::2], samples[1::2], strict=True)
    return math.fsum(sample_wasserstein(*pair) for pair in pairs) / 8


def _floor(answer: object) -> str | None:
    values = numbers(answer, POINTS)
    if isinstance(values, str):
        return values
    if give_the_same(values, _apart, POINTS):
        return None
    slips: dict[str, Callable[..., float]] = {
        "the two samples are the same: give them different seeds": lambda n: 0.0,
        "the mean is asked for, not the sum": lambda n: 8 * _apart(n),
    }
    otherwise = "the mean over eight pairs, circle.sample(n, 2 * k) and circle.sample(n, 2 * k + 1)"
    return slip(values, POINTS, slips, otherwise)


def _chord(m: int, r: float) -> float:
    return 2 * r * math.sin(math.pi / m)


def _share(m: int, r: float) -> float:
    return _chord(m, r) / m


def _mode(answer: object) -> str | None:
    values = numbers(answer, RINGS)
    if isinstance(values, str):
        return values
    if give_the_same(values, _share, RINGS):
        return None
    slips: dict[str, Callable[..., float]] = {
        "only a share of 1/m has to be carried": _chord,
        "W1 in the plane is along straight lines, not along the circle": (
            lambda m, r: 2 * math.pi * r / m**2
        ),
        "that is the distance to the centre: the missing mass is at the neighbour": (
            lambda m, r: r / m
        ),
    }
    otherwise = "which mass has to move, and how far?"
    return slip(values, RINGS, slips, otherwise)


EXERCISES: dict[str, Checker] = {"ch09-luck": _luck, "ch09-floor": _floor, "ch09-mode": _mode}
