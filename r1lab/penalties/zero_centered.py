"""Zero-centred penalties: R1 on real data, R2 on fakes, both, and on lines between them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from r1lab.penalties.interpolates import between
from r1lab.penalties.primitive import (
    Discriminator,
    Implementation,
    PenaltyTerms,
    Transform,
    check_implementation,
    check_not_negative,
    input_gradient,
)

__all__ = ["R1", "R1R2", "R2", "ZeroCentered", "r1", "r2", "zero_centered"]


def r1(
    discriminator: Discriminator,
    real: Tensor,
    gamma: float | Tensor,
    *,
    args: tuple = (),
    implementation: Implementation = "autograd",
    transform: Transform | None = None,
) -> Tensor:
    """R1, the zero-centred gradient penalty on real data: gamma/2 * E ||grad_x D(x)||^2.

    Source: Mescheder, Geiger & Nowozin 2018, equation 9.

    Parameters
    ----------
    discriminator, implementation, transform : see `squared_gradient_norm`.
    real : (B, ...) floating-point batch of real data.
    gamma : strength in paper units, not negative.
    args : further arguments of the discriminator.

    Returns
    -------
    0-d tensor to be added to the loss that the discriminator *minimises*.

    Raises
    ------
    TypeError, ValueError : as `squared_gradient_norm`; a negative or non-finite gamma.

    Examples
    --------
    A linear discriminator has the same gradient everywhere, so R1 = gamma/2 * ||w||^2:

    >>> discriminator = torch.nn.Linear(2, 1)
    >>> _ = discriminator.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
    >>> penalty = r1(discriminator, torch.randn(8, 2), gamma=10.0)
    >>> penalty.item()
    125.0
    >>> penalty.backward()
    >>> discriminator.weight.grad
    tensor([[30., 40.]])
    """
    return R1(gamma, implementation, transform)(discriminator, real, real, args).value


def r2(
    discriminator: Discriminator,
    fake: Tensor,
    gamma: float | Tensor,
    *,
    args: tuple = (),
    implementation: Implementation = "autograd",
    transform: Transform | None = None,
) -> Tensor:
    """R2, the zero-centred gradient penalty on generated data: gamma/2 * E ||grad_x D(G(z))||^2.

    It belongs to the discriminator's objective only: pass fakes made under `torch.no_grad()`.
    Source: Mescheder, Geiger & Nowozin 2018, equation 10.

    Parameters
    ----------
    discriminator, implementation, transform : see `squared_gradient_norm`.
    fake : (B, ...) floating-point batch of generated data.
    gamma : strength in paper units, not negative.
    args : further arguments of the discriminator.

    Returns
    -------
    0-d tensor to be added to the loss that the discriminator *minimises*.

    Raises
    ------
    TypeError, ValueError : as `r1`.

    Examples
    --------
    D(x) = ||x||^2 / 2 has gradient x:

    >>> r2(lambda x: x.square().sum(1) / 2, torch.tensor([[0.0, 2.0]]), gamma=1.0).item()
    2.0
    """
    return R2(gamma, implementation, transform)(discriminator, fake, fake, args).value


def zero_centered(
    discriminator: Discriminator,
    real: Tensor,
    fake: Tensor,
    gamma: float | Tensor,
    generator: torch.Generator | None = None,
    *,
    args: tuple = (),
    implementation: Implementation = "autograd",
    transform: Transform | None = None,
) -> Tensor:
    """The zero-centred penalty on random interpolates: gamma/2 * E ||grad_x D(x_hat)||^2.

    x_hat = eps x_real + (1 - eps) x_fake with one eps ~ U[0, 1] for each pair.
    Source: Thanh-Tung, Tran & Venkatesh 2019; "wgangp0" in the code of Mescheder et al. 2018.

    Parameters
    ----------
    discriminator, implementation, transform : see `squared_gradient_norm`.
    real, fake : (B, ...) floating-point batches of one shape.
    gamma : strength in paper units, not negative.
    generator : source of the random eps; torch's global one by default.
    args : further arguments of the discriminator.

    Returns
    -------
    0-d tensor to be added to the loss that the discriminator *minimises*.

    Raises
    ------
    TypeError : as `squared_gradient_norm`, for either batch.
    ValueError : as `r1`; two shapes.

    Examples
    --------
    >>> w = torch.tensor([3.0, 4.0])
    >>> zero_centered(lambda x: x @ w, torch.randn(8, 2), torch.randn(8, 2), gamma=2.0)
    tensor(25.)
    """
    penalty = ZeroCentered(gamma, implementation, transform, generator)
    return penalty(discriminator, real, fake, args).value


@dataclass(frozen=True)
class _GammaPenalty:
    gamma: float | Tensor
    implementation: Implementation = "autograd"
    transform: Transform | None = None

    def __post_init__(self) -> None:
        check_not_negative("gamma", self.gamma)
        check_implementation(self.implementation)

    def _at(
        self, discriminator: Discriminator, x: Tensor, args: tuple, scale: float
    ) -> tuple[Tensor | None, Tensor]:
        logits, gradient = input_gradient(
            discriminator, x, args, self.implementation, self.transform, scale
        )
        # Logits of transformed samples are no use to a loss that sees the other batch plain.
        usable = logits if self.transform is None else None
        return usable, self.gamma / 2 * gradient.square().sum(1).mean()


class R1(_GammaPenalty):
    """R1 with its settings; see `r1`.

    Examples
    --------
    >>> R1(gamma=2.0)(lambda x: x.sum(1), torch.zeros(4, 3), torch.zeros(4, 3)).value
    tensor(3.)
    """

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,
        args: tuple = (),
        scale: float = 1.0,
    ) -> PenaltyTerms:
        """The penalty's terms on a real and a fake batch."""
        logits, value = self._at(discriminator, real, args, scale)
        return PenaltyTerms(value, real_logits=logits)


