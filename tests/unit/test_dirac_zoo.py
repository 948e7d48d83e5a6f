"""The Dirac-GAN zoo: Jacobians, eigenvalue formulas, errata, which method converges."""

import numpy as np
import pytest
import torch

from r1lab.theory import dynamics
from r1lab.theory.dirac import DiracGAN

LOSSES = ("minimax", "non-saturating", "wasserstein", "least-squares", "hinge", "relativistic")
# Every regulariser with a Jacobian: name, strength, center.
SMOOTH = (
    ("none", 0.0, 1.0),
    ("r1", 0.3, 1.0),
    ("r1", 2.0, 1.0),
    ("r2", 0.7, 1.0),
    ("r1+r2", 0.3, 1.0),
    ("wgan-gp", 0.4, 0.0),
    ("dragan", 0.4, 0.0),
    ("instance-noise", 0.8, 1.0),
    ("consensus", 0.7, 1.0),
    ("clip", 1.0, 1.0),
    ("roth", 0.64, 1.0),
)
KAPPA, MU = 0.5, 0.25  # f'(0) and -f''(0) of the logistic f


def random_points(n=20):
    return np.random.default_rng(0).uniform(-2, 2, size=(n, 2))


@pytest.mark.claim("spectral-norm-runs-away")
def test_spectral_normalisation_runs_away_linearly():
    path = DiracGAN("wasserstein", "spectral-norm").run((1.0, 1.0), h=0.2, steps=500)
    np.testing.assert_allclose(path[-1], (1 - 0.2 * 500, 1.0), atol=1e-10)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("regularizer", "strength", "center"), SMOOTH)
def test_jacobian_is_the_derivative_of_the_field(loss, regularizer, strength, center):
    gan = DiracGAN(loss, regularizer, strength, center)
    eps = 1e-3

    def v(z):
        return np.array(gan.field(*z))

    def central(e):  # fourth order
        return (8 * (v(e) - v(-e)) - (v(2 * e) - v(-2 * e))) / (12 * eps)

    numeric = np.stack([central(eps * e) for e in np.eye(2)], axis=1)
    np.testing.assert_allclose(gan.jacobian(), numeric, atol=1e-10)
    # Trace and determinant, so that double eigenvalues are compared to full precision.
    values = gan.eigenvalues()
    np.testing.assert_allclose(values.sum(), np.trace(numeric), atol=1e-10)
    np.testing.assert_allclose(values.prod(), np.linalg.det(numeric), atol=1e-10)


def pair(center, radicand):
    root = np.sqrt(complex(radicand))
    return np.array([center + root, center - root])


@pytest.mark.claim("lemma-2.2")
@pytest.mark.parametrize(
    ("loss", "kappa"),
    [
        ("minimax", 0.5),
        ("non-saturating", 0.5),
        ("relativistic", 0.5),
        ("wasserstein", 1.0),
        ("hinge", 1.0),
        ("least-squares", 1.0),
    ],
)
def test_unregularised_eigenvalues_are_imaginary(loss, kappa):
    np.testing.assert_allclose(DiracGAN(loss).eigenvalues(), [1j * kappa, -1j * kappa], atol=1e-15)


@pytest.mark.claim("lemma-2.2")
@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "wasserstein"])
def test_the_equilibrium_is_unique(loss):
    theta, psi = np.meshgrid(np.linspace(-5, 5, 81), np.linspace(-5, 5, 81))
    speed = np.hypot(*DiracGAN(loss).field(theta, psi))
    assert speed[40, 40] == 0
    speed[40, 40] = np.inf
    assert speed.min() > 0


@pytest.mark.claim("lemma-3.2")
@pytest.mark.parametrize("sigma", [0.1, 0.8, 1.0, np.sqrt(2.0), 2.0])
def test_instance_noise_eigenvalues(sigma):
    expected = pair(-MU * sigma**2, MU**2 * sigma**4 - KAPPA**2)
    for loss in ("minimax", "non-saturating", "relativistic"):
        values = DiracGAN(loss, "instance-noise", sigma).eigenvalues()
        np.testing.assert_allclose(values.sum(), expected.sum(), atol=1e-12)
        np.testing.assert_allclose(values.prod(), expected.prod(), atol=1e-12)
        assert values.real.max() < 0
    critical = DiracGAN("minimax", "instance-noise", np.sqrt(KAPPA / MU)).eigenvalues()
    np.testing.assert_allclose(critical, [-0.5, -0.5], atol=1e-7)
    linear = DiracGAN("wasserstein", "instance-noise", sigma).eigenvalues()
    np.testing.assert_allclose(linear, [1j, -1j], atol=0)


