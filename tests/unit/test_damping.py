"""Where damping comes from (chapter 5), against games, networks and steps built by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from r1lab.theory import dynamics, toy
from r1lab.theory.dirac import DiracGAN
from r1lab.theory.solvable import LineGAN
from r1lab.theory.solvable_players import batch, players
from r1lab.theory.spectra import GameJacobian

K, MU = 0.5, 0.25  # logistic f'(0), -f''(0)


@pytest.mark.claim("competition-with-damping")
def test_solutions_of_a_strongly_convex_concave_game_approach_each_other():
    rng, m = np.random.default_rng(0), 0.3
    coupling, bowl_g, bowl_d = 3 * rng.standard_normal((3, 2, 2))

    def field(z):  # of m/2 |x|^2 + sum log cosh(bowl_g x) + x.coupling y - (the same for y)
        x, y = z[:2], z[2:]
        down = m * x + bowl_g.T @ np.tanh(bowl_g @ x) + coupling @ y
        return np.concatenate([-down, coupling.T @ x - m * y - bowl_d.T @ np.tanh(bowl_d @ y)])

    times = np.linspace(0, 10, 21)
    first, second = (dynamics.flow(field, rng.standard_normal(4), times) for _ in range(2))
    apart = np.linalg.norm(first - second, axis=1)
    assert (apart <= apart[0] * np.exp(-m * times) * (1 + 1e-9)).all()


@pytest.mark.claim("competition-with-damping")
@pytest.mark.parametrize(("a", "c"), [(0.0, 0.0), (1.0, 1.0), (0.0, 0.5), (-0.3, 0.5), (-0.6, 0.5)])
def test_two_by_two_the_trace_decides(a, c):
    values = np.linalg.eigvals([[-a, -1.0], [1.0, -c]])
    root = np.sqrt(complex((a - c) ** 2 / 4 - 1))
    expected = np.array([-(a + c) / 2 + root, -(a + c) / 2 - root])
    np.testing.assert_allclose(np.sort_complex(values), np.sort_complex(expected), atol=1e-12)
    assert (values.real.max() < -1e-9) == (a + c > 0)


def changes(discriminator, x, directions):
    """delta_w(x), (m, n), and its gradient in x, (m, 2, n), for the rows' parameter directions."""
    names = [name for name, _ in discriminator.named_parameters()]
    sizes = [p.numel() for p in discriminator.parameters()]
    shapes = [p.shape for p in discriminator.parameters()]
    start = {name: p.detach() for name, p in discriminator.named_parameters()}

    def delta(points, w):
        parts = [p.view(s) for p, s in zip(w.split(sizes), shapes, strict=True)]
        call = lambda p: torch.func.functional_call(discriminator, p, points)  # noqa: E731
        return torch.func.jvp(call, (start,), (dict(zip(names, parts, strict=True)),))[1]

    values, slopes = [], []
    for w in torch.as_tensor(directions):
        points = x.clone().requires_grad_()
        value = delta(points, w)
        slopes.append(torch.autograd.grad(value.sum(), points)[0].numpy())
        values.append(value.detach().numpy().ravel())
    return np.stack(values, 1), np.stack(slopes, 2)


def check_damping(J, discriminator, real, gamma, mu):
    values, vectors = np.linalg.eig(J.to_dense())
    assert values.real.max() < 1e-9
    rotating = abs(values.imag) > 1e-6
    w = vectors[J.sizes[0] :, rotating]
    w = w / np.linalg.norm(w, axis=0)
    delta, slope = (
        a + 1j * b
        for a, b in zip(
            changes(discriminator, real, w.real.T),
            changes(discriminator, real, w.imag.T),
            strict=True,
        )
    )
    seen_by_loss = (abs(delta) ** 2).mean(0)
    seen_by_r1 = (abs(slope) ** 2).sum(1).mean(0)
    expected = -mu * seen_by_loss - gamma / 2 * seen_by_r1
    np.testing.assert_allclose(values[rotating].real, expected, atol=1e-10)
    return int(rotating.sum())


@pytest.mark.claim("rotation-damping")
@pytest.mark.parametrize(
    ("loss", "mu"), [("minimax", MU), ("non-saturating", MU), ("wasserstein", 0.0)]
)
@pytest.mark.parametrize("gamma", [0.0, 0.3])
@pytest.mark.parametrize("thickness", [0.0, 0.4])
def test_the_damping_of_the_line_gan_is_what_the_change_shows(loss, mu, gamma, thickness):
    gan = LineGAN(loss, "r1", gamma, thickness=thickness)
    (generator, discriminator), (real, latents) = players(gan), batch(gan)
    J = GameJacobian(generator, discriminator, real, latents, loss=loss, penalty="r1", gamma=gamma)
    assert check_damping(J, discriminator, real, gamma, mu) >= 4


