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
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

__all__ = [
    "R1",
    "R1R2",
    "R2",
    "WGANGP",
    "Penalty",
    "PenaltyTerms",
    "get",
    "r1",
    "r2",
    "squared_gradient_norm",
    "wgan_gp",
]

Discriminator = Callable[..., Tensor]
Transform = Callable[[Tensor], Tensor]
Implementation = Literal["autograd", "functional"]


def squared_gradient_norm(
    discriminator: Discriminator,
    x: Tensor,
    *args: Any,
    implementation: Implementation = "autograd",
    transform: Transform | None = None,
) -> tuple[Tensor, Tensor]:
    """The logits of a batch and, for each sample, the squared norm of the input gradient.

    Parameters
    ----------
    discriminator : callable (B, ...) -> (B,) or (B, ...), logits, not probabilities.
    x : (B, ...) floating-point batch of at least two dimensions, images or vectors.
    *args : passed on to the discriminator, after x (class labels, say).
    implementation : "autograd" or "functional".
    transform : preprocessing or augmentation x -> x', kept inside the graph: the
        gradient is with respect to x, through it.

    Returns
    -------
    logits : what the discriminator returned, ready for the loss: no second forward pass.
    squared_norms : (B,), float32 or float64, ||grad_x D(x_i)||^2 summed over all non-batch
        dimensions. Differentiable (unless under `torch.no_grad()`), finite also where the
        gradient is zero.

    Raises
    ------
    TypeError : x is not a floating-point tensor.
    ValueError : x has no feature dimension or is empty, the logits lack the batch dimension or
        do not depend on x, or the implementation is unknown.

    Examples
    --------
    >>> w = torch.tensor([3.0, 4.0])
    >>> logits, squared_norms = squared_gradient_norm(lambda x: x @ w, torch.ones(2, 2))
    >>> logits.tolist(), squared_norms.tolist()
    ([7.0, 7.0], [25.0, 25.0])
    """
    logits, gradient = _input_gradient(discriminator, x, args, implementation, transform)
    return logits, gradient.square().sum(1)


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


class PenaltyTerms(NamedTuple):
    """A penalty's value and the logits that came with it, None where none were computed."""

    value: Tensor
    real_logits: Tensor | None = None
    fake_logits: Tensor | None = None


class Penalty(Protocol):
    """What `DiscriminatorStep` and the trainer take: a penalty that carries its own settings."""

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, args: tuple = ()
    ) -> PenaltyTerms: ...


@dataclass(frozen=True)
class _ZeroCentered:
    gamma: float | Tensor
    implementation: Implementation = "autograd"
    transform: Transform | None = None

    def __post_init__(self) -> None:
        _check_not_negative("gamma", self.gamma)

    def _at(self, discriminator: Discriminator, x: Tensor, args: tuple) -> tuple[Tensor, Tensor]:
        logits, squared_norms = squared_gradient_norm(
            discriminator, x, *args, implementation=self.implementation, transform=self.transform
        )
        return logits, self.gamma / 2 * squared_norms.mean()


class R1(_ZeroCentered):
    """R1 with its settings; see `r1`.

    Examples
    --------
    >>> R1(gamma=2.0)(lambda x: x.sum(1), torch.zeros(4, 3), torch.zeros(4, 3)).value
    tensor(3.)
    """

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, args: tuple = ()
    ) -> PenaltyTerms:
        logits, value = self._at(discriminator, real, args)
        return PenaltyTerms(value, real_logits=logits)


class R2(_ZeroCentered):
    """R2 with its settings; see `r2`.

    Examples
    --------
    >>> R2(gamma=2.0)
    R2(gamma=2.0, implementation='autograd', transform=None)
    """

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, args: tuple = ()
    ) -> PenaltyTerms:
        logits, value = self._at(discriminator, fake, args)
        return PenaltyTerms(value, fake_logits=logits)


class R1R2(_ZeroCentered):
    """R1 + R2, each with the same gamma, as in R3GAN (Huang et al. 2024).

    Examples
    --------
    >>> R1R2(gamma=2.0)(lambda x: x.sum(1), torch.zeros(4, 3), torch.zeros(4, 3)).value
    tensor(6.)
    """

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, args: tuple = ()
    ) -> PenaltyTerms:
        real_logits, on_real = self._at(discriminator, real, args)
        fake_logits, on_fake = self._at(discriminator, fake, args)
        return PenaltyTerms(on_real + on_fake, real_logits, fake_logits)


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
        _check_not_negative("weight", self.weight)
        _check_not_negative("center", self.center)

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, args: tuple = ()
    ) -> PenaltyTerms:
        x_hat = _interpolate(real, fake, self.generator)
        _, gradient = _input_gradient(
            discriminator, x_hat, args, self.implementation, self.transform
        )
        # vector_norm, unlike sqrt of a sum, has a finite derivative at zero.
        excess = torch.linalg.vector_norm(gradient, dim=1) - self.center
        if self.one_sided:
            excess = excess.clamp(min=0)
        return PenaltyTerms(self.weight * excess.square().mean())


