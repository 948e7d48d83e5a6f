"""The monitor against closed forms, and its advice on small GANs with gamma wrong and right."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from r1lab import losses, penalties
from r1lab.monitor import Measurement, advice, measure
from r1lab.step import DiscriminatorStep


def linear(w, bias=0.0):
    discriminator = nn.Linear(len(w), 1).double()
    with torch.no_grad():
        discriminator.weight.copy_(torch.tensor([w]))
        discriminator.bias.fill_(bias)
    return discriminator


def batches(size=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, size, 2, generator=generator, dtype=torch.float64)
    return real + 1, fake


def test_a_linear_critic():
    """D = w.x: the adversarial gradient is mean fake - mean real, the penalty's gamma w."""
    w, gamma = torch.tensor([0.3, -0.4], dtype=torch.float64), 2.0
    real, fake = batches()
    seen = measure(linear(w.tolist()), real, fake, "wasserstein", penalties.R1(gamma))
    difference = real.mean(0) - fake.mean(0)
    assert seen.real_gradient == pytest.approx(0.25) == seen.fake_gradient
    assert seen.logit_gap == pytest.approx((w @ difference).item()) == -seen.loss
    own, added = difference.norm().item(), gamma * 0.5
    assert seen.penalty_share == pytest.approx(added / (added + own))
    assert seen.blind_loss == 0


def test_a_quadratic_discriminator_has_other_gradients_on_fakes():
    real, fake = batches()
    discriminator = nn.Sequential(Squares(), linear([1.0, 1.0]))
    seen = measure(discriminator, real, fake, "non-saturating", None)
    assert seen.real_gradient == pytest.approx(4 * real.square().sum(1).mean().item())
    assert seen.fake_gradient == pytest.approx(4 * fake.square().sum(1).mean().item())
    assert seen.penalty_share == 0


class Squares(nn.Module):
    def forward(self, x):
        return x.square()


@pytest.mark.parametrize(
    ("loss", "blind"),
    [
        ("non-saturating", 2 * math.log(2)),
        ("minimax", 2 * math.log(2)),
        ("relativistic", math.log(2)),
        ("hinge", 2.0),
        ("least-squares", 1.0),
    ],
)
def test_the_blind_loss_is_that_of_a_discriminator_that_cannot_tell(loss, blind):
    seen = measure(linear([0.0, 0.0]), *batches(), loss, None)
    assert seen.blind_loss == pytest.approx(blind) == seen.loss
    assert seen.logit_gap == 0


def test_measuring_leaves_no_trace():
    discriminator = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
    discriminator[0].weight.grad = torch.ones(4, 2, dtype=torch.float64)
    state = {name: tensor.clone() for name, tensor in discriminator.state_dict().items()}
    noise = torch.Generator().manual_seed(2)
    before, noise_before = torch.get_rng_state(), noise.get_state()
    real, fake = batches()
    fake.requires_grad_()
    seen = measure(discriminator, real, fake, "hinge", penalties.WGANGP(10.0, generator=noise))
    assert seen.penalty_share > 0
    assert all(torch.equal(t, state[name]) for name, t in discriminator.state_dict().items())
    assert discriminator[0].weight.grad.eq(1).all() and discriminator[2].weight.grad is None
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(noise.get_state(), noise_before)
    assert fake.grad is None


class Broken(nn.Module):
    """Raises on the penalty's points, once it has drawn them."""

    def __init__(self, real, fake):
        super().__init__()
        self.inner, self.known = linear([1.0, 2.0]), (real, fake)

    def forward(self, x):
        if not any(torch.equal(x, known) for known in self.known):
            raise RuntimeError("broken")
        return self.inner(x)


def test_a_discriminator_that_raises_leaves_no_trace():
    real, fake = batches()
    discriminator, noise = Broken(real, fake), torch.Generator().manual_seed(2)
    before, noise_before = torch.get_rng_state(), noise.get_state()
    with pytest.raises(RuntimeError, match="broken"):
        measure(discriminator, real, fake, "hinge", penalties.WGANGP(10.0, generator=noise))
    assert torch.equal(noise.get_state(), noise_before)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_device_without_float64_can_be_measured(no_float64):
    discriminator, (real, fake) = linear([0.3, -0.4]).float(), (b.float() for b in batches())
    expected = measure(discriminator, real, fake, "hinge", penalties.R1(2.0))
    with no_float64:
        seen = measure(discriminator, real, fake, "hinge", penalties.R1(2.0))
    assert seen == expected


