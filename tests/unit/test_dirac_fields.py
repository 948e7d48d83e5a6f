"""The Dirac-GAN's fields: every loss and regulariser against autograd and quadrature."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch.nn.functional import relu, softplus

from r1lab import losses, penalties
from r1lab.theory.dirac import DiracGAN

LOSSES = ("minimax", "non-saturating", "wasserstein", "least-squares", "hinge", "relativistic")
KAPPA = 0.5  # f'(0) of the logistic f
GAMMA = {"wgan-gp": 2, "dragan": 2}  # gamma of the weight 1; the others' strength is gamma

# The losses once more, written down independently: code sign, what each player minimises.
D_LOSS = {
    "minimax": lambda real, fake: softplus(-real) + softplus(fake),
    "wasserstein": lambda real, fake: fake - real,
    "least-squares": lambda real, fake: (real - 1) ** 2 / 2 + (fake + 1) ** 2 / 2,
    "hinge": lambda real, fake: relu(1 - real) + relu(1 + fake),
    "relativistic": lambda real, fake: softplus(fake - real),
}
D_LOSS["non-saturating"] = D_LOSS["minimax"]
G_LOSS = {
    "minimax": lambda real, fake: -softplus(fake),
    "non-saturating": lambda real, fake: softplus(-fake),
    "wasserstein": lambda real, fake: -fake,
    "least-squares": lambda real, fake: (fake - 1) ** 2 / 2,
    "hinge": lambda real, fake: -fake,
    "relativistic": lambda real, fake: softplus(real - fake),
}


def random_points(n=20):
    return np.random.default_rng(0).uniform(-2, 2, size=(n, 2))


def leaves(point):
    return [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]


def derivative(y, x, create_graph=False):
    (result,) = torch.autograd.grad(
        y, x, create_graph=create_graph, retain_graph=True, allow_unused=True
    )
    return torch.zeros_like(x) if result is None else result


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("regularizer", "strength"),
    [("none", 0.0), ("r1", 0.7), ("r2", 0.7), ("r1+r2", 0.7), ("wgan-gp", 0.35)],
)
def test_field_is_the_mirror_image_of_the_torch_losses_and_penalties(loss, regularizer, strength):
    """r1lab.losses and r1lab.penalties with D(x) = -psi x."""
    gan, objective = DiracGAN(loss, regularizer, strength), losses.get(loss)
    for point in random_points():
        theta, psi = leaves(point)
        real, fake = torch.zeros(1, 1, dtype=torch.float64), theta.reshape(1, 1)

        def discriminator(x, psi=psi):
            return -psi * x

        d_loss = objective.discriminator(discriminator(real), discriminator(fake))
        penalty = penalties.get(regularizer, strength * GAMMA.get(regularizer, 1))
        if penalty is not None:
            d_loss = d_loss + penalty(discriminator, real, fake.detach()).value
        g_loss = objective.generator(discriminator(fake), discriminator(real))
        expected = -derivative(g_loss, theta), -derivative(d_loss, psi)
        np.testing.assert_allclose(gan.field(*point), [v.item() for v in expected], atol=1e-10)


def dragan(theta, psi, weight):
    x = torch.tensor(0.37, dtype=torch.float64, requires_grad=True)  # any perturbed real sample
    return weight * (derivative(-psi * x, x, create_graph=True).abs() - 1) ** 2


def roth(theta, psi, gamma):
    terms = []
    for x, share in ((torch.zeros_like(theta), lambda p: 1 - p), (theta.detach(), lambda p: p)):
        x = x.clone().requires_grad_()
        logit = -psi * x
        slope = derivative(logit, x, create_graph=True)
        terms.append(share(torch.sigmoid(logit)) ** 2 * slope**2)
    return gamma / 2 * sum(terms)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("regularizer", "penalty"), [("dragan", dragan), ("roth", roth)], ids=["dragan", "roth"]
)
def test_penalised_field_is_the_gradient_of_its_objective(loss, regularizer, penalty):
    gan = DiracGAN(loss, regularizer, 0.6)
    for point in random_points():
        theta, psi = leaves(point)
        real, fake = torch.zeros_like(psi) * psi, -psi * theta
        d_loss = D_LOSS[loss](real, fake) + penalty(theta, psi, 0.6)
        expected = -derivative(G_LOSS[loss](real, fake), theta), -derivative(d_loss, psi)
        np.testing.assert_allclose(gan.field(*point), [v.item() for v in expected], atol=1e-10)


@pytest.mark.claim("erratum-consensus")
@pytest.mark.parametrize("loss", LOSSES)
def test_consensus_field_is_the_field_minus_gamma_times_the_gradient_of_its_energy(loss):
    gan, gamma = DiracGAN(loss, "consensus", 0.7), 0.7
    for point in random_points():
        theta, psi = leaves(point)
        real, fake = torch.zeros_like(psi) * psi, -psi * theta
        v_theta = -derivative(G_LOSS[loss](real, fake), theta, create_graph=True)
        v_psi = -derivative(D_LOSS[loss](real, fake), psi, create_graph=True)
        energy = (v_theta**2 + v_psi**2) / 2
        expected = [
            (v - gamma * derivative(energy, x, create_graph=True)).item()
            for v, x in ((v_theta, theta), (v_psi, psi))
        ]
        np.testing.assert_allclose(gan.field(*point), expected, atol=1e-10)


@pytest.mark.claim("erratum-consensus")
def test_half_a_coefficient_in_consensus_turns_the_sign_at_one_one():
    """GAN_stability has 0.5 before the second term of grad (1/2 ||v||^2)."""
    v = np.array(DiracGAN("minimax").field(1.0, 1.0))
    f1, f2 = 1 / (1 + np.e), -np.e / (1 + np.e) ** 2
    first = f1**2 * 1.0  # psi f'^2
    second = f1 * f2 * 2.0  # theta (theta^2 + psi^2) f' f''
    right, wrong = first + second, first + second / 2
    gamma = 0.7
    correct = np.array(DiracGAN("minimax", "consensus", gamma).field(1.0, 1.0))
    np.testing.assert_allclose((v - correct) / gamma, [right, right], atol=1e-15)
    assert right < 0 < wrong


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "hinge"])
def test_instance_noise_is_the_expectation_over_real_and_fake_noise(loss):
    """Gauss-Hermite over both noises at once, inside the objective, then autograd."""
    sigma = 0.8
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    nodes, weights = (torch.tensor(x) for x in (nodes, weights / weights.sum()))
    pair = weights[:, None] * weights[None, :]
    gan = DiracGAN(loss, "instance-noise", sigma)
    for point in random_points(5):
        theta, psi = leaves(point)
        real, fake = -psi * sigma * nodes[:, None], -psi * (theta + sigma * nodes[None, :])
        d_loss, g_loss = ((table[loss](real, fake) * pair).sum() for table in (D_LOSS, G_LOSS))
        expected = -derivative(g_loss, theta), -derivative(d_loss, psi)
        np.testing.assert_allclose(gan.field(*point), [v.item() for v in expected], atol=1e-10)


def test_instance_noise_on_the_hinge_loss_handles_the_kink():
    sigma, gan = 0.8, DiracGAN("hinge", "instance-noise", 0.8)

    def expected(center, psi):  # E u 1(psi u < 1), u ~ N(center, sigma^2)
        low, high = (-np.inf, 1 / psi) if psi > 0 else (1 / psi, np.inf)
        density = norm(center, sigma).pdf
        return quad(lambda u: u * density(u), low, high, epsabs=1e-13, epsrel=1e-12)[0]

    for theta, psi in random_points(5):
        v_theta, v_psi = gan.field(theta, psi)
        assert v_theta == -psi
        np.testing.assert_allclose(v_psi, expected(theta, psi) + expected(0.0, psi), atol=1e-10)


def test_steep_noise_is_still_accurate():
    theta, psi, sigma = 1.3, 6.0, 3.0
    v_theta, _ = DiracGAN("minimax", "instance-noise", sigma).field(theta, psi)
    density = norm(theta, sigma).pdf
    share, _ = quad(lambda u: density(u) / (1 + np.exp(psi * u)), -20, 20, points=[0], limit=400)
    np.testing.assert_allclose(v_theta, -psi * share, rtol=1e-8)


def test_noise_of_no_strength_changes_nothing():
    theta, psi = random_points().T
    for loss in LOSSES:
        noisy = DiracGAN(loss, "instance-noise", 0.0).field(theta, psi)
        np.testing.assert_allclose(noisy, DiracGAN(loss).field(theta, psi), atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_spectral_normalisation_leaves_a_slope_of_one(loss):
    gan = DiracGAN(loss, "spectral-norm")
    for point in random_points():
        theta, psi = leaves(point)
        normalised = psi / psi.abs()
        real, fake = torch.zeros_like(psi) * normalised, -normalised * theta
        expected = (
            -derivative(G_LOSS[loss](real, fake), theta),
            -derivative(D_LOSS[loss](real, fake), psi),
        )
        np.testing.assert_allclose(gan.field(*point), [v.item() for v in expected], atol=1e-10)


@pytest.mark.claim("one-centred-jump")
@pytest.mark.parametrize("regularizer", ["wgan-gp", "dragan"])
def test_the_one_centred_field_jumps_across_zero(regularizer):
    for loss, slope in (("wasserstein", 1.0), ("minimax", KAPPA)):
        gan = DiracGAN(loss, regularizer, 0.35, center=0.8)
        _, (below, above) = gan.field(1.3, np.array([-1e-13, 1e-13]))
        jump = 2 * 0.35 * 0.8
        np.testing.assert_allclose(
            (below, above), 1.3 * slope + np.array([-jump, jump]), atol=1e-12
        )


@pytest.mark.parametrize("regularizer", ["r1", "instance-noise", "consensus", "roth", "dragan"])
def test_field_broadcasts(regularizer):
    gan = DiracGAN("minimax", regularizer, 0.3)
    theta, psi = np.array([[-60.0], [60.0]]), np.array([-6.0, 0.0, 60.0])
    v_theta, v_psi = gan.field(theta, psi)
    assert v_theta.shape == v_psi.shape == (2, 3)
    expected = gan.field(60.0, -6.0)
    np.testing.assert_allclose((v_theta[1, 0], v_psi[1, 0]), expected, rtol=1e-14)
    assert np.isfinite(v_theta).all()
    assert np.isfinite(v_psi).all()