_BY_NAME: dict[str, Callable[[float], Penalty]] = {
    "r1": R1,
    "r2": R2,
    "r1+r2": R1R2,
    "wgan-gp": WGANGP,
}


def get(penalty: "str | Penalty | None", strength: float | None = None) -> Penalty | None:
    """The penalty with this name and strength; an object, or None for no penalty, as it is.

    Parameters
    ----------
    penalty : "none", "r1", "r2", "r1+r2", "wgan-gp", a penalty object, or None.
    strength : for a name: gamma for r1, r2 and r1+r2; the weight for wgan-gp.

    Raises
    ------
    ValueError : an unknown name, or a name without its strength.

    Examples
    --------
    >>> get("r1", 10.0)
    R1(gamma=10.0, implementation='autograd', transform=None)
    """
    if penalty is None or penalty == "none":
        return None
    if not isinstance(penalty, str):
        return penalty
    if penalty not in _BY_NAME:
        raise ValueError(f"unknown penalty {penalty!r}: use one of none, {', '.join(_BY_NAME)}")
    if strength is None:
        raise ValueError(f'penalty {penalty!r} needs a strength, e.g. penalties.get("r1", 10.0)')
    return _BY_NAME[penalty](strength)


def _input_gradient(
    discriminator: Discriminator,
    x: Tensor,
    args: tuple,
    implementation: str,
    transform: Transform | None,
) -> tuple[Tensor, Tensor]:
    """Logits, and grad_x of their sum as (B, features) in at least float32."""
    _check_batch("x", x)
    if implementation not in ("autograd", "functional"):
        raise ValueError(
            f'implementation must be "autograd" or "functional", not {implementation!r}'
        )

    def forward(x: Tensor) -> Tensor:
        logits = discriminator(x if transform is None else transform(x), *args)
        if not isinstance(logits, Tensor) or logits.shape[:1] != x.shape[:1]:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(
                f"the discriminator must return one logit or more per sample, shape "
                f"({x.shape[0]},) or ({x.shape[0]}, ...), not {got}"
            )
        return logits

    gradient_of = _functional_gradient if implementation == "functional" else _autograd_gradient
    logits, gradient = gradient_of(forward, x)
    # Squares of half-precision gradients underflow: leave half precision before squaring.
    if gradient.dtype in (torch.float16, torch.bfloat16):
        gradient = gradient.float()
    return logits, gradient.flatten(1)


def _autograd_gradient(forward: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    trains = torch.is_grad_enabled()
    with torch.enable_grad():
        if not x.requires_grad:
            x = x.detach().requires_grad_()  # a view of the caller's tensor, which stays as it is
        logits = forward(x)
        total = logits.sum()
        gradient = None
        if total.requires_grad:
            (gradient,) = torch.autograd.grad(total, x, create_graph=trains, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "the discriminator's logits do not depend on x through autograd: "
            "is there a detach, an argmax or torch.inference_mode() on the way?"
        )
    return (logits if trains else logits.detach()), gradient


def _functional_gradient(forward: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    def total(x: Tensor) -> tuple[Tensor, Tensor]:
        logits = forward(x)
        return logits.sum(), logits

    gradient, logits = torch.func.grad(total, has_aux=True)(x)
    return logits, gradient


def _interpolate(real: Tensor, fake: Tensor, generator: torch.Generator | None) -> Tensor:
    _check_batch("real", real)
    _check_batch("fake", fake)
    if real.shape != fake.shape:
        raise ValueError(
            f"real and fake must have one shape, not {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    eps = torch.rand(
        (real.shape[0],) + (1,) * (real.dim() - 1),
        dtype=real.dtype,
        device=real.device,
        generator=generator,
    )
    return eps * real + (1 - eps) * fake


def _check_batch(name: str, x: Tensor) -> None:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(
            f"{name} must be a floating-point tensor, not {kind}: scale images first, "
            "for example x.float() / 127.5 - 1"
        )
    if x.dim() < 2 or x.shape[0] == 0:
        raise ValueError(
            f"{name} must be a non-empty batch of shape (B, ...) with at least two dimensions, "
            f"not {tuple(x.shape)}; one-dimensional samples have shape (B, 1)"
        )


def _check_not_negative(name: str, value: float | Tensor) -> None:
    # A tensor's value is not read: that would synchronise the device and break compilation.
    if not isinstance(value, Tensor) and not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a finite number that is not negative, not {value}")
