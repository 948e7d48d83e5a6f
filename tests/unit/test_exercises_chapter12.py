"""Chapter 12's exercises: solutions pass, and planted mistakes get the hint that fits."""

import numpy as np
import pytest

from r1lab.notebook.exercises import check


def residuals(J, values, vectors):
    return np.linalg.norm(J @ vectors - vectors * values, axis=0)


def lengths(vectors):
    return np.linalg.norm(vectors, axis=0)


def trusted(J, values, vectors):
    return list(residuals(J, values, vectors) <= 1e-6 * abs(values) * lengths(vectors))


def longest(values):
    if max(values.real) >= 0:
        return 0.0
    return min(-2 * values.real / abs(values) ** 2)


def without(rows, columns):
    def answer(J, n):
        parts = {"theta": slice(None, n), "psi": slice(n, None)}
        J = J.copy()
        J[parts[rows], parts[columns]] = 0
        return J

    return answer


def in_place(J, n):
    J[n:, :n] = 0
    return J


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ch12-residual", trusted),
        ("ch12-residual", lambda *given: np.array(trusted(*given))),
        ("ch12-step", longest),
        ("ch12-step", lambda values: float(longest(values))),
        ("ch12-detached", without("psi", "theta")),
    ],
)
def test_solutions_are_right(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ch12-residual", lambda J, v, x: residuals(J, v, x) <= 1e-6 * abs(v), "a long vector"),
        ("ch12-residual", lambda J, v, x: residuals(J, v, x) <= 1e-3, "a long vector"),
        ("ch12-residual", lambda J, v, x: residuals(J, v, x) <= 1e3, "a short vector"),
        (
            "ch12-residual",
            lambda J, v, x: residuals(J, v, x) <= 1e-6 * lengths(x),
            "divide by the modulus of the value",
        ),
        (
            "ch12-residual",
            lambda J, v, x: residuals(J, v, x) <= 1e-1 * abs(v) * lengths(x),
            "off by a thousandth",
        ),
        ("ch12-residual", lambda J, v, x: [False] * 5, "a good pair is refused"),
        ("ch12-residual", lambda J, v, x: residuals(J, v, x), "one boolean"),
        ("ch12-residual", lambda J, v: [], "your function failed: TypeError"),
        ("ch12-residual", 3, "give the function itself"),
        ("ch12-step", lambda values: 2 / abs(values).max(), "forgets that what turns"),
        ("ch12-step", lambda values: 2 / abs(values.real).max(), "only without rotation"),
        ("ch12-step", lambda values: longest(values) / 2, "half of it"),
        ("ch12-step", lambda values: 1.0, "the smallest of them"),
        ("ch12-step", lambda values: min(-2 * values.real / abs(values) ** 2), "on the right"),
        ("ch12-step", lambda values: None, "must return a number, not None"),
        ("ch12-step", lambda: 0.0, "your function failed: TypeError"),
        ("ch12-step", 0.1, "give the function itself"),
        ("ch12-detached", without("theta", "psi"), "the fakes in D's loss"),
        ("ch12-detached", lambda J, n: J, "nothing was deleted"),
        (
            "ch12-detached",
            lambda J, n: without("psi", "theta")(without("theta", "psi")(J, n), n),
            "its block with psi stays",
        ),
        ("ch12-detached", without("psi", "psi"), "only one block changes"),
        ("ch12-detached", in_place, "work on a copy"),
        ("ch12-detached", lambda J, n: J[:n, :n], "of the shape of J"),
        ("ch12-detached", lambda J: J, "your function failed: TypeError"),
        ("ch12-detached", 3, "give the function itself"),
    ],
)
def test_mistakes_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


def test_the_largest_bound_is_not_the_answer(capsys):
    assert not check("ch12-step", lambda values: (-2 * values.real / abs(values) ** 2).max())
    assert "the smallest bound counts" in capsys.readouterr().out
