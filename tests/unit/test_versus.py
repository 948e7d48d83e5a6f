"""Chapter 10's statement on units: the centre of a one-centred penalty only rescales the critic."""

import pytest
import torch
from scipy.optimize import minimize_scalar

from r1lab import losses, penalties
from r1lab.step import DiscriminatorStep

WEIGHT, CENTER = 0.7, 3.0


class Scaled(torch.nn.Module):
    """A network times a number."""

    def __init__(self, network, factor):
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, x):
        return self.factor * self.network(x)


def terms(network, weight, center, samples):
    penalty = penalties.WGANGP(weight, center, generator=torch.Generator().manual_seed(0))
    return DiscriminatorStep(network, losses.WASSERSTEIN, penalty)(*samples)


@pytest.mark.claim("critic-units")
def test_a_critic_times_the_centre_costs_the_centre_times_as_much():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    samples = torch.randn(2, 8, 2, dtype=torch.float64)
    network = network.double()
    large = terms(Scaled(network, CENTER), WEIGHT, CENTER, samples)
    small = terms(network, WEIGHT * CENTER, 1.0, samples)
    for part in ("adversarial", "penalty"):
        assert getattr(large, part).item() == pytest.approx(CENTER * getattr(small, part).item())


@pytest.mark.claim("critic-units")
@pytest.mark.parametrize("theta", [0.2, 1.5])
def test_the_best_critics_of_a_dirac_gan_differ_by_the_factor(theta):
    """D(x) = psi x, large on real data at 0, fakes at theta: a search over psi < 0."""

    def best(weight, center):
        def cost(psi):
            return psi * theta + weight * (abs(psi) - center) ** 2

        return minimize_scalar(cost, bounds=(-50, 0), method="bounded", options={"xatol": 1e-9})

    large, small = best(WEIGHT, CENTER), best(WEIGHT * CENTER, 1.0)
    assert large.x == pytest.approx(CENTER * small.x, rel=1e-6)
    assert large.fun == pytest.approx(CENTER * small.fun, rel=1e-6)
