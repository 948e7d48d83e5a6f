"""What every penalty is made of: the gradient of the logits with respect to the input."""

from collections.abc import Callable
from numbers import Real
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

__all__ = [
    "Discriminator",
    "Implementation",
    "Penalty",
    "PenaltyTerms",
    "Transform",
    "check_batch",
    "check_implementation",
    "check_not_negative",
    "check_trainable",
    "input_gradient",
    "logits_of",
    "squared_gradient_norm",
]

Discriminator = Callable[..., Tensor]
Transform = Callable[[Tensor], Tensor]
Implementation = Literal["autograd", "functional"]
HALF = (torch.float16, torch.bfloat16)


class PenaltyTerms(NamedTuple):
    """A penalty's value and the logits that came with it, None where none were computed.

    Attributes
    ----------
    value : 0-d, to be added to the discriminator's loss.
    real_logits, fake_logits : the discriminator's outputs, for the loss to use again.
    """

    value: Tensor
    real_logits: Tensor | None = None
    fake_logits: Tensor | None = None


class Penalty(Protocol):
    """What `DiscriminatorStep` and the trainer take: a penalty that carries its own settings.

    `scale` multiplies the logits before the gradient is taken and divides it afterwards:
    a GradScaler's scale for float16.

    Examples
    --------
    Any callable of this form is one:

    >>> from r1lab.step import DiscriminatorStep
    >>> def small_logits(discriminator, real, fake, args=(), scale=1.0):
    ...     return PenaltyTerms(1e-3 * discriminator(real, *args).square().mean())
    >>> step = DiscriminatorStep(torch.nn.Linear(2, 1), "hinge", small_logits)
    >>> step(torch.zeros(4, 2), torch.zeros(4, 2)).penalty.shape
    torch.Size([])
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
        ...


def squared_gradient_norm(
    discriminator: Discriminator,
    x: Tensor,
    *args: Any,
    implementation: Implementation = "autograd",
    transform: Transform | None = None,
    scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """The logits of a batch and, for each sample, the squared norm of the input gradient.

    Parameters
    ----------
    discriminator : callable (B, ...) -> (B,) or (B, ...), logits, not probabilities. A module
        wrapped by `torch.compile` is used uncompiled: compiled code has no second derivative.
    x : (B, ...) floating-point batch of at least two dimensions, images or vectors.
    *args : passed on to the discriminator, after x (class labels, say).
    implementation : "autograd" or "functional".
    transform : preprocessing or augmentation x -> x', kept inside the graph: the
        gradient is with respect to x, through it.
    scale : the logits are multiplied by it before, the gradient divided after differentiation:
        keeps small float16 gradients from vanishing. The result does not depend on it otherwise.

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
        do not depend on x ("functional" gives zero there), the implementation is unknown, a part
        of the discriminator is compiled, or, while gradients are enabled, the discriminator is
        a module none of whose parameters can train.

    Examples
    --------
    >>> w = torch.tensor([3.0, 4.0])
    >>> logits, squared_norms = squared_gradient_norm(lambda x: x @ w, torch.ones(2, 2))
    >>> logits.tolist(), squared_norms.tolist()
    ([7.0, 7.0], [25.0, 25.0])
    """
    logits, gradient = input_gradient(discriminator, x, args, implementation, transform, scale)
    return logits, gradient.square().sum(1)


def input_gradient(
    discriminator: Discriminator,
    x: Tensor,
    args: tuple,
    implementation: str,
    transform: Transform | None,
    scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Logits, and grad_x of their sum as (B, features) in at least float32.

    Examples
    --------
    >>> x = torch.zeros(1, 2, 2)
    >>> input_gradient(lambda x: 3 * x.sum((1, 2)), x, (), "autograd", None)[1]
    tensor([[3., 3., 3., 3.]])
    """
    check_batch("x", x)
    check_implementation(implementation)
    discriminator = _uncompiled(discriminator)
    check_trainable(discriminator)

    def forward(x: Tensor) -> Tensor:
        return logits_of(discriminator, x, args, transform)

    gradient_of = _functional_gradient if implementation == "functional" else _autograd_gradient
    logits, gradient = gradient_of(forward, x, scale)
    # Squares of half-precision gradients underflow: leave half precision before squaring.
    if gradient.dtype in HALF:
        gradient = gradient.float()
    return logits, gradient.flatten(1) / scale


