"""What chapter 12 says of spectra: residuals as distances, and Jacobians of detached fakes."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from r1lab import losses, penalties
from r1lab.theory import toy
from r1lab.theory.spectra import GameJacobian


@pytest.mark.claim("residual-is-a-distance")
@pytest.mark.parametrize("seed", range(5))
def test_a_residual_is_the_distance_to_a_matrix_that_has_the_pair(seed):
    rng = np.random.default_rng(seed)
    J = rng.standard_normal((12, 12))
    x = rng.standard_normal(12) + 1j * rng.standard_normal(12)
    x /= np.linalg.norm(x)
    value = complex(*rng.standard_normal(2))
    r = J @ x - value * x
    change = -np.outer(r, x.conj())
    np.testing.assert_allclose((J + change) @ x, value * x, atol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(change, 2), np.linalg.norm(r))
    # Any other change that makes a pair of x and the value: this one and what does not move x.
    for _ in range(20):
        other = rng.standard_normal((12, 12))
        other = change + other - np.outer(other @ x, x.conj())
        np.testing.assert_allclose((J + other) @ x, value * x, atol=1e-12)
        assert np.linalg.norm(other, 2) >= np.linalg.norm(r) - 1e-12
    values, vectors = np.linalg.eig(J)
    bound = np.linalg.cond(vectors) * np.linalg.norm(r)
    assert abs(values - value).min() <= bound


@pytest.mark.claim("residual-is-a-distance")
def test_in_a_matrix_that_is_not_normal_a_small_residual_can_be_far_off():
    J = np.array([[-1.0, 1e6], [0.0, -1.0001]])
    x, value = np.array([1.0, 1e-6]), 0.0
    residual = np.linalg.norm(J @ x - value * x) / np.linalg.norm(x)
    assert residual < 2e-6
    assert abs(np.linalg.eigvals(J) - value).min() > 0.99
    assert np.linalg.cond(np.linalg.eig(J)[1]) * residual > 0.99


def _training_step(G, D, real, latents, z, sizes):
    """The gradients of a training step, fakes detached in the discriminator's, by hand."""
    players = []
    for network, part in zip((G, D), z.split(list(sizes)), strict=True):
        shapes = {name: p.shape for name, p in network.named_parameters()}
        pieces = part.split([shape.numel() for shape in shapes.values()])
        named = zip(shapes.items(), pieces, strict=True)
        players.append({name: piece.view(shape) for (name, shape), piece in named})
    theta, psi = players
    loss = losses.NON_SATURATING

    def logits(x):
        return functional_call(D, psi, (x,))

    fake = functional_call(G, theta, (latents,))
    g = loss.generator(logits(fake))
    d = loss.discriminator(logits(real), logits(fake.detach())) + penalties.r1(logits, real, 1.0)
    moves = torch.autograd.grad(g, list(theta.values()), create_graph=True)
    moves += torch.autograd.grad(d, list(psi.values()), create_graph=True)
    return -torch.cat([move.flatten() for move in moves])


@pytest.mark.claim("detached-fakes-are-real")
def test_detached_fakes_delete_one_block_and_all_rotation():
    G, D = toy.players(latents=2, hidden=4, depth=1, activation=nn.Tanh)
    rng = torch.Generator().manual_seed(0)
    real = toy.get("circle").sample(32, rng)
    latents = torch.randn(32, 2, generator=rng, dtype=torch.float64)
    J = GameJacobian(G, D, real, latents, penalty="r1", gamma=1.0)
    n, true = J.sizes[0], J.to_dense()
    z = torch.tensor(J.point, requires_grad=True)
    moves = _training_step(G, D, real, latents, z, J.sizes)
    rows = [torch.autograd.grad(move, z, retain_graph=True)[0] for move in moves]
    computed = torch.stack(rows).numpy()
    expected = true.copy()
    expected[n:, :n] = 0
    np.testing.assert_allclose(computed, expected, atol=1e-12)
    assert abs(true[n:, :n]).max() > 0.01
    blocks = (computed[:n, :n], computed[n:, n:])
    for block in blocks:
        np.testing.assert_allclose(block, block.T, atol=1e-12)
    real_values = np.concatenate([np.linalg.eigvalsh(block) for block in blocks])
    found = np.linalg.eigvals(computed)
    np.testing.assert_allclose(np.sort(found.real), np.sort(real_values), atol=1e-6)
    assert abs(found.imag).max() < 1e-6 < 0.1 < np.linalg.eigvals(true).imag.max()


@pytest.mark.parametrize(
    ("draw", "chunk"),
    [
        (lambda **options: torch.randn((), **options), 4),
        (lambda **options: torch.randn(size=(), **options), 4),
        (lambda **options: torch.randn(size=[1], **options)[0], None),
        (lambda **options: torch.randn(torch.Size([1]), **options)[0], None),
        (lambda **options: torch.randn(np.int64(1), **options)[0], None),
    ],
)
def test_a_penalty_may_draw_one_number_for_all_samples(draw, chunk):
    """c ||psi||^2 / 2 puts -c on the diagonal of the discriminator's block, for c drawn by hand."""

    class RandomDecay:
        def __call__(self, discriminator, real, fake, args=(), scale=1.0):
            squares = torch.stack([p.square().sum() for p in discriminator.parameters()]).sum()
            return penalties.PenaltyTerms(draw(dtype=real.dtype) * squares / 2)

    made = toy.players(latents=2, hidden=3, depth=1)
    batches = toy.get("line").sample(6), torch.randn(6, 2, dtype=torch.float64)
    decay, plain = (
        GameJacobian(*made, *batches, penalty=penalty, seed=4, chunk=chunk)
        for penalty in (RandomDecay(), None)
    )
    c = torch.randn(1, dtype=torch.float64, generator=torch.Generator().manual_seed(4)).item()
    expected = plain.to_dense() - c * np.diag(np.repeat([0.0, 1.0], plain.sizes))
    np.testing.assert_allclose(decay.to_dense(), expected, atol=1e-12)
