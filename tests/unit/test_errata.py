"""Errors in public code and texts, reproduced: each formula as it stands, and what it does."""

from itertools import pairwise

import pytest
import torch

from r1lab import penalties
from r1lab.gamma import LazyR1
from r1lab.penalties.interpolates import around

B, C, H, W = 4, 3, 5, 7


def linear(slope):
    """D(x) = <slope, x>, whose input gradient is `slope` at every sample."""
    return lambda x: (x * slope).flatten(1).sum(1)


def gradient_of(discriminator):
    x = torch.zeros(B, C, H, W, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(discriminator(x).sum(), x)[0]


@pytest.mark.claim("erratum-transposed-product")
def test_differentiating_the_gradient_along_a_vector_gives_the_transposed_product():
    """grad_z <v(z), u> is J^T u, not J u: the same spectrum, other vectors."""
    z = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    u = torch.tensor([1.0, 2.0], dtype=torch.float64)

    def v(z):  # the minimax Dirac-GAN with R1 of gamma 0.7
        slope = torch.sigmoid(-z[0] * z[1])
        return torch.stack([-z[1] * slope, z[0] * slope - 0.7 * z[1]])

    jacobian = torch.autograd.functional.jacobian(v, z)
    (published,) = torch.autograd.grad(v(z) @ u, z)
    torch.testing.assert_close(published, jacobian.T @ u, rtol=1e-12, atol=1e-14)
    assert (published - jacobian @ u).norm() > 0.5


@pytest.mark.claim("erratum-whole-batch-norm")
def test_one_norm_over_the_whole_batch_asks_for_slopes_of_one_over_root_b():
    """(gradients.norm(2) - 1)^2 is zero at per-sample norm 1/sqrt(B), not at 1."""
    slope = torch.ones(C, H, W, dtype=torch.float64)
    slope /= slope.norm() * B**0.5
    published = (gradient_of(linear(slope)).norm(2) - 1) ** 2
    assert published.item() == pytest.approx(0, abs=1e-15)
    x = torch.zeros(B, C, H, W, dtype=torch.float64)
    right = penalties.wgan_gp(linear(slope), x, x, weight=1.0)
    assert right.item() == pytest.approx((1 - B**-0.5) ** 2, rel=1e-12)


@pytest.mark.claim("erratum-norm-over-channels")
def test_a_norm_over_dimension_one_of_images_asks_for_slopes_of_root_of_the_pixels():
    """(gradients.norm(2, dim=1) - 1)^2 on NCHW is zero at per-sample norm sqrt(H W)."""
    slope = torch.ones(C, H, W, dtype=torch.float64) / C**0.5
    published = ((gradient_of(linear(slope)).norm(2, dim=1) - 1) ** 2).mean()
    assert published.item() == pytest.approx(0, abs=1e-15)
    assert slope.norm().item() == pytest.approx((H * W) ** 0.5, rel=1e-12)


@pytest.mark.claim("erratum-mean-over-pixels")
def test_the_pixel_mode_divides_by_the_number_of_pixels():
    slope = torch.randn(C, H, W, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    published = (gradient_of(linear(slope)).norm(2, dim=1) ** 2).mean()
    x = torch.zeros(B, C, H, W, dtype=torch.float64)
    paper = penalties.r1(linear(slope), x, 2.0)
    assert published.item() == pytest.approx(paper.item() / (H * W), rel=1e-12)


@pytest.mark.claim("erratum-weight-gradient")
def test_r1_is_not_the_norm_of_the_weight_gradients():
    """For D(x) = w.x the input gradient is w, whatever x; the weight gradient is x, whatever w."""
    w = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    for scale in (1.0, 10.0):
        x = scale * torch.tensor([[1.0, 0.0]], dtype=torch.float64)
        (weight_gradient,) = torch.autograd.grad((x @ w).sum(), w)
        assert weight_gradient.square().sum().item() == scale**2
        assert penalties.r1(lambda x: x @ w, x, 2.0).item() == 25.0


@pytest.mark.claim("erratum-orthogonal-is-not-zero")
def test_a_gradient_orthogonal_to_the_data_need_not_be_zero():
    """Data on the line x2 = 0, D(x) = x2: zero on all data, gradient (0, 1), off the line."""
    data = torch.stack([torch.linspace(-1, 1, 5), torch.zeros(5)], dim=1).double()
    logits, squared = penalties.squared_gradient_norm(lambda x: x[:, 1] * 1.0, data)
    assert logits.abs().max() == 0
    assert squared.tolist() == [1.0] * 5


@pytest.mark.claim("erratum-lazy-not-multiplied")
def test_a_penalty_every_kth_step_is_a_kth_of_it_on_average():
    """lucidrains: 10 ||g||^2 every 4 steps, not multiplied: gamma 5 on average."""
    slope = torch.ones(C, H, W, dtype=torch.float64)
    size = gradient_of(linear(slope)).square().flatten(1).sum(1).mean().item()
    average = sum(10 * size for step in range(32) if step % 4 == 0) / 32
    x = torch.zeros(B, C, H, W, dtype=torch.float64)
    assert average == pytest.approx(penalties.r1(linear(slope), x, 5.0).item(), rel=1e-12)
    lazy = LazyR1(gamma=5.0, interval=4)
    assert sum(lazy.at(step) for step in range(32)) / 32 == 5.0


@pytest.mark.claim("erratum-root-at-zero")
def test_the_root_of_a_sum_of_squares_has_no_gradient_at_zero():
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    x = torch.ones(2, 4, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad((x @ w).sum(), x, create_graph=True)
    published = (slopes.square().sum(1).sqrt() - 1).square().mean()
    assert torch.autograd.grad(published, w)[0].isnan().all()
    right = penalties.wgan_gp(lambda x: x @ w, x.detach(), x.detach(), weight=1.0)
    assert right.item() == published.item() == 1.0
    assert torch.autograd.grad(right, w)[0].tolist() == [0.0] * 4


@pytest.mark.claim("erratum-interpolation-number")
def test_one_number_per_entry_leaves_the_line_and_one_per_batch_does_not_average():
    generator = torch.Generator().manual_seed(0)
    d, draws = 5, 200_000
    box = torch.rand(draws, d, dtype=torch.float64, generator=generator)
    nearest = box.mean(1, keepdim=True)  # on the line from 0 to (1, ..., 1)
    off = (box - nearest).square().sum(1).mean().item()
    assert off == pytest.approx((d - 1) / 12, rel=0.01)
    # D(x) = x^2/2 between 0 and 1 has slope alpha: (alpha - 1)^2 has variance 4/45.
    alpha = torch.rand(draws // B, B, dtype=torch.float64, generator=generator)
    value = (alpha - 1).square()
    assert value[:, 0].var().item() == pytest.approx(4 / 45, rel=0.02)
    assert value.mean(1).var().item() == pytest.approx(4 / 45 / B, rel=0.02)


@pytest.mark.claim("erratum-dragan-noise")
def test_uniform_noise_that_is_not_centred_moves_the_samples():
    u, v = torch.rand(2, 400_000, generator=torch.Generator().manual_seed(0))
    assert (0.5 * u).mean().item() == pytest.approx(1 / 4, abs=2e-3)
    assert (0.5 * u * v).mean().item() == pytest.approx(1 / 8, abs=2e-3)
    x = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(1))
    moved = around(x, torch.Generator().manual_seed(2)) - x
    assert moved.mean().item() == pytest.approx(0, abs=5e-3)


@pytest.mark.claim("erratum-one-row-per-tensor")
def test_one_row_per_parameter_tensor_is_no_square_matrix():
    """TheNumericsOfGANs' notebook: generator 16 x 5 and 2, discriminator 2, 16 x 4 and 1."""
    widths = [16, 16, 16, 16, 16, 2], [2, 16, 16, 16, 16, 1]
    layers = [pair for player in widths for pair in pairwise(player)]
    assert (2 * len(layers), sum(a * b + b for a, b in layers)) == (20, 2003)


@pytest.mark.claim("erratum-lipschitz-at-samples")
def test_wgan_gp_punishes_a_lipschitz_function_and_misses_slopes_beside_the_samples():
    x = torch.rand(16, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gentle = penalties.wgan_gp(lambda x: 0.5 * x[:, 0], x, x.flip(0), weight=1.0)
    steep = penalties.wgan_gp(
        lambda x: x[:, 0] + 9 * torch.relu(x[:, 0] - 1), x, x.flip(0), weight=1.0
    )
    assert gentle.item() == pytest.approx(0.25) and steep.item() == pytest.approx(0, abs=1e-20)


@pytest.mark.claim("erratum-generator-sees-the-penalty")
def test_the_wgan_gp_penalty_depends_on_the_fakes_and_r1_does_not():
    """For D = |x|^2, real 0: x_hat = (1 - eps) fake, slope 2 |x_hat|, and so the derivative."""
    fake = torch.full((1, 1), 1.5, dtype=torch.float64, requires_grad=True)
    real = torch.zeros(1, 1, dtype=torch.float64)

    def square(x):
        return x.square().sum(1)

    eps = torch.rand(1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    value = penalties.wgan_gp(square, real, fake, 1.0, generator=torch.Generator().manual_seed(3))
    share = (1 - eps).item()
    expected = 2 * (2 * share * 1.5 - 1) * 2 * share
    assert torch.autograd.grad(value, fake)[0].item() == pytest.approx(expected, rel=1e-12)
    one, other = (penalties.R1(1.0)(square, real + 1, f).value for f in (fake, 7 * fake))
    assert one.item() == other.item() == 2.0
