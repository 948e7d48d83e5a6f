"""Chapter 7's exercises: right answers pass, typical wrong ones get the hint that fits."""

import pytest
import torch

from r1lab import penalties
from r1lab.notebook.exercises import check

GAMMA = 2000 / 127.5**2


def pull(psi, gamma, eps):
    return gamma * psi[0], gamma * psi[1], 4 * gamma * eps**2 * psi[2]


def teaches(penalty, discriminator, real):
    weights = [p for p in discriminator.parameters() if p.requires_grad]
    value = penalty(discriminator, real)
    if not weights or not value.requires_grad:
        return False
    gradients = torch.autograd.grad(value, weights, allow_unused=True)
    return any(g is not None and bool(g.any()) for g in gradients)


def requires_grad(penalty, discriminator, real):
    return penalty(discriminator, real).requires_grad


def without_clearing(penalty, discriminator, real):
    value = penalty(discriminator, real)
    if value.requires_grad:
        value.backward()
    return any(p.grad is not None for p in discriminator.parameters())


def impossible(penalty, discriminator, real):
    penalty(discriminator, real).backward()
    return True


RIGHT = [
    ("ch07-units", GAMMA),
    ("ch07-units", 0.123),
    ("ch07-weight-decay", pull),
    ("ch07-weight-decay", lambda psi, gamma, eps: gamma * psi * [1, 1, 4 * eps**2]),
    ("ch07-dead", teaches),
]
WRONG = [
    ("ch07-units", "0.12", "give one number"),
    ("ch07-units", GAMMA / 2, "lacks the one half"),
    ("ch07-units", GAMMA / 4, "a factor of four"),
    ("ch07-units", 2000 / 255**2, "two wide"),
    ("ch07-units", 2000 / 127.5, "counts squared"),
    ("ch07-units", 2000 * 127.5**2, "must fall"),
    ("ch07-units", 2000, "change of range is missing"),
    ("ch07-units", 7.0, "first the missing one half"),
    ("ch07-weight-decay", (1, 2, 3), "give the function itself"),
    ("ch07-weight-decay", lambda psi, gamma, eps: gamma * psi, "that is weight decay"),
    ("ch07-weight-decay", lambda psi, gamma, eps: gamma * psi * [1, 1, 0], "for eps = 0"),
    ("ch07-weight-decay", lambda psi, gamma, eps: gamma * psi * [1, 1, eps**2], "4 x2^2"),
    ("ch07-weight-decay", lambda psi, gamma, eps: gamma * psi * [1, 1, 4 * eps], "not eps"),
    (
        "ch07-weight-decay",
        lambda psi, gamma, eps: [value / 2 for value in pull(psi, gamma, eps)],
        "that is half of it",
    ),
    ("ch07-weight-decay", lambda psi, gamma, eps: 1.0, "three numbers"),
    ("ch07-weight-decay", lambda psi, gamma, eps: -gamma * psi, "average"),
    ("ch07-weight-decay", lambda psi: psi, "your function failed: TypeError"),
    ("ch07-dead", True, "give the function itself"),
    ("ch07-dead", lambda *case: True, "without create_graph"),
    ("ch07-dead", lambda *case: False, "a healthy R1"),
    ("ch07-dead", requires_grad, "D is frozen"),
    ("ch07-dead", without_clearing, "left over"),
    ("ch07-dead", impossible, "your function failed: RuntimeError"),
    ("ch07-dead", lambda *case: None, "True or False"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_pass(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_wrong_answers_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


def test_the_pull_is_that_of_r1_on_data_of_that_thickness():
    psi = torch.tensor([0.4, 0.7, 2.0], dtype=torch.float64, requires_grad=True)
    real = torch.tensor([[1.0, 0.3], [-2.0, -0.3]], dtype=torch.float64)  # mean of x2^2: 0.09

    def bent(x):
        return psi[0] * x[:, 0] + psi[1] * x[:, 1] + psi[2] * x[:, 1] ** 2

    (gradient,) = torch.autograd.grad(penalties.r1(bent, real, 3.0), psi)
    assert gradient.tolist() == pytest.approx(pull(psi.tolist(), 3.0, 0.3), rel=1e-12)