class R2(_GammaPenalty):
    """R2 with its settings; see `r2`.

    Examples
    --------
    >>> R2(gamma=2.0)
    R2(gamma=2.0, implementation='autograd', transform=None)
    """

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,
        args: tuple = (),
        scale: float = 1.0,
    ) -> PenaltyTerms:
        """The penalty's terms on a real and a fake batch."""
        logits, value = self._at(discriminator, fake, args, scale)
        return PenaltyTerms(value, fake_logits=logits)


class R1R2(_GammaPenalty):
    """R1 + R2, each with the same gamma, as in R3GAN (Huang et al. 2024); see `r1` and `r2`.

    Examples
    --------
    >>> R1R2(gamma=2.0)(lambda x: x.sum(1), torch.zeros(4, 3), torch.zeros(4, 3)).value
    tensor(6.)
    """

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,
        args: tuple = (),
        scale: float = 1.0,
    ) -> PenaltyTerms:
        """The penalty's terms on a real and a fake batch."""
        real_logits, on_real = self._at(discriminator, real, args, scale)
        fake_logits, on_fake = self._at(discriminator, fake, args, scale)
        return PenaltyTerms(on_real + on_fake, real_logits, fake_logits)


@dataclass(frozen=True)
class ZeroCentered(_GammaPenalty):
    """The zero-centred penalty on interpolates with its settings; see `zero_centered`.

    Examples
    --------
    >>> ZeroCentered(gamma=2.0)(lambda x: x.sum(1), torch.zeros(4, 3), torch.ones(4, 3)).value
    tensor(3.)
    """

    generator: torch.Generator | None = None

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,
        args: tuple = (),
        scale: float = 1.0,
    ) -> PenaltyTerms:
        """The penalty's terms on a real and a fake batch."""
        x_hat = between(real, fake, self.generator)
        return PenaltyTerms(self._at(discriminator, x_hat, args, scale)[1])
