"""GameJacobian's products against real training steps and against an independent Jacobian."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jacrev, vmap
from torch.nn.functional import softplus

from r1lab import penalties
from r1lab.step import DiscriminatorStep, GeneratorStep
from r1lab.theory.spectra import GameJacobian, path_angle

SEED = 3  # of the penalties' noise
LOSSES = ["minimax", "non-saturating", "wasserstein", "hinge", "least-squares", "relativistic"]
PENALTIES = {
    "none": lambda seeded: None,
    "r1": lambda seeded: penalties.R1(0.7),
    "r1-transformed": lambda seeded: penalties.R1(0.7, transform=lambda x: 2 * x),
    "r2": lambda seeded: penalties.R2(0.7),
    "r1+r2": lambda seeded: penalties.R1R2(0.7),
    "zero-centered": lambda seeded: penalties.ZeroCentered(0.7, generator=seeded),
    "wgan-gp": lambda seeded: penalties.WGANGP(0.7, generator=seeded),
    "dragan": lambda seeded: penalties.DRAGAN(0.7, generator=seeded),
    "approximate-r1": lambda seeded: penalties.ApproximateR1(0.7, 0.1, 2, seeded),
    "approximate-r2": lambda seeded: penalties.ApproximateR2(0.7, 0.1, 2, seeded),
}
PAIRS = [(loss, "r1") for loss in LOSSES] + [("non-saturating", p) for p in PENALTIES if p != "r1"]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_players(seed=0, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
        discriminator = nn.Sequential(nn.Linear(2, 6), nn.Softplus(), nn.Linear(6, 1))
        real, latents = torch.randn(10, 2, dtype=dtype), torch.randn(10, 3, dtype=dtype)
    return generator.to(dtype), discriminator.to(dtype), real, latents


def jacobian(loss, penalty, **kwargs):
    made = PENALTIES[penalty](None)
    return GameJacobian(*make_players(), loss=loss, penalty=made, seed=SEED, **kwargs)


def trained_field(loss, penalty, point):
    """-gradients, as DiscriminatorStep and GeneratorStep leave them in .grad."""
    generator, discriminator, real, latents = make_players()
    parameters = [*generator.parameters(), *discriminator.parameters()]
    nn.utils.vector_to_parameters(torch.from_numpy(point), parameters)
    seeded = torch.Generator().manual_seed(SEED)
    step = DiscriminatorStep(discriminator, loss, PENALTIES[penalty](seeded))
    with torch.no_grad():
        fake = generator(latents)
    step(real, fake).total.backward()
    GeneratorStep(generator, discriminator, loss)(latents, real=real).total.backward()
    return -torch.cat([p.grad.flatten() for p in parameters]).numpy()


def independent_losses(name, real, fake):
    """(loss_G, loss_D) of logits, written out."""
    relu = torch.relu
    if name in ("minimax", "non-saturating"):
        g = -softplus(fake) if name == "minimax" else softplus(-fake)
        return g.mean(), (softplus(-real) + softplus(fake)).mean()
    return {
        "wasserstein": lambda: (-fake.mean(), (fake - real).mean()),
        "hinge": lambda: (-fake.mean(), (relu(1 - real) + relu(1 + fake)).mean()),
        "least-squares": lambda: (
            ((fake - 1) ** 2).mean() / 2,
            ((real - 1) ** 2 + (fake + 1) ** 2).mean() / 2,
        ),
        "relativistic": lambda: (softplus(real - fake).mean(), softplus(fake - real).mean()),
    }[name]()


def independent_penalty(name, logit, real, fake):
    """Each penalty of strength 0.7 from its definition; `logit` maps one sample to a number."""
    seeded = torch.Generator().manual_seed(SEED)

    def squared(x):
        return (vmap(grad(logit))(x) ** 2).sum(1)

    def differences(x):
        draws = [torch.randn(x.shape, generator=seeded, dtype=x.dtype) for _ in range(2)]
        slopes = [(vmap(logit)(x + 0.1 * n) - vmap(logit)(x)) / 0.1 for n in draws]
        return torch.stack(slopes) ** 2

    def mixed():
        eps = torch.rand(len(real), 1, generator=seeded, dtype=real.dtype)
        return eps * real + (1 - eps) * fake

    def around():
        noise = torch.randn(real.shape, generator=seeded, dtype=real.dtype)
        return real + 0.5 * real.std(correction=0) * noise

    return {
        "none": lambda: 0.0,
        "r1": lambda: 0.35 * squared(real).mean(),
        "r1-transformed": lambda: 0.35 * 4 * squared(2 * real).mean(),
        "r2": lambda: 0.35 * squared(fake).mean(),
        "r1+r2": lambda: 0.35 * (squared(real) + squared(fake)).mean(),
        "zero-centered": lambda: 0.35 * squared(mixed()).mean(),
        "wgan-gp": lambda: 0.7 * ((squared(mixed()).sqrt() - 1) ** 2).mean(),
        "dragan": lambda: 0.7 * ((squared(around()).sqrt() - 1) ** 2).mean(),
        "approximate-r1": lambda: 0.35 * differences(real).mean(),
        "approximate-r2": lambda: 0.35 * differences(fake).mean(),
    }[name]()


def independent_jacobian(loss, penalty):
    """torch.func.jacrev of a field that shares no line with r1lab."""
    generator, discriminator, real, latents = make_players()
    sizes = [sum(p.numel() for p in net.parameters()) for net in (generator, discriminator)]

    def call(net, vector, x):
        shapes = {name: p.shape for name, p in net.named_parameters()}
        parts = vector.split([s.numel() for s in shapes.values()])
        named = {n: part.reshape(shapes[n]) for n, part in zip(shapes, parts, strict=True)}
        return functional_call(net, named, (x,))

    def both(theta, psi):
        fake = call(generator, theta, latents)
        logit = lambda x: call(discriminator, psi, x)[0]  # noqa: E731
        g, d = independent_losses(loss, vmap(logit)(real), vmap(logit)(fake))
        return g, d + independent_penalty(penalty, logit, real, fake)

    def field(z):
        theta, psi = z.split(sizes)
        v_theta = -grad(lambda t: both(t, psi)[0])(theta)
        return torch.cat([v_theta, -grad(lambda p: both(theta, p)[1])(psi)])

    parameters = [*generator.parameters(), *discriminator.parameters()]
    point = nn.utils.parameters_to_vector(parameters).detach()
    return jacrev(field)(point).numpy(), field(point).numpy()


@pytest.mark.filterwarnings("ignore:piecewise linear")
@pytest.mark.parametrize(("loss", "penalty"), PAIRS)
def test_products_against_finite_differences_of_a_training_step(loss, penalty):
    J = jacobian(loss, penalty)
    np.testing.assert_allclose(J.field(), trained_field(loss, penalty, J.point), atol=1e-12)
    rng, eps = np.random.default_rng(0), 1e-5
    x, y = rng.standard_normal((2, len(J.point)))
    ahead, behind = (trained_field(loss, penalty, J.point + s * eps * x) for s in (1, -1))
    numeric = (ahead - behind) / (2 * eps)
    np.testing.assert_allclose(J @ x, numeric, atol=1e-6)
    assert abs((J.T @ y) @ x - y @ numeric) < 1e-6


@pytest.mark.filterwarnings("ignore:piecewise linear")
@pytest.mark.parametrize(("loss", "penalty"), PAIRS)
def test_products_against_an_independent_jacobian(loss, penalty):
    J = jacobian(loss, penalty)
    dense, field = independent_jacobian(loss, penalty)
    x = np.random.default_rng(1).standard_normal(len(J.point))
    np.testing.assert_allclose(J.field(), field, atol=1e-12)
    np.testing.assert_allclose(J @ x, dense @ x, atol=1e-10)
    np.testing.assert_allclose(J.T @ x, dense.T @ x, atol=1e-10)
    np.testing.assert_allclose(J.to_dense(), dense, atol=1e-10)
    np.testing.assert_allclose(J @ (x + 2j * x), (1 + 2j) * (dense @ x), atol=1e-10)


@pytest.mark.parametrize("activation", [nn.SiLU, nn.Softplus, nn.Tanh, nn.GELU, nn.Mish])
def test_products_with_every_smooth_activation(activation):
    """Some have backward passes without a forward derivative of their own."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(3, 4), activation(), nn.Linear(4, 2)).double()
    discriminator = nn.Sequential(nn.Linear(2, 4), activation(), nn.Linear(4, 1)).double()
    _, _, real, latents = make_players()
    J = GameJacobian(generator, discriminator, real, latents, penalty="r1", gamma=0.7)
    x = np.random.default_rng(0).standard_normal((J.shape[1], 2))
    small = 1e-5
    for v, product in zip(x.T, (J @ x).T, strict=True):
        difference = (J.field(J.point + small * v) - J.field(J.point - small * v)) / (2 * small)
        np.testing.assert_allclose(product, difference, rtol=1e-6, atol=1e-7)


