"""The exercises of chapter 1: solutions pass, planted mistakes get the hint that fits."""

import math

import numpy as np
import pytest
import torch

from r1lab.notebook.exercises import chapter01, check


def loss_of_the_ratio(real, fake):
    """The loss at D*, written out: no JS in it."""
    total = 0.0
    for a, b in zip(real, fake, strict=True):
        total -= a * math.log(a / (a + b)) if a else 0.0
        total -= b * math.log(b / (a + b)) if b else 0.0
    return total


def bits(real, fake):
    return loss_of_the_ratio(real, fake) / math.log(2)


def naive(real, fake):
    with np.errstate(divide="ignore", invalid="ignore"):
        return -(real * np.log(real / (real + fake)) + fake * np.log(fake / (real + fake))).sum()


def naive_softplus(logits):
    return torch.log(1 + torch.exp(logits)).mean()


RIGHT = {
    "ch01-best-loss": loss_of_the_ratio,
    "ch01-paper-sign": lambda logits: torch.logaddexp(logits, torch.zeros_like(logits)).mean(),
    "ch01-two-sigmoids": 1.0064,
}
WRONG = [
    ("ch01-best-loss", lambda real, fake: -loss_of_the_ratio(real, fake), "value V"),
    ("ch01-best-loss", bits, "natural"),
    ("ch01-best-loss", naive, "factor 0"),
    ("ch01-best-loss", lambda real, fake: loss_of_the_ratio(real, fake) / 2, "two parts"),
    ("ch01-best-loss", lambda real, fake: 1.0, "V = -log 4"),
    ("ch01-best-loss", 0.5, "function"),
    ("ch01-best-loss", lambda real, fake: None, "return a number, not None"),
    ("ch01-paper-sign", lambda d: torch.nn.functional.softplus(-d).mean(), "being caught"),
    ("ch01-paper-sign", lambda d: -torch.nn.functional.softplus(-d).mean(), "minimax"),
    ("ch01-paper-sign", lambda d: torch.nn.functional.softplus(d).sum(), "sum"),
    ("ch01-paper-sign", torch.nn.functional.softplus, "one number"),
    ("ch01-paper-sign", naive_softplus, "overflows"),
    ("ch01-paper-sign", lambda d: d.mean(), "D_code = -D_paper"),
    ("ch01-two-sigmoids", 0.0, "infinity"),
    ("ch01-two-sigmoids", 1.386, "can reach 1"),
    ("ch01-two-sigmoids", 0.6265, "out of reach"),
    ("ch01-two-sigmoids", 3.0, "softplus(-t) on real"),
    ("ch01-two-sigmoids", "1.0064", "number"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_the_solution_is_right(name, capsys):
    assert check(name, RIGHT[name])
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_mistake_gets_its_hint(name, answer, words, capsys):
    assert not check(name, answer)
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("number", [torch.tensor(1.0064), np.float32(1.0064), np.float64(1.0064)])
def test_a_number_of_any_kind_is_a_number(number):
    assert check("ch01-two-sigmoids", number)


def test_a_tensor_that_is_one_number_is_a_number():
    assert check("ch01-best-loss", lambda p, q: torch.tensor(loss_of_the_ratio(p, q)))


def test_arguments_may_be_changed_in_place():
    assert check("ch01-paper-sign", lambda d: torch.nn.functional.softplus(d.neg_().neg()).mean())


def test_single_precision_is_good_enough():
    assert check("ch01-paper-sign", lambda d: torch.nn.functional.softplus(d.float()).mean())


def test_every_exercise_is_tested():
    assert set(chapter01.EXERCISES) == set(RIGHT) == {name for name, _, _ in WRONG}
