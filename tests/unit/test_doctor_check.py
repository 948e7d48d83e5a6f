"""check_penalty on penalties that are right and on penalties that are wrong in a known way."""

import math
import warnings

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from r1lab import doctor, penalties
from r1lab.doctor.formulas import CAUSES
from r1lab.doctor.probes import battery, flat_probe


def gradient(discriminator, x, total=torch.sum, create_graph=True):
    """grad_x of all logits together, as a textbook writes it."""
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(total(discriminator(x)), x, create_graph=create_graph)
    return g


def squares(g):
    return g.flatten(1).square().sum(1)


def norms(g):
    return g.flatten(1).norm(2, dim=1)


def right(discriminator, x, gamma):
    return gamma / 2 * squares(gradient(discriminator, x)).mean()


def functional(discriminator, x, gamma):
    parameters = dict(discriminator.named_parameters())

    def total(x):
        return torch.func.functional_call(discriminator, parameters, (x,)).sum()

    return gamma / 2 * squares(torch.func.grad(total)(x)).mean()


def per_sample(discriminator, x, gamma):
    g = torch.vmap(torch.func.grad(lambda one: discriminator(one[None]).sum()))(x)
    return gamma / 2 * squares(g).mean()


def under_autocast(discriminator, x, gamma):
    x = x.detach().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        total = discriminator(x).sum()
    (g,) = torch.autograd.grad(total, x, create_graph=True)
    return gamma / 2 * squares(g.float()).mean()


def only_float32(discriminator, x, gamma):
    x = x.detach().requires_grad_()
    logits = discriminator(x)
    (g,) = torch.autograd.grad(logits, x, torch.ones(logits.shape), create_graph=True)
    return gamma / 2 * squares(g).mean()


RIGHT = {
    "autograd": right,
    "torch.func": functional,
    "per-sample vmap": per_sample,
    "autocast": under_autocast,
    "float32 only": only_float32,
    "a norm, squared": lambda d, x, gamma: gamma / 2 * (norms(gradient(d, x)) ** 2).mean(),
    "r1lab": penalties.r1,
    "r1lab, functional": lambda d, x, g: penalties.r1(d, x, g, implementation="functional"),
}


@pytest.mark.parametrize("fn", RIGHT.values(), ids=RIGHT)
def test_no_alarm_on_a_right_penalty(fn):
    report = doctor.check_penalty(fn)
    assert report.ok and not report.findings, report


def test_a_lazy_penalty_is_right_when_its_interval_is_told():
    def lazy(discriminator, x, gamma):
        return 16 * right(discriminator, x, gamma)

    assert not doctor.check_penalty(lazy, interval=16).findings
    assert names(doctor.check_penalty(lazy)) == ["another factor: x 16"]
    assert names(doctor.check_penalty(right, interval=16)) == ["not multiplied by the interval"]


def test_an_interval_and_another_fault_are_two_findings():
    report = doctor.check_penalty(lambda d, x, gamma: 2 * right(d, x, gamma), interval=4)
    assert names(report) == ["not multiplied by the interval", "factor 1/2 missing"]


def test_a_compiled_penalty_is_judged_without_compiling_it():
    compiled = torch.compile(RIGHT["r1lab, functional"], backend="aot_eager", fullgraph=True)
    assert not doctor.check_penalty(compiled).findings


def names(report):
    return [finding.name for finding in report.findings]


def weights_in_place_of_x(discriminator, x, gamma, total=torch.sum):
    g = torch.autograd.grad(
        total(discriminator(x)), list(discriminator.parameters()), create_graph=True
    )
    return gamma / 2 * sum(part.square().sum() for part in g)


def detached_weights(discriminator, x, gamma):
    parameters = {name: p.detach() for name, p in discriminator.named_parameters()}

    def total(x):
        return torch.func.functional_call(discriminator, parameters, (x,)).sum()

    return gamma / 2 * squares(torch.func.grad(total)(x)).mean()


