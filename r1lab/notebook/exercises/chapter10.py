"""Chapter 10, WGAN-GP versus R1: what a budget buys, how hard D pushes, a copied penalty."""

import math
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from r1lab.notebook.answers import call
from r1lab.notebook.exercises import Checker

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["EXERCISES"]

BUDGETS = ((115_200, 64, 5), (115_200, 64, 1), (57_600, 32, 2))  # real images, batch, d_steps
FACINGS = ((0.05, -0.4), (1.1, 2.0), (3.0, 0.7))  # slope and logit at a generated image


def _budget(answer: object) -> str | None:
    """A function (images, batch, d_steps): D steps, G steps, generated images."""
    if not callable(answer):
        return "give the function itself, budget"
    for images, batch, d_steps in BUDGETS:
        got, failure = call(answer, images, batch, d_steps)
        if failure:
            return failure
        try:
            d, g, generated = (float(number) for number in got)
        except (TypeError, ValueError):
            return "it must return three numbers: D steps, G steps, generated images"
        if hint := _miscounted((d, g, generated), images, batch, d_steps):
            return hint
    return None


def _miscounted(got: tuple[float, ...], images: int, batch: int, d_steps: int) -> str | None:
    d, g, generated = got
    steps = images // batch
    if d == steps * d_steps != steps:
        return "real images are shown in discriminator steps only: d_steps does not multiply them"
    if d != steps:
        return "each discriminator step looks at one batch of real images"
    if g != steps // d_steps:
        return "one generator step follows each d_steps of the discriminator"
    if generated == batch * d:
        return "the generator's own step draws a batch, too"
    if generated == batch * g:
        return "each discriminator step is shown a batch of generated images, too"
    if generated != batch * (d + g):
        return "every step of either player draws one batch of generated images"
    return None


def _sigmoid(t: float) -> float:
    return 1 / (1 + math.exp(-t))


def _push(answer: object) -> str | None:
    """A function (loss, slope, logit): the norm of the gradient of G's loss at one image."""
    if not callable(answer):
        return "give the function itself, push"
    targets: dict[str, Callable[[float, float], float]] = {
        "wasserstein": lambda slope, logit: slope,
        "non-saturating": lambda slope, logit: slope * _sigmoid(-logit),
        "minimax": lambda slope, logit: slope * _sigmoid(logit),
    }
    for loss, target in targets.items():
        for slope, logit in FACINGS:
            got, failure = call(answer, loss, slope, logit)
            if failure:
                return failure
            if not isinstance(got, Real):
                return f"it must return a number, not {got!r}"
            if not math.isclose(float(got), target(slope, logit), rel_tol=1e-6):
                return _mispushed(loss, float(got), slope, logit)
    return None


def _mispushed(loss: str, got: float, slope: float, logit: float) -> str:
    if loss == "wasserstein":
        return "the Wasserstein generator's loss is -D: its derivative is one, whatever the logit"
    if math.isclose(got, slope):
        return f"{loss}: the slope is weighted, by the derivative of the loss at this logit"
    if math.isclose(got, slope * _sigmoid(-logit if loss == "minimax" else logit)):
        return f"{loss}: the sign. Which of the two losses fades where D is sure of a fake?"
    if got < 0:
        return f"{loss}: a norm is not negative"
    return f"{loss}: differentiate softplus, which gives the logistic function"


Penalty = Callable[["nn.Module", "Tensor", "Tensor"], "Tensor"]


def _repaired(answer: object) -> str | None:
    """A function (discriminator, real, fake): R1 with gamma 10."""
    import torch

    if not callable(answer):
        return "give the function itself, repaired"
    players = _three_images()
    values = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):  # the reader's random numbers stay as they are
            torch.default_generator.manual_seed(seed)
            got, failure = call(answer, *players)
        if failure:
            return failure
        if not isinstance(got, torch.Tensor) or got.numel() != 1:
            return "it must return a tensor with one number, the penalty"
        values.append(got.item())
    if not math.isclose(*values, rel_tol=1e-9):
        return "it still draws random points: R1 looks at the real images themselves"
    if hint := _mistaken(values[0], *players):
        return hint
    if not got.requires_grad:
        return "the value is right, but no weight would move: create_graph=True is missing"
    return None


def _three_images() -> tuple[Any, Any, Any]:
    """A discriminator of three images of 1 x 2 x 4 pixels, real and generated, in float64."""
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(10)
        layers = (nn.Flatten(), nn.Linear(8, 5), nn.Softplus(), nn.Linear(5, 1))
        real, fake = torch.randn(2, 3, 1, 2, 4, dtype=torch.float64)
    return nn.Sequential(*layers).double(), real, fake + 1


def _mistaken(value: float, discriminator: "nn.Module", real: "Tensor", fake: "Tensor") -> str:
    """What makes this value, or nothing for R1 with gamma 10."""
    from r1lab.penalties import squared_gradient_norm

    squares, fakes = (
        squared_gradient_norm(discriminator, x)[1].detach().numpy() for x in (real, fake)
    )
    norms, right = np.sqrt(squares), 5 * squares.mean()
    made_by = {
        "": right,
        "it is twice as large: in gamma/2 E||grad D||^2, 10 without a half is gamma 20": 2 * right,
        "it still asks for slope one": 5 * ((norms - 1) ** 2).mean(),
        "it still asks for slope one, and 10 without a half is gamma 20": 10
        * ((norms - 1) ** 2).mean(),
        "the norm is not squared": 5 * norms.mean(),
        "these are the generated images: that is R2": 5 * fakes.mean(),
        "the squares are averaged over the pixels: sum them": right / real[0].numel(),
        "the squares are summed over the batch: take the mean over images": right * len(real),
    }
    for hint, number in made_by.items():
        if math.isclose(value, number, rel_tol=1e-6):
            return hint
    return "R1 is gamma/2 times the mean, over real images, of the summed squares of the gradient"


EXERCISES: dict[str, Checker] = {
    "ch10-budget": _budget,
    "ch10-push": _push,
    "ch10-repaired": _repaired,
}
