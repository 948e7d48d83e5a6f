"""The Dirac-GAN against closed forms, golden numbers, finite differences and autograd."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from r1lab import losses, penalties
from r1lab.theory.dirac import DiracGAN

SMOOTH = [
    (loss, regularizer, strength)
    for loss in ("minimax", "non-saturating", "wasserstein")
    for regularizer, strength in (("none", 0.0), ("r1", 0.3), ("r1", 2.0))
]
SCHEMES = [
    ("simultaneous", 1, 1),
    ("alternating", 1, 1),
    ("alternating", 5, 1),
    ("alternating", 2, 3),
]


@pytest.mark.parametrize(("loss", "regularizer", "strength"), SMOOTH)
def test_eigenvalues_are_those_of_a_finite_difference_jacobian(loss, regularizer, strength):
    gan = DiracGAN(loss, regularizer, strength)
    eps = 1e-5

    def v(z):
        return np.array(gan.field(*z))

    numeric = np.stack([(v(e * eps) - v(-e * eps)) / (2 * eps) for e in np.eye(2)], axis=1)
    np.testing.assert_allclose(gan.jacobian(), numeric, atol=1e-10)
    eigenvalues = gan.eigenvalues()
    # Trace and determinant, so that double eigenvalues are compared to full precision.
    np.testing.assert_allclose(eigenvalues.sum(), np.trace(numeric), atol=1e-10)
    np.testing.assert_allclose(eigenvalues.prod(), np.linalg.det(numeric), atol=1e-10)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.3, 1.0, 2.0])
def test_r1_eigenvalues_follow_lemma_3_3(gamma):
    slope = 0.5  # f'(0) of the logistic f
    root = np.sqrt(complex(gamma**2 / 4 - slope**2))
    expected = np.array([-gamma / 2 + root, -gamma / 2 - root])
    np.testing.assert_allclose(DiracGAN("minimax", "r1", gamma).eigenvalues(), expected, atol=1e-14)


def test_published_eigenvalues():
    np.testing.assert_allclose(DiracGAN().eigenvalues(), [0.5j, -0.5j], atol=0)
    np.testing.assert_allclose(DiracGAN("wasserstein").eigenvalues(), [1j, -1j], atol=0)
    np.testing.assert_allclose(
        DiracGAN("minimax", "r1", 2.0).eigenvalues(), [-0.133975, -1.866025], atol=5e-7
    )


@pytest.mark.parametrize(
    ("gamma", "radii"),
    [
        (0.0, (1.00499, 1.0, 1.0)),
        (0.3, (0.97468, 0.96954, 0.85668)),
        (1.0, (0.9, 0.92702, 0.94865)),
    ],
)
def test_golden_spectral_radii(gamma, radii):
    gan = DiracGAN("minimax", "r1", gamma)
    computed = [gan.spectral_radius(0.2, *scheme) for scheme in SCHEMES[:3]]
    np.testing.assert_allclose(computed, radii, atol=5e-6)


@pytest.mark.parametrize(
    ("gamma", "limit"), [(0.1, 0.4), (0.3, 1.2), (1.0, 4.0), (2.0, 4 / (2 + np.sqrt(3)))]
)
def test_largest_simultaneous_step(gamma, limit):
    step = DiracGAN("minimax", "r1", gamma).largest_stable_step()
    np.testing.assert_allclose(step, limit, rtol=1e-10)


@pytest.mark.parametrize("gamma", [0.1, 0.3, 1.0, 2.0, 3.0])
def test_largest_alternating_step(gamma):
    step = DiracGAN("minimax", "r1", gamma).largest_stable_step("alternating")
    np.testing.assert_allclose(step, 4 / (gamma + np.sqrt(gamma**2 + 1)), rtol=1e-10)


@pytest.mark.parametrize(
    ("gamma", "d_steps", "limit"),
    [(0.3, 2, 2.62620), (0.3, 5, 2.40793), (1.0, 2, 2.0), (1.0, 5, 1.90734)],
)
def test_largest_step_with_more_discriminator_steps(gamma, d_steps, limit):
    step = DiracGAN("minimax", "r1", gamma).largest_stable_step("alternating", d_steps)
    np.testing.assert_allclose(step, limit, atol=5e-6)


def test_no_step_contracts_without_damping():
    assert DiracGAN().largest_stable_step() == 0.0
    assert DiracGAN("wasserstein").largest_stable_step("alternating") == 0.0


@pytest.mark.parametrize(
    ("gan", "norms"),
    [
        (DiracGAN("minimax"), (3.097, 1.421, 1.845)),
        (DiracGAN("non-saturating"), (0.640, 0.284, 0.139)),
        (DiracGAN("wasserstein", "wgan-gp", 0.35), (1.802, 1.221, 0.716)),
        (DiracGAN("minimax", "r1", 0.3), (0.0, 0.0, 0.0)),
        (DiracGAN("minimax", "r1", 1.0), (0.0, 0.0, 0.0)),
    ],
)
def test_golden_norms_after_500_steps(gan, norms):
    computed = [
        np.linalg.norm(gan.run(scheme=scheme, d_steps=d_steps, g_steps=g_steps)[-1])
        for scheme, d_steps, g_steps in SCHEMES[:3]
    ]
    np.testing.assert_allclose(computed, norms, atol=6e-4)


def test_golden_norms_wgan_gp_weight_0_7():
    gan = DiracGAN("wasserstein", "wgan-gp", 0.7)
    computed = [np.linalg.norm(gan.run(scheme=s, d_steps=d)[-1]) for s, d, _ in SCHEMES[:3]]
    np.testing.assert_allclose(computed, (1.8476, 1.4610, 1.4000), atol=5e-5)


@pytest.mark.parametrize(("loss", "regularizer", "strength"), SMOOTH)
@pytest.mark.parametrize(("scheme", "d_steps", "g_steps"), SCHEMES)
def test_update_matrix_is_the_derivative_of_one_update(
    loss, regularizer, strength, scheme, d_steps, g_steps
):
    gan, h, eps = DiracGAN(loss, regularizer, strength), 0.2, 1e-5

    def update(z):
        return gan.run(tuple(z), h, 1, scheme, d_steps, g_steps)[1]

    numeric = np.stack(
        [(update(e * eps) - update(-e * eps)) / (2 * eps) for e in np.eye(2)], axis=1
    )
    matrix = gan.update_matrix(h, scheme, d_steps, g_steps)
    np.testing.assert_allclose(matrix, numeric, atol=1e-9)


@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "wasserstein"])
@pytest.mark.parametrize(
    ("regularizer", "strength"), [("none", 0.0), ("r1", 0.7), ("wgan-gp", 0.35)]
)
def test_field_is_the_mirror_image_of_the_torch_losses(loss, regularizer, strength):
    """The code losses with D(x) = -psi x: autograd of r1lab.losses and r1lab.penalties."""
    rng = np.random.default_rng(0)
    for theta_value, psi_value in rng.uniform(-2, 2, size=(20, 2)):
        theta = torch.tensor(theta_value, dtype=torch.float64, requires_grad=True)
        psi = torch.tensor(psi_value, dtype=torch.float64, requires_grad=True)
        real, fake = torch.zeros(1, 1, dtype=torch.float64), theta.reshape(1, 1)

        def discriminator(x, psi=psi):
            return -psi * x

        objective = losses.get(loss)
        d_loss = objective.discriminator(discriminator(real), discriminator(fake))
        gamma = 2 * strength if regularizer == "wgan-gp" else strength  # its strength is a weight
        penalty = penalties.get(regularizer, gamma)
        if penalty is not None:
            d_loss = d_loss + penalty(discriminator, real, fake.detach()).value
        (v_psi,) = torch.autograd.grad(-d_loss, psi)
        (v_theta,) = torch.autograd.grad(-objective.generator(discriminator(fake)), theta)
        expected = DiracGAN(loss, regularizer, strength).field(theta_value, psi_value)
        np.testing.assert_allclose((v_theta.item(), v_psi.item()), expected, atol=1e-10)


def test_field_broadcasts_and_does_not_overflow():
    v_theta, v_psi = DiracGAN().field(np.array([[-60.0], [60.0]]), np.array([-60.0, 0.0, 60.0]))
    assert v_theta.shape == v_psi.shape == (2, 3)
    assert np.isfinite(v_theta).all() and np.isfinite(v_psi).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DiracGAN("hinge!"), "unknown loss 'hinge!': use one of minimax"),
        (lambda: DiracGAN(regularizer="r3"), "unknown regularizer 'r3': use one of none, r1"),
        (
            lambda: DiracGAN(regularizer="r1", strength=-1),
            "strength must be finite and not negative",
        ),
        (lambda: DiracGAN(strength=float("nan")), "strength must be finite and not negative"),
        (lambda: DiracGAN("minimax", "wgan-gp", 1.0).jacobian(), "jumps across psi = 0"),
        (lambda: DiracGAN("minimax", "wgan-gp", 1.0).eigenvalues(), "jumps across psi = 0"),
        (lambda: DiracGAN().update_matrix(0.0), "step size h must be positive"),
        (lambda: DiracGAN().update_matrix(0.1, "sim"), "unknown scheme 'sim'"),
        (lambda: DiracGAN().run(d_steps=5), "belong to the alternating scheme"),
        (lambda: DiracGAN().run(scheme="alternating", d_steps=0), "must be at least 1"),
        (lambda: DiracGAN().run(steps=-1), "steps must not be negative"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_theory_imports_without_torch():
    code = "import sys; import r1lab.theory.dirac; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
