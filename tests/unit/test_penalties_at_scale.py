"""What a real training loop does to a penalty: compilation, half precision, labels, patches."""

import copy
import dataclasses
from functools import partial

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from r1lab import penalties
from r1lab.step import DiscriminatorStep, GeneratorStep, accumulate

COMPILABLE = {
    "r1": penalties.R1(3.0, "functional"),
    "r2": penalties.R2(3.0, "functional"),
    "r1+r2": penalties.R1R2(3.0, "functional"),
    "zero-centered": penalties.ZeroCentered(3.0, "functional"),
    "wgan-gp": penalties.WGANGP(1.5, implementation="functional"),
    "dragan": penalties.DRAGAN(1.5, implementation="functional"),
    "approximate-r1": penalties.ApproximateR1(3.0),
}
EXACT = {name: penalties.get(name, 3.0) for name in ("r1", "r2", "zero-centered", "dragan")}


def network(dtype=torch.float64):
    torch.manual_seed(0)
    layers = nn.Conv2d(2, 4, 3, padding=1), nn.SiLU(), nn.Flatten(), nn.Linear(144, 1)
    return nn.Sequential(*layers).to(dtype)


def images(dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 6, 2, 6, 6, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("name", COMPILABLE)
def test_functional_steps_compile_whole_and_agree_with_eager(name):
    real, fake = images()
    results = []
    for compiled in (False, True):
        discriminator = network()
        step = DiscriminatorStep(discriminator, "non-saturating", COMPILABLE[name])
        if compiled:
            torch._dynamo.reset()
            backend = "inductor" if name == "r1" else "aot_eager"  # compiling takes long
            step = torch.compile(step, fullgraph=True, backend=backend)
        torch.manual_seed(5)
        terms = step(real, fake)
        terms.total.backward()
        results.append([terms.total, *(p.grad for p in discriminator.parameters())])
    for eager, fast in zip(*results, strict=True):
        torch.testing.assert_close(eager, fast, rtol=1e-10, atol=1e-12)


def count_compilations(gammas):
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    discriminator, real = network(), images()[0]

    @torch.compile(fullgraph=True, backend=counter)
    def penalty(gamma):
        return penalties.r1(discriminator, real, gamma, implementation="functional")

    for gamma in gammas:
        penalty(gamma).backward()
    return counter.frame_count


def test_one_compilation_at_constant_gamma_and_two_when_it_changes():
    assert count_compilations([3.0] * 50) == 1
    assert count_compilations([3.0 - 0.05 * k for k in range(50)]) <= 2
    assert count_compilations([torch.tensor(3.0 - 0.05 * k) for k in range(50)]) == 1


def test_a_tensor_gamma_can_be_filled_without_compiling_again():
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    gamma = torch.tensor(3.0, dtype=torch.float64)
    step = DiscriminatorStep(network(), "hinge", penalties.R1(gamma, "functional"))
    compiled, (real, fake) = torch.compile(step, fullgraph=True, backend=counter), images()
    values, compilations = [], []
    for value in (3.0, 1.5, 0.75):
        gamma.fill_(value)
        values.append(compiled(real, fake).penalty.item())
        compilations.append(counter.frame_count)
    assert values[0] == pytest.approx(2 * values[1], rel=1e-12)
    assert values[1] == pytest.approx(2 * values[2], rel=1e-12)
    assert compilations == compilations[:1] * 3


@pytest.mark.parametrize("implementation", ["autograd", "functional"])
def test_a_compiled_discriminator_is_used_uncompiled(implementation):
    discriminator, real = network(), images()[0]
    expected = penalties.r1(discriminator, real, 3.0)
    expected.backward()
    gradients = [p.grad.clone() for p in discriminator.parameters() if p.grad is not None]
    discriminator.zero_grad()
    compiled = torch.compile(discriminator, backend="aot_eager")
    value = penalties.r1(compiled, real, 3.0, implementation=implementation)
    value.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    found = [p.grad for p in discriminator.parameters() if p.grad is not None]
    for a, b in zip(found, gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_a_compiled_part_is_refused_with_the_recipe():
    part = nn.Sequential(torch.compile(network(), backend="aot_eager"))
    in_place = network()
    in_place.compile(backend="aot_eager")
    for discriminator in (part, in_place):
        with pytest.raises(ValueError, match='compile the whole step with implementation="func'):
            penalties.r1(discriminator, images()[0], 3.0)


@pytest.mark.parametrize("name", EXACT)
def test_a_frozen_discriminator_is_an_error_unless_gradients_are_off(name):
    discriminator, (real, fake) = network().requires_grad_(False), images()
    with pytest.raises(ValueError, match="all parameters of the discriminator are frozen"):
        EXACT[name](discriminator, real, fake)
    with torch.no_grad():
        assert EXACT[name](discriminator, real, fake).value.isfinite()


def test_bf16_is_within_one_percent_and_points_the_same_way():
    """On a discriminator that was trained for a while, not on a fresh one."""
    discriminator = network(torch.float32)
    real, fake = images(torch.float32)
    adam = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    step = DiscriminatorStep(discriminator, "non-saturating", penalties.R1(0.1))
    for _ in range(20):
        adam.zero_grad()
        step(real, fake).total.backward()
        adam.step()
    found = []
    for enabled in (False, True):
        discriminator.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            value = penalties.r1(discriminator, real, 1.0)
        value.backward()
        gradients = [p.grad.flatten() for p in discriminator.parameters() if p.grad is not None]
        found.append((value.item(), torch.cat(gradients)))
    (full, full_gradient), (half, half_gradient) = found
    assert half == pytest.approx(full, rel=0.01)
    assert torch.cosine_similarity(full_gradient, half_gradient, dim=0) > 0.999


@pytest.mark.parametrize(("slope", "scale"), [(3e-9, 2.0**16), (1e-4, 2.0**10), (200.0, 1.0)])
def test_scaled_fp16_gradients_neither_underflow_nor_overflow(slope, scale):
    """D(x) = w.x in float16 behind a cast, as autocast does it: the inner gradient is float16."""
    x = torch.zeros(2, 1000, dtype=torch.float16)
    w = torch.full((1000,), 1.0, dtype=torch.float16)
    value = penalties.R1(2.0)(lambda x: (x @ w).float() * slope, x, x, (), scale).value
    assert value.item() == pytest.approx(1000 * slope**2, rel=2e-2)


def test_a_step_takes_the_scale_of_its_scaler():
    seen = []

    def penalty(discriminator, real, fake, args=(), scale=1.0):
        seen.append(scale)
        return penalties.R1(1.0)(discriminator, real, fake, args, scale)

    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    discriminator, (real, fake) = network(), images()
    terms = DiscriminatorStep(discriminator, "hinge", penalty, scaler)(real, fake)
    assert seen == [1024.0]
    expected = penalties.r1(discriminator, real, 1.0)
    torch.testing.assert_close(terms.penalty, expected, rtol=1e-12, atol=0)


class Conditional(nn.Module):
    """A discriminator with a label, as a projection: D(x, y) = <w + v_y, x>."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.arange(3.0, dtype=torch.float64))
        self.v = nn.Embedding(2, 3, dtype=torch.float64)

    def forward(self, x, y):
        return ((self.w + self.v(y)) * x).sum(1)


def test_labels_reach_the_discriminator_through_the_step():
    torch.manual_seed(0)
    discriminator, labels = Conditional(), torch.tensor([0, 1, 1, 0])
    real, fake = torch.randn(2, 4, 3, dtype=torch.float64)
    terms = DiscriminatorStep(discriminator, "hinge", penalties.R1(2.0))(real, fake, labels)
    expected = ((discriminator.w + discriminator.v(labels)) ** 2).sum(1).mean()
    torch.testing.assert_close(terms.penalty, expected, rtol=1e-12, atol=0)
    part = penalties.ApproximateR1(
        2.0, 1e-4, 40_000, torch.Generator().manual_seed(0), fraction=0.5
    )(discriminator, real, fake, (labels,)).value
    expected = ((discriminator.w + discriminator.v(labels[:2])) ** 2).sum(1).mean()
    # At most sqrt(2 / probes) = 0.7% of deviation.
    assert part.item() == pytest.approx(expected.item(), rel=0.03)


def test_patch_logits_are_summed_per_sample():
    """A 1x1 convolution with weight w sees every pixel alone: grad of the sum is w everywhere."""
    patch = nn.Conv2d(2, 1, 1).double()
    value = penalties.r1(patch, images()[0], 2.0)
    expected = 36 * patch.weight.square().sum()
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)


def test_generator_step_equals_the_plain_computation_and_spares_the_discriminator():
    discriminator = network()
    torch.manual_seed(1)
    generator = nn.Sequential(nn.Linear(3, 72), nn.Unflatten(1, (2, 6, 6))).double()
    latents, real = torch.randn(6, 3, dtype=torch.float64), images()[0]
    for loss in ("non-saturating", "relativistic"):
        step = GeneratorStep(generator, discriminator, loss)
        plain = step.loss.generator(discriminator(generator(latents)), discriminator(real))
        expected = torch.autograd.grad(plain, list(generator.parameters()))
        generator.zero_grad()
        terms = step(latents, real=real)
        terms.total.backward()
        for parameter, gradient in zip(generator.parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-12, atol=1e-14)
        assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    assert len(list(step.parameters())) == len(list(generator.parameters()))


@pytest.mark.parametrize(("name", "at"), [("approximate-r1", 0), ("approximate-r2", 1)])
def test_approximate_penalties_converge_to_the_exact_ones(name, at):
    batches = images()
    exact = penalties.r1(network(), batches[at], 3.0).item()
    batches = batches.repeat(1, 200, 1, 1, 1)  # the mean over copies is the mean over probes
    many = dataclasses.replace(
        penalties.get(name, 3.0),
        sigma=1e-4,
        probes=10,
        generator=torch.Generator().manual_seed(0),
    )
    with torch.no_grad():
        value = many(network(), *batches).value.item()
    # Relative deviation of the estimate: sqrt(2 / (probes * batch)) = 1.3%.
    assert value == pytest.approx(exact, rel=0.05)


def test_the_bias_of_approximate_r1_is_of_second_order_in_sigma():
    """D(x) = sin(x), x = 0: E (sin(s n) / s)^2 = (1 - exp(-2 s^2)) / (2 s^2) = 1 - s^2 + ..."""
    x = torch.zeros(100_000, 1, dtype=torch.float64)
    for sigma in (0.1, 0.3):
        seeded = torch.Generator().manual_seed(0)
        value = penalties.approximate_r1(lambda x: x.sin().sum(1), x, 2.0, sigma, generator=seeded)
        expected = (1 - torch.exp(torch.tensor(-2 * sigma**2))) / (2 * sigma**2)
        assert value.item() == pytest.approx(expected.item(), rel=0.02)


@pytest.mark.parametrize(
    ("dtype", "sigma", "allowed"),
    [
        (torch.bfloat16, 0.01, False),
        (torch.bfloat16, 0.03, True),
        (torch.float16, 0.003, False),
        (torch.float16, 0.01, True),
        (torch.float32, 1e-7, False),
        (torch.float32, 1e-4, True),
    ],
)
def test_sigma_too_small_for_the_precision_is_refused(dtype, sigma, allowed):
    def linear(x):
        return x.flatten(1).sum(1)

    x = torch.zeros(2, 3, dtype=dtype)
    if allowed:
        assert penalties.approximate_r1(linear, x, 1.0, sigma).isfinite()
    else:
        with pytest.raises(ValueError, match="too small for torch"):
            penalties.approximate_r1(linear, x, 1.0, sigma)


def test_sigma_is_refused_under_autocast_too():
    with (
        torch.autocast("cpu", torch.bfloat16),
        pytest.raises(ValueError, match=r"sigma 0\.01 is too small for torch\.bfloat16"),
    ):
        penalties.approximate_r1(nn.Linear(3, 1), torch.zeros(2, 3), 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: penalties.approximate_r1(nn.Flatten(), x, 1.0, sigma=0.0), "sigma must be"),
        (lambda x: penalties.approximate_r1(nn.Flatten(), x, 1.0, probes=0), "probes must be"),
        (lambda x: penalties.approximate_r1(nn.Flatten(), x, -1.0), "gamma must be"),
        (lambda x: penalties.approximate_r2(nn.Flatten(), x, 1.0, fraction=0.0), "fraction must"),
        (lambda x: penalties.zero_centered(nn.Flatten(), x, x[:1], 1.0), "must have one shape"),
        (lambda x: penalties.zero_centered(nn.Flatten(), x, x, -1.0), "gamma must be"),
        (lambda x: penalties.dragan(nn.Flatten(), x, -1.0), "weight must be"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.ones(2, 3))


def test_a_transform_in_the_penalty_does_not_leak_into_the_loss():
    """Otherwise D would be taught to tell transformed reals from untransformed fakes."""
    discriminator, (real, fake) = network(), images()
    for penalty in (penalties.R1, penalties.R2, penalties.ApproximateR1, penalties.ApproximateR2):
        step = DiscriminatorStep(discriminator, "hinge", penalty(1.0, transform=lambda x: 2 * x))
        terms = step(real, fake)
        torch.testing.assert_close(terms.real_logits, discriminator(real), rtol=1e-12, atol=0)
        torch.testing.assert_close(terms.fake_logits, discriminator(fake), rtol=1e-12, atol=0)


@pytest.mark.parametrize("implementation", ["autograd", "functional"])
def test_a_discriminator_that_works_in_place_changes_neither_value_nor_input(implementation):
    def build(inplace):
        torch.manual_seed(0)
        return nn.Sequential(nn.ReLU(inplace), nn.Flatten(), nn.Linear(72, 1)).double()

    real = images()[0]
    before = real.clone()
    expected = penalties.r1(build(False), real, 1.0).item()
    assert penalties.r1(build(True), real, 1.0, implementation=implementation).item() == expected
    seeded = torch.Generator().manual_seed(0)
    penalties.approximate_r1(build(True), real, 1.0, generator=seeded)
    assert torch.equal(real, before)


def test_spectral_norm_does_not_move_between_a_point_and_its_probe():
    torch.manual_seed(0)
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(72, 1).double())
    discriminator = nn.Sequential(nn.Flatten(), layer)  # linear: every probe has slope <w, n>
    generator = torch.Generator().manual_seed(0)
    real = images()[0].repeat(500, 1, 1, 1)
    value = penalties.approximate_r1(discriminator, real, 2.0, 1e-4, generator=generator)
    assert value.item() == pytest.approx(layer.weight.square().sum().item(), rel=0.1)


@pytest.mark.parametrize("layer", [nn.Dropout(0.3), nn.BatchNorm1d(72)])
def test_finite_differences_refuse_what_differs_between_two_passes(layer):
    discriminator = nn.Sequential(nn.Flatten(), layer, nn.Linear(72, 1)).double()
    with pytest.raises(ValueError, match="a finite difference would take that for slope"):
        penalties.approximate_r1(discriminator, images()[0], 1.0)
    assert penalties.approximate_r1(discriminator.eval(), images()[0], 1.0).isfinite()


def test_the_scale_of_a_fresh_scaler_does_not_overflow_float16():
    class Half(nn.Module):
        """Half precision inside, as autocast has it on an accelerator."""

        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.full((8,), 0.5))

        def forward(self, x):
            return x.half() @ self.w.half()

    scaler = torch.amp.GradScaler("cpu")  # 65536, which float16 cannot hold
    step = DiscriminatorStep(Half(), "hinge", penalties.R1(2.0), scaler)
    assert step(torch.zeros(2, 8), torch.zeros(2, 8)).penalty.item() == pytest.approx(2.0)


EAGER = partial(torch.compile, backend="eager")


@pytest.mark.parametrize(
    "wrap",
    [lambda step: step, EAGER, lambda step: nn.DataParallel(EAGER(nn.DataParallel(step)))],
    ids=["bare", "compiled", "wrapped twice"],
)
def test_accumulation_scales_by_the_steps_own_scaler(wrap):
    real, fake = images(torch.float32)
    found = []
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=1024.0)):
        discriminator = network(torch.float32)
        step = wrap(DiscriminatorStep(discriminator, "hinge", None, scaler))
        accumulate(step, real, fake, parts=2)
        found.append(discriminator[0].weight.grad)
    torch.testing.assert_close(found[1], 1024 * found[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("step", [nn.Linear(2, 1), EAGER(nn.Linear(2, 1)), lambda real, fake: real])
def test_accumulation_without_a_step_is_refused(step):
    with pytest.raises(TypeError, match="step must be a DiscriminatorStep, wrapped or not, not"):
        accumulate(step, torch.zeros(4, 2), torch.zeros(4, 2), parts=2)


def test_a_copied_relativistic_step_still_pairs():
    generator = nn.Sequential(nn.Linear(3, 72), nn.Unflatten(1, (2, 6, 6))).double()
    step = copy.deepcopy(GeneratorStep(generator, network(), "relativistic"))
    latents = torch.zeros(6, 3, dtype=torch.float64)
    assert step(latents, real=images()[0]).total.isfinite()
