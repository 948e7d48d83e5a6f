"""What came after R1: relativistic pairing, R2, finite differences, lazy limits."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from r1lab import losses, penalties
from r1lab.theory.dirac import DiracGAN
from r1lab.theory.dynamics import spectral_radius

LOG2 = math.log(2)
COLLAPSED, ONE_LEAVES, COVERED = (0, 0), (0, 2), (0, 1)


def features(x):
    return torch.stack([torch.ones_like(x), x, x**2, torch.sin(3 * x)], dim=1)


def feature_slopes(x):
    return torch.stack([torch.zeros_like(x), torch.ones_like(x), 2 * x, 3 * torch.cos(3 * x)], 1)


@pytest.mark.claim("relativistic-covariance")
@pytest.mark.parametrize("name", ["non-saturating", "relativistic"])
def test_pairing_damps_the_covariance_of_the_features(name):
    """The Hessian of D's loss at D = 0 over all pairs, with p_theta = p_D, by autograd."""
    x = torch.linspace(-1, 2, 9, dtype=torch.float64)
    real, fake = x.repeat_interleave(9), x.repeat(9)

    def loss(psi):
        return losses.get(name).discriminator(features(real) @ psi, features(fake) @ psi)

    hessian = torch.func.hessian(loss)(torch.zeros(4, dtype=torch.float64))
    phi = features(x)
    if name == "relativistic":
        phi = phi - phi.mean(0)
    torch.testing.assert_close(hessian, phi.T @ phi / len(x) / 2)


@pytest.mark.claim("slopes-at-fakes")
@pytest.mark.parametrize(("name", "start"), [("non-saturating", 2 * LOG2), ("relativistic", LOG2)])
@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_a_best_discriminator_with_r2_is_not_steep_at_fakes(name, start, gamma):
    rng = torch.Generator().manual_seed(0)
    real = 0.1 * torch.randn(64, generator=rng, dtype=torch.float64)
    fake = 1 + 0.1 * torch.randn(64, generator=rng, dtype=torch.float64)

    def slopes(x, psi):
        return (feature_slopes(x) @ psi).square().mean()

    def total(psi):
        loss = losses.get(name).discriminator(features(real) @ psi, features(fake) @ psi)
        return loss + gamma / 2 * (slopes(real, psi) + slopes(fake, psi))

    def value_and_gradient(psi):
        leaf = torch.tensor(psi, requires_grad=True)
        value = total(leaf)
        return value.item(), torch.autograd.grad(value, leaf)[0].numpy()

    best = torch.tensor(minimize(value_and_gradient, np.zeros(4), jac=True, tol=1e-10).x)
    assert slopes(real, best) + slopes(fake, best) <= 2 * start / gamma
    assert 0 < slopes(fake, best)


@pytest.mark.claim("slopes-at-fakes")
@pytest.mark.parametrize("name", ["non-saturating", "relativistic"])
def test_with_r1_alone_slopes_at_fakes_have_no_bound(name):
    real, fake = (torch.full((2, 1), x, dtype=torch.float64) for x in (0.0, 1.0))
    totals = []
    for k in (5.0, 10.0, 100.0):

        def discriminator(x, k=k):
            return k * (1 - 2 * x[:, 0] ** 2)

        r1, r2 = penalties.r1(discriminator, real, 1.0), penalties.r2(discriminator, fake, 1.0)
        loss = losses.get(name).discriminator(discriminator(real), discriminator(fake))
        assert r1 == 0
        assert 2 * r2.item() == pytest.approx((4 * k) ** 2)
        totals.append(loss.item())
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < 1e-12


@pytest.mark.claim("approximate-r1-bias")
@pytest.mark.parametrize("sigma", [0.01, 0.3, 1.0])
def test_bias_of_approximate_r1_for_a_quadratic(sigma):
    a = torch.tensor([[1.0, 0.3, 0.0], [0.3, -0.5, 0.2], [0.0, 0.2, 2.0]], dtype=torch.float64)
    x = torch.tensor([[0.4, -1.0, 0.2]], dtype=torch.float64)

    def discriminator(x):
        return ((x @ a) * x).sum(1) / 2

    exact = penalties.r1(discriminator, x, 1.0)
    bias = sigma**2 / 8 * (2 * a.square().sum() + a.trace() ** 2)
    rng = torch.Generator().manual_seed(0)
    got = penalties.approximate_r1(discriminator, x, 1.0, sigma, 400_000, rng)
    assert got.item() == pytest.approx((exact + bias).item(), rel=0.01)


@pytest.mark.claim("approximate-r1-bias")
def test_spread_of_approximate_r1_for_a_linear_discriminator():
    w = torch.tensor([3.0, 4.0], dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    x = torch.zeros(1, 2, dtype=torch.float64)
    once = [
        penalties.approximate_r1(lambda x: x @ w, x, 2.0, probes=4, generator=rng).item()
        for _ in range(4000)
    ]
    assert np.mean(once) == pytest.approx(25, rel=0.05)
    assert np.std(once) / 25 == pytest.approx(math.sqrt(2 / 4), rel=0.1)


def lowest_loss(fakes, kind):
    """Over logits at three places: real samples at 0 and 1, nothing at 2."""

    def loss(logits):
        real, fake = logits[[0, 1]], logits[list(fakes)]
        if kind == "usual":
            return np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
        gaps = fake - real if kind == "fixed" else fake[:, None] - real
        return np.logaddexp(0, gaps).mean()

    return minimize(loss, np.zeros(3), bounds=[(-40, 40)] * 3, tol=1e-12).fun


@pytest.mark.claim("pairs-on-two-points")
@pytest.mark.parametrize(
    ("kind", "collapsed", "leaving", "covered"),
    [
        ("usual", math.log(3) / 2 + math.log(1.5), LOG2, 2 * LOG2),
        ("redrawn", LOG2 / 2, LOG2 / 4, LOG2),
        ("fixed", LOG2 / 2, LOG2 / 2, LOG2),
    ],
)
def test_a_barrier_that_fixed_pairs_remove(kind, collapsed, leaving, covered):
    assert lowest_loss(COVERED, kind) == pytest.approx(covered, rel=1e-5)
    assert lowest_loss(ONE_LEAVES, kind) == pytest.approx(leaving, rel=1e-4)
    assert lowest_loss(COLLAPSED, kind) == pytest.approx(collapsed, rel=1e-4)


@pytest.mark.claim("lazy-determinant")
@pytest.mark.parametrize("gamma", [0.1, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("h", [0.05, 0.2, 0.5])
def test_an_alternating_lazy_cycle_has_determinant_one_minus_k_h_gamma(gamma, h):
    gan = DiracGAN("relativistic", "r1", gamma)
    for interval in (1, 3, 8, 16, 40):
        matrix = gan.lazy_update_matrix(h, interval, "alternating")
        assert np.linalg.det(matrix) == pytest.approx(1 - interval * h * gamma, abs=1e-9)
        if interval * h * gamma >= 2:
            assert spectral_radius(matrix) >= 1
