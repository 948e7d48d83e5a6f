"""Update rules, flows and averages on general fields: against torch, SciPy and formulas."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from r1lab.theory import dynamics
from r1lab.theory.dynamics import (
    Adam,
    Alternating,
    Extragradient,
    Game,
    Implicit,
    Momentum,
    Optimistic,
    RMSprop,
    Simultaneous,
)

N_G, N_D = 2, 3
RNG = np.random.default_rng(7)
MATRIX = RNG.normal(size=(5, 5)) / 3
CUBIC = RNG.normal(size=(5, 5)) / 3
RULES = (
    Simultaneous(),
    Simultaneous(time_scale=3.0),
    Alternating(),
    Alternating(d_steps=3, g_steps=2, time_scale=0.5),
    Momentum(0.7),
    Momentum(-0.3, Alternating(d_steps=2)),
    Extragradient(),
    Optimistic(),
    Implicit(),
)


def smooth_field(z):
    """A nonlinear field with an equilibrium at 0 and Jacobian MATRIX there."""
    return MATRIX @ z + np.sin(CUBIC @ z) ** 3


@pytest.mark.parametrize("split", [(N_G, N_D), ([3, 0], [1, 4, 2])], ids=["sizes", "index-sets"])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_update_matrix_is_the_derivative_of_a_step(rule, split):
    game, h, eps = Game(smooth_field, split), 0.1, 1e-3
    shape = rule.start(np.zeros(5)).shape

    def update(state):
        return rule.step(game, state.reshape(shape), h).ravel()

    columns = [
        8 * (update(e) - update(-e)) - (update(2 * e) - update(-2 * e))
        for e in eps * np.eye(np.prod(shape))
    ]
    numeric = np.stack(columns, axis=1) / (12 * eps)
    np.testing.assert_allclose(rule.update_matrix(MATRIX, h, split), numeric, atol=1e-10)


@pytest.mark.claim("update-matrices")
def test_update_matrices_are_the_textbook_ones():
    h, eye, zero = 0.1, np.eye(5), np.zeros((5, 5))
    step = h * MATRIX
    g, d = np.diag([1, 1, 0, 0, 0]), np.diag([0, 0, 1, 1, 1])
    power = np.linalg.matrix_power
    beta = -0.4
    expected = {
        Simultaneous(): eye + step,
        Simultaneous(3.0): eye + (g + 3 * d) @ step,
        Alternating(d_steps=3, g_steps=2): power(eye + d @ step, 3) @ power(eye + g @ step, 2),
        Alternating(time_scale=0.5): (eye + d @ step / 2) @ (eye + g @ step),
        Extragradient(): eye + step + step @ step,
        Optimistic(): np.block([[eye + 2 * step, -step], [eye, zero]]),
        Momentum(beta): np.block([[eye + step, beta * eye], [step, beta * eye]]),
        Implicit(): np.linalg.inv(eye - step),
    }
    for rule, matrix in expected.items():
        actual = rule.update_matrix(MATRIX, h, (N_G, N_D))
        np.testing.assert_allclose(actual, matrix, atol=1e-14)


def quadratic_game():
    """z'Sz/2 of each player alone plus a coupling, so that torch can differentiate it."""
    own_g, own_d = np.diag([0.5, 1.0]), np.diag([0.2, 0.6, 1.0])
    coupling = np.random.default_rng(3).normal(size=(N_G, N_D))

    def loss(theta, psi):
        w, g, d = (torch.tensor(m) for m in (coupling, own_g, own_d))
        value = theta @ w @ psi
        g_loss = value + theta @ g @ theta / 2 + (theta**4).sum() / 4
        return g_loss, -value + psi @ d @ psi / 2

    def field(z):
        theta, psi = z[:N_G], z[N_G:]
        v_theta = -(coupling @ psi + own_g @ theta + theta**3)
        return np.concatenate([v_theta, coupling.T @ theta - own_d @ psi])

    return loss, Game(field, (N_G, N_D))


