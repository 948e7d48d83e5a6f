"""Vector fields of games: linearisation, gradients and curl, consensus, Nash and stable points."""

import numpy as np
import pytest
from scipy.linalg import expm

from r1lab.theory import dynamics
from r1lab.theory.dirac import DiracGAN
from r1lab.theory.dynamics import Game, Simultaneous


def with_spectrum(rng, values):
    """A random 4 x 4 matrix with the eigenvalue pairs a ± ib for (a, b) in values."""
    blocks = np.zeros((4, 4))
    for k, (a, b) in enumerate(values):
        blocks[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[a, -b], [b, a]]
    basis = rng.normal(size=(4, 4)) + 2 * np.eye(4)
    return basis @ blocks @ np.linalg.inv(basis)


def bent(matrix, z):
    """A map or field with this derivative at 0 and terms of second and third order."""
    return matrix @ z + 0.5 * z[::-1] * z - z**3


@pytest.mark.claim("linearisation-steps")
@pytest.mark.parametrize("seed", range(3))
def test_all_moduli_below_one_converge_at_the_rate_of_the_largest(seed):
    rng = np.random.default_rng(seed)
    matrix = with_spectrum(rng, [(-0.9, 0.2), (0.3, 0.5)])  # below one, one of them near -1
    errors = []
    z = 1e-3 * rng.normal(size=4)
    for _ in range(400):
        z = bent(matrix, z)
        errors.append(np.linalg.norm(z))
    rate = (errors[399] / errors[199]) ** (1 / 200)
    assert rate == pytest.approx(np.hypot(0.9, 0.2), abs=0.004)


@pytest.mark.claim("linearisation-steps")
@pytest.mark.parametrize("outside", [(-1.1, 0.0), (0.8, 0.8)])
def test_one_modulus_above_one_throws_out_random_starts(outside):
    rng = np.random.default_rng(1)
    matrix = with_spectrum(rng, [outside, (0.3, 0.5)])
    for start in 1e-12 * rng.normal(size=(50, 4)):
        z, furthest = start, 0.0
        for _ in range(400):
            z = bent(matrix, z)
            furthest = max(furthest, np.linalg.norm(z))
            if furthest > 0.01:
                break
        assert furthest > 0.01


@pytest.mark.claim("linearisation-flow")
def test_negative_real_parts_converge_and_a_positive_one_repels():
    rng = np.random.default_rng(2)
    t = np.array([0.0, 40.0, 80.0])
    stable = with_spectrum(rng, [(-0.2, 3.0), (-0.5, 1.0)])
    path = dynamics.flow(lambda z: bent(stable, z), 1e-2 * rng.normal(size=4), t)
    errors = np.linalg.norm(path, axis=1)
    assert np.log(errors[1] / errors[2]) / 40 == pytest.approx(0.2, abs=0.02)
    unstable = with_spectrum(rng, [(0.2, 3.0), (-0.5, 1.0)])
    path = dynamics.flow(lambda z: bent(unstable, z), 1e-6 * rng.normal(size=4), [60.0])
    assert np.linalg.norm(path[-1]) > 0.01
    # The step behind the proof: the flow's derivative is the exponential of J.
    small = 1e-6 * rng.normal(size=4)
    flowed = dynamics.flow(lambda z: bent(stable, z), small, 1.0)
    np.testing.assert_allclose(flowed, expm(stable) @ small, atol=1e-10)


@pytest.mark.claim("three-fates")
def test_one_jacobian_on_the_axis_has_three_fates():
    minimax, non_saturating = DiracGAN("minimax"), DiracGAN("non-saturating")
    np.testing.assert_array_equal(minimax.jacobian(), non_saturating.jacobian())
    assert np.all(minimax.eigenvalues().real == 0)
    t = np.array([0.0, 100.0, 400.0])
    cycle, slow = (np.hypot(*gan.flow((1.0, 1.0), t).T) for gan in (minimax, non_saturating))
    np.testing.assert_allclose(cycle, np.sqrt(2), rtol=1e-8)
    np.testing.assert_allclose(slow, (1 / 2 + t / 8) ** -0.5, rtol=0.01)
    steps = np.hypot(*minimax.run((1.0, 1.0), 0.2, 2000).T)
    assert np.all(np.diff(steps) > 0) and steps[-1] > 2 * steps[0]