def test_a_measurement_is_frozen():
    seen = measure(linear([1.0, 0.0]), *batches(), "hinge", None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        seen.loss = 0.0


def ring(size, generator):
    """Eight narrow modes on a circle of radius 1.5."""
    angle = torch.randint(8, (size,), generator=generator) * torch.pi / 4
    centers = 1.5 * torch.stack([angle.cos(), angle.sin()], 1)
    return (centers + 0.05 * torch.randn(size, 2, generator=generator)).double()


def networks(seed, width=32):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        both = [
            nn.Sequential(
                nn.Linear(inputs, width), nn.SiLU(),
                nn.Linear(width, width), nn.SiLU(),
                nn.Linear(width, outputs),
            ).double()
            for inputs, outputs in ((4, 2), (2, 1))
        ]  # fmt: skip
    return both


def trained(gamma, seed=0, steps=700, every=20):
    """The measurements of a small GAN on the ring, and its final distance to the data."""
    random = torch.Generator().manual_seed(seed)
    generator, discriminator = networks(seed)
    penalty = penalties.R1(gamma) if gamma else None
    step = DiscriminatorStep(discriminator, "non-saturating", penalty)
    d_optimizer, g_optimizer = (
        torch.optim.Adam(player.parameters(), 2e-3, (0.0, 0.99))
        for player in (discriminator, generator)
    )
    seen = []

    def fakes(size):
        return generator(torch.randn(size, 4, generator=random, dtype=torch.float64))

    for i in range(steps):
        if i % every == 0:
            real, fake = ring(256, random), fakes(256)
            seen.append(measure(discriminator, real, fake, "non-saturating", penalty))
        d_optimizer.zero_grad()
        step(ring(64, random), fakes(64).detach()).total.backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        losses.NON_SATURATING.generator(discriminator(fakes(64))).backward()
        g_optimizer.step()
    with torch.no_grad():
        return seen, energy_distance(ring(1000, random), fakes(1000))


def energy_distance(a, b):
    return (
        2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()
    ).item()


IDLE, SMALL = "the penalty does nothing because", "gamma is too small because"
ADVICE = {1e-4: [IDLE, SMALL], 0.3: [], 100.0: ["gamma is too large because"]}


def test_the_advice_on_training_runs_is_right():
    """And the gamma that gets none is the best of them by the distance to the data."""
    distances = {}
    for gamma, expected in ADVICE.items():
        runs = [trained(gamma, seed) for seed in (0, 1)]
        for seen, _ in runs:
            told = advice(seen)
            assert len(told) == len(expected), told
            assert all(t.startswith(start) for t, start in zip(told, expected, strict=True)), told
        distances[gamma] = sum(distance for _, distance in runs)
    assert distances[0.3] < 0.9 * min(distances[1e-4], distances[100.0])


def test_the_advice_without_a_penalty():
    assert [sentence.split(" because")[0] for sentence in advice(trained(0.0)[0])] == [
        "the penalty does nothing",
        "gamma is too small",
    ]


BLIND = Measurement(1e-6, 1e-6, 1e-4, penalty_share=0.6, loss=1.386, blind_loss=1.3863)
TELLING = dataclasses.replace(BLIND, real_gradient=0.5, logit_gap=1.0, loss=0.9)


def test_rules_one_by_one():
    assert advice([BLIND] * 5) == []  # too few to judge
    assert advice([TELLING] * 6) == []
    assert [s.split(" because")[0] for s in advice([BLIND] * 6)] == ["gamma is too large"]
    weak = dataclasses.replace(TELLING, penalty_share=0.05)
    assert advice([weak] * 6) == []  # a weak penalty whose game is stationary
    growing = dataclasses.replace(weak, logit_gap=3.0)
    (sentence,) = advice([weak] * 4 + [growing] * 2)
    assert "the logit gap keeps growing (1 to 3) and the penalty is 5.0% of" in sentence
    strong = dataclasses.replace(growing, penalty_share=0.3)
    assert advice([TELLING] * 4 + [strong] * 2) == []
    broken = dataclasses.replace(TELLING, loss=math.nan)
    (sentence,) = advice([TELLING, broken])
    assert sentence.startswith("training diverged because measurement 1 is not finite")


def test_a_loss_without_scale_is_not_called_blind():
    assert advice([dataclasses.replace(BLIND, loss=0.0, blind_loss=0.0)] * 6) == []
