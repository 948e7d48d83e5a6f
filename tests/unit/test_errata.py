"""Errors in public code and texts, reproduced: each formula as it stands, and what it does."""

import pytest
import torch

from r1lab import penalties

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