def half_detached(discriminator, x, gamma):
    g = gradient(discriminator, x)
    return gamma / 2 * (g * g.detach()).flatten(1).sum(1).mean()


def backward_inside(discriminator, x, gamma):
    value = right(discriminator, x, gamma)
    value.backward()
    return value


def finite_differences(discriminator, x, gamma):
    noise = torch.randn_like(x)
    difference = discriminator(x + 0.01 * noise) - discriminator(x)
    return gamma / 2 * (difference / 0.01).square().mean()


def pairs_all_with_all(discriminator, x, gamma):
    ones = torch.ones(len(x), dtype=x.dtype)
    return gamma / 2 * squares(gradient(discriminator, x, lambda d: (d * ones).sum())).mean()


# Planted faults: the function, and the names of all findings.
WRONG = {
    "half": (lambda d, x, g: g * squares(gradient(d, x)).mean(), ["factor 1/2 missing"]),
    "pixel mean": (lambda d, x, g: g / 2 * gradient(d, x).square().mean(), ["pixel mean"]),
    "snippet": (
        lambda d, x, g: g * gradient(d, x).square().mean(),
        ["pixel mean", "factor 1/2 missing"],
    ),
    "dim 1": (
        lambda d, x, g: g / 2 * (gradient(d, x).norm(2, dim=1) ** 2).mean(),
        ["norm over dim 1"],
    ),
    "last dim": (
        lambda d, x, g: g / 2 * gradient(d, x).square().sum(-1).mean(),
        ["norm over the last dim"],
    ),
    "sum": (lambda d, x, g: g / 2 * gradient(d, x).square().sum(), ["batch sum"]),
    "whole norm": (lambda d, x, g: g / 2 * gradient(d, x).norm(2) ** 2, ["batch sum"]),
    "mean logit": (
        lambda d, x, g: g / 2 * squares(gradient(d, x, torch.mean)).mean(),
        ["batch mean of the logits"],
    ),
    "no square": (lambda d, x, g: g / 2 * norms(gradient(d, x)).mean(), ["square missing"]),
    "centred": (
        lambda d, x, g: g / 2 * (norms(gradient(d, x)) - 1).square().mean(),
        ["one-centred"],
    ),
    "basicsr": (
        lambda d, x, g: g * (gradient(d, x).norm(2, dim=1) - 1).square().mean(),
        ["one-centred", "norm over dim 1", "factor 1/2 missing"],
    ),
    "torchgan": (
        lambda d, x, g: g * (gradient(d, x).norm(2) - 1).square(),
        ["one-centred", "batch sum", "factor 1/2 missing"],
    ),
    "sign": (lambda d, x, g: -right(d, x, g), ["wrong sign"]),
    "probability": (
        lambda d, x, g: (
            g / 2 * squares(gradient(d, x, lambda logits: logits.sigmoid().sum())).mean()
        ),
        ["gradient of probabilities"],
    ),
    "loss": (
        lambda d, x, g: g / 2 * squares(gradient(d, x, lambda s: softplus(-s).sum())).mean(),
        ["gradient of the loss"],
    ),
    "no create_graph": (
        lambda d, x, g: g / 2 * squares(gradient(d, x, create_graph=False)).mean(),
        ["no graph"],
    ),
    "item": (lambda d, x, g: right(d, x, g).item(), ["no graph"]),
    "detached weights": (detached_weights, ["no graph"]),
    "half detached": (half_detached, ["wrong parameter gradient"]),
    "sqrt": (
        lambda d, x, g: g / 2 * (squares(gradient(d, x)).sqrt() ** 2).mean(),
        ["NaN at zero gradient"],
    ),
    "weights": (weights_in_place_of_x, ["gradient with respect to the weights"]),
    "weights of the loss": (
        lambda d, x, g: weights_in_place_of_x(
            d, x, g, lambda s: binary_cross_entropy_with_logits(s, torch.ones_like(s))
        ),
        ["gradient with respect to the weights"],
    ),
    "fixed gamma": (
        lambda d, x, g: 10 / 2 * squares(gradient(d, x)).mean(),
        ["does not depend on gamma"],
    ),
    "gamma twice": (lambda d, x, g: g * right(d, x, g), ["not linear in gamma"]),
    "backward inside": (backward_inside, ["fills .grad"]),
    "noise in place": (
        lambda d, x, g: right(d, x.add_(0.1), g),
        ["changes the caller's tensor"],
    ),
    "a little more": (lambda d, x, g: 1.01 * right(d, x, g), ["another factor: x 1.01"]),
    "factor": (lambda d, x, g: 7.3 * right(d, x, g), ["another factor: x 7.3"]),
    "largest": (lambda d, x, g: g / 2 * squares(gradient(d, x)).max(), ["another formula"]),
    "finite differences": (finite_differences, ["random"]),
    "of logits": (lambda d, x, g: g * d(x).square().mean(), ["no gradient in it"]),
    "zero": (lambda d, x, g: 0 * right(d, x, g), ["always zero"]),
    "nan": (lambda d, x, g: right(d, x, g) * math.nan, ["not finite"]),
    "broadcast": (pairs_all_with_all, ["logits broadcast"]),
    "one per sample": (lambda d, x, g: g / 2 * squares(gradient(d, x)), ["not a scalar"]),
    "a tuple": (lambda d, x, g: (right(d, x, g), x), ["not a scalar"]),
    "an error": (lambda d, x, g: right(d.module, x, g), ["raises"]),
}