@pytest.mark.claim("rotation-damping")
@pytest.mark.parametrize("gamma", [0.0, 0.1])
def test_the_damping_of_a_network_is_what_the_change_shows(gamma):
    real = toy.get("circle").sample(40)
    _, discriminator = toy.players(latents=2, hidden=16, depth=2)
    nn.init.zeros_(discriminator[-1].weight)  # D = 0 everywhere
    generator = nn.Linear(2, 2).double()
    nn.init.eye_(generator.weight)
    nn.init.zeros_(generator.bias)
    J = GameJacobian(generator, discriminator, real, real, penalty="r1", gamma=gamma)
    assert check_damping(J, discriminator, real, gamma, MU) >= 8


@pytest.mark.claim("push-is-normal")
@pytest.mark.parametrize("sign", [1.0, -1.0])  # of D: minimax, non-saturating
def test_a_discriminator_that_is_zero_on_a_curve_pushes_across_it(sign):
    u = torch.linspace(-1, 1, 30, dtype=torch.float64)
    data = torch.stack([u, u**2], 1)
    matrix = torch.eye(2, dtype=torch.float64).requires_grad_()
    shift = torch.zeros(2, dtype=torch.float64, requires_grad=True)

    def D(x):  # zero on the parabola
        return (x[:, 1] - x[:, 0] ** 2) * (0.7 + x[:, 0] + torch.sin(3 * x[:, 1]))

    def f(t):
        return nn.functional.logsigmoid(t)

    x = data.clone().requires_grad_()
    slope = torch.autograd.grad(D(x).sum(), x)[0]
    tangent = torch.stack([torch.ones_like(u), 2 * u], 1)
    assert (slope * tangent).sum(1).abs().max() < 1e-14 and slope.norm(dim=1).max() > 1
    value = (sign * f(sign * D(data @ matrix.T + shift))).mean()
    velocity = [-g for g in torch.autograd.grad(value, (matrix, shift))]
    samples = data @ velocity[0].T + velocity[1]
    moved = (slope * samples).sum(1).mean()
    size = sum(v.square().sum() for v in velocity)
    assert size > 0.01
    torch.testing.assert_close(moved, -size / K, rtol=1e-12, atol=0)


class Bump(nn.Module):
    """D(x) = -psi sin(3 x2) / 3: zero on the line, Lipschitz with constant one."""

    def __init__(self):
        super().__init__()
        self.psi = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x):
        return -self.psi * torch.sin(3 * x[:, 1]) / 3


@pytest.mark.claim("thin-data-bound")
@pytest.mark.parametrize("eps", [0.01, 0.1, 0.3])
def test_a_change_that_vanishes_on_the_data_is_damped_by_their_thickness_only(eps):
    gan = LineGAN(thickness=eps)
    real, latents = batch(gan)
    discriminator = Bump()
    J = GameJacobian(players(gan)[0], discriminator, real, latents, loss="minimax")
    values = np.linalg.eigvals(J.to_dense())
    rate = -values[abs(values.imag) > 1e-6].real
    exact = MU * (torch.sin(3 * real[:, 1]) / 3).square().mean().item()
    np.testing.assert_allclose(rate, exact, atol=1e-12)
    assert len(rate) == 2 and rate.max() <= MU * real[:, 1].square().mean().item()
    np.testing.assert_allclose(real[:, 1].square().mean().item(), eps**2, rtol=1e-12)


@pytest.mark.claim("thin-data-steps")
@pytest.mark.parametrize("eps", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("block", ["offset", "tilt"])
def test_step_sizes_on_thin_data(eps, block):
    jacobian = LineGAN(thickness=eps).blocks()[block]
    simultaneous, alternating = dynamics.Simultaneous(), dynamics.Alternating()
    limit = dynamics.largest_stable_step(simultaneous, jacobian)
    np.testing.assert_allclose(limit, 2 * MU * eps**2 / K**2, rtol=1e-9)
    radii = [
        dynamics.spectral_radius(simultaneous.update_matrix(jacobian, h, (1, 1)))
        for h in np.linspace(0, limit, 201)[1:]
    ]
    np.testing.assert_allclose(min(radii), np.sqrt(1 - (MU * eps**2 / K) ** 2), rtol=1e-12)
    matrix = alternating.update_matrix(jacobian, 0.1, (1, 1))
    modulus = abs(np.linalg.eigvals(matrix))
    np.testing.assert_allclose(modulus, np.sqrt(1 - 2 * 0.1 * MU * eps**2), rtol=1e-12)


@pytest.mark.claim("vanishing-and-steep")
def test_a_sure_discriminator_starves_the_saturating_loss_and_steepens_the_other():
    psi = np.array([1.0, 4.0, 16.0, 30.0])
    saturating, steep = (
        np.array([-DiracGAN(loss).field(1.0, p)[0] for p in psi])
        for loss in ("minimax", "non-saturating")
    )
    np.testing.assert_allclose(saturating, psi / (1 + np.exp(psi)), atol=1e-14)
    np.testing.assert_allclose(steep, psi / (1 + np.exp(-psi)), rtol=1e-12)
    assert (np.diff(saturating) < 0).all() and saturating[-1] < 1e-11
    assert (np.diff(steep) > 0).all() and (steep <= psi).all()
    # psi grows without end while theta is held: its velocity is positive everywhere.
    assert all(DiracGAN("minimax").field(1.0, p)[1] > 0 for p in psi)
