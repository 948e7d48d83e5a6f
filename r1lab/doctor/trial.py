"""A user's penalty on one probe: the value, its gradient, and what else it did."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from r1lab.doctor.probes import Probe, battery

__all__ = ["GAMMA", "HALF", "Outcome", "Penalty", "altered", "first_line", "run", "try_all"]

Penalty = Callable[[Any, Tensor, float], Any]

GAMMA = 3.0
EXACT, HALF = 1e-4, 4e-2  # relative tolerances: float32 inside is fine; half precision


@dataclass(frozen=True)
class Outcome:
    """What the function did on one probe.

    Attributes
    ----------
    probe : with the discriminator as the function left it.
    x : the batch that it was given, as the function left it.
    value : 0-d, None after an error.
    error : the function's error, or what is wrong with what it returned.
    """

    probe: Probe
    x: Tensor
    value: Tensor | None = None
    error: str = ""

    @property
    def number(self) -> float:
        """The value, nan after an error."""
        return math.nan if self.value is None else float(self.value.detach())

    @property
    def tolerance(self) -> float:
        """Relative, for this value."""
        return HALF if self.probe.discriminator.saw_half else EXACT

    @property
    def reference(self) -> tuple[Tensor, Tensor]:
        """The true logits and input gradients, without their graph."""
        logits, gradient = self.probe.reference()
        return logits.detach(), gradient.detach()

    @cached_property
    def backward(self) -> tuple[Tensor, str]:
        """The value's gradient for the parameters, and the error; once: the graph is freed."""
        zeros = parameter_gradient(torch.zeros(()), self.probe)
        if self.value is None:
            return zeros, ""
        try:
            return parameter_gradient(self.value, self.probe), ""
        except RuntimeError as error:
            return zeros, first_line(error)

    @property
    def fills_grad(self) -> bool:
        """True where the function itself left something in the parameters' .grad."""
        return any(p.grad is not None for p in self.probe.parameters)

    @property
    def changes_x(self) -> bool:
        """True where the numbers of the caller's batch are no longer the same."""
        return not torch.equal(self.x, self.probe.x)


def run(fn: Penalty, probe: Probe, gamma: float = GAMMA, seed: int = 0) -> Outcome:
    """Call the function on a copy of the probe; torch's global generator stays as it is."""
    probe = altered(probe)
    x = probe.x.clone()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            result = fn(probe.discriminator, x, gamma)
        except Exception as error:  # whatever the user's code raises is what we report
            return Outcome(probe, x, error=first_line(error))
    if isinstance(result, (int, float)):
        result = torch.tensor(float(result), dtype=torch.float64)
    if not isinstance(result, Tensor):
        return Outcome(probe, x, error=f"returned a {type(result).__name__}, not a scalar tensor")
    if result.numel() != 1:
        return Outcome(probe, x, error=f"returned shape {tuple(result.shape)}, not a scalar")
    return Outcome(probe, x, result.reshape(()))


def try_all(fn: Penalty) -> list[Outcome]:
    """Outcomes on the first kind of probe that runs, float64 and (B, 1) logits if possible."""
    kinds = [
        (dtype, column) for dtype in (torch.float64, torch.float32) for column in (True, False)
    ]
    tried = []
    for kind in kinds:
        tried.append([run(fn, probe) for probe in battery(*kind)])
        if not all(outcome.error for outcome in tried[-1]):
            return tried[-1]
    return tried[0]


def parameter_gradient(value: Tensor, probe: Probe) -> Tensor:
    """The gradient of a 0-d value as one vector, zeros where a parameter is not in its graph."""
    parameters = probe.parameters
    gradients: tuple[Tensor | None, ...] = (None,) * len(parameters)
    if value.requires_grad:
        gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])


def altered(probe: Probe, **attributes: float) -> Probe:
    """A copy of the probe, with these attributes of its discriminator set."""
    discriminator = copy.deepcopy(probe.discriminator)
    for name, value in attributes.items():
        setattr(discriminator, name, value)
    return replace(probe, discriminator=discriminator)


def first_line(error: Exception) -> str:
    """An exception as one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