@pytest.mark.claim("field-is-no-gradient")
def test_a_games_field_is_a_gradient_only_without_interaction():
    rng = np.random.default_rng(3)
    a, b, c = rng.normal(size=(2, 2)), rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
    jacobian = np.block([[-(a + a.T), -b], [b.T, c + c.T]])  # L = θᵀaθ + θᵀbψ + ψᵀcψ
    eps = np.eye(5)

    def objective(z):
        return z[:2] @ a @ z[:2] + z[:2] @ b @ z[2:] + z[2:] @ c @ z[2:]

    second = np.array(
        [
            [
                objective(u + w) - objective(u - w) - objective(w - u) + objective(-u - w)
                for w in eps
            ]
            for u in eps
        ]
    )
    signs = np.array([-1, -1, 1, 1, 1])[:, np.newaxis]
    np.testing.assert_allclose(jacobian, signs * second / 4, atol=1e-12)
    interaction = (jacobian - jacobian.T)[:2, 2:]
    np.testing.assert_allclose(interaction, -2 * b)
    # Round a circle the velocity along the way adds up to the curl times the area.
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = np.array([np.cos(angle), np.sin(angle)])
    for matrix, expected in (([[-1.0, 0.4], [0.4, -2.0]], 0.0), ([[0.2, -1.0], [1.0, -0.5]], 2.0)):
        along = np.sum((matrix @ circle) * np.array([-circle[1], circle[0]]), axis=0)
        assert 2 * np.pi * along.mean() == pytest.approx(expected * np.pi, abs=1e-12)


@pytest.mark.claim("best-step-for-a-pair")
@pytest.mark.parametrize("value", [-0.3 + 1j, -0.05 + 0.5j, -2.0 + 0.1j])
def test_the_best_step_is_half_the_bound(value):
    pair = np.array([[value.real, -value.imag], [value.imag, value.real]])
    bound = dynamics.largest_stable_step(Simultaneous(), pair)
    steps = np.linspace(0.01, 1.2, 1191) * bound
    radii = [dynamics.spectral_radius(np.eye(2) + h * pair) for h in steps]
    best = int(np.argmin(radii))
    assert steps[best] == pytest.approx(bound / 2, rel=2e-3)
    assert radii[best] == pytest.approx(abs(value.imag) / abs(value), abs=1e-5)
    inside = [radius < 1 for h, radius in zip(steps, radii, strict=True) if h < 0.999 * bound]
    outside = [radius > 1 for h, radius in zip(steps, radii, strict=True) if h > 1.001 * bound]
    assert all(inside) and all(outside)


@pytest.mark.claim("consensus-damps")
@pytest.mark.parametrize("gamma", [0.01, 0.7, 20.0])
def test_consensus_stabilises_where_the_symmetric_part_does_not_push(gamma):
    rng = np.random.default_rng(4)
    for _ in range(20):
        b, root = rng.normal(size=(3, 3)), rng.normal(size=(3, 1))
        push = root @ root.T  # semidefinite only
        jacobian = np.block([[np.zeros((3, 3)), -b.T], [b, -push]])
        np.testing.assert_array_less(np.linalg.eigvalsh(jacobian + jacobian.T), 1e-12)

        def v(z, J=jacobian):
            return J @ z

        def transposed(z, u, J=jacobian):
            return J.T @ u

        field = dynamics.consensus(v, gamma, transposed)
        derivative = np.array([field(e) for e in np.eye(6)]).T
        np.testing.assert_allclose(derivative, jacobian - gamma * jacobian.T @ jacobian, atol=1e-12)
        assert np.linalg.eigvals(derivative).real.max() < 0


@pytest.mark.claim("consensus-new-attractor")
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_consensus_rests_where_nothing_is_stationary(gamma):
    def slope(x):
        return -(1 + x**2 / 2)  # descends x + x³/6, never zero

    for start in (-3.0, 1.0):
        end = dynamics.flow(dynamics.consensus(slope, gamma), (start,), 60.0)
        assert end[0] == pytest.approx(-1 / gamma, abs=1e-6)
        assert slope(end)[0] <= -1


@pytest.mark.claim("nash-and-stable")
def test_strict_nash_is_stable_and_stable_is_not_nash():
    rng = np.random.default_rng(5)
    for _ in range(50):
        p, q, b = rng.normal(size=(3, 3)), rng.normal(size=(2, 2)), 5 * rng.normal(size=(3, 2))
        jacobian = np.block([[-p @ p.T, -b], [b.T, -q @ q.T]])
        assert np.linalg.eigvals(jacobian).real.max() < 0
    stable = np.array([[0.2, -1.0], [1.0, -0.5]])  # L = -0.1 θ² + θψ - 0.25 ψ²
    np.testing.assert_allclose(dynamics.eigenvalues(stable).real, -0.15, atol=1e-15)
    path = dynamics.flow(lambda z: stable @ z, (1.0, 1.0), 60.0)
    assert np.linalg.norm(path) < 1e-3
    alone = Simultaneous().run(Game(lambda z: np.array([0.2 * z[0], 0.0])), (1e-3, 0.0), 0.1, 500)
    assert alone[-1, 0] > 1  # with ψ held at 0 the generator walks off, downhill
