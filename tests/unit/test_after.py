"""Chapter 13: pairs do not see the level, differences see curvature, lazy steps have a limit."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from r1lab import losses, penalties
from r1lab.theory import toy
from r1lab.theory.dirac import DiracGAN
from r1lab.theory.spectra import GameJacobian

KAPPA = 0.5


@pytest.mark.claim("relativistic-level")
@pytest.mark.parametrize("penalty", [None, "r1", "r2", "r1+r2"])
def test_the_output_bias_of_a_relativistic_discriminator_is_an_eigenvector_for_zero(penalty):
    generator, discriminator = toy.players(hidden=6, latents=2, seed=1)
    rng = torch.Generator().manual_seed(0)
    real = toy.get("two-gaussians").sample(16, rng)
    latents = torch.randn(16, 2, generator=rng, dtype=torch.float64)
    settings = {"penalty": penalty, "gamma": 0.7} if penalty else {}
    J = GameJacobian(
        generator, discriminator, real, latents, loss="relativistic", **settings
    ).to_dense()
    assert abs(J[:, -1]).max() < 1e-12  # the last parameter is the output's bias
    assert abs(J[:, -2]).max() > 1e-3


@pytest.mark.claim("approximate-curvature")
@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_the_approximate_penalty_adds_a_term_of_the_curvature(sigma):
    """Against random probes, whose standard error is known from the sample."""
    rng = torch.Generator().manual_seed(0)
    root = torch.randn(3, 3, generator=rng, dtype=torch.float64)
    A, g = root + root.T, torch.randn(3, generator=rng, dtype=torch.float64)

    def quadratic(x):
        return x @ g + 0.5 * (x @ A * x).sum(1)

    zero = torch.zeros(1, 3, dtype=torch.float64)
    parts = [
        penalties.approximate_r1(quadratic, zero, 2.0, sigma, 2000, rng).item() for _ in range(50)
    ]
    formula = g @ g + sigma**2 / 4 * (A.trace() ** 2 + 2 * (A @ A).trace())
    error = np.std(parts, ddof=1) / 50**0.5
    assert abs(np.mean(parts) - formula.item()) < 4 * error
    assert formula.item() - (g @ g).item() > 8 * error  # the term is seen


@pytest.mark.claim("approximate-curvature")
def test_one_probe_of_a_linear_discriminator_has_twice_the_square_as_variance():
    rng = torch.Generator().manual_seed(0)
    w = torch.tensor([3.0, 4.0], dtype=torch.float64)
    zero = torch.zeros(1, 2, dtype=torch.float64)
    draws = torch.stack(
        [penalties.approximate_r1(lambda x: x @ w, zero, 2.0, generator=rng) for _ in range(4000)]
    )
    assert draws.var().item() == pytest.approx(2 * 25**2, rel=0.15)


@pytest.mark.claim("lazy-limit")
@pytest.mark.parametrize("h", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("gamma", [0.1, 0.3, 1.0, 3.0])
def test_lazy_r1_repels_beyond_its_limit(gamma, h):
    gan = DiracGAN("minimax", "r1", gamma)
    for interval in range(1, 60):
        for scheme, room in (("alternating", 0.0), ("simultaneous", h**2 * KAPPA**2)):
            cycle = gan.lazy_update_matrix(h, interval, scheme)
            heavy = 1 - interval * h * gamma + room
            assert np.linalg.det(cycle) == pytest.approx(heavy * (1 + room) ** (interval - 1))
            if interval * h * gamma > 2 + room:
                assert max(abs(np.linalg.eigvals(cycle))) > 1


LOG2 = math.log(2)


def features(x):
    return torch.stack([torch.ones_like(x), x, x**2, torch.sin(3 * x)], dim=1)


def feature_slopes(x):
    return torch.stack([torch.zeros_like(x), torch.ones_like(x), 2 * x, 3 * torch.cos(3 * x)], 1)


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
    assert slopes(fake, best) > 0


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
