"""Penalties against closed forms, per-sample vmap(grad), float64 finite differences."""

import dataclasses

import pytest
import torch
from torch import nn

from r1lab import penalties
from r1lab.step import DiscriminatorStep

IMPLEMENTATIONS = ["autograd", "functional"]
SHAPES = [(5, 3), (4, 2, 6, 5), (3, 1, 4, 2, 3)]
OBJECTS = {
    "r1": penalties.R1(3.0),
    "r2": penalties.R2(3.0),
    "r1+r2": penalties.R1R2(3.0),
    "zero-centered": penalties.ZeroCentered(3.0),
    "dragan": penalties.DRAGAN(1.5),
    "wgan-gp": penalties.WGANGP(1.5),
    "wgan-gp, center 0": penalties.WGANGP(1.5, center=0.0),
    "wgan-gp, one-sided": penalties.WGANGP(1.5, center=0.2, one_sided=True),
}


def mlp(shape, seed=0, outputs=1):
    """A random smooth discriminator in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        features = torch.Size(shape[1:]).numel()
        layers = nn.Flatten(), nn.Linear(features, 8), nn.Tanh(), nn.Linear(8, outputs)
        return nn.Sequential(*layers).double()


def batch(shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def per_sample_squared_norms(discriminator, x):
    """The same number by another road: the gradient of each sample alone."""
    gradient = torch.func.vmap(torch.func.grad(lambda one: discriminator(one[None]).sum()))(x)
    return torch.stack([(g * g).sum() for g in gradient])


def seeded(penalty):
    """A random penalty with the same points every time."""
    if not hasattr(penalty, "generator"):
        return penalty
    return dataclasses.replace(penalty, generator=torch.Generator().manual_seed(7))


def value_of(penalty, discriminator, real, fake, implementation="autograd"):
    """The penalty at fixed noise, so that it is a function of the parameters alone."""
    penalty = seeded(penalty)
    return dataclasses.replace(penalty, implementation=implementation)(
        discriminator, real, fake
    ).value


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_linear_discriminator_gives_the_weight_norm(shape, implementation):
    w = batch(shape[1:], seed=2)
    value = penalties.r1(
        lambda x: (x * w).flatten(1).sum(1), batch(shape), 10.0, implementation=implementation
    )
    assert value.item() == pytest.approx(5.0 * (w * w).sum().item(), rel=1e-12)
    assert value.shape == ()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_quadratic_discriminator(implementation):
    """D(x) = x^T A x / 2 + b.x with A symmetric has gradient A x + b."""
    a, b, x = batch((3, 3), 3), batch((3,), 4), batch((6, 3))
    a = a + a.T
    logits, squared = penalties.squared_gradient_norm(
        lambda x: ((x @ a) * x).sum(1) / 2 + x @ b, x, implementation=implementation
    )
    expected = torch.stack([((a @ one + b) ** 2).sum() for one in x])
    torch.testing.assert_close(squared, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        logits, torch.stack([one @ a @ one / 2 + b @ one for one in x]), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("outputs", [1, 4])
def test_random_mlp_agrees_with_vmap_of_grad(shape, implementation, outputs):
    discriminator, x = mlp(shape, outputs=outputs), batch(shape)
    logits, squared = penalties.squared_gradient_norm(
        discriminator, x, implementation=implementation
    )
    expected = per_sample_squared_norms(discriminator, x)
    torch.testing.assert_close(squared, expected, rtol=1e-10, atol=0)
    torch.testing.assert_close(logits, discriminator(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_penalty_is_its_formula_on_per_sample_gradients(shape):
    discriminator, real, fake = mlp(shape), batch(shape), batch(shape, 5)
    on_real = per_sample_squared_norms(discriminator, real).mean()
    on_fake = per_sample_squared_norms(discriminator, fake).mean()
    eps = torch.rand(
        (shape[0],) + (1,) * (len(shape) - 1),
        generator=torch.Generator().manual_seed(7),
        dtype=torch.float64,
    )
    norms = per_sample_squared_norms(discriminator, eps * real + (1 - eps) * fake) ** 0.5
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    spread = ((real - real.mean()) ** 2).mean() ** 0.5
    around = per_sample_squared_norms(discriminator, real + 0.5 * spread * noise) ** 0.5
    above = torch.where(norms > 0.2, norms - 0.2, torch.zeros_like(norms))
    expected = {
        "r1": 1.5 * on_real,
        "r2": 1.5 * on_fake,
        "r1+r2": 1.5 * (on_real + on_fake),
        "zero-centered": 1.5 * (norms**2).mean(),
        "dragan": 1.5 * ((around - 1) ** 2).mean(),
        "wgan-gp": 1.5 * ((norms - 1) ** 2).mean(),
        "wgan-gp, center 0": 1.5 * (norms**2).mean(),
        "wgan-gp, one-sided": 1.5 * (above**2).mean(),
    }
    for name, penalty in OBJECTS.items():
        value = value_of(penalty, discriminator, real, fake)
        torch.testing.assert_close(value, expected[name], rtol=1e-10, atol=0)


def test_functions_equal_objects():
    discriminator, real, fake = mlp((5, 3)), batch((5, 3)), batch((5, 3), 5)

    def noise():
        return torch.Generator().manual_seed(7)

    for value, name in (
        (penalties.r1(discriminator, real, 3.0), "r1"),
        (penalties.r2(discriminator, fake, 3.0), "r2"),
        (penalties.zero_centered(discriminator, real, fake, 3.0, noise()), "zero-centered"),
        (penalties.dragan(discriminator, real, 1.5, noise()), "dragan"),
        (penalties.wgan_gp(discriminator, real, fake, 1.5, generator=noise()), "wgan-gp"),
        (
            penalties.wgan_gp(discriminator, real, fake, 1.5, 0.2, True, noise()),
            "wgan-gp, one-sided",
        ),
    ):
        assert value.item() == value_of(OBJECTS[name], discriminator, real, fake).item()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("name", OBJECTS)
def test_parameter_gradients_agree_with_central_differences(name, implementation):
    shape, eps = (4, 1, 3, 2), 1e-6
    discriminator, real, fake = mlp(shape), batch(shape), batch(shape, 5)
    value = value_of(OBJECTS[name], discriminator, real, fake, implementation)
    value.backward()
    for parameter in discriminator.parameters():
        numeric = torch.zeros_like(parameter)
        for i in range(parameter.numel()):
            flat = parameter.data.view(-1)
            saved = flat[i].item()
            sides = []
            for side in (eps, -eps):
                flat[i] = saved + side
                with torch.no_grad():
                    sides.append(value_of(OBJECTS[name], discriminator, real, fake).item())
            flat[i] = saved
            numeric.view(-1)[i] = (sides[0] - sides[1]) / (2 * eps)
        computed = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(computed, numeric, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_both_implementations_agree(name, shape):
    discriminator, real, fake = mlp(shape), batch(shape), batch(shape, 5)
    weights = [p for p in discriminator.parameters() if p.dim() == 2]
    results = []
    for implementation in IMPLEMENTATIONS:
        value = value_of(OBJECTS[name], discriminator, real, fake, implementation)
        results.append((value, *torch.autograd.grad(value, weights)))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("name", OBJECTS)
def test_nothing_is_nan_at_zero_gradient(name, implementation):
    discriminator = mlp((4, 3))
    nn.init.zeros_(discriminator[-1].weight)  # D is constant: grad_x D = 0 everywhere
    real, fake = batch((4, 3)), batch((4, 3), 5)
    value = value_of(OBJECTS[name], discriminator, real, fake, implementation)
    value.backward()
    assert value.isfinite()
    for parameter in discriminator.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_the_gradient_passes_through_the_transform(implementation):
    """D(3x) has three times the gradient of D: a transform inside the graph is not lost."""
    discriminator, x = mlp((5, 3)), batch((5, 3))
    _, squared = penalties.squared_gradient_norm(
        discriminator, x, implementation=implementation, transform=lambda x: 3 * x
    )
    expected = 9 * per_sample_squared_norms(discriminator, 3 * x)
    torch.testing.assert_close(squared, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_further_arguments_reach_the_discriminator(implementation):
    scale = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    value = penalties.r1(
        lambda x, scale: scale * x.sum(1), batch((3, 4)), 2.0, args=(scale,),
        implementation=implementation,
    )  # fmt: skip
    assert value.item() == pytest.approx((4 * scale**2).mean().item(), rel=1e-12)


def test_no_penalty_detaches_its_input():
    """d/dtheta of R2 at x = theta is what the game's Jacobian needs; D(x) = x^2/2 has slope x."""
    for implementation in IMPLEMENTATIONS:
        theta = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
        value = penalties.r2(
            lambda x: (x**2).sum(1) / 2, theta.reshape(1, 1), 4.0, implementation=implementation
        )
        (gradient,) = torch.autograd.grad(value, theta)  # value = 2 theta^2
        assert (value.item(), gradient.item()) == (18.0, 12.0)


