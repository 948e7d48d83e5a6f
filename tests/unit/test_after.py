"""Chapter 13: pairs do not see the level, differences see curvature, lazy steps have a limit."""

import numpy as np
import pytest
import torch

from r1lab import penalties
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
