"""The GAN game of chapter 1: losses against closed forms, finite differences and search."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from r1lab import losses
from r1lab.theory import divergences
from r1lab.theory.dirac import DiracGAN

NAMES = ("minimax", "non-saturating")
COUNTS = torch.tensor([6, 3, 2, 1]), torch.tensor([1, 2, 3, 6])
REAL, FAKE = (torch.arange(4).repeat_interleave(counts) for counts in COUNTS)
P, Q = (counts.double().numpy() / 12 for counts in COUNTS)


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


@pytest.mark.claim("optimal-discriminator")
def test_a_search_over_all_tables_ends_at_the_log_ratio():
    def loss(table):
        logits = torch.as_tensor(table)
        return losses.MINIMAX.discriminator(logits[REAL], logits[FAKE]).item()

    found = minimize(loss, np.array([3.0, -2.0, 1.0, 0.0]), method="BFGS")
    assert found.x == pytest.approx(np.log(P / Q), abs=1e-4)
    assert found.fun == pytest.approx(np.log(4) - 2 * divergences.js(P, Q), abs=1e-9)


@pytest.mark.claim("optimal-discriminator")
def test_without_overlap_finite_logits_come_near_but_not_there():
    distances = [
        losses.MINIMAX.discriminator(torch.full((3,), n), torch.full((3,), -n)).item()
        for n in (1.0, 5.0, 10.0)
    ]
    assert distances == pytest.approx(
        [2 * np.log1p(np.exp(-n)) for n in (1.0, 5.0, 10.0)], rel=1e-4
    )


@pytest.mark.claim("generator-weights")
@pytest.mark.parametrize("t", [-10.0, -1.5, 0.0, 2.0])
def test_weights_and_their_ratio(t):
    weights = {}
    for name in NAMES:
        logit = torch.tensor([t], dtype=torch.float64, requires_grad=True)
        losses.get(name).generator(logit).backward()
        weights[name] = -logit.grad.item()
    assert weights["minimax"] == pytest.approx(sigmoid(t), rel=1e-12)
    assert weights["non-saturating"] == pytest.approx(sigmoid(-t), rel=1e-12)
    assert weights["non-saturating"] / weights["minimax"] == pytest.approx(np.exp(-t), rel=1e-12)


@pytest.mark.claim("generator-gradients")
@pytest.mark.parametrize("name", NAMES)
def test_gradient_at_the_optimal_discriminator_by_finite_differences(name):
    start, h = np.array([0.4, -0.3, 0.1, 0.6]), 1e-6

    def frequencies(theta):
        return np.exp(theta) / np.exp(theta).sum()

    best = np.log(P / frequencies(start))  # held fixed
    loss_at = {"minimax": np.log(sigmoid(-best)), "non-saturating": -np.log(sigmoid(best))}[name]

    def divergence(theta):
        q = frequencies(theta)
        twice_js = 2 * divergences.js(P, q)
        return twice_js if name == "minimax" else divergences.kl(q, P) - twice_js

    for step in h * np.eye(4):
        gradient = (frequencies(start + step) - frequencies(start - step)) @ loss_at / (2 * h)
        expected = (divergence(start + step) - divergence(start - step)) / (2 * h)
        assert gradient == pytest.approx(expected, abs=1e-8)


@pytest.mark.claim("zero-sum")
def test_only_the_minimax_game_is_zero_sum_for_the_generator():
    fake = torch.tensor([-3.0, -1.0, 0.0, 2.0], dtype=torch.float64, requires_grad=True)
    for name, expected in (("minimax", 0 * fake), ("non-saturating", torch.tanh(fake / 2))):
        loss = losses.get(name)
        both = loss.discriminator(torch.ones(4), fake) + loss.generator(fake)
        (gradient,) = torch.autograd.grad(both, fake)
        assert torch.allclose(4 * gradient, expected, atol=1e-15)


@pytest.mark.claim("game-equilibrium")
def test_no_player_gains_alone_at_the_equilibrium_and_one_does_elsewhere():
    rng = np.random.default_rng(0)

    def value(p, q, table):
        return p @ np.log(sigmoid(table)) + q @ np.log(sigmoid(-table))

    for _ in range(100):
        table, q = 2 * rng.normal(size=4), rng.dirichlet(np.ones(4))
        assert value(P, P, table) <= -np.log(4) + 1e-12  # the discriminator alone
        assert value(P, q, 0 * table) == pytest.approx(-np.log(4))  # the generator alone
        best = np.log(P / q)
        # Elsewhere: against the best discriminator the generator gains by producing the data.
        assert value(P, P, best) < value(P, q, best)


@pytest.mark.claim("no-potential")
@pytest.mark.parametrize("name", NAMES)
def test_the_dirac_field_has_no_potential(name):
    h = 1e-6
    columns = [
        (np.array(DiracGAN(name).field(*step)) - np.array(DiracGAN(name).field(*-step))) / (2 * h)
        for step in h * np.eye(2)
    ]
    jacobian = np.column_stack(columns)
    assert jacobian[0, 1] == pytest.approx(-0.5) and jacobian[1, 0] == pytest.approx(0.5)
    angle = np.linspace(0, 2 * np.pi, 1000)
    theta, psi = np.cos(angle), np.sin(angle)
    v_theta, v_psi = DiracGAN(name).field(theta, psi)
    assert (theta * v_psi - psi * v_theta).min() > 0.3


@pytest.mark.claim("one-sided-discriminator")
def test_a_constant_lowers_a_one_sided_loss():
    loss = losses.NON_SATURATING
    torch.manual_seed(0)
    logits, nothing = 5 * torch.randn(50, dtype=torch.float64), torch.full((1,), -1e6)
    on_real = [loss.discriminator(logits + c, nothing).item() for c in (0.0, 1.0, 10.0, 100.0)]
    on_fake = [loss.discriminator(-nothing, logits - c).item() for c in (0.0, 1.0, 10.0, 100.0)]
    for values in (on_real, on_fake):
        assert all(after < before for before, after in pairwise(values))
        assert values[-1] < 1e-30