def test_blocks_are_those_of_the_dense_matrix():
    J = jacobian("non-saturating", "r1+r2")
    dense, n_theta = J.to_dense(), J.sizes[0]
    parts = {"theta": slice(0, n_theta), "psi": slice(n_theta, None)}
    rng = np.random.default_rng(2)
    for rows, r in parts.items():
        for columns, c in parts.items():
            block, expected = J.block(rows, columns), dense[r, c]
            x, y = rng.standard_normal(expected.shape[1]), rng.standard_normal(expected.shape[0])
            np.testing.assert_allclose(block @ x, expected @ x, atol=1e-12)
            np.testing.assert_allclose(block.T @ y, expected.T @ y, atol=1e-12)
            np.testing.assert_allclose(block.to_dense(), expected, atol=0)
    # With a penalty on fakes v_psi is not minus the transposed gradient of v_theta.
    assert (
        abs(dense[parts["theta"], parts["psi"]] + dense[parts["psi"], parts["theta"]].T).max()
        > 0.01
    )


@pytest.mark.filterwarnings("ignore:piecewise linear")
@pytest.mark.parametrize(("loss", "penalty"), [pair for pair in PAIRS if pair[1] != "dragan"])
@pytest.mark.parametrize("chunk", [1, 3, 5])  # of 10: the last chunk is smaller, or is not
def test_chunks_change_nothing(loss, penalty, chunk):
    whole, cut = jacobian(loss, penalty), jacobian(loss, penalty, chunk=chunk)
    x = np.random.default_rng(4).standard_normal(len(whole.point))
    np.testing.assert_allclose(cut.field(), whole.field(), atol=1e-12)
    np.testing.assert_allclose(cut @ x, whole @ x, atol=1e-12)
    np.testing.assert_allclose(cut.T @ x, whole.T @ x, atol=1e-12)


