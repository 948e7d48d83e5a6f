"""The 2-D problems, their samplers and mode counts, and the trainer."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from r1lab import penalties
from r1lab.step import DiscriminatorStep, GeneratorStep
from r1lab.theory import toy

ADAM = partial(torch.optim.Adam, lr=2e-3, betas=(0.0, 0.9))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("two-gaussians", (1 + 0.04, 0.04)),
        ("line", (1 / 3, 0)),
        ("circle", (0.5, 0.5)),
        ("four-lines", (2 / 3, 2 / 3)),  # half of the mass at +-1, half uniform
        ("eight-gaussians", (2 + 0.05**2, 2 + 0.05**2)),
    ],
)
def test_samples_have_the_moments_of_their_distribution(name, variance):
    problem = toy.get(name)
    x = problem.sample(40_000)
    np.testing.assert_allclose(x.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(x.var(0), variance, atol=0.03)
    # Every point lies on a piece, as far as its thickness allows.
    nearest = torch.stack([piece.distance(x) for piece in problem.pieces]).min(0).values
    assert nearest.max() <= 1e-6 + 5.5 * problem.pieces[0].thickness
    assert problem.modes(x) == len(problem.pieces)


def test_a_seed_means_one_sample_in_any_precision():
    problem = toy.get("four-lines")
    np.testing.assert_array_equal(problem.sample(50, 3), problem.sample(50, 3))
    assert not torch.equal(problem.sample(50, 3), problem.sample(50, 4))
    single = problem.sample(50, 3, torch.float32)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, problem.sample(50, 3), atol=1e-6)
    rng = torch.Generator().manual_seed(3)
    first, second = problem.sample(50, rng), problem.sample(50, rng)
    np.testing.assert_array_equal(first, problem.sample(50, 3))
    assert not torch.equal(first, second)


def test_mode_counts_need_points_and_their_share():
    ring = toy.get("eight-gaussians")
    x = ring.sample(8000)
    right = x[x[:, 0] > 0.5]
    assert ring.modes(right) == 3 and ring.modes(torch.zeros(10, 2)) == 0
    few = torch.cat([right, x[(x[:, 0] < -1.9)][:20]])
    assert ring.modes(few) == 3  # 20 of 3,000 points are no mode
    assert ring.modes(x, radius=5.0) == 8


def test_players_are_seeded_and_leave_the_global_state():
    state = torch.get_rng_state()
    one, two, other = toy.players(), toy.players(), toy.players(seed=1)
    assert torch.equal(state, torch.get_rng_state())
    for a, b, c in zip(*(pair[0].parameters() for pair in (one, two, other)), strict=True):
        assert torch.equal(a, b) and (a.ndim == 1 or not torch.equal(a, c))
    made = toy.players(latents=3, depth=2, activation=nn.Tanh, dtype=torch.float32)
    assert isinstance(made[0][1], nn.Tanh) and made[0](torch.zeros(5, 3)).shape == (5, 2)


def test_training_is_the_two_steps_one_after_the_other():
    problem, loss, penalty = toy.get("circle"), "non-saturating", penalties.R1(0.5)
    run = toy.train(problem, loss=loss, penalty=penalty, steps=3, batch=16, seed=5)
    generator, discriminator = toy.players(seed=5)
    g_step = GeneratorStep(generator, discriminator, loss)
    d_step = DiscriminatorStep(discriminator, loss, penalty)
    rng = torch.Generator().manual_seed(5)

    def latents(n):
        return torch.randn(n, 16, generator=rng, dtype=torch.float64)

    def move(player, loss):
        for p, g in zip(player.parameters(), torch.autograd.grad(loss, player.parameters())):  # noqa: B905
            p.data -= 0.05 * g

    for _ in range(3):
        real = problem.sample(16, rng)
        move(generator, g_step(latents(16), real=real).total)
        move(discriminator, d_step(real, generator(latents(16)).detach()).total)
    for trained, expected in ((run.generator, generator), (run.discriminator, discriminator)):
        for p, q in zip(trained.parameters(), expected.parameters(), strict=True):
            np.testing.assert_allclose(p.detach(), q.detach(), atol=1e-14)


@pytest.mark.parametrize(
    "loss", ["minimax", "wasserstein", "hinge", "least-squares", "relativistic"]
)
@pytest.mark.parametrize(
    "penalty", ["r1+r2", "wgan-gp", "dragan", "zero-centered", "approximate-r1"]
)
def test_every_loss_and_penalty_trains(loss, penalty):
    state = torch.get_rng_state()
    one, two, other = (
        toy.train(
            toy.get("line"), loss=loss, penalty=penalty, gamma=1.0, steps=2, batch=8, seed=seed
        ).fake
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, two) and not torch.equal(one, other) and one.isfinite().all()
    assert torch.equal(state, torch.get_rng_state())


def test_training_leaves_the_gpus_generators(monkeypatch):
    """With torch.manual_seed it would not: that seeds every device."""
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    toy.train(toy.get("line"), penalty="wgan-gp", gamma=1.0, steps=1, batch=8)
    assert seeded == []
    torch.manual_seed(torch.initial_seed())
    assert seeded == [torch.initial_seed()]  # what the patch would have seen


def test_discriminator_steps_are_counted_and_watching_changes_nothing():
    seen, calls = [], []
    made = toy.players(latents=2, hidden=4, depth=1)
    made[1].register_forward_hook(lambda *_: calls.append("d"))
    options = {"steps": 3, "d_steps": 2, "batch": 4}
    watched = toy.train(
        toy.get("line"), generator=made[0], discriminator=made[1], watch=seen.append, **options
    )
    assert seen == [1, 2, 3]
    assert len(calls) == 3 * (1 + 2 * 2)  # one for the generator; two steps on real and fake
    own = toy.players(latents=2, hidden=4, depth=1)
    alone = toy.train(toy.get("line"), generator=own[0], discriminator=own[1], **options)
    assert torch.equal(watched.fake, alone.fake)


def test_r1_learns_the_line():
    problem = toy.get("line")
    start = toy.train(problem, steps=0)
    run = toy.train(problem, penalty="r1", gamma=0.3, steps=600, optimizer=ADAM)
    assert run.wasserstein() < 0.3 < start.wasserstein() and run.modes() == 1


def test_players_of_ones_own_and_divergence():
    made = toy.players(latents=2, dtype=torch.float32)
    run = toy.train(toy.get("line"), steps=1, generator=made[0], discriminator=made[1])
    assert run.generator is made[0] and run.fake.dtype == torch.float32
    huge = partial(torch.optim.SGD, lr=1e6)
    assert toy.train(toy.get("line"), steps=5, optimizer=huge).wasserstein() == np.inf


def test_refusals():
    with pytest.raises(ValueError, match="use one of two-gaussians, line, circle"):
        toy.get("square")
    with pytest.raises(ValueError, match="n must be at least 1"):
        toy.get("line").sample(0)
    with pytest.raises(ValueError, match="both players or neither"):
        toy.train(toy.get("line"), generator=toy.players()[0])
    with pytest.raises(ValueError, match="d_steps must be at least 1, not 0"):
        toy.train(toy.get("line"), d_steps=0)
    with pytest.raises(ValueError, match="needs a gamma"):
        toy.train(toy.get("line"), penalty="r1")