@pytest.mark.parametrize(("fn", "expected"), WRONG.values(), ids=WRONG)
def test_each_planted_fault_is_named_once(fn, expected):
    report = doctor.check_penalty(fn)
    assert not report.ok
    assert names(report) == expected, report


def test_a_wrong_factor_is_measured():
    """Each ratio follows from the sizes: images (3, 2, 5, 7), vectors (4, 6)."""
    expected = {
        "pixel mean": (1 / 70, 1 / 6),
        "dim 1": (1 / 35, 1),
        "sum": (3, 4),
        "mean logit": (1 / 9, 1 / 16),
        "broadcast": (9, 16),
    }
    for key, (images, vectors) in expected.items():
        (finding,) = doctor.check_penalty(WRONG[key][0]).findings
        assert finding.seen == (
            f"x {images:.4g} on images (3, 2, 5, 7); x {vectors:.4g} on vectors (4, 6)"
        )


def test_a_fixed_strength_is_read_off():
    (finding,) = doctor.check_penalty(WRONG["fixed gamma"][0]).findings
    assert finding.seen.endswith("that of gamma = 10")


def test_the_text_of_an_error_is_in_the_report():
    (finding,) = doctor.check_penalty(WRONG["an error"][0]).findings
    assert "has no attribute 'module'" in finding.seen


def test_a_function_for_images_only_is_judged_on_images():
    def images_only(discriminator, x, gamma):
        return gamma / 2 * gradient(discriminator, x).square().sum((1, 2, 3)).mean()

    report = doctor.check_penalty(images_only)
    assert report.ok
    assert [(f.name, f.level) for f in report.findings] == [("raises on vectors", "note")]


def test_a_function_for_flat_logits_is_judged_on_them():
    def flat_logits_only(discriminator, x, gamma):
        x = x.detach().requires_grad_()
        ones = torch.ones(len(x), dtype=x.dtype)
        (g,) = torch.autograd.grad(discriminator(x), x, ones, create_graph=True)
        return gamma / 2 * squares(g).mean()

    report = doctor.check_penalty(flat_logits_only)
    assert report.ok
    assert names(report) == ["raises on logits of shape (B, 1)"]