def logits_of(
    discriminator: Discriminator, x: Tensor, args: tuple, transform: Transform | None
) -> Tensor:
    """The discriminator's logits, one or more per sample.

    Raises
    ------
    TypeError : args that are not a tuple.
    ValueError : an output that is not a floating-point tensor with x's batch dimension.

    Examples
    --------
    >>> logits_of(lambda x: x.sum(1), torch.ones(2, 3), (), None)
    tensor([3., 3.])
    """
    if not isinstance(args, tuple):
        raise TypeError(f"args must be a tuple, such as args=(labels,), not {type(args).__name__}")
    # A clone: a discriminator that works in place must not overwrite what is differentiated.
    logits = discriminator(x.clone() if transform is None else transform(x), *args)
    if not isinstance(logits, Tensor) or logits.shape[:1] != x.shape[:1]:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"the discriminator must return one logit or more per sample, shape "
            f"({x.shape[0]},) or ({x.shape[0]}, ...), not {got}"
        )
    if not logits.is_floating_point():
        raise ValueError(f"the discriminator must return real logits, not {logits.dtype}")
    return logits


def _autograd_gradient(
    forward: Callable[[Tensor], Tensor], x: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    trains = torch.is_grad_enabled()
    with torch.enable_grad():
        if not x.requires_grad:
            x = x.detach().requires_grad_()  # a view of the caller's tensor, which stays as it is
        logits = forward(x)
        total = _scaled_sum(logits, scale)
        gradient = None
        if total.requires_grad:
            (gradient,) = torch.autograd.grad(total, x, create_graph=trains, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "the discriminator's logits do not depend on x through autograd: "
            "is there a detach, an argmax or torch.inference_mode() on the way?"
        )
    return (logits if trains else logits.detach()), gradient


def _functional_gradient(
    forward: Callable[[Tensor], Tensor], x: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    def total(x: Tensor) -> tuple[Tensor, Tensor]:
        logits = forward(x)
        return _scaled_sum(logits, scale), logits

    gradient, logits = torch.func.grad(total, has_aux=True)(x)
    return logits, gradient


def _scaled_sum(logits: Tensor, scale: float) -> Tensor:
    return (logits.float() if logits.dtype in HALF else logits).sum() * scale


def _uncompiled(discriminator: Discriminator) -> Discriminator:
    """The eager module or function behind torch.compile; an error where it cannot be had."""
    original = getattr(discriminator, "_orig_mod", None)  # a compiled module
    if original is None:
        original = getattr(discriminator, "_torchdynamo_orig_callable", None)  # a function
    if original is not None:
        discriminator = original
    if isinstance(discriminator, nn.Module):
        for name, module in discriminator.named_modules():
            if hasattr(module, "_orig_mod") or module._compiled_call_impl is not None:
                part = f"module {name!r} of the" if name else "the"
                raise ValueError(
                    f"{part} discriminator is compiled, and compiled code has no second "
                    "derivative: leave the discriminator uncompiled and compile the whole "
                    'step with implementation="functional"'
                )
    return discriminator


def check_implementation(implementation: str) -> None:
    """Refuse an unknown implementation.

    Raises
    ------
    ValueError : as the public functions say.

    Examples
    --------
    >>> check_implementation("functional")
    """
    if implementation not in ("autograd", "functional"):
        raise ValueError(
            f'implementation must be "autograd" or "functional", not {implementation!r}'
        )


def check_trainable(discriminator: Discriminator) -> None:
    """Refuse a frozen module while gradients are enabled: the penalty would teach it nothing.

    Raises
    ------
    ValueError : as the public functions say.

    Examples
    --------
    >>> check_trainable(nn.Linear(2, 1))
    """
    if not torch.is_grad_enabled() or not isinstance(discriminator, nn.Module):
        return
    trains = [parameter.requires_grad for parameter in discriminator.parameters()]
    if trains and not any(trains):
        raise ValueError(
            "all parameters of the discriminator are frozen, so the penalty would teach it "
            "nothing: set requires_grad_(True), or read the value under torch.no_grad()"
        )


def check_batch(name: str, x: Tensor) -> None:
    """Refuse what is not a non-empty floating-point batch with features.

    Raises
    ------
    TypeError, ValueError : as the public functions say.

    Examples
    --------
    >>> check_batch("real", torch.zeros(2, 3))
    """
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


def check_not_negative(name: str, value: float | Tensor) -> None:
    """Refuse what is not a non-negative finite number; a tensor's value is not read.

    Raises
    ------
    TypeError : neither a number nor a tensor.
    ValueError : a negative or non-finite number, or a tensor with dimensions.

    Examples
    --------
    >>> check_not_negative("gamma", 10.0)
    """
    if isinstance(value, Tensor):
        # Reading its value would synchronise the device and break compilation.
        if value.dim():
            raise ValueError(f"{name} must be a number or a 0-d tensor, not {tuple(value.shape)}")
        return
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number or a 0-d tensor, not {type(value).__name__}")
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a finite number that is not negative, not {value}")