def test_the_callers_tensor_is_left_alone():
    real = batch((5, 3))
    penalties.r1(mlp((5, 3)), real, 1.0).backward()
    assert not real.requires_grad and real.grad is None


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_values_can_be_read_under_no_grad(implementation):
    discriminator, real = mlp((5, 3)), batch((5, 3))
    expected = penalties.r1(discriminator, real, 2.0).item()
    with torch.no_grad():
        value = penalties.r1(discriminator, real, 2.0, implementation=implementation)
    assert not value.requires_grad and value.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_small_half_precision_gradients_do_not_underflow(dtype):
    # Each slope is 1e-4: its square is below the smallest float16, the sum of 3,072 is not.
    w = torch.full((3072,), 1e-4, dtype=dtype)
    value = penalties.r1(lambda x: x @ w, torch.zeros(2, 3072, dtype=dtype), 2.0)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(3072 * w[0].item() ** 2, rel=1e-5)


def test_gamma_may_be_a_tensor():
    discriminator, real = mlp((5, 3)), batch((5, 3))
    gamma = torch.tensor(2.0, dtype=torch.float64)
    value = penalties.r1(discriminator, real, gamma)
    assert value.item() == penalties.r1(discriminator, real, 2.0).item()


@pytest.mark.parametrize("name", [*OBJECTS, "none"])
@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_step_adds_the_loss_and_the_penalty(name, loss):
    discriminator, real, fake = mlp((5, 3)), batch((5, 3)), batch((5, 3), 5)
    penalty = OBJECTS.get(name)
    expected = torch.zeros((), dtype=torch.float64)
    if penalty is not None:
        expected = value_of(penalty, discriminator, real, fake)
        penalty = seeded(penalty)
    step = DiscriminatorStep(discriminator, loss, penalty)
    terms = step(real, fake)
    adversarial = step.loss.discriminator(discriminator(real), discriminator(fake))
    torch.testing.assert_close(terms.penalty, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(terms.adversarial, adversarial, rtol=1e-12, atol=0)
    torch.testing.assert_close(terms.total, adversarial + expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(terms.real_logits, discriminator(real), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("name", "forwards"), [("none", 2), ("r1", 2), ("r1+r2", 2), ("wgan-gp", 3)]
)
def test_step_shares_the_forward_pass(name, forwards):
    discriminator, calls = mlp((5, 3)), []
    discriminator.register_forward_hook(lambda *_: calls.append(1))
    DiscriminatorStep(discriminator, "hinge", OBJECTS.get(name))(batch((5, 3)), batch((5, 3), 5))
    assert len(calls) == forwards


def sum_of(x):
    return x.flatten(1).sum(1)


X = torch.ones(4, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: penalties.r1(sum_of, torch.ones(4), 1.0), ValueError, "at least two dimensions"),
        (lambda: penalties.r1(sum_of, X[:0], 1.0), ValueError, "non-empty batch"),
        (
            lambda: penalties.r1(sum_of, torch.ones(4, 3, 8, 8, dtype=torch.uint8), 1.0),
            TypeError,
            "not torch.uint8: scale images first",
        ),
        (lambda: penalties.r1(sum_of, [[1.0]], 1.0), TypeError, "not list"),
        (lambda: penalties.r1(sum_of, X, -1.0), ValueError, "gamma must be a finite number"),
        (lambda: penalties.r2(sum_of, X, float("nan")), ValueError, "gamma must be a finite"),
        (lambda: penalties.wgan_gp(sum_of, X, X, -1.0), ValueError, "weight must be a finite"),
        (lambda: penalties.wgan_gp(sum_of, X, X, 1.0, -1.0), ValueError, "center must be"),
        (lambda: penalties.wgan_gp(sum_of, X, X[:2]), ValueError, "must have one shape"),
        (lambda: penalties.wgan_gp(sum_of, X, X.long()), TypeError, "fake must be a floating"),
        (lambda: penalties.r1(lambda x: x.sum(), X, 1.0), ValueError, "one logit or more per"),
        (lambda: penalties.r1(lambda x: x.sum(1).tolist(), X, 1.0), ValueError, "not list"),
        (lambda: penalties.r1(lambda x: sum_of(x.detach()), X, 1.0), ValueError, "depend on x"),
        (lambda: penalties.r1(lambda x: torch.zeros(4), X, 1.0), ValueError, "depend on x"),
        (
            lambda: penalties.r1(sum_of, X, 1.0, implementation="jvp"),
            ValueError,
            'must be "autograd" or "functional"',
        ),
        (lambda: penalties.get("r3", 1.0), ValueError, "use one of none, r1, r2"),
        (lambda: penalties.get("r1"), ValueError, "needs a gamma"),
        (lambda: DiscriminatorStep(nn.Linear(3, 1), "hinge", "r1"), ValueError, "gamma"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_named_penalty_takes_gamma_in_paper_units():
    """All are gamma/2 E (||grad D|| - c)^2, c = 0 or 1, at their points."""
    w = torch.tensor([1.2, -0.4, 0.5], dtype=torch.float64)
    x = torch.zeros(4, 3, dtype=torch.float64)
    for name in ("r1", "r2", "zero-centered", "wgan-gp", "dragan"):
        center = 1.0 if name in ("wgan-gp", "dragan") else 0.0
        expected = 1.5 * (w.norm() - center) ** 2
        torch.testing.assert_close(penalties.get(name, 3.0)(lambda x: x @ w, x, x).value, expected)