@pytest.mark.parametrize("fills", [False, True])
def test_a_changed_tensor_of_the_caller_is_a_warning(fills):
    def leaves_traces(discriminator, x, gamma):
        x.requires_grad_()
        total = discriminator(x).sum()
        if fills:
            with warnings.catch_warnings(action="ignore"):  # torch advises against it
                total.backward(create_graph=True, inputs=[x])
            return gamma / 2 * squares(x.grad).mean()
        (g,) = torch.autograd.grad(total, x, create_graph=True)
        return gamma / 2 * squares(g).mean()

    report = doctor.check_penalty(leaves_traces)
    (finding,) = report.findings
    assert report.ok and finding.level == "warning"
    assert finding.name == "changes the caller's tensor"
    assert ("x.grad is filled" in finding.seen) == fills


def test_half_precision_inside_is_given_its_tolerance_and_no_more():
    def twice(discriminator, x, gamma):
        return 2 * under_autocast(discriminator, x, gamma)

    def wrong_in_float32(discriminator, x, gamma):
        return under_autocast(discriminator, x, gamma) * (1.1 if x.dtype == torch.float32 else 1)

    assert names(doctor.check_penalty(twice)) == ["factor 1/2 missing"]
    assert names(doctor.check_penalty(wrong_in_float32)) == ["other value on float32"]


def test_global_random_state_and_gradient_mode_stay():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with torch.no_grad():
        assert doctor.check_penalty(right).ok
        doctor.check_penalty(finite_differences)
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), before)


def test_reports_are_the_same_every_time():
    for key in ("torchgan", "finite differences", "largest"):
        assert doctor.check_penalty(WRONG[key][0]) == doctor.check_penalty(WRONG[key][0])


@pytest.mark.parametrize("column", [True, False])
def test_closed_forms_of_the_probes(column):
    """Against autograd; the flat probe has gradient zero."""
    probes = list(battery(torch.float64, column))
    for probe in [*probes, flat_probe(probes[-1])]:
        logits, expected = probe.reference()
        assert probe.discriminator(probe.x).shape == ((len(probe.x), 1) if column else logits.shape)
        torch.testing.assert_close(gradient(probe.discriminator, probe.x), expected)
    assert not expected.any()


def test_every_wrong_choice_has_a_name_and_a_fix():
    assert len({name for name, _ in CAUSES.values()}) == len(CAUSES) - 1  # batch sum, twice
    assert all(fix for _, fix in CAUSES.values())


def test_a_report_is_a_table_that_fits_a_terminal():
    text = str(doctor.check_penalty(WRONG["torchgan"][0]))
    lines = text.splitlines()
    assert lines[0] == "check_penalty(<lambda>): 3 faults"
    assert lines[2].split() == ["level", "finding", "seen", "fix"]
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("fault") for line in lines) == 3
    assert text == repr(doctor.check_penalty(WRONG["torchgan"][0]))


def test_bad_arguments():
    with pytest.raises(TypeError, match="fn must be a function"):
        doctor.check_penalty(3.0)
    with pytest.raises(ValueError, match="interval must be at least 1"):
        doctor.check_penalty(right, interval=0)


def test_targets(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_own_r1.py").write_text(
        "from r1lab import penalties\nstrength = 3\n"
        "class Mine:\n    r1 = staticmethod(lambda d, x, g: 2 * penalties.r1(d, x, g))\n"
    )
    (tmp_path / "my_broken_r1.py").write_text("import no_such_module\n")
    monkeypatch.chdir(tmp_path)
    assert doctor.main("my_own_r1:Mine.r1") == 1
    assert "factor 1/2 missing" in capsys.readouterr().out
    for target, message in {
        "my_own_r1": "write the function as package.module:function",
        "a b:c": "write the function as",
        "my_own_r1:": "write the function as",
        "no_such_module:f": "cannot import no_such_module: ModuleNotFoundError",
        "my_broken_r1:f": "cannot import my_broken_r1: ModuleNotFoundError",
        "my_own_r1:nothing": "my_own_r1 has no nothing",
        "my_own_r1:strength": "my_own_r1:strength is of type int, not a function",
    }.items():
        with pytest.raises(ValueError, match=message):
            doctor.load_target(target)