@pytest.mark.claim("lemma-3.3")
@pytest.mark.parametrize("gamma", [0.1, 0.3, 1.0, 2.0, 5.0])
def test_zero_centred_eigenvalues(gamma):
    cases = [
        (DiracGAN("minimax", "r1", gamma), pair(-gamma / 2, gamma**2 / 4 - KAPPA**2)),
        (DiracGAN("non-saturating", "r2", gamma), pair(-gamma / 2, gamma**2 / 4 - KAPPA**2)),
        (DiracGAN("minimax", "r1+r2", gamma), pair(-gamma, gamma**2 - KAPPA**2)),
        (DiracGAN("wasserstein", "r1", gamma), pair(-gamma / 2, gamma**2 / 4 - 1)),
        (DiracGAN("minimax", "roth", gamma), pair(-gamma / 4, gamma**2 / 16 - KAPPA**2)),
        (DiracGAN("minimax", "consensus", gamma), pair(-gamma * KAPPA**2, -(KAPPA**2))),
    ]
    for gan, expected in cases:
        np.testing.assert_allclose(gan.eigenvalues(), expected, atol=1e-12)
        assert gan.eigenvalues().real.max() < 0


@pytest.mark.claim("erratum-r3gan-eq12")
def test_the_slope_under_the_root_is_squared():
    """R3GAN's equation 12 has f'(0) where f'(0)^2 belongs; at gamma = 1.2 they differ in kind."""
    values = DiracGAN("minimax", "r1", 1.2).eigenvalues()
    np.testing.assert_allclose(values, pair(-0.6, 0.36 - KAPPA**2), atol=1e-14)
    printed = pair(-0.6, 0.36 - KAPPA)
    assert values.imag.max() == 0
    assert printed.imag.max() > 0.3


@pytest.mark.claim("erratum-gan-stability-gamma")
def test_a_penalty_without_its_half_is_twice_as_strong():
    """GAN_stability's image code adds reg_param * E ||grad D||^2: reg_param 10 is gamma 20."""
    for theta, psi in random_points(5):
        added = 10 * 2 * psi  # the derivative of 10 psi^2
        plain, regularised = (
            DiracGAN("minimax", *r).field(theta, psi)[1] for r in (("none",), ("r1", 20.0))
        )
        np.testing.assert_allclose(plain - regularised, added, atol=1e-12)


@pytest.mark.claim("equivalent-strengths")
@pytest.mark.parametrize("gamma", [0.1, 0.32, 2.0, 10.0])
def test_equivalent_strengths_have_one_jacobian(gamma):
    expected = DiracGAN("minimax", "r1", gamma).jacobian()
    for regularizer, strength in (
        ("instance-noise", np.sqrt(gamma / MU / 2)),
        ("instance-noise", np.sqrt(2 * gamma)),
        ("roth", 2 * gamma),
        ("r1+r2", gamma / 2),
    ):
        actual = DiracGAN("minimax", regularizer, strength).jacobian()
        np.testing.assert_allclose(actual, expected, atol=1e-14)
    both = DiracGAN("minimax", "r1+r2", gamma).jacobian()
    noise = DiracGAN("minimax", "instance-noise", np.sqrt(4 * gamma)).jacobian()
    np.testing.assert_allclose(noise, both, atol=1e-14)


@pytest.mark.parametrize(
    ("regularizer", "strength", "expected"),
    [
        ("roth", 0.64, (-0.16 + 0.473709j, -0.16 - 0.473709j)),
        ("instance-noise", 0.8, (-0.16 + 0.473709j, -0.16 - 0.473709j)),
        ("r1", 0.32, (-0.16 + 0.473709j, -0.16 - 0.473709j)),
        ("roth", 4.0, (-0.133975, -1.866025)),
        ("instance-noise", 2.0, (-0.133975, -1.866025)),
        ("r1", 2.0, (-0.133975, -1.866025)),
        ("r1+r2", 0.3, (-0.3 + 0.4j, -0.3 - 0.4j)),
        ("consensus", 0.7, (-0.175 + 0.5j, -0.175 - 0.5j)),
    ],
)
def test_golden_eigenvalues(regularizer, strength, expected):
    values = DiracGAN("minimax", regularizer, strength).eigenvalues()
    np.testing.assert_allclose(values, expected, atol=5e-7)


