"""Conversions against each convention's formula evaluated on one batch; schedules; laziness."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from r1lab import penalties
from r1lab.gamma import CONVENTIONS, LazyR1, anneal, convert_gamma, stylegan_heuristic

B, SHAPE = 5, (3, 4, 7)
INTERVAL, SIGMA, VALUE = 4, 1e-6, 0.7
SETTING = {"shape": SHAPE, "batch": B, "interval": INTERVAL, "sigma": SIGMA}


@pytest.fixture(scope="module")
def problem():
    torch.manual_seed(0)
    layers = nn.Flatten(), nn.Linear(math.prod(SHAPE), 8), nn.Tanh(), nn.Linear(8, 1)
    real = torch.randn(B, *SHAPE, dtype=torch.float64)
    return nn.Sequential(*layers).double(), real


def gradient(discriminator, x, reduce=torch.sum):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(reduce(discriminator(x)), x)[0]


def finite_difference(discriminator, x):
    """d = D(x + sigma n) - D(x), its square averaged over all directions: noise along each axis.

    For n uniform on the axes scaled by sqrt(features), E n n^T = I, as for Gaussian noise.
    """
    features = math.prod(SHAPE)
    steps = SIGMA * features**0.5 * torch.eye(features, dtype=x.dtype).view(-1, *SHAPE)
    with torch.no_grad():
        base = discriminator(x)
        moved = torch.stack([discriminator(x + step) for step in steps])
    return ((moved - base) ** 2).mean(0).mean()


# One line a convention: what its code adds to the loss, averaged over lazy steps, with v = 1.
WRITTEN_OUT = {
    "paper": lambda D, x: (gradient(D, x) ** 2).sum([1, 2, 3]).mean() / 2,
    "stylegan2": lambda D, x: (gradient(D, x) ** 2).sum([1, 2, 3]).mean() / 2,
    "stylegan3": lambda D, x: (gradient(D, x) ** 2).sum([1, 2, 3]).mean() / 2,
    "rosinality": lambda D, x: gradient(D, x).pow(2).view(B, -1).sum(1).mean() / 2,
    "r3gan": lambda D, x: (gradient(D, x) ** 2).sum([1, 2, 3]).mean() / 2,
    "stargan_v2": lambda D, x: 0.5 * gradient(D, x).pow(2).view(B, -1).sum(1).mean(),
    "studiogan": lambda D, x: 0.5 * gradient(D, x).pow(2).view(B, -1).sum(1).mean(),
    "gan_stability": lambda D, x: gradient(D, x).pow(2).view(B, -1).sum(1).mean(),
    "basicsr": lambda D, x: 1 / 2 * gradient(D, x).pow(2).view(B, -1).sum(1).mean(),
    "wgan_gp_weight": lambda D, x: (gradient(D, x).view(B, -1).norm(2, dim=1) ** 2).mean(),
    "lucidrains": lambda D, x: (gradient(D, x).view(B, -1).norm(2, 1) ** 2).mean() / INTERVAL,
    "lightweight_gan": lambda D, x: (
        (gradient(D, x).view(B, -1).norm(2, 1) ** 2).sum()
        / (2 * B)  # the mean over B real and B fake samples, its real half
        / INTERVAL
    ),
    "mmgen_hwc": lambda D, x: (gradient(D, x).reshape(B, -1).norm(2, 1) ** 2).mean() / INTERVAL,
    "mmgen_pixel": lambda D, x: (gradient(D, x).norm(2, dim=1) ** 2).mean() / INTERVAL,
    "feature_mean": lambda D, x: gradient(D, x).square().mean(),
    "batch_sum": lambda D, x: gradient(D, x).square().sum(),
    "mean_logit": lambda D, x: gradient(D, x, torch.mean).pow(2).sum([1, 2, 3]).mean(),
    "apt": finite_difference,
    "afm": lambda D, x: finite_difference(D, x) / SIGMA**2,
    "self_forcing": lambda D, x: 0.5 * finite_difference(D, x) / SIGMA**2,
    "gat": lambda D, x: finite_difference(D, x) / SIGMA**2 / 2,
}


def test_every_convention_is_written_out():
    assert WRITTEN_OUT.keys() == CONVENTIONS.keys()


@pytest.mark.parametrize("name", CONVENTIONS)
def test_conversion_gives_the_same_penalty_on_the_same_batch(name, problem):
    discriminator, real = problem
    theirs = VALUE * WRITTEN_OUT[name](discriminator, real).item()
    ours = penalties.r1(discriminator, real, convert_gamma(VALUE, name, **SETTING)).item()
    assert ours == pytest.approx(theirs, rel=1e-12 if CONVENTIONS[name].exact else 1e-4)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_conversion_back(name):
    there = convert_gamma(VALUE, "paper", name, **SETTING)
    assert convert_gamma(there, name, **SETTING) == pytest.approx(VALUE, rel=1e-14)


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_numbers_of_numpy_are_those_of_python(kind):
    """Also where a NumPy byte's square would wrap around: 200^2 = 64 mod 256."""
    assert convert_gamma(1, "batch_sum", batch=kind(32)) == 64
    assert convert_gamma(np.float32(0.5), "mean_logit", batch=kind(200)) == 1 / 200**2
    shape = (kind(3), kind(20), kind(20))
    assert convert_gamma(1, "feature_mean", shape=shape) == 2 / 1200
    assert convert_gamma(1, "apt", sigma=np.float32(0.5)) == 0.5
    assert stylegan_heuristic(kind(200), kind(32)) == 0.0002 * 200**2 / 32
    lazy = LazyR1(1.0, kind(4))
    assert lazy == LazyR1(1.0, 4) and type(lazy.interval) is int
    assert [lazy.at(step) for step in range(5)] == [4.0, 0.0, 0.0, 0.0, 4.0]
    assert anneal(2.0, 0.0, kind(200), "linear")(100) == 1.0