def test_the_same_products_every_time_and_global_noise_untouched():
    J = jacobian("non-saturating", "wgan-gp")
    x, state = np.ones(len(J.point)), torch.get_rng_state()
    assert np.array_equal(J @ x, J @ x) and np.array_equal(J.T @ x, J.T @ x)
    assert torch.equal(state, torch.get_rng_state())


def test_training_after_construction_does_not_reach_it():
    generator, discriminator, real, latents = make_players()
    J = GameJacobian(generator, discriminator, real, latents, penalty="r1", gamma=1.0)
    x = np.ones(len(J.point))
    before = J @ x
    with torch.no_grad():
        for p in (*generator.parameters(), *discriminator.parameters(), real, latents):
            p.mul_(2)
    np.testing.assert_array_equal(J @ x, before)


def test_float32_channels_last_and_frozen_parameters():
    def net(*layers):
        return nn.Sequential(*layers).to(memory_format=torch.channels_last)

    torch.manual_seed(0)
    generator = net(nn.Linear(4, 32), nn.Unflatten(1, (2, 4, 4)), nn.Conv2d(2, 3, 3), nn.Tanh())
    discriminator = net(nn.Conv2d(3, 2, 2), nn.Softplus(), nn.Flatten(), nn.Linear(2, 1))
    discriminator[0].bias.requires_grad_(False)
    batches = torch.randn(6, 3, 2, 2), torch.randn(6, 4)
    J = GameJacobian(generator, discriminator, *batches, penalty="r1", gamma=1.0)
    assert J.dtype == np.float32 and "discriminator.0.bias" not in J.named(J.point)
    dense = J.to_dense()
    x = np.random.default_rng(0).standard_normal(len(J.point)).astype(np.float32)
    np.testing.assert_allclose(J @ x, dense @ x, atol=1e-5)
    np.testing.assert_allclose(J.T @ x, dense.T @ x, atol=1e-5)
    double = (net.double() for net in (generator, discriminator))
    exact = GameJacobian(*double, *(b.double() for b in batches), penalty="r1", gamma=1.0)
    np.testing.assert_allclose(dense, exact.to_dense(), atol=1e-5)


