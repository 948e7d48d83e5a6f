"""GAN losses as small frozen objects: what the discriminator and the generator minimise.

Code sign: D is a logit, *large on real data*. (`r1lab.theory` has the paper's sign, the
mirror image.) Both methods return a 0-d tensor, the mean over all logits. Logits are of
any shape; half precision is raised to float32 before anything is summed.

>>> import torch
>>> from r1lab import losses
>>> loss = losses.get("non-saturating")
>>> loss.discriminator(torch.zeros(4), torch.zeros(4))   # 2 log 2: D cannot tell
tensor(1.3863)
>>> loss.generator(torch.zeros(4))
tensor(0.6931)
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

__all__ = [
    "HINGE",
    "LEAST_SQUARES",
    "MINIMAX",
    "NON_SATURATING",
    "RELATIVISTIC",
    "WASSERSTEIN",
    "Loss",
    "get",
]


@dataclass(frozen=True, repr=False)
class Loss:
    """A pair of objectives for the two players of a GAN, both to be minimised.

    Parameters
    ----------
    name : the name that `get` takes.

    Examples
    --------
    >>> MINIMAX
    losses.get('minimax')
    """

    name: str
    pairs: ClassVar[bool] = False  # whether the generator's loss needs the real logits

    def __repr__(self) -> str:
        return f"losses.get({self.name!r})"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """What the discriminator minimises.

        Parameters
        ----------
        real_logits, fake_logits : floating-point tensors of any shape; for the relativistic
            loss, which pairs them, of the same shape.

        Returns
        -------
        0-d tensor, float32 or float64.

        Raises
        ------
        TypeError : logits that are not floating-point tensors.
        ValueError : relativistic loss with logits of two shapes.

        Examples
        --------
        >>> WASSERSTEIN.discriminator(torch.tensor([3.0]), torch.tensor([1.0]))
        tensor(-2.)
        """
        return self._discriminator(_logits(real_logits), _logits(fake_logits))

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """What the generator minimises.

        Parameters
        ----------
        fake_logits : floating-point tensor of any shape.
        real_logits : used by the relativistic loss only, which pairs them with `fake_logits`.

        Returns
        -------
        0-d tensor, float32 or float64.

        Raises
        ------
        TypeError : logits that are not floating-point tensors.
        ValueError : relativistic loss without real logits, or with logits of two shapes.

        Examples
        --------
        >>> HINGE.generator(torch.tensor([0.5]))
        tensor(-0.5000)
        """
        real = None if real_logits is None else _logits(real_logits)
        return self._generator(_logits(fake_logits), real)

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        raise NotImplementedError

    def _generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        raise NotImplementedError


class _NonSaturating(Loss):
    """softplus(-D(x)) + softplus(D(G(z))); G: softplus(-D(G(z))). Goodfellow et al. 2014, s. 3."""

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real).mean() + softplus(fake).mean()

    def _generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return softplus(-fake).mean()


class _Minimax(_NonSaturating):
    """D as above; G: -softplus(D(G(z))), the zero-sum game. Goodfellow et al. 2014, equation 1."""

    def _generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -softplus(fake).mean()


class _Wasserstein(Loss):
    """D(G(z)) - D(x); G: -D(G(z)). Arjovsky, Chintala & Bottou 2017."""

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def _generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -fake.mean()


class _Hinge(_Wasserstein):
    """relu(1 - D(x)) + relu(1 + D(G(z))); G: -D(G(z)). Lim & Ye 2017."""

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + fake).mean()


class _LeastSquares(Loss):
    """Half squares to the targets real +1, fake -1, generator +1, so that D = 0 at equilibrium.

    Mao et al. 2017 with a = -1, b = c = 1 in their notation.
    """

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (real - 1).square().mean() / 2 + (fake + 1).square().mean() / 2

    def _generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return (fake - 1).square().mean() / 2


class _Relativistic(Loss):
    """softplus(D(G(z)) - D(x)); G: softplus(D(x) - D(G(z))). Jolicoeur-Martineau 2018."""

    pairs = True

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(_paired_difference(fake, real)).mean()

    def _generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        if real is None:
            raise ValueError(
                "the relativistic generator loss pairs fake with real logits: "
                "call generator(fake_logits, real_logits)"
            )
        return softplus(_paired_difference(real, fake)).mean()


MINIMAX = _Minimax("minimax")
NON_SATURATING = _NonSaturating("non-saturating")
WASSERSTEIN = _Wasserstein("wasserstein")
HINGE = _Hinge("hinge")
LEAST_SQUARES = _LeastSquares("least-squares")
RELATIVISTIC = _Relativistic("relativistic")

_BY_NAME = {
    loss.name: loss
    for loss in (MINIMAX, NON_SATURATING, WASSERSTEIN, HINGE, LEAST_SQUARES, RELATIVISTIC)
}


def get(loss: "str | Loss") -> Loss:
    """The loss with this name; a loss object is returned as it is.

    Parameters
    ----------
    loss : "minimax", "non-saturating", "wasserstein", "hinge", "least-squares",
        "relativistic", or a `Loss`.

    Raises
    ------
    ValueError : an unknown name.

    Examples
    --------
    >>> get("hinge") is HINGE and get(HINGE) is HINGE
    True
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str) or loss not in _BY_NAME:
        raise ValueError(f"unknown loss {loss!r}: use one of {', '.join(_BY_NAME)}")
    return _BY_NAME[loss]


def _logits(logits: Tensor) -> Tensor:
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        kind = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
        raise TypeError(f"logits must be a floating-point tensor, not {kind}")
    # Sums of half-precision terms lose digits: reduce in float32.
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _paired_difference(a: Tensor, b: Tensor) -> Tensor:
    if a.shape != b.shape:
        raise ValueError(
            "relativistic pairing needs real and fake logits of one shape, "
            f"not {tuple(a.shape)} and {tuple(b.shape)} (broadcasting would pair all with all)"
        )
    return a - b
