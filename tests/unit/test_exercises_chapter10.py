"""Chapter 10's exercises: solutions pass, and planted mistakes get the hint that fits."""

import math

import pytest
import torch

from r1lab import penalties
from r1lab.notebook.exercises import check


def budget(images, batch, d_steps):
    d = images // batch
    g = d // d_steps
    return d, g, batch * (d + g)


def push(loss, slope, logit):
    logit = torch.tensor(logit, requires_grad=True)
    softplus = torch.nn.functional.softplus
    losses = {
        "wasserstein": lambda t: -t,
        "non-saturating": lambda t: softplus(-t),
        "minimax": lambda t: -softplus(t),
    }
    losses[loss](logit).backward()
    return slope * abs(logit.grad.item())


def squares(discriminator, x, alive=True):
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=alive)
    return gradient.flatten(1).square().sum(1)


def r1(discriminator, real, fake):
    return 10 / 2 * squares(discriminator, real).mean()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ch10-budget", budget),
        ("ch10-push", push),
        ("ch10-repaired", r1),
        ("ch10-repaired", lambda d, real, fake: penalties.r1(d, real, gamma=10.0)),
    ],
)
def test_solutions_are_right(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


def always(weight):
    return lambda loss, slope, logit: slope * weight(logit)


def wasserstein_or(other):
    return lambda loss, *facing: facing[0] if loss == "wasserstein" else other(*facing)


def logistic(t):
    return 1 / (1 + math.exp(-t))


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ch10-budget", lambda i, b, n: (i / b * n, i / b, 2 * i), "does not multiply"),
        ("ch10-budget", lambda i, b, n: (i, i / n, i), "one batch of real images"),
        ("ch10-budget", lambda i, b, n: (i / b, i / b, 2 * i), "follows each d_steps"),
        ("ch10-budget", lambda i, b, n: (i / b, i / b / n, i), "generator's own step"),
        ("ch10-budget", lambda i, b, n: (i / b, i / b / n, i / n), "is shown a batch"),
        ("ch10-budget", lambda i, b, n: (i / b, i / b / n, 0), "step of either player"),
        ("ch10-budget", lambda i, b, n: i / b, "three numbers"),
        ("ch10-budget", 360, "the function itself"),
        ("ch10-budget", lambda images: 360, "your function failed: TypeError"),
        ("ch10-push", always(lambda t: logistic(-t)), "-D: its derivative is one"),
        ("ch10-push", always(lambda t: 1), "the slope is weighted"),
        ("ch10-push", wasserstein_or(lambda s, t: s * logistic(t)), "non-saturating: the sign"),
        ("ch10-push", wasserstein_or(lambda s, t: s * logistic(-t)), "minimax: the sign"),
        ("ch10-push", wasserstein_or(lambda s, t: -s * logistic(-t)), "not negative"),
        ("ch10-push", wasserstein_or(lambda s, t: s * math.exp(t)), "the logistic function"),
        ("ch10-push", lambda loss, slope, logit: None, "a number, not None"),
        ("ch10-push", lambda slope: slope, "your function failed: TypeError"),
        ("ch10-push", 1.0, "the function itself"),
        ("ch10-repaired", lambda d, real, fake: 2 * r1(d, real, fake), "without a half"),
        (
            "ch10-repaired",
            lambda d, real, fake: penalties.wgan_gp(d, real, fake, weight=5.0, center=0.0),
            "random points",
        ),
        (
            "ch10-repaired",
            lambda d, real, fake: 5 * (squares(d, real).sqrt() - 1).square().mean(),
            "asks for slope one",
        ),
        ("ch10-repaired", lambda d, real, fake: 5 * squares(d, real).sqrt().mean(), "not squared"),
        ("ch10-repaired", lambda d, real, fake: r1(d, fake, real), "that is R2"),
        ("ch10-repaired", lambda d, real, fake: r1(d, real, fake) / 8, "over the pixels"),
        ("ch10-repaired", lambda d, real, fake: r1(d, real, fake) * 3, "over the batch"),
        ("ch10-repaired", lambda d, real, fake: r1(d, real, fake) * 7, "gamma/2 times the mean"),
        (
            "ch10-repaired",
            lambda d, real, fake: 5 * squares(d, real, alive=False).mean(),
            "create_graph",
        ),
        ("ch10-repaired", lambda d, real, fake: 5.0, "a tensor"),
        ("ch10-repaired", lambda d: 5.0, "your function failed: TypeError"),
        ("ch10-repaired", 5.0, "the function itself"),
    ],
)
def test_mistakes_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


def test_the_copied_penalty_is_neither_r1_nor_of_strength_ten():
    """The colleague's code of the last exercise: zero-centred on the lines, with gamma 20."""
    torch.manual_seed(0)
    discriminator = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 1)).double()
    real, fake = torch.randn(2, 3, 1, 2, 4, dtype=torch.float64)
    copied = penalties.wgan_gp(discriminator, real, fake, weight=10.0, center=0.0)
    assert copied.item() == pytest.approx(penalties.r1(discriminator, real, 20.0).item())


def test_the_reader_s_random_numbers_stay_as_they_are():
    state = torch.get_rng_state()
    check("ch10-repaired", lambda d, real, fake: r1(d, torch.rand_like(real), fake))
    assert torch.equal(torch.get_rng_state(), state)
