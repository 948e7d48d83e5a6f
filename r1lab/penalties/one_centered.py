"""One-centred penalties, which ask for gradients of norm one: WGAN-GP and DRAGAN."""

from dataclasses import dataclass

import torch
from torch import Tensor

from r1lab.penalties.interpolates import around, between
from r1lab.penalties.primitive import (
    Discriminator,
    Implementation,
    PenaltyTerms,
    Transform,
    check_implementation,
    check_not_negative,
    input_gradient,
)

__all__ = ["DRAGAN", "WGANGP", "dragan", "wgan_gp"]


def wgan_gp(
    discriminator: Discriminator,
    real: Tensor,
    fake: Tensor,
    weight: float | Tensor = 10.0,
    center: float = 1.0,
    one_sided: bool = False,
    generator: torch.Generator | None = None,
    *,
    args: tuple = (),
    implementation: Implementation = "autograd",
    transform: Transform | None = None,
) -> Tensor:
    """The WGAN-GP penalty: weight * E (||grad_x D(x_hat)|| - center)^2 on random interpolates.

    x_hat = eps x_real + (1 - eps) x_fake with one eps ~ U[0, 1] for each pair.
    Source: Gulrajani et al. 2017, equation 3.

    Parameters
    ----------
    discriminator, implementation, transform : see `squared_gradient_norm`.
    real, fake : (B, ...) floating-point batches of one shape.
    weight : the lambda of the paper, not negative. Not gamma: gamma = 2 * weight.
    center : the norm that the penalty asks for, not negative.
    one_sided : penalise only norms above `center`.
    generator : source of the random eps; torch's global one by default.
    args : further arguments of the discriminator.

    Returns
    -------
    0-d tensor to be added to the loss that the discriminator *minimises*.

    Raises
    ------
    TypeError : as `squared_gradient_norm`, for either batch.
    ValueError : as `squared_gradient_norm`; two shapes; a negative or non-finite weight or center.

    Examples
    --------
    >>> w = torch.tensor([3.0, 4.0])
    >>> wgan_gp(lambda x: x @ w, torch.randn(8, 2), torch.randn(8, 2), weight=10.0)
    tensor(160.)
    """
    penalty = WGANGP(weight, center, one_sided, generator, implementation, transform)
    return penalty(discriminator, real, fake, args).value


def dragan(
    discriminator: Discriminator,
    real: Tensor,
    weight: float | Tensor = 10.0,
    generator: torch.Generator | None = None,
    *,
    args: tuple = (),
    implementation: Implementation = "autograd",
    transform: Transform | None = None,
) -> Tensor:
    """The DRAGAN penalty: weight * E (||grad_x D(x + delta)|| - 1)^2 around real data.

    delta is Gaussian with half the standard deviation of the batch's entries. (The paper has
    Gaussian noise of a fixed size; its code scales by the batch, but draws from U[0, 1].)
    Source: Kodali et al. 2017.

    Parameters
    ----------
    discriminator, implementation, transform : see `squared_gradient_norm`.
    real : (B, ...) floating-point batch.
    weight : the lambda of the paper, not negative. Not gamma: gamma = 2 * weight.
    generator : source of the noise; torch's global one by default.
    args : further arguments of the discriminator.

    Returns
    -------
    0-d tensor to be added to the loss that the discriminator *minimises*.

    Raises
    ------
    TypeError, ValueError : as `squared_gradient_norm`; a negative or non-finite weight.

    Examples
    --------
    >>> w = torch.tensor([3.0, 4.0])
    >>> dragan(lambda x: x @ w, torch.randn(8, 2), weight=10.0)
    tensor(160.)
    """
    penalty = DRAGAN(weight, generator, implementation, transform)
    return penalty(discriminator, real, real, args).value


@dataclass(frozen=True)
class WGANGP:
    """The WGAN-GP penalty with its settings; see `wgan_gp`.

    Examples
    --------
    >>> WGANGP(weight=10.0)(lambda x: x.sum(1), torch.zeros(4, 9), torch.ones(4, 9)).value
    tensor(40.)
    """

    weight: float | Tensor = 10.0
    center: float = 1.0
    one_sided: bool = False
    generator: torch.Generator | None = None
    implementation: Implementation = "autograd"
    transform: Transform | None = None

    def __post_init__(self) -> None:
        check_not_negative("weight", self.weight)
        check_implementation(self.implementation)
        check_not_negative("center", self.center)

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
        excess = _norms(self, discriminator, x_hat, args, scale) - self.center
        if self.one_sided:
            excess = excess.clamp(min=0)
        return PenaltyTerms(self.weight * excess.square().mean())


@dataclass(frozen=True)
class DRAGAN:
    """The DRAGAN penalty with its settings; see `dragan`.

    Examples
    --------
    >>> DRAGAN(weight=10.0)(lambda x: x.sum(1), torch.ones(4, 9), torch.ones(4, 9)).value
    tensor(40.)
    """

    weight: float | Tensor = 10.0
    generator: torch.Generator | None = None
    implementation: Implementation = "autograd"
    transform: Transform | None = None

    def __post_init__(self) -> None:
        check_not_negative("weight", self.weight)
        check_implementation(self.implementation)

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,
        args: tuple = (),
        scale: float = 1.0,
    ) -> PenaltyTerms:
        """The penalty's terms on a real and a fake batch."""
        x = around(real, self.generator)
        excess = _norms(self, discriminator, x, args, scale) - 1
        return PenaltyTerms(self.weight * excess.square().mean())


def _norms(
    settings: WGANGP | DRAGAN, discriminator: Discriminator, x: Tensor, args: tuple, scale: float
) -> Tensor:
    _, gradient = input_gradient(
        discriminator, x, args, settings.implementation, settings.transform, scale
    )
    # vector_norm, unlike sqrt of a sum, has a finite derivative at zero.
    return torch.linalg.vector_norm(gradient, dim=1)
