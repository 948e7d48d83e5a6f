"""Appendix A: penalties on weights and on the function, against closed forms and optimisers."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar

from r1lab import penalties


def soft(z, threshold):
    return np.sign(z) * np.maximum(np.abs(z) - threshold, 0)


def steps(optimizer, decay, loss_of, count, **settings):
    w = torch.tensor([2.0, -1.0], dtype=torch.float64, requires_grad=True)
    rule = optimizer([w], lr=0.01, weight_decay=decay, **settings)
    for _ in range(count):
        rule.zero_grad()
        loss_of(w).backward()
        rule.step()
    return w.detach()


def bowl(w):
    return (3 * w[0] ** 2 + torch.cosh(w[1] - 2) + w[0] * w[1]).sum()


@pytest.mark.claim("l2-is-weight-decay")
def test_for_plain_gradient_descent_l2_and_weight_decay_are_one_update():
    by_rule = steps(torch.optim.SGD, 0.3, bowl, 20)
    by_loss = steps(torch.optim.SGD, 0.0, lambda w: bowl(w) + 0.15 * w.square().sum(), 20)
    w = torch.tensor([2.0, -1.0], dtype=torch.float64)
    for _ in range(20):
        w = (1 - 0.01 * 0.3) * w - 0.01 * torch.func.grad(bowl)(w)
    torch.testing.assert_close(by_rule, w, rtol=1e-12, atol=0)
    torch.testing.assert_close(by_loss, w, rtol=1e-12, atol=0)


@pytest.mark.claim("adam-first-step")
@pytest.mark.parametrize("decay", [0.0, 0.1, 1.0])
def test_adams_first_step_does_not_see_l2_and_adamw_decays(decay):
    def slope(w):  # the gradient (3, -3) keeps its sign under decay * (2, -1)
        return 3 * (w[0] - w[1])

    start = torch.tensor([2.0, -1.0], dtype=torch.float64)
    sign = torch.tensor([1.0, -1.0], dtype=torch.float64)
    adam = steps(torch.optim.Adam, decay, slope, 1, eps=0.0)
    adamw = steps(torch.optim.AdamW, decay, slope, 1, eps=0.0)
    torch.testing.assert_close(adam, start - 0.01 * sign, rtol=1e-12, atol=0)
    torch.testing.assert_close(adamw, start - 0.01 * sign - 0.01 * decay * start)


@pytest.mark.claim("training-cost-rises")
def test_a_stronger_penalty_has_no_lower_training_cost():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    strengths = (0.0, 0.1, 1.0, 10.0, 100.0)

    def solution(lam):
        return np.linalg.solve(X.T @ X + lam * np.eye(3), X.T @ y)

    costs = [np.sum((y - X @ solution(lam)) ** 2) for lam in strengths]
    sizes = [np.sum(solution(lam) ** 2) for lam in strengths]
    assert (np.diff(costs) > 0).all() and (np.diff(sizes) < 0).all()


@pytest.mark.claim("soft-threshold")
@pytest.mark.parametrize("z", [-2.0, -0.3, 0.0, 0.5, 3.0])
def test_the_soft_threshold_minimises_and_solves_the_orthonormal_lasso(z):
    found = minimize_scalar(lambda w: (w - z) ** 2 / 2 + abs(w), bounds=(-5, 5), method="bounded")
    assert found.x == pytest.approx(soft(z, 1.0), abs=1e-4)
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.normal(size=(8, 3)))[0]
    y = Q @ np.array([z, 1.5, -0.2]) + rng.normal(size=8)

    def split(u):  # w = u+ - u-, both not negative: a smooth problem with bounds
        w = u[:3] - u[3:]
        return np.sum((y - Q @ w) ** 2) / 2 + u.sum()

    best = minimize(split, np.ones(6), bounds=[(0, None)] * 6, options={"ftol": 1e-15}).x
    np.testing.assert_allclose(best[:3] - best[3:], soft(Q.T @ y, 1.0), atol=1e-5)


@pytest.mark.claim("rescaling-keeps-r1")
def test_rescaled_layers_keep_r1_and_change_the_norm():
    generator = torch.Generator().manual_seed(0)
    W, a, x = (
        torch.randn(shape, dtype=torch.float64, generator=generator)
        for shape in ((7, 3), (7,), (9, 3))
    )
    active = (x @ W.T > 0).double()
    gradients = (active * a) @ W  # the input gradient of a . relu(W x)
    expected = 1.5 / 2 * gradients.square().sum(1).mean()
    for c in (0.1, 1.0, 8.0):
        value = penalties.r1(lambda x, c=c: torch.relu(x @ (c * W).T) @ (a / c), x, 1.5)
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)

    def norm(c):
        return ((c * W).square().sum() + (a / c).square().sum()).item() / 2

    best = minimize_scalar(norm, bounds=(0.05, 20), method="bounded")
    assert best.fun == pytest.approx((W.norm() * a.norm()).item(), rel=1e-8)
    assert best.x == pytest.approx((a.norm() / W.norm()).sqrt().item(), rel=1e-4)


@pytest.mark.claim("linear-r1-is-l2")
def test_for_a_linear_discriminator_r1_is_l2_on_the_slope_and_not_on_the_bias():
    linear = torch.nn.Linear(3, 1).double()
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    penalties.r1(linear, x, 0.8).backward()
    torch.testing.assert_close(linear.weight.grad, 0.8 * linear.weight.detach())
    assert linear.bias.grad is None