@pytest.mark.claim("least-squares-targets")
def test_least_squares_needs_targets_around_zero():
    """Code sign, D(x) = psi x, targets fake a, real b, generator c: [[0, c], [a, 0]]."""

    def jacobian(a, b, c, offset=0.0):
        def v(z):
            psi = z[1]
            fake = psi * z[0] + offset
            return torch.stack([-(fake - c) * psi, -(fake - a) * z[0]])  # real x = 0: no slope

        return torch.autograd.functional.jacobian(v, torch.zeros(2, dtype=torch.float64)).numpy()

    for a, b, c in ((0, 1, 1), (-1, 1, 0), (-1, 1, 1)):
        matrix = jacobian(a, b, c)
        np.testing.assert_array_equal(matrix, [[0, c], [a, 0]])
    for a, b, c in ((0, 1, 1), (-1, 1, 0)):  # nilpotent
        np.testing.assert_array_equal(np.linalg.matrix_power(jacobian(a, b, c), 2), 0)
    np.testing.assert_allclose(
        np.sort_complex(np.linalg.eigvals(jacobian(0, 1, 1, offset=0.5))), [-0.5j, 0.5j], atol=1e-15
    )
    # The zoo's choice, as its mirror image.
    mirror = np.diag([1, -1])
    expected = mirror @ jacobian(-1, 1, 1) @ mirror
    np.testing.assert_array_equal(DiracGAN("least-squares").jacobian(), expected)


@pytest.mark.claim("hinge-is-wasserstein-inside")
def test_hinge_is_wasserstein_while_the_logit_is_below_one():
    theta, psi = random_points(200).T
    inside = np.abs(theta * psi) < 1
    hinge, linear = (
        np.array(DiracGAN(loss).field(theta, psi)) for loss in ("hinge", "wasserstein")
    )
    np.testing.assert_array_equal(hinge[:, inside], linear[:, inside])
    assert np.any(hinge[:, ~inside] != linear[:, ~inside])
    # Circles of radius below sqrt 2 stay inside.
    t = np.linspace(0, 20, 200)
    circle = DiracGAN("hinge").flow((1.4, 0.0), t)
    np.testing.assert_allclose(np.linalg.norm(circle, axis=1), 1.4, atol=1e-9)


@pytest.mark.claim("relativistic-is-non-saturating")
def test_relativistic_pairing_is_the_non_saturating_field():
    theta, psi = random_points(200).T
    np.testing.assert_array_equal(
        DiracGAN("relativistic").field(theta, psi), DiracGAN("non-saturating").field(theta, psi)
    )


@pytest.mark.claim("absolutely-continuous-column")
@pytest.mark.parametrize("eps", [0.1, 1.0])
def test_thick_data_are_stable_without_a_regulariser(eps):
    """p_D = N(0, eps^2), p_theta = N(theta, eps^2), D = psi x: instance noise with sigma = eps."""
    values = DiracGAN("minimax", "instance-noise", eps).eigenvalues()
    expected = pair(-MU * eps**2, MU**2 * eps**4 - KAPPA**2)
    np.testing.assert_allclose(values, expected, atol=1e-14)
    assert values.real.max() < 0
    assert DiracGAN("wasserstein", "instance-noise", eps).eigenvalues().real.max() == 0


@pytest.mark.claim("dragan-fixed-weight")
def test_dragan_with_a_fixed_weight_does_not_converge_on_thick_data():
    thick = DiracGAN("minimax", "instance-noise", 1.0)

    def radii(gamma, slope, times):
        def v(z, side):  # gamma/2 (|psi| - slope)^2
            return np.array(thick.field(*z)) - (0.0, gamma * (z[1] - slope * side))

        path = dynamics.flow_with_jump(v, 1, (0.5, 0.0), times)
        return np.linalg.norm(path, axis=1)

    late = np.linspace(200, 250, 200)
    assert radii(0.0, 0.0, late).max() < 1e-11
    assert radii(0.3, 0.0, late).max() < 1e-11
    np.testing.assert_allclose(radii(0.7, 1.0, late), 1.4, atol=1e-9)
    cycle = radii(0.1, 1.0, late)
    np.testing.assert_allclose((cycle.min(), cycle.max()), (0.198, 0.254), atol=5e-4)


