"""diagnose on discriminators with one planted fault each, and with its fix."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from r1lab import doctor, penalties


class Call(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Attention(nn.Module):
    """(B, 8) as two tokens of four channels."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(4, 12)

    def forward(self, x):
        q, k, v = self.project(x.reshape(len(x), 1, 2, 4)).chunk(3, -1)
        return F.scaled_dot_product_attention(q, k, v).flatten(1)


class Distances(nn.Module):
    """Distances between the two tokens of each sample and three prototypes."""

    def __init__(self, distance):
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(3, 4))
        self.distance = distance

    def forward(self, x):
        tokens = x.reshape(len(x), 2, 4)
        distances = self.distance(tokens, self.prototypes.expand(len(x), 3, 4))
        return torch.cat([distances.flatten(1), x[:, :2]], 1)


def explicit_distance(a, b):
    return (a[:, :, None] - b[:, None]).square().sum(-1).add(1e-12).sqrt()


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.reentrant = reentrant

    def forward(self, x):
        return checkpoint(self.layer, x, use_reentrant=self.reentrant).tanh()


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn = kind(4, 4, batch_first=True)

    def forward(self, x):
        return self.rnn(x.reshape(len(x), 2, 4))[0].flatten(1)


def minibatch_deviation(x):
    return torch.cat([x, x.std(0).mean().expand(len(x), 1)], 1)


