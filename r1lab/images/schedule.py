"""What the step's number decides: the learning rate, gamma, and whether the penalty is computed."""

from typing import Any

import torch

from r1lab import penalties
from r1lab.gamma import LazyR1, anneal
from r1lab.images.config import Config

__all__ = ["gamma_at", "learning_rate_at", "penalty_at"]

_SIGMA = 0.03  # of finite differences: what bfloat16 can still resolve


def learning_rate_at(config: Config, step: int) -> float:
    """The learning rate of this step: it grows linearly to `lr` over `warmup` steps.

    Examples
    --------
    >>> [learning_rate_at(Config(lr=1.0, warmup=4), step) for step in (0, 3, 9)]
    [0.25, 1.0, 1.0]
    """
    return config.lr * min(1.0, (step + 1) / max(config.warmup, 1))


def gamma_at(config: Config, step: int) -> float:
    """The penalty's strength in this step, in paper units; 0 where a lazy one is left out.

    Examples
    --------
    >>> [gamma_at(Config(gamma=10.0, lazy=4), step) for step in range(5)]
    [40.0, 0.0, 0.0, 0.0, 40.0]
    """
    gamma = config.gamma
    if config.gamma_end is not None:
        gamma = anneal(gamma, config.gamma_end, config.steps)(step)
    return LazyR1(gamma, config.lazy).at(step)


def penalty_at(
    config: Config, step: int, noise: torch.Generator | None = None
) -> penalties.Penalty | None:
    """The penalty of this step with its strength in its own units; None where there is none.

    Parameters
    ----------
    noise : of the penalties that draw random points.

    Examples
    --------
    >>> penalty_at(Config(penalty="wgan-gp", gamma=20.0), step=0).weight
    10.0
    """
    gamma = gamma_at(config, step)
    if config.penalty == "none" or gamma == 0:
        return None
    # The functional form is the one that can be compiled.
    exact: dict[str, Any] = {"implementation": "functional" if config.compile else "autograd"}
    random: dict[str, Any] = {"generator": noise}
    match config.penalty:
        case "r1":
            return penalties.R1(gamma, **exact)
        case "r2":
            return penalties.R2(gamma, **exact)
        case "r1+r2":
            return penalties.R1R2(gamma, **exact)
        case "zero-centered":
            return penalties.ZeroCentered(gamma, **exact, **random)
        case "wgan-gp":
            return penalties.WGANGP(gamma / 2, **exact, **random)
        case "dragan":
            return penalties.DRAGAN(gamma / 2, **exact, **random)
        case "approximate-r1":
            return penalties.ApproximateR1(gamma, _SIGMA, **random)
        case "approximate-r2":
            return penalties.ApproximateR2(gamma, _SIGMA, **random)