OPTIMISERS = {
    "sgd": (lambda order: order, lambda p, lr: torch.optim.SGD([p], lr)),
    "momentum": (
        lambda order: Momentum(0.8, order),
        lambda p, lr: torch.optim.SGD([p], lr, momentum=0.8),
    ),
    "rmsprop": (
        lambda order: RMSprop(0.9, 1e-3, order),
        lambda p, lr: torch.optim.RMSprop([p], lr, alpha=0.9, eps=1e-3),
    ),
    "adam": (lambda order: Adam(order=order), lambda p, lr: torch.optim.Adam([p], lr)),
    "gan-adam": (
        lambda order: Adam(0.0, 0.99, 1e-4, order),
        lambda p, lr: torch.optim.Adam([p], lr, betas=(0.0, 0.99), eps=1e-4),
    ),
}


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize(
    "order",
    [
        Simultaneous(time_scale=2.0),
        Alternating(),
        Alternating(time_scale=2.0, d_steps=3, g_steps=2),
    ],
    ids=str,
)
def test_rules_are_those_of_torch_optim(name, order):
    make_rule, make_optimiser = OPTIMISERS[name]
    loss, game = quadratic_game()
    start, h, steps = np.array([1.0, -0.5, 0.3, 0.8, -1.0]), 0.05, 30
    players = [torch.tensor(x, requires_grad=True) for x in (start[:N_G], start[N_G:])]
    rates = h, h * order.time_scale
    optimisers = [make_optimiser(p, lr) for p, lr in zip(players, rates, strict=True)]
    turns = [(0, 1)]
    if isinstance(order, Alternating):
        turns = [(0,)] * order.g_steps + [(1,)] * order.d_steps
    for _ in range(steps):
        for turn in turns:
            values = loss(*players)
            for player in turn:
                (gradient,) = torch.autograd.grad(
                    values[player], players[player], retain_graph=True
                )
                players[player].grad = gradient
            for player in turn:
                optimisers[player].step()
    expected = np.concatenate([p.detach().numpy() for p in players])
    path = make_rule(order).run(game, start, h, steps)
    np.testing.assert_allclose(path[-1], expected, atol=1e-12)


@pytest.mark.parametrize("rule", [*RULES, RMSprop(), Adam()], ids=str)
def test_index_sets_are_a_relabelling(rule):
    order = np.array([3, 0, 1, 4, 2])  # generator 3, 0; discriminator 1, 4, 2
    start = np.array([0.3, -0.2, 0.5, 0.1, -0.4])

    def relabelled(y):
        z = np.empty(5)
        z[order] = y
        return smooth_field(z)[order]

    by_sets = rule.run(Game(smooth_field, (order[:2], order[2:])), start, 0.1, 20)
    by_sizes = rule.run(Game(relabelled, (2, 3)), start[order], 0.1, 20)
    np.testing.assert_allclose(by_sets[:, order], by_sizes, atol=1e-10)


@pytest.mark.parametrize("rule", [*RULES, Adam()], ids=str)
def test_projection_keeps_the_discriminator_in_its_box(rule):
    start, box = np.full(5, 0.1), 0.12
    game = Game(lambda z: smooth_field(z) + 0.5, (N_G, N_D), lambda psi: np.clip(psi, -box, box))
    path = rule.run(game, start, 0.1, 30)
    assert np.abs(path[:, N_G:]).max() <= box
    assert np.abs(path[:, :N_G]).max() > box
    free = rule.run(Game(game.field, (N_G, N_D)), start, 0.1, 30)
    assert np.abs(free[:, N_G:]).max() > box


def test_a_step_leaves_its_argument_alone():
    game = Game(smooth_field, (N_G, N_D), np.tanh)
    for rule in (*RULES, RMSprop(), Adam()):
        state = rule.start(np.full(5, 0.3))
        before = state.copy()
        rule.step(game, state, 0.1)
        np.testing.assert_array_equal(state, before)


def test_implicit_steps_solve_their_equation():
    path = Implicit().run(Game(smooth_field, (N_G, N_D)), np.full(5, 0.4), 0.5, 5)
    residual = path[1:] - path[:-1] - 0.5 * np.array([smooth_field(z) for z in path[1:]])
    np.testing.assert_allclose(residual, 0, atol=1e-12)
    with pytest.raises(ValueError, match="use a smaller h"):
        Implicit().run(Game(lambda z: z**2 + 1), (0.0, 0.0), 10.0, 1)


def test_flow_is_the_matrix_exponential():
    t = np.array([0.0, 0.5, 3.0])
    start = np.arange(1.0, 6.0)
    path = dynamics.flow(lambda z: MATRIX @ z, start, t)
    np.testing.assert_allclose(path, [expm(MATRIX * s) @ start for s in t], atol=1e-9)
    np.testing.assert_allclose(dynamics.flow(lambda z: MATRIX @ z, start, 3.0), path[-1], atol=1e-9)


def test_a_flow_that_explodes_is_an_error():
    with pytest.raises(ValueError, match="could not be followed"):
        dynamics.flow(lambda z: z**2, [1.0], 2.0)


def test_a_jump_is_crossed_without_loss_of_accuracy():
    def rotation(z, side):
        return np.array([-z[1], z[0] + 0.3 * side])

    path = dynamics.flow_with_jump(rotation, 1, (1.0, 0.0), np.pi * np.arange(6))
    expected = [1.0, -1.6, 2.2, -2.8, 3.4, -4.0]  # half circles around -+0.3
    np.testing.assert_allclose(path[:, 0], expected, atol=1e-9)


def test_a_curve_that_cannot_cross_stays():
    end = dynamics.flow_with_jump(lambda z, side: np.array([1.0, -side]), 1, (0.0, 0.5), [0.2, 2.0])
    np.testing.assert_allclose(end, [[0.2, 0.3], [0.5, 0.0]], atol=1e-10)


