"""The line GAN against its closed forms, golden numbers, an independent field, simulations."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from r1lab.theory import dynamics
from r1lab.theory.solvable import LineGAN
from r1lab.theory.solvable_players import batch, players
from r1lab.theory.spectra import GameJacobian

LOGISTIC = (0.5, 0.25)  # f'(0), -f''(0)
GOLDEN = {
    0.0: [-0.5, -0.5 + 0.866025j, -0.25 + 0.433013j, 0.5j, 0.5j],
    0.3: [-1.558258, -0.641742, -0.5, -0.4 + 0.3j, -0.15 + 0.476970j, -0.15 + 0.476970j],
    2.0: [
        *(-8.887482, -2.395644, -1.866025, -1.866025, -0.5),
        *(-0.133975, -0.133975, -0.112518, -0.104356),
    ],
}


def sort(values):
    values = np.asarray(values, complex)
    return values[np.lexsort((values.imag.round(9), values.real.round(9)))]


def with_conjugates(values):
    return sort([w for v in values for w in ((v, np.conj(v)) if v.imag else (v,))])


def index(gan, *names):
    return [gan.names.index(name) for name in names]


def at(gan, **coordinates):
    """The equilibrium with some coordinates moved."""
    z = gan.equilibrium()
    for name, value in coordinates.items():
        z[gan.names.index(name)] += value
    return z


def independent_losses(gan, theta, psi, nodes=30):
    """(what G descends, what D ascends) of L = E f(D(G)) + E f(-D(x)) by torch, paper sign."""
    grid, weights = (torch.tensor(a) for a in np.polynomial.hermite_e.hermegauss(nodes))
    weights = weights / weights.sum()
    z = torch.cartesian_prod(grid, grid, grid)
    w = torch.cartesian_prod(weights, weights, weights).prod(1)
    if gan.free_matrix:
        fake = z[:, :2] @ theta[:4].reshape(2, 2).T + theta[4:]
    else:
        a1, a2, b, t, d = theta
        r = a1 * z[:, 0] + a2 * z[:, 1]
        fake = torch.stack([r + b, t * r + d], 1)
    off = gan.thickness * torch.stack([0 * z[:, 2], z[:, 2]], 1)
    fake, real = fake + off, torch.stack([gan.scale * z[:, 0], 0 * z[:, 0]], 1) + off

    def D(x):
        x1, x2 = x.T
        features = [1 + 0 * x1, x1, x2, x1**2 - gan.scale**2, x1 * x2, x2**2]
        return sum(p * f for p, f in zip(psi, features[: len(psi)], strict=True))

    linear = gan.loss == "wasserstein"
    f = (lambda t: t) if linear else (lambda t: -softplus(-t))
    d = (w * f(D(fake))).sum() + (w * f(-D(real))).sum()
    g = (w * softplus(D(fake))).sum() if gan.loss == "non-saturating" else (w * f(D(fake))).sum()
    for name, x in (("r1", real), ("r2", fake)):
        if name in gan.regularizer.split("+"):
            x = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
            d = d - gan.strength / 2 * (w * slope.square().sum(1)).sum()
    return g, d


@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "wasserstein"])
@pytest.mark.parametrize("regularizer", ["none", "r1", "r2", "r1+r2"])
@pytest.mark.parametrize("variant", [{}, {"thickness": 0.5}, {"free_matrix": True, "bend": False}])
def test_the_field_is_the_gradient_of_the_objective(loss, regularizer, variant):
    gan = LineGAN(loss, regularizer, 0.7, scale=1.2, **variant)
    z = gan.equilibrium(0.4) + 0.1 * np.random.default_rng(0).standard_normal(len(gan.names))
    theta, psi = (p.requires_grad_() for p in torch.tensor(z).split(list(gan.split)))
    g, d = independent_losses(gan, theta, psi)
    expected = torch.cat(
        [-torch.autograd.grad(g, theta, retain_graph=True)[0], torch.autograd.grad(d, psi)[0]]
    )
    np.testing.assert_allclose(gan.field(z), expected, atol=1e-9)


@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "wasserstein"])
@pytest.mark.parametrize("regularizer", ["none", "r1", "r2", "r1+r2"])
@pytest.mark.parametrize("bend", [0.0, -0.3, 0.6])
def test_every_point_of_both_manifolds_is_fixed(loss, regularizer, bend):
    gan = LineGAN(loss, regularizer, 0.7, scale=1.3)
    for angle in (0.0, 1.0, 2.5):
        np.testing.assert_allclose(gan.field(gan.equilibrium(angle, bend)), 0, atol=1e-14)
        assert gan.distance(gan.equilibrium(angle, bend)) < 1e-15


@pytest.mark.claim("line-gan-blocks")
@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "wasserstein"])
@pytest.mark.parametrize("regularizer", ["none", "r1", "r2", "r1+r2"])
@pytest.mark.parametrize(("scale", "thickness"), [(1.0, 0.0), (1.3, 0.0), (1.3, 0.4)])
def test_the_jacobian_is_the_closed_form_blocks(loss, regularizer, scale, thickness):
    gan = LineGAN(loss, regularizer, 0.3, scale=scale, thickness=thickness)
    for bend in (0.0,) if thickness else (0.0, 0.4, -0.2):
        z, blocks = gan.equilibrium(bend=bend), gan.blocks(bend)
        expected = np.zeros(2 * (len(gan.names),))
        pairs = {
            "mean": ("b", "psi1"),
            "offset": ("d", "psi2"),
            "spread": ("a1", "psi3"),  # at angle 0 the radial direction is a1
            "tilt": ("t", "psi4"),
            "constant": ("psi0", "psi5")[: len(blocks["constant"])],
        }
        for name, coordinates in pairs.items():
            at = index(gan, *coordinates)
            expected[np.ix_(at, at)] = blocks[name]
        jacobian = gan.jacobian(z)
        np.testing.assert_allclose(jacobian, expected, atol=1e-12)
        eps, n = 1e-5, len(z)
        numeric = [(gan.field(z + eps * e) - gan.field(z - eps * e)) / (2 * eps) for e in np.eye(n)]
        np.testing.assert_allclose(jacobian, np.stack(numeric, 1), atol=1e-8)


@pytest.mark.claim("theorem-4.1")
@pytest.mark.parametrize("s", [1.0, 1.3])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.5])
def test_eigenvalues_follow_the_formulas(s, gamma):
    k, mu = LOGISTIC
    pairs = {
        "spread": (2 * s**2 * (mu * s**2 + gamma), 2 * s * k),
        "mean": (mu * s**2 + gamma / 2, k),
        "offset": (gamma / 2, k),
        "tilt": (s**2 * gamma / 2, s**2 * k),
    }
    blocks = LineGAN(regularizer="r1", strength=gamma, scale=s).blocks()
    expected = [0, 0, -2 * mu]
    for name, (q, omega) in pairs.items():
        root = np.sqrt(complex(q**2 - omega**2))
        expected += [-q + root, -q - root]
        np.testing.assert_allclose(np.trace(blocks[name]), -2 * q, atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(blocks[name]), omega**2, atol=1e-12)
    values = LineGAN(regularizer="r1", strength=gamma, scale=s).eigenvalues()
    np.testing.assert_allclose(sort(values), sort(expected), atol=1e-12)


@pytest.mark.claim("theorem-4.1")
@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
@pytest.mark.parametrize("regularizer", ["r1", "r2"])
@pytest.mark.parametrize("gamma", list(GOLDEN))
def test_golden_spectra(loss, regularizer, gamma):
    values = LineGAN(loss, regularizer, gamma).eigenvalues()
    tangent = abs(values) < 1e-9
    assert tangent.sum() == 2  # of M_G and of M_D
    np.testing.assert_allclose(sort(values[~tangent]), with_conjugates(GOLDEN[gamma]), atol=2e-6)
    if gamma:
        assert values[~tangent].real.max() < -0.1
    else:
        # Exactly the two directions off the line are undamped.
        axis = values[~tangent & (abs(values.real) < 1e-9)]
        np.testing.assert_allclose(np.sort(axis.imag), [-0.5, -0.5, 0.5, 0.5], atol=1e-12)


@pytest.mark.parametrize(
    ("gamma", "simultaneous", "alternating"),
    [(0.0, 1.004988, 1.0), (0.3, 0.974679, 0.969536), (1.5, 0.973205, 0.973955)],
)
def test_golden_radii_off_the_tangent_space(gamma, simultaneous, alternating):
    gan = LineGAN(regularizer="r1", strength=gamma)
    for rule, expected in (
        (dynamics.Simultaneous(), simultaneous),
        (dynamics.Alternating(), alternating),
    ):
        multipliers = np.linalg.eigvals(rule.update_matrix(gan.jacobian(), 0.2, gan.split))
        off = abs(multipliers[abs(multipliers - 1) > 1e-9])
        np.testing.assert_allclose(off.max(), expected, atol=6e-7)


@pytest.mark.claim("theorem-4.1")
@pytest.mark.parametrize("regularizer", ["r1", "r2"])
@pytest.mark.parametrize(
    ("rule", "radius"), [(dynamics.Simultaneous(), 0.974679), (dynamics.Alternating(), 0.969536)]
)
def test_training_converges_to_the_manifold_at_the_linear_rate(regularizer, rule, radius):
    gan = LineGAN("minimax", regularizer, 0.3)
    # Small enough that psi5, which stays where it is left, hardly moves the rate.
    start = gan.equilibrium(0.5) + 1e-3 * np.random.default_rng(1).standard_normal(11)
    path = rule.run(gan.game(), start, h=0.2, steps=400)
    distances = [gan.distance(z) for z in path]
    rate = np.exp(np.polyfit(range(100, 401), np.log(distances[100:]), 1)[0])
    np.testing.assert_allclose(rate, radius, atol=1e-4)
    assert distances[-1] < 1e-6
    # To the manifold, not to the point: the tangent coordinates stay away from the start's.
    end = path[-1]
    assert abs(np.hypot(*end[:2]) - 1) < 1e-6 and abs(end[-1]) > 1e-5


@pytest.mark.claim("full-rank-equilibria")
def test_along_the_line_the_unregularised_game_is_stable():
    gan = LineGAN()
    blocks = gan.blocks()
    for name in ("mean", "spread", "constant"):
        assert np.linalg.eigvals(blocks[name]).real.max() < -0.2
    for name in ("offset", "tilt"):
        np.testing.assert_allclose(np.linalg.eigvals(blocks[name]).real, 0, atol=1e-15)
    # Without gamma, the discriminator's features are independent on the data but for x2 and x1 x2.
    n = gan.split[0]
    q = -gan.jacobian()[n:, n:]
    assert np.linalg.matrix_rank(q, tol=1e-12) == 3  # 1, x1, x1^2
    # Equal, thick supports: full rank, and stable without a penalty.
    thick = LineGAN(thickness=0.5)
    q = -thick.jacobian()[n:, n:]
    assert np.linalg.eigvalsh((q + q.T) / 2).min() > 1e-3
    values = thick.eigenvalues()
    assert (abs(values) < 1e-12).sum() == 1 and values[1].real < -1e-3


@pytest.mark.claim("absolutely-continuous-column")
@pytest.mark.parametrize("eps", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_a_thick_line_is_damped_at_the_rate_of_its_thickness_squared(eps, gamma):
    k, mu = LOGISTIC
    gan = LineGAN(regularizer="r1", strength=gamma, thickness=eps, scale=1.3)
    damping = mu * eps**2 + gamma / 2
    root = np.sqrt(complex(damping**2 - k**2))
    offset = np.linalg.eigvals(gan.blocks()["offset"])
    np.testing.assert_allclose(sort(offset), sort([-damping + root, -damping - root]), atol=1e-12)
    if gamma == 0:
        tilt = np.linalg.eigvals(gan.blocks()["tilt"])
        np.testing.assert_allclose(sort(tilt), sort(1.3**2 * offset), atol=1e-12)
    # M_D shrinks to a point: one tangent zero is left.
    assert (abs(gan.eigenvalues()) < 1e-12).sum() == 1


@pytest.mark.claim("wasserstein-r1")
def test_the_wasserstein_loss_leaves_only_the_constant_of_d_undamped():
    gan = LineGAN("wasserstein", "r1", 0.3)
    values = gan.eigenvalues()
    zero = abs(values) < 1e-12
    assert zero.sum() == 3 and values[~zero].real.max() < -0.1
    assert gan.blocks()["constant"].item() == 0


@pytest.mark.claim("assumption-iii-fails")
def test_no_discriminator_sees_the_thickness_of_a_free_matrix_to_first_order():
    gan = LineGAN(regularizer="r1", strength=0.3, free_matrix=True)
    z = gan.equilibrium()
    z[:4] = [1, 0, 0, 0]
    jacobian, a22 = gan.jacobian(z), gan.names.index("A22")
    np.testing.assert_allclose(jacobian[:, a22], 0, atol=1e-14)
    # One zero more than the tangent directions of M_G (A12 against A11) and M_D (psi5) explain.
    assert (abs(np.linalg.eigvals(jacobian)) < 1e-9).sum() == 3
    # Not tangent to M_G: thickness does change the distribution.
    z[a22] = 0.1
    fake = players(LineGAN(free_matrix=True))[0]
    fake.theta.data = torch.tensor(z[:6])
    assert fake(batch(LineGAN())[1])[:, 1].abs().max() > 0.1
    # Nor would any other feature phi of D help: E d/dx2 phi(z1, 0) z2 = 0 by independence.
    latents = batch(LineGAN())[1]
    for slope in (torch.exp(latents[:, 0]), latents[:, 0] ** 3, torch.sin(latents[:, 0])):
        assert abs((slope * latents[:, 1]).mean()) < 1e-15


@pytest.mark.claim("energy-equilibria")
@pytest.mark.parametrize("s", [1.0, 1.3])
@pytest.mark.parametrize("p", [0.4, 2.0, -0.3])
def test_energy_equilibria_are_stable_without_a_penalty_when_bent_upwards(s, p):
    k, _ = LOGISTIC
    gan = LineGAN(scale=s)
    root = np.sqrt(complex(p**2 - 1))
    expected = [-k * p + k * root, -k * p - k * root]
    blocks = gan.blocks(p)
    np.testing.assert_allclose(
        sort(np.linalg.eigvals(blocks["offset"])), sort(expected), atol=1e-12
    )
    np.testing.assert_allclose(
        sort(np.linalg.eigvals(blocks["tilt"])), sort(s**2 * np.array(expected)), atol=1e-12
    )
    values = gan.eigenvalues(gan.equilibrium(bend=p))
    off = values[abs(values) > 1e-9]
    assert (off.real.max() < 0) == (p > 0)


@pytest.mark.claim("energy-equilibria")
@pytest.mark.parametrize("gamma", [0.3, 2.0])
@pytest.mark.parametrize("regularizer", ["r1", "r2"])
def test_how_far_down_a_penalty_allows_d_to_bend(gamma, regularizer):
    k, _ = LOGISTIC
    limit = -min(gamma / (2 * k), k / (2 * gamma)) if regularizer == "r1" else -gamma / (2 * k)
    gan = LineGAN("minimax", regularizer, gamma)
    for p, stable in ((limit + 1e-3, True), (limit - 1e-3, False)):
        off = np.linalg.eigvals(gan.blocks(p)["offset"])
        assert (off.real.max() < 0) == stable
    assert abs(np.linalg.det(LineGAN("minimax", "r2", gamma).blocks(-0.3)["offset"]) - k**2) < 1e-12


def off_line(gan, z):
    return np.linalg.norm(z[index(gan, "t", "d", "psi2", "psi4")])


@pytest.mark.claim("energy-equilibria")
@pytest.mark.parametrize(("bend", "end"), [(0.0, 0.141421), (-0.1, 0.173205)])
def test_the_frozen_flow_bends_d_until_it_is_stable(bend, end):
    gan = LineGAN("wasserstein")
    moving = index(gan, "d", "psi2", "psi5")
    z = gan.equilibrium()

    def frozen(part):
        z[moving] = part
        return gan.field(z)[moving]

    path = dynamics.flow(frozen, (0.2, 0.0, bend), [0.0, 40.0, 400.0])
    energy = path[:, 0] ** 2 + path[:, 1] ** 2 + 2 * path[:, 2] ** 2
    np.testing.assert_allclose(energy, energy[0], atol=1e-9)
    np.testing.assert_allclose(path[-1], [0, 0, end], atol=1e-6)


@pytest.mark.claim("energy-equilibria")
def test_without_psi5_the_unregularised_game_circles_and_with_it_it_converges():
    def amplitude(gan):
        return off_line(gan, dynamics.flow(gan.game().field, at(gan, t=0.1, d=0.2), 160.0))

    assert abs(amplitude(LineGAN(bend=False)) - 0.2236) < 2e-3
    assert amplitude(LineGAN()) < 1e-5
    for bend in (True, False):
        assert amplitude(LineGAN("minimax", "r1", 0.3, bend=bend)) < 5e-7


@pytest.mark.parametrize(
    "variant", [{}, {"thickness": 0.4}, {"free_matrix": True}, {"bend": False}]
)
@pytest.mark.parametrize("penalty", ["r1", "r2", "r1+r2"])
def test_the_torch_players_play_the_same_game(variant, penalty):
    gan = LineGAN("non-saturating", penalty, 0.3, scale=1.3, **variant)
    J = GameJacobian(
        *players(gan), *batch(gan), loss="non-saturating", penalty=penalty, gamma=0.3, chunk=7
    )
    np.testing.assert_allclose(J.to_dense(), gan.jacobian(), atol=1e-12)
    np.testing.assert_allclose(J.point, gan.equilibrium(), atol=0)


def test_refusals_and_imports():
    for arguments, message in (
        (("hinge",), "unknown loss"),
        (("minimax", "r3"), "unknown regularizer"),
        (("minimax", "r1", -1.0), "strength must be"),
        (("minimax", "r1", 1.0, 0.0), "scale must be"),
    ):
        with pytest.raises(ValueError, match=message):
            LineGAN(*arguments)
    with pytest.raises(ValueError, match="a point must have shape"):
        LineGAN().field(np.zeros(3))
    with pytest.raises(ValueError, match="psi5 is zero"):
        LineGAN(thickness=0.1).equilibrium(bend=1.0)
    with pytest.raises(ValueError, match="line generator"):
        LineGAN(free_matrix=True).blocks()
    code = "import sys, r1lab.theory.dirac, r1lab.theory.solvable; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