def network(*layers, seed=0, features=8):
    """The layers, made by functions, between two linear ones; float64 and seeded."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = [layer() for layer in layers]
        return nn.Sequential(nn.Linear(8, 8), *made, nn.Linear(features, 1)).double()


def batch(size=6, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(size, 8, generator=generator, dtype=torch.float64).to(dtype)


def found(report, level="fault"):
    return [finding.name for finding in report.findings if finding.level == level]


def trains(discriminator, x=None):
    """The penalty reaches the weights: no error, and a gradient that is not zero."""
    discriminator.zero_grad()
    penalties.r1(discriminator, batch() if x is None else x, 1.0).backward()
    return any(p.grad is not None and p.grad.any() for p in discriminator.parameters())


def test_nothing_but_the_last_bias_on_a_plain_network():
    report = doctor.diagnose(network(nn.Tanh), batch())
    (finding,) = report.findings
    assert report.ok and (finding.name, finding.level) == ("no gradient from R1", "note")
    assert "2.bias" in finding.seen


OPERATIONS = {
    "attention": (Attention, 8, "attention kernel", "Attention '1'"),
    "transformer": (
        lambda: nn.Sequential(
            nn.Unflatten(1, (2, 4)),
            nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
            nn.Flatten(),
        ),
        8,
        "attention kernel",
        "MultiheadAttention '1.1.self_attn'",
    ),
    "cdist": (lambda: Distances(torch.cdist), 8, "cdist", "Distances '1'"),
    "checkpoint": (lambda: Checkpointed(True), 8, "reentrant checkpoint", "Checkpointed '1'"),
}


@pytest.mark.parametrize(
    ("layer", "features", "name", "where"), OPERATIONS.values(), ids=OPERATIONS
)
def test_an_operation_without_second_derivative_is_located(layer, features, name, where):
    discriminator = network(layer, features=features)
    with pytest.raises(RuntimeError):
        trains(discriminator)
    report = doctor.diagnose(discriminator, batch())
    assert found(report) == [f"{name}: no second derivative"]
    assert where in report.findings[0].seen


@pytest.mark.parametrize("key", ["attention", "transformer"])
def test_the_fix_of_attention_works(key):
    discriminator = network(OPERATIONS[key][0])
    with sdpa_kernel(SDPBackend.MATH):
        assert doctor.diagnose(discriminator, batch()).ok
        assert trains(discriminator)


def test_the_fixes_of_cdist_and_checkpoint_work():
    for layer in (lambda: Distances(explicit_distance), lambda: Checkpointed(False)):
        discriminator = network(layer)
        assert doctor.diagnose(discriminator, batch()).ok and trains(discriminator)
    torch.testing.assert_close(
        network(lambda: Distances(torch.cdist))(batch()),
        network(lambda: Distances(explicit_distance))(batch()),
    )


def test_two_operations_are_two_findings_in_order():
    report = doctor.diagnose(network(Attention, lambda: Distances(torch.cdist)), batch())
    assert [name.split(":")[0] for name in found(report)] == ["attention kernel", "cdist"]


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class OnceDoubled(Doubled):
    backward = staticmethod(torch.autograd.function.once_differentiable(Doubled.backward))


class Refusing(Doubled):
    @staticmethod
    def backward(ctx, gradient):
        return Doubled.apply(Raising.apply(gradient))


class Raising(Doubled):
    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("my kernel has no second derivative")


def test_operations_of_the_users_own():
    report = doctor.diagnose(network(lambda: Call(OnceDoubled.apply)), batch())
    assert found(report) == ["once-differentiable function: no second derivative"]
    assert "Call '1'" in report.findings[0].seen
    report = doctor.diagnose(network(lambda: Call(Refusing.apply), nn.Tanh), batch())
    assert found(report) == ["no second derivative"]
    assert "my kernel has no second derivative" in report.findings[0].seen
    fixed = network(lambda: Call(Doubled.apply), nn.Tanh)
    assert doctor.diagnose(fixed, batch()).ok and trains(fixed)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_modules_are_named_by_type(kind):
    discriminator = network(lambda: Recurrent(kind))
    report = doctor.diagnose(discriminator, batch())
    assert report.ok and found(report, "warning") == ["cuDNN RNN: no second derivative"]
    assert f"{kind.__name__} '1.rnn'" in report.findings[0].seen
    with torch.backends.cudnn.flags(enabled=False):
        assert not found(doctor.diagnose(discriminator, batch()), "warning")
        assert trains(discriminator)


@pytest.mark.parametrize("layer", [lambda: Call(lambda x: x.add_(0.1)), lambda: nn.ReLU(True)])
def test_in_place_on_the_input(layer):
    in_place = nn.Sequential(layer(), network(nn.Tanh)).double()
    x = batch()
    assert found(doctor.diagnose(in_place, x)) == ["in place on the input"]
    assert torch.equal(x, batch())
    with pytest.raises(RuntimeError, match="in-place"):  # what a penalty of one's own does
        in_place(x.requires_grad_())
    assert trains(in_place)  # r1lab's penalties work on a copy
    fixed = nn.Sequential(Call(lambda x: x + 0.1), nn.ReLU(), network(nn.Tanh))
    assert doctor.diagnose(fixed, batch()).ok and trains(fixed)


def test_batch_norm_is_found_with_its_size_and_fixed():
    coupled = network(lambda: nn.BatchNorm1d(8), nn.Tanh)
    report = doctor.diagnose(coupled, batch())
    assert found(report) == ["samples interact"]
    size = doctor.cross_sample_leak(coupled, batch())
    assert f"{size:.2g}" in report.findings[0].seen
    assert "BatchNorm1d '1'" in report.findings[0].seen
    for fixed in (coupled.eval(), network(lambda: nn.GroupNorm(2, 8), nn.Tanh)):
        assert doctor.diagnose(fixed, batch()).ok
        assert doctor.cross_sample_leak(fixed, batch()) == 0


def test_small_minibatch_statistics_are_a_warning():
    def weak(x):
        return minibatch_deviation(x) * torch.tensor([1.0] * 8 + [0.01])

    report = doctor.diagnose(network(lambda: Call(weak), features=9), batch())
    assert report.ok and found(report, "warning") == ["samples interact"]
    assert "Call '1'" in report.findings[0].seen


def test_one_sample_cannot_show_coupling():
    assert "coupling not measured" in found(doctor.diagnose(network(nn.Tanh), batch(1)), "note")


def test_frozen_and_partly_frozen():
    discriminator = network(nn.Tanh).requires_grad_(False)
    assert found(doctor.diagnose(discriminator, batch())) == ["frozen"]
    discriminator[2].requires_grad_(True)
    report = doctor.diagnose(discriminator, batch())
    assert report.ok and "partly frozen" in found(report, "note")
    assert doctor.diagnose(discriminator.requires_grad_(True), batch()).ok


def test_unused_parameters():
    class Forgetful(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.forgotten = network(nn.Tanh), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    report = doctor.diagnose(Forgetful().double(), batch())
    assert found(report, "warning") == ["unused parameters"]
    assert "forgotten.weight, forgotten.bias" in report.findings[0].seen


def test_dead_penalties():
    dead = network(nn.ReLU)
    nn.init.constant_(dead[0].bias, -100.0)
    assert found(doctor.diagnose(dead, batch())) == ["dead penalty"]
    assert not trains(dead)
    nn.init.constant_(dead[0].bias, 0.0)
    assert doctor.diagnose(dead, batch()).ok and trains(dead)
    only_the_bias = network(nn.Tanh).requires_grad_(False)
    only_the_bias[2].bias.requires_grad_(True)
    assert found(doctor.diagnose(only_the_bias, batch())) == ["dead penalty"]


def test_no_input_gradient_and_not_finite():
    cut = network(lambda: Call(torch.detach))
    assert found(doctor.diagnose(cut, batch())) == ["no input gradient"]
    broken = network(lambda: Call(lambda x: (x - x).sqrt()))
    assert found(doctor.diagnose(broken, batch())) == ["not finite"]


@pytest.mark.parametrize(
    "last", [nn.Sigmoid, lambda: nn.Sequential(nn.Sigmoid(), nn.Flatten(0)), nn.LogSigmoid]
)
def test_probabilities(last):
    squashed = nn.Sequential(network(nn.Tanh), last())
    assert found(doctor.diagnose(squashed, batch())) == ["probabilities, not logits"]
    assert doctor.diagnose(squashed[0], batch()).ok


def test_outputs_within_0_and_1_everywhere_are_a_warning_or_a_note():
    def squash(x):
        return (x.tanh() + 1) / 2

    for inside, level in ((nn.LeakyReLU, "warning"), (nn.Tanh, "note")):  # unbounded, bounded
        report = doctor.diagnose(nn.Sequential(network(inside), Call(squash)), batch())
        assert report.ok and "probabilities, not logits" in found(report, level)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    report = doctor.diagnose(network(nn.Tanh).to(dtype), batch(dtype=dtype))
    assert found(report, "warning") == ["half-precision input"]
    # What the finding says of float16: squares are 0 below 2e-4 and inf above 256.
    edge = torch.tensor([1.7e-4, 257.0], dtype=torch.float16).square()
    assert edge.tolist() == [0.0, float("inf")]


def user_r1(discriminator, x):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return g.square().sum(1).mean() / 2


def test_compiled_modules_and_the_recipe():
    plain = network(nn.Tanh)
    compiled = torch.compile(plain, backend="aot_eager")
    assert found(doctor.diagnose(compiled, batch())) == ["compiled module"]
    with pytest.raises(RuntimeError, match="double backward"):
        user_r1(compiled, batch()).backward()
    inside = nn.Sequential(copy.deepcopy(plain), nn.Tanh())
    inside[0].compile(backend="aot_eager")
    assert found(doctor.diagnose(inside, batch())) == ["compiled module"]

    recipe = torch.compile(
        lambda x: penalties.r1(plain, x, 1.0, implementation="functional"),
        backend="aot_eager",
        fullgraph=True,
    )
    assert doctor.diagnose(plain, batch()).ok
    compiled_gradients = torch.autograd.grad(recipe(batch()), [plain[0].weight, plain[2].weight])
    expected = torch.autograd.grad(user_r1(plain, batch()), [plain[0].weight, plain[2].weight])
    torch.testing.assert_close(compiled_gradients, expected)


def test_everything_stays_as_it_was():
    layers = (
        lambda: nn.utils.spectral_norm(nn.Linear(8, 8)),
        lambda: nn.BatchNorm1d(8),
        lambda: nn.Dropout(0.5),
        Attention,
    )
    discriminator = network(*layers)
    discriminator[2].eval()
    discriminator[0].weight.grad = torch.ones(8, 8, dtype=torch.float64)
    state = {name: tensor.clone() for name, tensor in discriminator.state_dict().items()}
    modes = [module.training for module in discriminator.modules()]
    torch.manual_seed(5)
    before, x = torch.get_rng_state(), batch()
    first = doctor.diagnose(discriminator, x)
    assert first == doctor.diagnose(discriminator, x)
    for name, tensor in discriminator.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    assert [module.training for module in discriminator.modules()] == modes
    assert torch.equal(discriminator[0].weight.grad, torch.ones(8, 8, dtype=torch.float64))
    assert discriminator[2].weight.grad is None
    assert not any(module._forward_pre_hooks for name, module in discriminator[2:].named_modules())
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(x, batch()) and not x.requires_grad


def test_arguments_and_plain_functions():
    class Conditional(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.labels = network(nn.Tanh, features=8), nn.Embedding(3, 1).double()

        def forward(self, x, labels):
            return self.body(x) + self.labels(labels)

    report = doctor.diagnose(Conditional(), batch(), torch.tensor([0, 1, 2, 0, 1, 2]))
    assert report.ok and "labels.weight" in report.findings[0].seen
    assert doctor.diagnose(lambda x: x.square().sum(1), batch()).findings == ()


def test_errors_of_the_discriminator_and_bad_input():
    assert found(doctor.diagnose(nn.Linear(7, 1), batch().float())) == ["raises"]
    assert found(doctor.diagnose(lambda x: x.sum(), batch())) == ["no logit per sample"]
    with pytest.raises(TypeError, match="floating-point"):
        doctor.diagnose(nn.Linear(8, 1), batch().long())
    with pytest.raises(ValueError, match="non-empty batch"):
        doctor.diagnose(nn.Linear(8, 1), torch.zeros(8))