@pytest.mark.claim("erratum-consensus")
def test_consensus_exact_and_numerical():
    energy_gradient = torch.func.grad(lambda z: sum(v**2 for v in torch_field(z)) / 2)

    def torch_field(z):
        return torch.tensor(MATRIX) @ z + torch.sin(torch.tensor(CUBIC) @ z) ** 3

    def transposed_product(z, u):
        inner = CUBIC @ z
        slope = 3 * np.sin(inner) ** 2 * np.cos(inner)
        return MATRIX.T @ u + CUBIC.T @ (slope * u)

    exact = dynamics.consensus(smooth_field, 0.7, transposed_product)
    numerical = dynamics.consensus(smooth_field, 0.7)
    for z in np.random.default_rng(1).normal(size=(10, 5)):
        expected = smooth_field(z) - 0.7 * energy_gradient(torch.tensor(z)).numpy()
        np.testing.assert_allclose(exact(z), expected, atol=1e-12)
        np.testing.assert_allclose(numerical(z), expected, atol=1e-8)


def test_time_averages():
    t = np.linspace(0, 3, 3001)
    path = np.stack([t**2, np.ones_like(t)], axis=1)
    average = dynamics.time_average(path, t)
    np.testing.assert_allclose(average[1:, 0], t[1:] ** 2 / 3, atol=2e-7)
    np.testing.assert_allclose(average[:, 1], 1, atol=1e-12)
    steps = RNG.normal(size=(20, 2))
    expected = [steps[: k + 1].mean(axis=0) for k in range(20)]
    np.testing.assert_allclose(dynamics.time_average(steps), expected, atol=1e-14)


def test_largest_stable_step_on_a_larger_game():
    damped = MATRIX - 2 * np.eye(5)
    values = np.linalg.eigvals(damped)
    for rule in (Simultaneous(), Alternating(d_steps=2), Extragradient(), Momentum(-0.3)):
        limit = dynamics.largest_stable_step(rule, damped, (N_G, N_D))
        below, above = (
            np.abs(np.linalg.eigvals(rule.update_matrix(damped, limit * f, (N_G, N_D)))).max()
            for f in (1 - 1e-6, 1 + 1e-6)
        )
        assert below < 1 < above
    simultaneous = (-2 * values.real / abs(values) ** 2).min()
    limit = dynamics.largest_stable_step(Simultaneous(), damped, (N_G, N_D))
    np.testing.assert_allclose(limit, simultaneous, rtol=1e-12)
    assert dynamics.largest_stable_step(Implicit(), damped, (N_G, N_D)) == np.inf
    assert dynamics.largest_stable_step(Alternating(), MATRIX + 2 * np.eye(5), (N_G, N_D)) == 0.0


@pytest.mark.parametrize("rule", [Simultaneous(), Alternating(), Extragradient(), Momentum(-0.3)])
@pytest.mark.parametrize("matrix", [[[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]])
def test_where_no_eigenvalue_is_left_no_step_contracts(rule, matrix):
    assert dynamics.largest_stable_step(rule, matrix) == 0.0
    radii = [dynamics.spectral_radius(rule.update_matrix(matrix, h)) for h in (1e-3, 0.1, 1.0)]
    np.testing.assert_allclose(radii, 1.0, atol=1e-7)


def field(z):
    return -z


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Game(field, (0, 2)), "split must be two positive sizes"),
        (lambda: Game(field, ([0, 1], [1, 2])), "index sets that share out"),
        (lambda: Game(field, ([0, 1], [])), "index sets that share out"),
        (lambda: Game(field, 4), "split must be two positive sizes"),
        (lambda: Simultaneous().run(Game(field), (1.0, 1.0, 1.0), 0.1, 5), "start must have shape"),
        (
            lambda: Simultaneous().run(Game(field), (1.0, 1.0), 0.1, -1),
            "steps must not be negative",
        ),
        (lambda: Simultaneous().run(Game(field), (1.0, 1.0), 0.0, 1), "h must be positive"),
        (lambda: Simultaneous().update_matrix(np.eye(3), 0.1), "needs a Jacobian of shape"),
        (lambda: Simultaneous(0.0), "time_scale must be positive"),
        (lambda: Alternating(d_steps=0), "must be at least 1"),
        (lambda: Momentum(1.0), r"beta must be in \(-1, 1\)"),
        (lambda: Momentum(-1.0), r"beta must be in \(-1, 1\)"),
        (lambda: Adam(beta1=-0.1), r"beta1 must be in \[0, 1\)"),
        (lambda: RMSprop(eps=0.0), "eps must be positive"),
        (lambda: Adam().update_matrix(np.eye(2), 0.1), "Adam divides by"),
        (lambda: RMSprop().update_matrix(np.eye(2), 0.1), "RMSprop divides by"),
        (lambda: dynamics.consensus(field, -1.0), "gamma must be finite"),
        (lambda: dynamics.time_average(np.ones((3, 2)), [0, 1]), "3 increasing times"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