def test_vectors_go_to_names_and_back():
    J = jacobian("minimax", "none")
    named = J.named(J.point)
    generator, discriminator, *_ = make_players()
    np.testing.assert_array_equal(named["generator.2.weight"], generator[2].weight.detach())
    np.testing.assert_array_equal(named["discriminator.0.bias"], discriminator[0].bias.detach())
    np.testing.assert_array_equal(J.vector(named), J.point)
    with pytest.raises(ValueError, match="the names must be"):
        J.vector({})


def test_the_path_angle_of_a_rotation():
    class Point(nn.Linear):
        def forward(self, z):
            return self.weight * torch.ones_like(z)

    zero = torch.zeros(1, 1, dtype=torch.float64)
    game = [Point(1, 1, False).double(), nn.Linear(1, 1, False).double()]
    J = GameJacobian(*game, zero, zero, loss="wasserstein")
    angle = path_angle(J, [1.0, 0.0], [0.0, 0.0], [0.0, 0.5, 1.0])
    # v = (psi, -theta) is orthogonal to the way to the equilibrium, and shrinks on it.
    np.testing.assert_allclose(angle.cosines, 0, atol=1e-15)
    np.testing.assert_allclose(angle.norms, [1, 0.5, 0], atol=1e-15)
    assert path_angle(J, [1.0, 0.0], [0.0, 0.0]).alphas[[0, -1]].tolist() == [-0.1, 1.1]
    with pytest.raises(ValueError, match="must differ"):
        path_angle(J, J.point, J.point)


class Stateful(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.linear, self.layer = nn.Linear(2, 4), layer
        self.out = nn.Linear(4, 1)

    def forward(self, x):
        return self.out(self.layer(self.linear(x)))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.BatchNorm1d(4), "couples the samples"),
        (nn.Dropout(0.1), "another mask"),
        (nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), "power iteration"),
    ],
)
def test_layers_that_change_between_products_are_refused_in_training_mode(layer, reason):
    generator, _, real, latents = make_players()
    discriminator = Stateful(layer).double()
    with pytest.raises(ValueError, match=reason):
        GameJacobian(generator, discriminator, real, latents)
    GameJacobian(generator, discriminator.eval(), real, latents)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU, nn.PReLU])
def test_piecewise_linear_activations_warn_once(activation):
    generator, discriminator, real, latents = make_players()
    discriminator[1] = activation().double()
    with pytest.warns(UserWarning, match=activation.__name__) as caught:
        GameJacobian(generator, discriminator, real, latents).field()
    assert len([w for w in caught if "piecewise" in str(w.message)]) == 1


def test_the_hinge_loss_warns_and_smooth_players_do_not(recwarn):
    GameJacobian(*make_players(), loss="non-saturating")
    assert not [w for w in recwarn if "piecewise" in str(w.message)]
    with pytest.warns(UserWarning, match="hinge"):
        GameJacobian(*make_players(), loss="hinge")


