"""Checkers of chapter 1, the GAN game."""

import math
from collections.abc import Callable
from numbers import Real

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from r1lab.notebook.answers import call, give_the_same, numbers, slip
from r1lab.notebook.exercises import Checker
from r1lab.theory import divergences

__all__ = ["EXERCISES"]

Array = NDArray[np.float64]

# Frequencies of real and generated samples: ordinary, equal, overlapping in part, apart.
_WORLDS = (
    ([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]),
    ([0.1, 0.6, 0.3], [0.1, 0.6, 0.3]),
    ([0.5, 0.5, 0.0], [0.0, 0.5, 0.5]),
    ([1.0, 0.0], [0.0, 1.0]),
)


def _worlds() -> list[tuple[Array, Array]]:
    """Fresh arrays: the reader's code may change those that it is given."""
    return [(np.array(real), np.array(fake)) for real, fake in _WORLDS]


def _loss(real: Array, fake: Array) -> float:
    return math.log(4) - 2 * divergences.js(real, fake)


def _best_loss(answer: object) -> str | None:
    """`best_loss(real, fake)`, the loss log 4 - 2 JS of the optimal discriminator."""
    if not callable(answer):
        return "give the function itself, best_loss without brackets, not a value of it"
    values = numbers(answer, _worlds())
    if isinstance(values, str):
        return values
    if any(map(math.isnan, values)):
        return "nan where a picture is missing on one side: a term with the factor 0 is 0"
    if give_the_same(values, _loss, _worlds()):
        return None
    js, log4 = divergences.js, math.log(4)
    slips: dict[str, Callable[..., float]] = {
        "this is the value V; the loss of the discriminator is -V": lambda p, q: -_loss(p, q),
        "the theorem has twice the JS": lambda p, q: log4 - js(p, q),
        "log 4 minus JS in bits: take natural logarithms": (
            lambda p, q: log4 - 2 * js(p, q) / math.log(2)
        ),
        "the loss is in nats: take natural logarithms": lambda p, q: _loss(p, q) / math.log(2),
        "the sign of JS: the more the two differ, the lower the loss": (
            lambda p, q: log4 + 2 * js(p, q)
        ),
        "the loss has two parts, one for real and one for generated samples": (
            lambda p, q: _loss(p, q) / 2
        ),
    }
    otherwise = "put D* into the loss, or use V = -log 4 + 2 JS; 0 if nothing is shared"
    return slip(values, _worlds(), slips, otherwise)


def _paper_sign(answer: object) -> str | None:
    """`generator_loss(paper_logits)`, the non-saturating loss softplus(D_paper)."""
    if not callable(answer):
        return "give the function itself, generator_loss without brackets"
    logits = torch.tensor([-2.0, -0.5, 1.0, 3.0], dtype=torch.float64)
    cases = [(logits,)]
    got, failure = call(answer, logits.clone())
    if failure:
        return failure
    if not isinstance(got, Tensor) or got.dim() != 0:
        return "return one number as a tensor: the mean over the batch"
    values = [got.item()]
    slips: dict[str, Callable[..., float]] = {
        "this rewards the generator for being caught: in the paper's sign D is large on generated "
        "samples, so turn the sign of the logits first": lambda d: softplus(-d).mean().item(),
        "this is the minimax (saturating) loss in the paper's sign": (
            lambda d: -softplus(-d).mean().item()
        ),
        "this is the minimax (saturating) loss, and in the code's sign": (
            lambda d: -softplus(d).mean().item()
        ),
        "the mean over the batch, not the sum": lambda d: softplus(d).sum().item(),
    }
    if not give_the_same(values, lambda d: softplus(d).mean().item(), cases):
        return slip(values, cases, slips, "D_code = -D_paper, and the loss is softplus(-D_code)")
    large = numbers(answer, [(torch.tensor([1000.0], dtype=torch.float64),)])
    if isinstance(large, str):
        return large
    if not give_the_same(large, lambda: 1000.0, [()]):
        return "it overflows at a logit of 1000: use softplus, not log(1 + exp(...))"
    return None


def _two_sigmoids(answer: object) -> str | None:
    """The least discriminator loss if its "logits" are probabilities."""
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if not isinstance(answer, Real):
        return "give one number"
    answer = float(answer)
    hints = {
        0.0: "that would need logits of plus and minus infinity; here they lie between 0 and 1",
        2 * math.log(2): "that is D = 0 everywhere; on real samples it can reach 1",
        2 * math.log1p(math.exp(-1)): "-1 is out of reach for generated samples: the least is 0",
        2 * math.log1p(math.exp(-0.5)): "two logits one apart, but not centred: they are 1 and 0",
        math.log1p(math.exp(-1)): "this is the part of the real samples: add that of the others",
        math.log(2): "this is the part of the generated samples: add that of the real ones",
    }
    for wrong, hint in hints.items():
        if math.isclose(answer, wrong, abs_tol=2e-3):
            return hint
    right = math.log1p(math.exp(-1)) + math.log(2)
    close = math.isclose(answer, right, abs_tol=2e-3)
    return None if close else "softplus(-t) on real and softplus(t) on generated, t in [0, 1]"


EXERCISES: dict[str, Checker] = {
    "ch01-best-loss": _best_loss,
    "ch01-paper-sign": _paper_sign,
    "ch01-two-sigmoids": _two_sigmoids,
}
