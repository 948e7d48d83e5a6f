"""Chapter 5's exercises: solutions pass, and planted mistakes get the hint that fits."""

import math

import pytest

from r1lab.notebook.exercises import check
from r1lab.theory.dynamics import Simultaneous, largest_stable_step
from r1lab.theory.solvable import LineGAN

STEPS = math.log(2) / (0.1 * 0.25 * 0.02**2)


def same_damping(eps):
    return 0.5 * (1 - eps**2)


def thin_step(eps):
    return 2 * eps**2


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ch05-halving", STEPS),
        ("ch05-halving", round(STEPS)),
        ("ch05-same-damping", same_damping),
        ("ch05-thin-step", thin_step),
    ],
)
def test_solutions_are_right(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ch05-halving", STEPS * 0.1, "this is the time"),
        ("ch05-halving", 1 / (0.1 * 0.25 * 0.02**2), "the factor e"),
        ("ch05-halving", math.log(2) / (0.1 * 0.25 * 0.02), "the square of the thickness"),
        ("ch05-halving", STEPS / 2, "not 2 mu"),
        ("ch05-halving", 12.0, "one step multiplies"),
        ("ch05-halving", "many", "one number"),
        ("ch05-same-damping", lambda eps: 0.25 * (1 - eps**2), "gamma/2, not gamma"),
        ("ch05-same-damping", lambda eps: 0.5, "damps, too"),
        ("ch05-same-damping", lambda eps: eps, "equal to mu"),
        ("ch05-same-damping", 0.5, "a function"),
        ("ch05-thin-step", lambda eps: eps**2, "the best step"),
        ("ch05-thin-step", lambda eps: 8 / eps**2, "forgets the rotation"),
        ("ch05-thin-step", lambda eps: 0.1, "depends on the thickness"),
        ("ch05-thin-step", lambda eps: eps, "must be below one"),
        ("ch05-thin-step", 0.08, "a function"),
        ("ch05-same-damping", lambda eps: 1 / 0, "your function failed: ZeroDivisionError"),
        ("ch05-thin-step", lambda eps: None, "your function failed: TypeError"),
    ],
)
def test_mistakes_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("eps", [0.1, 0.3, 0.7])
def test_the_solutions_agree_with_the_line_gan(eps):
    offset = LineGAN(thickness=eps).blocks()["offset"]
    assert largest_stable_step(Simultaneous(), offset) == pytest.approx(thin_step(eps), rel=1e-6)
    damped = LineGAN("minimax", "r1", same_damping(eps), thickness=eps).blocks()["offset"]
    assert damped[1, 1] == pytest.approx(LineGAN(thickness=1.0).blocks()["offset"][1, 1])