@pytest.mark.parametrize("loss", ["minimax", "wasserstein"])
@pytest.mark.parametrize("weight", [2.0, 5.0])  # 2 h weight <= 1
def test_several_steps_at_a_one_centred_penalty_end_away_from_a_flat_discriminator(loss, weight):
    """Near the solution a round that starts at psi != 0 ends at h weight c < |psi| < 2 c."""
    h, c = 0.1, 1.5
    gan = DiracGAN(loss, "wgan-gp", weight, c)
    for theta, psi in np.clip(random_points(50), -1, 1) * (0.5, 2 * c):
        for d_steps in (2, 5):
            end = gan.run((theta, psi), h, 1, "alternating", d_steps=d_steps)[-1]
            assert h * weight * c < abs(end[1]) < 2 * c


@pytest.mark.claim("general-column")
@pytest.mark.parametrize(
    ("loss", "regularizer", "strength", "converges"),
    [
        ("minimax", "none", 0.0, False),
        ("wasserstein", "clip", 1.0, False),
        ("wasserstein", "wgan-gp", 0.35, False),
        ("minimax", "dragan", 0.35, False),
        ("minimax", "spectral-norm", 0.0, False),
        ("wasserstein", "instance-noise", 0.8, False),
        ("minimax", "instance-noise", 0.8, True),
        ("minimax", "consensus", 0.7, True),
        ("minimax", "roth", 0.64, True),
        ("minimax", "r1", 0.3, True),
        ("minimax", "r2", 0.3, True),
        ("minimax", "r1+r2", 0.3, True),
        ("wasserstein", "r1", 0.3, True),
    ],
)
@pytest.mark.parametrize("scheme", ["simultaneous", "alternating"])
def test_which_method_converges_on_the_dirac_gan(loss, regularizer, strength, converges, scheme):
    path = DiracGAN(loss, regularizer, strength).run((1.0, 1.0), 0.1, 2000, scheme)
    late = np.linalg.norm(path[-500:], axis=1)
    assert late.max() < 1e-6 if converges else late.min() > 0.1


@pytest.mark.claim("lemma-3.1")
@pytest.mark.parametrize("d_steps", [1, 5])
def test_wgan_with_clipping_does_not_converge(d_steps):
    gan = DiracGAN("wasserstein", "clip", 1.0)
    late = np.linalg.norm(
        gan.run(steps=3000, scheme="alternating", d_steps=d_steps)[-1000:], axis=1
    )
    assert late.min() > 0.1
    if d_steps == 1:
        assert np.linalg.norm(gan.run(steps=3000)[-1000:], axis=1).min() > 0.1


def test_clipping_bounds_psi_after_each_discriminator_step():
    gan = DiracGAN("wasserstein", "clip", 0.5)
    # The generator still sees the start; the discriminator is clipped after its first step.
    path = gan.run((1.0, 2.0), h=0.5, steps=1, scheme="alternating")
    np.testing.assert_array_equal(path[1], (0.0, 0.5))
    assert np.abs(gan.run((1.0, 2.0), steps=200)[1:, 1]).max() <= 0.5


def test_golden_norms_of_wgan_with_clipping():
    gan = DiracGAN("wasserstein", "clip", 1.0)
    runs = [gan.run(), gan.run(scheme="alternating"), gan.run(scheme="alternating", d_steps=5)]
    norms = [np.linalg.norm(path[-1]) for path in runs]
    np.testing.assert_allclose(norms, (1.002, 1.024, 0.917), atol=6e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DiracGAN(regularizer="clip"), "it must be positive"),
        (lambda: DiracGAN("minimax", "dragan", 0.3).jacobian(), "jumps across psi = 0"),
        (lambda: DiracGAN("minimax", "wgan-gp", 0.3).update_matrix(0.1), "jumps across psi = 0"),
        (lambda: DiracGAN("minimax", "spectral-norm").eigenvalues(), "is no equilibrium"),
        (lambda: DiracGAN(regularizer="clip", strength=1.0).flow((1.0, 1.0), 1.0), "has no flow"),
        (lambda: DiracGAN().optimal_strength(0.2), "no strength to choose: use one of r1, r2"),
        (lambda: DiracGAN().update_matrix(0.1, dynamics.Adam()), "Adam divides by"),
        (
            lambda: DiracGAN().run(scheme=dynamics.Optimistic(), d_steps=2),
            "or set them on the rule",
        ),
        (
            lambda: DiracGAN(regularizer="instance-noise").lazy_update_matrix(0.1, 4),
            "cannot be applied lazily",
        ),
        (
            lambda: DiracGAN(regularizer="r1").lazy_update_matrix(0.1, 0),
            "interval must be at least",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
