"""cross_sample_leak against the full Jacobian of a batch."""

import pytest
import torch
from torch import nn

from r1lab import doctor


class Deviation(nn.Module):
    """Minibatch standard deviation as one more feature."""

    def forward(self, x):
        return torch.cat([x, x.std(0).mean().expand(len(x), 1)], 1)


def network(*layers, features=8):
    """The layers, made by functions, between two linear ones; float64 and seeded."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = [layer() for layer in layers]
        return nn.Sequential(nn.Linear(8, 8), *made, nn.Linear(features, 1)).double()


def batch(size=6):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(size, 8, generator=generator, dtype=torch.float64)


def jacobian_leak(discriminator, x):
    """The leak from the full Jacobian (B, B, features)."""
    jacobian = torch.autograd.functional.jacobian(lambda x: discriminator(x).sum(1), x)
    squares = jacobian.square().sum(-1)
    own = squares.diagonal()
    return ((squares - torch.diag(own)).sum() / own.sum()).sqrt().item()


@pytest.mark.parametrize(
    ("layer", "features"),
    [(lambda: nn.BatchNorm1d(8), 8), (Deviation, 9), (nn.Tanh, 8)],
)
def test_cross_sample_leak_is_that_of_the_jacobian(layer, features):
    discriminator = network(layer, nn.Tanh, features=features)
    leak = doctor.cross_sample_leak(discriminator, batch())
    assert leak == pytest.approx(jacobian_leak(discriminator, batch()), rel=1e-9, abs=0)


def test_a_device_without_float64_has_a_leak(no_float64):
    discriminator, x = network(lambda: nn.BatchNorm1d(8)).float(), batch().float()
    with no_float64:
        leak = doctor.cross_sample_leak(discriminator, x)
    assert leak == pytest.approx(jacobian_leak(discriminator, x), rel=1e-4)


def test_cross_sample_leak_of_large_batches_and_bad_ones():
    mixed = nn.BatchNorm1d(8).double()
    leak = doctor.cross_sample_leak(mixed, batch(64))
    assert 0 < leak < jacobian_leak(mixed, batch(6))  # statistics of more samples, less of each
    assert doctor.cross_sample_leak(lambda x: x.flip(0), batch()) == float("inf")
    with pytest.raises(ValueError, match="two samples"):
        doctor.cross_sample_leak(mixed, batch(1))
    with pytest.raises(ValueError, match="do not depend on x"):
        doctor.cross_sample_leak(lambda x: x.detach(), batch())
    with pytest.raises(TypeError, match="floating-point tensor, not torch.int64: scale images fir"):
        doctor.cross_sample_leak(mixed, batch().long())
    for check in (doctor.cross_sample_leak, doctor.diagnose):
        with pytest.raises(ValueError, match=r"not \(6,\); one-dimensional samples have shape"):
            check(mixed, batch()[:, 0])