def test_refusals():
    generator, discriminator, real, latents = make_players()

    def make(real=real, latents=latents, **kwargs):
        return GameJacobian(generator, discriminator, real, latents, **kwargs)

    with pytest.raises(ValueError, match="use chunk=None"):
        make(penalty="dragan", gamma=1.0, chunk=4)
    with pytest.raises(ValueError, match="use chunk=None"):
        make(penalty=penalties.ApproximateR1(1.0, fraction=0.5), chunk=4).field()
    with pytest.raises(ValueError, match="carries its own strength"):
        make(penalty=penalties.R1(1.0), gamma=1.0)
    with pytest.raises(ValueError, match="needs a gamma"):
        make(penalty="r1")
    with pytest.raises(TypeError, match="must be torch.float64"):
        make(real=real.float())
    with pytest.raises(ValueError, match="one size, not 10 and 9"):
        make(latents=latents[:9])
    with pytest.raises(ValueError, match="positive number of samples or None"):
        make(chunk=0)
    with pytest.raises(ValueError, match="must have shape"):
        make().field(np.zeros(3))
    with pytest.raises(ValueError, match='"theta" and "psi"'):
        make().block("theta", "phi")
    with pytest.raises(ValueError, match="simultaneous"):
        make().update(0.1, "both")
    with pytest.raises(ValueError, match="no parameters that can train"):
        GameJacobian(generator.requires_grad_(False), discriminator, real, latents)
    with pytest.raises(TypeError, match="all float32 or all float64"):
        GameJacobian(generator.requires_grad_(True), discriminator.half(), real, latents)


def test_the_repr_is_deterministic_and_custom_penalties_work():
    class WeightDecay:
        def __call__(self, discriminator, real, fake, args=(), scale=1.0):
            norms = [p.square().sum() for p in discriminator.parameters()]
            return penalties.PenaltyTerms(0.5 * torch.stack(norms).sum())

    J = GameJacobian(*make_players(), penalty=WeightDecay())
    assert repr(J) == (
        "GameJacobian(32 + 25 parameters, loss='non-saturating', penalty=WeightDecay, "
        "batch of 10, torch.float64)"
    )
    plain = GameJacobian(*make_players()).to_dense()
    n_theta = J.sizes[0]
    expected = plain - np.diag(np.r_[np.zeros(n_theta), np.ones(J.sizes[1])])
    np.testing.assert_allclose(J.to_dense(), expected, atol=1e-12)


def test_noise_of_a_penalty_of_ones_own_is_drawn_once():
    class Jitter:
        def __call__(self, discriminator, real, fake, args=(), scale=1.0):
            moved = real + torch.rand(size=(len(real), 1)) * torch.randn_like(input=fake)
            return penalties.R1(0.7)(discriminator, moved, fake)

    state = torch.get_rng_state()
    whole = GameJacobian(*make_players(), penalty=Jitter(), seed=SEED).to_dense()
    cut = GameJacobian(*make_players(), penalty=Jitter(), seed=SEED, chunk=3).to_dense()
    other = GameJacobian(*make_players(), penalty=Jitter(), seed=SEED + 1).to_dense()
    np.testing.assert_allclose(cut, whole, atol=1e-12)
    assert abs(other - whole).max() > 1e-3 and torch.equal(state, torch.get_rng_state())


def test_update_operators_are_products_of_moves():
    J = jacobian("non-saturating", "r1")
    dense, h = J.to_dense(), 0.1
    simultaneous = np.eye(len(dense)) + h * dense
    n = J.sizes[0]
    move_g, move_d = np.eye(len(dense)), np.eye(len(dense))
    move_g[:n] += h * dense[:n]
    move_d[n:] += h * dense[n:]
    x = np.random.default_rng(0).standard_normal(len(dense))
    for scheme, expected in (("simultaneous", simultaneous), ("alternating", move_d @ move_g)):
        update = J.update(h, scheme)
        np.testing.assert_allclose(update @ x, expected @ x, atol=1e-12)
        np.testing.assert_allclose(update.T @ x, expected.T @ x, atol=1e-12)
        np.testing.assert_allclose(update.to_dense(), expected, atol=1e-12)
