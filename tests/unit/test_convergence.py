"""The convergence theorem's lemmas, and games where one of its assumptions fails."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import hessian, jacrev

from r1lab.theory import dynamics
from r1lab.theory.solvable import LineGAN
from r1lab.theory.spectra import GameJacobian

K, MU = 0.5, 0.25  # f'(0) and -f''(0) of the logistic loss


def game(p, b, c):
    return np.block([[-p, -b.T], [b, -c]])


def semidefinite(rng, size, rank):
    root = rng.standard_normal((size, rank))
    return root @ root.T


@pytest.mark.claim("block-lemma")
@pytest.mark.parametrize("seed", range(20))
def test_the_real_part_is_what_the_diagonal_blocks_see(seed):
    rng = np.random.default_rng(seed)
    p, c, b = semidefinite(rng, 3, 2), semidefinite(rng, 5, 3), rng.standard_normal((5, 3))
    values, vectors = np.linalg.eig(game(p, b, c))
    for value, vector in zip(values, vectors.T, strict=True):
        u, w = vector[:3], vector[3:]
        seen = (u.conj() @ p @ u + w.conj() @ c @ w).real / np.linalg.norm(vector) ** 2
        assert value.real == pytest.approx(-seen, abs=1e-10)


@pytest.mark.claim("block-lemma")
@pytest.mark.parametrize("seed", range(20))
def test_damping_in_one_player_is_enough_where_it_notices_the_other(seed):
    rng = np.random.default_rng(seed)
    b, full, none = rng.standard_normal((5, 3)), semidefinite(rng, 5, 5), np.zeros((3, 3))
    assert np.linalg.eigvals(game(none, b, full)).real.max() < 0
    assert np.linalg.eigvals(game(full, b.T, none)).real.max() < 0
    # Neither hypothesis can go: a column of zeros, or a kernel of C that B B^T maps into itself.
    b[:, 0] = 0
    assert abs(np.linalg.eigvals(game(none, b, full))).min() < 1e-12
    undamped = np.linalg.eigvals(game(np.zeros((2, 2)), np.eye(2), np.diag([1.0, 0.0])))
    assert undamped.real.max() == pytest.approx(0, abs=1e-12)


@pytest.mark.claim("manifold-of-fixed-points")
@pytest.mark.parametrize("start", [(1.1, 0.1), (0.2, -1.2), (-0.8, 0.5)])
def test_a_map_that_contracts_towards_a_circle_of_fixed_points_converges(start):
    q = 0.7

    def step(z):
        # Fixed on the unit circle; moves along it as long as it is off it.
        r, angle = np.hypot(*z), np.arctan2(z[1], z[0])
        r, angle = 1 + q * (r - 1) + 0.1 * (r - 1) ** 2, angle + 0.5 * (r - 1)
        return r * np.array([np.cos(angle), np.sin(angle)])

    path = [np.array(start)]
    for _ in range(80):
        path.append(step(path[-1]))
    end = path[-1]
    assert np.hypot(*end) == pytest.approx(1, abs=1e-10)
    assert np.linalg.norm(end - path[0] / np.hypot(*path[0])) > 0.05  # not the nearest point
    errors = [np.linalg.norm(z - end) for z in path[20:50]]
    assert np.exp(np.polyfit(range(30), np.log(errors), 1)[0]) == pytest.approx(q, abs=1e-3)


def network_game(gamma, penalty, loss):
    """A perfect affine generator and a tanh network that is zero, on 24 points of a line."""
    torch.manual_seed(3)
    generator, first, last = nn.Linear(2, 2), nn.Linear(2, 5), nn.Linear(5, 1)
    nn.init.eye_(generator.weight)
    nn.init.normal_(first.weight, std=1.5)
    nn.init.normal_(first.bias)
    for parameter in (generator.bias, last.weight, last.bias):
        nn.init.zeros_(parameter)
    u = torch.linspace(-1.5, 1.5, 24, dtype=torch.float64)
    real = torch.stack([u, 0 * u], dim=1)
    generator, discriminator = generator.double(), nn.Sequential(first, nn.Tanh(), last).double()
    J = GameJacobian(generator, discriminator, real, real, loss=loss, penalty=penalty, gamma=gamma)
    return J, real, first


@pytest.mark.claim("theorem-4.1")
@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
@pytest.mark.parametrize("penalty", ["r1", "r2"])
def test_a_network_at_an_exact_equilibrium_has_the_jacobian_of_the_theorem(loss, penalty):
    gamma = 1.0
    J, real, first = network_game(gamma, penalty, loss)
    weight, bias = first.weight.detach(), first.bias.detach()

    def features(x):  # of one point
        return torch.cat([torch.tanh(weight @ x + bias), x.new_ones(1)])

    def mean(theta):
        moved = real @ theta[:4].view(2, 2).T + theta[4:]
        return torch.stack([features(x) for x in moved]).mean(0)

    b = -K * jacrev(mean)(real.new_tensor([1, 0, 0, 1, 0, 0])).numpy()
    phi = np.stack([features(x).numpy() for x in real])
    slopes = np.stack([jacrev(features)(x).numpy() for x in real])  # (24, 6, 2)
    c = (2 * MU * phi.T @ phi + gamma * np.einsum("nad,nbd->ab", slopes, slopes)) / len(real)
    expected, seen = np.zeros((27, 27)), [*range(6), *range(21, 27)]
    expected[np.ix_(seen, seen)] = game(np.zeros((6, 6)), b, c)
    np.testing.assert_allclose(J.to_dense(), expected, atol=1e-12)
    # Two directions along M_G, the hidden layer along M_D; all others are stable.
    values = np.linalg.eigvals(J.to_dense())
    zero = abs(values) < 1e-9
    assert zero.sum() == 2 + 15 and values[~zero].real.max() < -5e-3
    assert np.linalg.matrix_rank(b, tol=1e-6) == 4 and np.linalg.eigvalsh(c).min() > 1e-3


@pytest.mark.claim("theorem-4.1")
def test_the_kernels_on_the_line_are_those_of_the_hessian_of_h():
    gan = LineGAN("minimax", "r1", 0.3)
    u, weights = np.polynomial.hermite_e.hermegauss(8)
    u, weights = torch.tensor(u), torch.tensor(weights / weights.sum())

    def h(psi):
        value = psi[0] + psi[1] * u + psi[3] * (u**2 - 1)
        along, across = psi[1] + 2 * psi[3] * u, psi[2] + psi[4] * u
        return (weights * (value**2 + along**2 + across**2)).sum()

    second = hessian(h)(torch.zeros(6, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(second, 2 * np.diag([1, 2, 1, 6, 1, 0]), atol=1e-12)
    n = gan.split[0]
    c, b = -gan.jacobian()[n:, n:], gan.jacobian()[n:, :n]
    np.testing.assert_allclose(c @ np.eye(6)[5], 0, atol=1e-14)
    assert np.linalg.matrix_rank(c, tol=1e-9) == 5
    np.testing.assert_allclose(b @ np.eye(5)[1], 0, atol=1e-14)  # a turned
    assert np.linalg.matrix_rank(b, tol=1e-9) == 4


@pytest.mark.claim("not-realisable")
def test_without_a_perfect_generator_a_small_gamma_need_not_do():
    """Data at -1 and 1, one generated point, D quadratic: theta = 0, psi = p (-1/2, 0, 1)."""

    def f1(t):
        return 1 / (1 + np.exp(t))

    def field(z, gamma):
        theta, c, a, p = z
        fake, left, right = (np.array([1, x, x * x]) for x in (theta, -1.0, 1.0))
        psi = np.array([c, a, p])
        loss = f1(psi @ fake) * fake - (f1(-psi @ left) * left + f1(-psi @ right) * right) / 2
        penalty = gamma * np.array([0, a, 4 * p])  # of (a + 2p)^2/2 + (a - 2p)^2/2, halved
        return np.concatenate([[-f1(psi @ fake) * (a + 2 * p * theta)], loss - penalty])

    for gamma, stable in ((0.1, False), (0.2, False), (0.3, True), (1.0, True)):
        # The equilibrium with theta = 0: f'(-p/2) + 4 gamma p = 0.
        low, high = -10.0, 0.0
        for _ in range(80):
            p = (low + high) / 2
            low, high = (p, high) if f1(-p / 2) + 4 * gamma * p < 0 else (low, p)
        z = np.array([0, -p / 2, 0, p])
        np.testing.assert_allclose(field(z, gamma), 0, atol=1e-12)
        e = 1e-6 * np.eye(4)
        J = np.stack([(field(z + d, gamma) - field(z - d, gamma)) / 2e-6 for d in e], axis=1)
        assert (dynamics.eigenvalues(J).real.max() < 0) == stable


@pytest.mark.claim("sets-that-cross")
@pytest.mark.parametrize("c", [1.0, 0.3, 0.0])
def test_a_deep_linear_discriminator_is_silent_where_its_solutions_cross(c):
    gamma = 0.3

    def field(z):
        theta, a, b = z
        push = 1 / (1 + np.exp(a * b * theta))
        return np.array(
            [
                -a * b * push,
                theta * b * push - gamma * a * b**2,
                theta * a * push - gamma * a**2 * b,
            ]
        )

    z, e = np.array([0, c, 0]), 1e-6 * np.eye(3)
    J = np.stack([(field(z + d) - field(z - d)) / 2e-6 for d in e], axis=1)
    values = np.sort(dynamics.eigenvalues(J).real)
    np.testing.assert_allclose(values, [-gamma * c**2 / 2, -gamma * c**2 / 2, 0], atol=1e-8)
