"""Checkers of chapter 1, the GAN game."""

import math
from numbers import Real

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from r1lab.notebook.exercises import Checker
from r1lab.theory import divergences

__all__ = ["EXERCISES"]

# Frequencies of real and generated samples: ordinary, equal, overlapping in part, apart.
_WORLDS = (
    ([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]),
    ([0.1, 0.6, 0.3], [0.1, 0.6, 0.3]),
    ([0.5, 0.5, 0.0], [0.0, 0.5, 0.5]),
    ([1.0, 0.0], [0.0, 1.0]),
)


def _best_loss(answer: object) -> str | None:
    """`best_loss(real, fake)`, the loss log 4 - 2 JS of the optimal discriminator."""
    if not callable(answer):
        return "give the function itself, best_loss without brackets, not a value of it"
    pairs = [(np.array(real), np.array(fake)) for real, fake in _WORLDS]
    try:
        got = np.array([float(answer(real, fake)) for real, fake in pairs])
    except (TypeError, ValueError) as error:
        return f"best_loss(real, fake) should return one number: {error}"
    js = np.array([divergences.js(real, fake) for real, fake in pairs])
    right = math.log(4) - 2 * js
    hints = {
        "this is the value V; the loss of the discriminator is -V": -right,
        "the theorem has twice the JS": math.log(4) - js,
        "log 4 minus JS in bits: take natural logarithms": math.log(4) - 2 * js / math.log(2),
        "the loss is in nats: take natural logarithms": right / math.log(2),
        "the sign of JS: the more the two differ, the lower the loss": math.log(4) + 2 * js,
        "the loss has two parts, one for real and one for generated samples": right / 2,
    }
    if np.isnan(got).any():
        return "nan where a picture is missing on one side: a term with the factor 0 is 0"
    if np.allclose(got, right, atol=1e-6):
        return None
    same = (hint for hint, wrong in hints.items() if np.allclose(got, wrong, atol=1e-6))
    return next(same, "put D* into the loss, or use V = -log 4 + 2 JS; 0 if nothing is shared")


def _paper_sign(answer: object) -> str | None:
    """`generator_loss(paper_logits)`, the non-saturating loss softplus(D_paper)."""
    if not callable(answer):
        return "give the function itself, generator_loss without brackets"
    logits = torch.tensor([-2.0, -0.5, 1.0, 3.0], dtype=torch.float64)
    far = torch.tensor([1000.0], dtype=torch.float64)
    got, right = answer(logits), softplus(logits).mean()
    if not isinstance(got, Tensor) or got.dim() != 0:
        return "return one number as a tensor: the mean over the batch"
    got = got.double()
    hints = {
        "this rewards the generator for being caught: in the paper's sign D is large on generated "
        "samples, so turn the sign of the logits first": softplus(-logits).mean(),
        "this is the minimax (saturating) loss in the paper's sign": -softplus(-logits).mean(),
        "this is the minimax (saturating) loss, and in the code's sign": -softplus(logits).mean(),
        "the mean over the batch, not the sum": softplus(logits).sum(),
    }
    for hint, wrong in hints.items():
        if torch.allclose(got, wrong):
            return hint
    if not torch.allclose(got, right):
        return "D_code = -D_paper, and the loss is softplus(-D_code)"
    if not torch.allclose(answer(far).double(), far.mean()):
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