def test_published_settings():
    assert convert_gamma(10, "gan_stability") == 20
    assert convert_gamma(10, "lucidrains", interval=4) == 5
    assert convert_gamma(10, "lightweight_gan", interval=4) == 2.5
    assert convert_gamma(100, "apt", sigma=0.01) == pytest.approx(0.02)
    assert stylegan_heuristic(32, 64) == pytest.approx(0.0032)
    assert stylegan_heuristic(256, 64) == pytest.approx(0.2048)


@pytest.mark.parametrize("shape", ["cosine", "linear", "exponential"])
def test_schedules_reach_both_ends_monotonically(shape):
    values = [anneal(2.0, 0.2, 50, shape)(step) for step in range(60)]
    assert values[0] == pytest.approx(2.0)
    assert values[50:] == pytest.approx([0.2] * 10)
    assert values == sorted(values, reverse=True)
    halfway = {"cosine": 1.1, "linear": 1.1, "exponential": math.sqrt(2.0 * 0.2)}
    assert values[25] == pytest.approx(halfway[shape])


def lazy_gap(h: float, interval: int = 4, gamma: float = 1.0) -> float:
    """Distance after one interval of plain SGD between the lazy and the unlazy penalty."""
    torch.manual_seed(0)
    real, fake = torch.randn(6, 2, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)
    ends = []
    for at in (LazyR1(gamma, interval).at, lambda _: gamma):
        torch.manual_seed(1)
        discriminator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
        sgd = torch.optim.SGD(discriminator.parameters(), lr=h)
        for step in range(interval):
            sgd.zero_grad()
            loss = discriminator(fake).mean() - discriminator(real).mean()
            (loss + penalties.r1(discriminator, real, at(step))).backward()
            sgd.step()
        ends.append(torch.cat([p.detach().flatten() for p in discriminator.parameters()]))
    return (ends[0] - ends[1]).norm().item()


def test_lazy_update_equals_the_unlazy_one_to_first_order():
    # Equal to first order: the gap is of second order, so it falls by four when h halves.
    gaps = [lazy_gap(h) for h in (1e-3, 5e-4, 2.5e-4)]
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.02)
    assert gaps[1] / gaps[2] == pytest.approx(4, rel=0.02)


def test_adam_correction_keeps_the_decay_over_an_interval():
    """interval + 1 steps with the corrected beta decay as interval steps did."""
    lr, betas = LazyR1(1.0, 16).adam(0.002, (0.5, 0.99))
    assert betas[0] ** 17 == pytest.approx(0.5**16, rel=1e-12)
    assert betas[1] ** 17 == pytest.approx(0.99**16, rel=1e-12)
    assert 17 * lr == pytest.approx(16 * 0.002, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convert_gamma(1.0, "stylegan9"), "unknown convention 'stylegan9': use one of"),
        (lambda: convert_gamma(-1.0, "paper"), "not negative, not -1.0"),
        (lambda: convert_gamma(1.0, "mmgen_pixel", interval=1), "mmgen_pixel needs shape="),
        (lambda: convert_gamma(1.0, "lucidrains", interval=0), "a positive whole number, not 0"),
        (lambda: convert_gamma(1.0, "lucidrains", interval=2.5), "a positive whole number, not 2"),
        (lambda: convert_gamma(1.0, "batch_sum", batch=True), "a positive whole number, not True"),
        (lambda: convert_gamma(1.0, "batch_sum", batch=(3,)), r"a positive whole number, not \(3"),
        (lambda: convert_gamma(1.0, "apt", sigma=np.bool_(True)), "a positive number, not True"),
        (lambda: convert_gamma(1.0, "apt", sigma=math.nan), "a positive number, not nan"),
        (lambda: convert_gamma(True, "paper"), "not negative, not True"),
        (lambda: convert_gamma(1.0, "paper", "apt"), "apt needs sigma="),
        (lambda: stylegan_heuristic(0, 4), "finite numbers from 1, not 0 and 4"),
        (lambda: stylegan_heuristic(math.nan, 3), "finite numbers from 1, not nan and 3"),
        (lambda: stylegan_heuristic(32, math.inf), "finite numbers from 1, not 32 and inf"),
        (lambda: stylegan_heuristic(32, True), "finite numbers from 1, not 32 and True"),
        (lambda: anneal(1.0, 0.0, 10, "exponential"), "in range for exponential"),
        (lambda: anneal(1.0, 0.1, 0), "at least 1"),
        (lambda: anneal(1.0, 0.1, math.nan), "at least 1 and finite, not nan"),
        (lambda: anneal(1.0, 0.1, 10, "step"), "unknown shape 'step'"),
        (lambda: LazyR1(-1.0), "not negative"),
        (lambda: LazyR1(1.0, 0), "a whole number from 1"),
        (lambda: LazyR1(1.0, 2.5), "a whole number from 1"),
        (lambda: LazyR1(1.0, True), "a whole number from 1, not True"),
        (lambda: LazyR1(True, 4), "not negative, not True"),
        (lambda: convert_gamma(1.0, "feature_mean", shape=[3, 8, 8]), "a tuple of positive whole"),
        (lambda: convert_gamma(1.0, "feature_mean", shape=8), "a tuple of positive whole"),
        (lambda: convert_gamma(1.0, "lucidrains", interval=float("inf")), "whole number, not inf"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
