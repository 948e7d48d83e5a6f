"""Losses against their formulas written out, at values where softplus is known."""

import math

import pytest
import torch

from r1lab import losses

REAL = torch.tensor([2.0, -0.5, 0.3], dtype=torch.float64)
FAKE = torch.tensor([-1.0, 0.7, 1.5], dtype=torch.float64)


def softplus(t: float) -> float:
    return math.log(1 + math.exp(t))


def mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


def pairs():
    return list(zip(REAL.tolist(), FAKE.tolist(), strict=True))


# One line a loss: discriminator and generator objective of one pair of logits (real r, fake f).
FORMULAS = {
    "minimax": (lambda r, f: softplus(-r) + softplus(f), lambda r, f: -softplus(f)),
    "non-saturating": (lambda r, f: softplus(-r) + softplus(f), lambda r, f: softplus(-f)),
    "wasserstein": (lambda r, f: f - r, lambda r, f: -f),
    "hinge": (lambda r, f: max(0, 1 - r) + max(0, 1 + f), lambda r, f: -f),
    "least-squares": (
        lambda r, f: ((r - 1) ** 2 + (f + 1) ** 2) / 2,
        lambda r, f: (f - 1) ** 2 / 2,
    ),
    "relativistic": (lambda r, f: softplus(f - r), lambda r, f: softplus(r - f)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_values_follow_the_formulas(name):
    loss = losses.get(name)
    discriminator, generator = FORMULAS[name]
    expected = mean(discriminator(r, f) for r, f in pairs())
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(expected, abs=1e-14)
    expected = mean(generator(r, f) for r, f in pairs())
    assert loss.generator(FAKE, REAL).item() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_discriminator_wants_large_logits_on_real_data(name):
    real = torch.zeros(4, requires_grad=True)
    fake = torch.zeros(4, requires_grad=True)
    losses.get(name).discriminator(real, fake).backward()
    assert (real.grad < 0).all() and (fake.grad > 0).all()


def test_saturating_generator_has_no_gradient_where_the_non_saturating_has_its_largest():
    for loss, expected in ((losses.MINIMAX, 0.0), (losses.NON_SATURATING, 1.0)):
        fake = torch.tensor([-40.0], dtype=torch.float64, requires_grad=True)
        loss.generator(fake).backward()
        assert abs(fake.grad.item()) == pytest.approx(expected, abs=1e-12)


def test_zero_sum():
    total = losses.MINIMAX.discriminator(REAL, FAKE) + losses.MINIMAX.generator(FAKE)
    assert total.item() == pytest.approx(mean(softplus(-r) for r, _ in pairs()), abs=1e-14)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_reduced_in_float32(dtype):
    # In half precision 4096 ones added to a thousand are lost; the mean must not be.
    logits = torch.full((4096,), 3.0, dtype=dtype)
    loss = losses.WASSERSTEIN.generator(logits)
    assert loss.dtype == torch.float32 and loss.item() == -3.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: losses.get("lsgan"), ValueError, "unknown loss 'lsgan': use one of minimax"),
        (lambda: losses.HINGE.generator(torch.zeros(3, dtype=torch.int64)), TypeError, "int64"),
        (lambda: losses.HINGE.discriminator([1.0], FAKE), TypeError, "not list"),
        (lambda: losses.RELATIVISTIC.generator(FAKE), ValueError, "fake_logits, real_logits"),
        (
            lambda: losses.RELATIVISTIC.discriminator(REAL, FAKE[:, None]),
            ValueError,
            "logits of one shape",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
