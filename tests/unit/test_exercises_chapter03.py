"""Chapter 3's exercises: right answers pass, typical wrong ones get the hint that fits."""

import numpy as np
import pytest

from r1lab.notebook.exercises import check


def bounds(jacobian):
    lam = np.linalg.eigvals(jacobian)
    return -2 * lam.real / abs(lam) ** 2


def limit(jacobian):
    return bounds(jacobian).min() if np.linalg.eigvals(jacobian).real.max() < 0 else 0.0


def ahead(field, z, h):
    return z + h * field(z)


def extragradient(field, z, h):
    return z + h * field(ahead(field, z, h))


def verdict(matrix):
    radius = abs(np.linalg.eigvals(matrix)).max()
    if abs(radius - 1) < 1e-9:
        return "undecided"
    return "repels" if radius > 1 else "converges"


def in_place(field, z, h):
    old = z.copy()
    z += h * field(z)
    return old + h * field(z)


def colleague(matrix):
    return "converges" if all(np.linalg.eigvals(matrix) < 1) else "repels"


def by_real_parts(matrix):
    return "converges" if np.all(abs(np.linalg.eigvals(matrix).real) < 1) else "repels"


def two_verdicts(matrix):
    return "repels" if verdict(matrix) == "undecided" else verdict(matrix)


RIGHT = [
    ("ch03-step-size", limit),
    ("ch03-step-size", lambda jacobian: max(0.0, bounds(jacobian).min())),
    ("ch03-extragradient", extragradient),
    ("ch03-extragradient", lambda f, z, h: list(extragradient(f, z, h))),
    ("ch03-verdict", verdict),
]
WRONG = [
    ("ch03-step-size", 0.5, "give the function itself"),
    ("ch03-step-size", lambda jacobian: bounds(jacobian).max(), "the smallest bound counts"),
    ("ch03-step-size", lambda jacobian: bounds(jacobian).min() / 2, "half the bound"),
    (
        "ch03-step-size",
        lambda jacobian: (2 / abs(np.linalg.eigvals(jacobian).real)).min(),
        "the imaginary part shortens",
    ),
    ("ch03-step-size", lambda jacobian: bounds(jacobian).min(), "give 0"),
    ("ch03-step-size", lambda jacobian: 1.0, "see the theorem"),
    ("ch03-step-size", lambda jacobian: None, "your function failed: TypeError"),
    ("ch03-extragradient", ahead, "that is a plain step"),
    (
        "ch03-extragradient",
        lambda f, z, h: ahead(f, ahead(f, z, h), h),
        "step from z",
    ),
    (
        "ch03-extragradient",
        lambda f, z, h: z + h / 2 * (f(z) + f(ahead(f, z, h))),
        "you average both",
    ),
    ("ch03-extragradient", in_place, "it changes z in place"),
    ("ch03-extragradient", lambda f, z, h: z, "look ahead"),
    ("ch03-extragradient", lambda f, z: z, "your function failed: TypeError"),
    ("ch03-verdict", colleague, "a multiplier of -1.3"),
    ("ch03-verdict", by_real_parts, "0.9 ± 0.9i"),
    ("ch03-verdict", two_verdicts, "modulus one"),
    ("ch03-verdict", lambda matrix: True, "the answer must be"),
    ("ch03-verdict", lambda matrix: matrix, "the answer must be"),
    ("ch03-verdict", lambda matrix: {}["radius"], "your function failed: KeyError"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_pass(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_wrong_answers_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out
