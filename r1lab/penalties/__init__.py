"""Gradient penalties on the discriminator, in the units of the papers.

`gamma` is always in paper units: R1 = gamma/2 * E ||grad_x D(x)||^2, the square summed over
all non-batch dimensions, the mean taken over the batch, D the logit. One-centred penalties
carry a `weight`: weight * E (||grad_x D|| - center)^2.

The gradient is with respect to the *input x*, never the weights. It is taken of the sum of all
logits, so a discriminator with several or patch outputs is penalised through their sum per
sample. Samples must not interact in the discriminator (no BatchNorm): otherwise the gradient
at one sample contains what it does to the others.

No penalty detaches its input. In a discriminator step pass fakes made under `torch.no_grad()`.

`implementation="autograd"` uses `torch.autograd.grad`; `"functional"` uses `torch.func.grad`,
the form that survives `torch.compile(fullgraph=True)`.
"""

from collections.abc import Callable

from r1lab.penalties.approximate import ApproximateR1, ApproximateR2, approximate_r1, approximate_r2
from r1lab.penalties.one_centered import DRAGAN, WGANGP, dragan, wgan_gp
from r1lab.penalties.primitive import Penalty, PenaltyTerms, squared_gradient_norm
from r1lab.penalties.zero_centered import R1, R1R2, R2, ZeroCentered, r1, r2, zero_centered

__all__ = [
    "DRAGAN",
    "R1",
    "R1R2",
    "R2",
    "WGANGP",
    "ApproximateR1",
    "ApproximateR2",
    "Penalty",
    "PenaltyTerms",
    "ZeroCentered",
    "approximate_r1",
    "approximate_r2",
    "dragan",
    "get",
    "r1",
    "r2",
    "squared_gradient_norm",
    "wgan_gp",
    "zero_centered",
]

# Each from a gamma in paper units.
_BY_NAME: dict[str, Callable[[float], Penalty]] = {
    "r1": R1,
    "r2": R2,
    "r1+r2": R1R2,
    "zero-centered": ZeroCentered,
    "wgan-gp": lambda gamma: WGANGP(gamma / 2),
    "dragan": lambda gamma: DRAGAN(gamma / 2),
    "approximate-r1": ApproximateR1,
    "approximate-r2": ApproximateR2,
}
_FUNCTIONS: tuple[object, ...] = (
    r1,
    r2,
    zero_centered,
    wgan_gp,
    dragan,
    approximate_r1,
    approximate_r2,
)


def get(penalty: "str | Penalty | None", gamma: float | None = None) -> Penalty | None:
    """The penalty with this name and gamma; an object, or None for no penalty, as it is.

    Parameters
    ----------
    penalty : "none", "r1", "r2", "r1+r2", "zero-centered", "wgan-gp", "dragan",
        "approximate-r1", "approximate-r2", a penalty object, or None.
    gamma : for a name: its strength in the units of the R1 paper, gamma/2 * E(...)^2. The weight of
        wgan-gp and dragan is half of it: the usual weight 10 is gamma 20.

    Raises
    ------
    TypeError : a class or a function of this package, or what cannot be called.
    ValueError : an unknown name, a name without gamma, or an object with one.

    Examples
    --------
    >>> get("r1", 10.0)
    R1(gamma=10.0, implementation='autograd', transform=None)
    >>> get("wgan-gp", 20.0).weight
    10.0
    """
    if penalty is None or penalty == "none":
        return None
    if not isinstance(penalty, str):
        is_ours = any(penalty is function for function in _FUNCTIONS)
        if is_ours or isinstance(penalty, type) or not callable(penalty):
            raise TypeError(
                "a penalty must be a name or an object such as penalties.R1(gamma=10.0), "
                f"not {penalty!r}"
            )
        if gamma is not None:
            raise ValueError("a penalty object carries its own strength: give no gamma")
        return penalty
    if penalty not in _BY_NAME:
        raise ValueError(f"unknown penalty {penalty!r}: use one of none, {', '.join(_BY_NAME)}")
    if gamma is None:
        raise ValueError(f'penalty {penalty!r} needs a gamma, e.g. penalties.get("r1", 10.0)')
    return _BY_NAME[penalty](gamma)
