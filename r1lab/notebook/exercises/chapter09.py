"""Exercises of chapter 9, experiments in the plane."""

import math
from collections.abc import Callable, Iterable
from numbers import Real

from r1lab.notebook.exercises import Checker
from r1lab.theory import toy
from r1lab.theory.divergences import sample_wasserstein

__all__ = ["EXERCISES"]

SEEDS = ((2,), (3,), (10,))
POINTS = ((50,), (100,))
RINGS = ((8, 1.0), (32, 2.0))  # modes, radius


def _values(answer: object, arguments: Iterable[tuple]) -> list[float] | str:
    """The function's values, or what is wrong with it."""
    if not callable(answer):
        return "give a function"
    values = []
    for argument in arguments:
        try:
            value = answer(*argument)
        except Exception as error:  # the reader's code may fail in any way
            return f"your function failed: {type(error).__name__}: {error}"
        if not isinstance(value, Real):
            return f"it must return a number, not {value!r}"
        values.append(float(value))
    return values


def _hint(
    values: list[float],
    arguments: tuple[tuple, ...],
    mistakes: dict[str, Callable[..., float]],
    otherwise: str,
) -> str:
    """The hint of the mistake that gives these values."""
    for hint, mistake in mistakes.items():
        wrong = [mistake(*argument) for argument in arguments]
        if all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(values, wrong, strict=True)):
            return hint
    return otherwise


def _chance(n: int) -> float:
    return 2 / math.comb(2 * n, n)


def _luck(answer: object) -> str | None:
    values = _values(answer, SEEDS)
    if isinstance(values, str):
        return values
    mistakes = {
        "right": _chance,
        "either of the two methods may be the lucky one": lambda n: 1 / math.comb(2 * n, n),
        "the runs are not compared in pairs: all of one method beat all of the other": (
            lambda n: 2 * 0.5**n
        ),
    }
    hint = _hint(values, SEEDS, mistakes, "in how many ways can the n best of 2n runs be chosen?")
    return None if hint == "right" else hint


def _apart(n: int) -> float:
    """The mean over the pairs of seeds that the exercise names."""
    samples = [toy.get("circle").sample(n, seed).numpy() for seed in range(16)]
    pairs = zip(samples[::2], samples[1::2], strict=True)
    return math.fsum(sample_wasserstein(*pair) for pair in pairs) / 8


def _floor(answer: object) -> str | None:
    values = _values(answer, POINTS)
    if isinstance(values, str):
        return values
    mistakes: dict[str, Callable[..., float]] = {
        "right": _apart,
        "the two samples are the same: give them different seeds": lambda n: 0.0,
        "the mean is asked for, not the sum": lambda n: 8 * _apart(n),
    }
    otherwise = "the mean over eight pairs, circle.sample(n, 2 * k) and circle.sample(n, 2 * k + 1)"
    hint = _hint(values, POINTS, mistakes, otherwise)
    return None if hint == "right" else hint


def _chord(m: int, r: float) -> float:
    return 2 * r * math.sin(math.pi / m)


def _mode(answer: object) -> str | None:
    values = _values(answer, RINGS)
    if isinstance(values, str):
        return values
    mistakes: dict[str, Callable[..., float]] = {
        "right": lambda m, r: _chord(m, r) / m,
        "only a share of 1/m has to be carried": _chord,
        "W1 in the plane is along straight lines, not along the circle": (
            lambda m, r: 2 * math.pi * r / m**2
        ),
        "that is the distance to the centre: the missing mass is at the neighbour": (
            lambda m, r: r / m
        ),
    }
    otherwise = "which mass has to move, and how far?"
    hint = _hint(values, RINGS, mistakes, otherwise)
    return None if hint == "right" else hint


EXERCISES: dict[str, Checker] = {"ch09-luck": _luck, "ch09-floor": _floor, "ch09-mode": _mode}
