"""How much a sample's logit depends on the other samples of its batch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from r1lab.doctor.state import eager, untouched
from r1lab.penalties.primitive import check_batch

__all__ = ["cross_sample_leak", "leak_of"]

_ROWS = 8  # one backward pass each


def cross_sample_leak(discriminator: Callable[..., Tensor], x: Tensor, *args: Any) -> float:
    """The cross-sample gradient's norm over the own gradient's norm; 0 where samples are alone.

    With J_ij = grad of logit i with respect to sample j: sqrt(sum_{i != j} ||J_ij||^2 /
    sum_i ||J_ii||^2). A gradient penalty assumes 0. BatchNorm in training mode gives tens of
    percent, a minibatch standard deviation about one. At most 8 logits are differentiated.

    Parameters
    ----------
    discriminator : callable (B, ...) -> (B,) or (B, ...); it is left as it was.
    x : (B, ...) floating-point batch, B at least 2.
    *args : passed on to the discriminator, after x.

    Raises
    ------
    TypeError : x is not a floating-point tensor.
    ValueError : fewer than two samples, or logits that do not depend on x.

    Examples
    --------
    >>> x = torch.tensor([[1.0], [2.0]])
    >>> cross_sample_leak(lambda x: 3 * x, x)
    0.0
    >>> cross_sample_leak(lambda x: 3 * x + 4 * x.flip(0), x)
    1.3333333333333333
    """
    check_batch("x", x)
    if len(x) < 2:
        raise ValueError("x must have at least two samples, or there is nothing to leak")
    with untouched(discriminator, x), eager():
        x = x.detach().clone().requires_grad_()
        # A clone, for a discriminator that works in place on its input.
        logits = discriminator(x.clone(), *args)
        if not logits.requires_grad:
            raise ValueError("the logits do not depend on x through autograd")
        return leak_of(logits, x)


def leak_of(outputs: Tensor, x: Tensor) -> float:
    """The leak from outputs (B, ...) to x (B, ...), a tensor in their graph."""
    own = cross = 0.0
    for i, output in enumerate(outputs.reshape(len(x), -1).sum(1)[:_ROWS]):
        (gradient,) = torch.autograd.grad(output, x, retain_graph=True, materialize_grads=True)
        # On the CPU: Apple's GPUs have no float64.
        squares = gradient.detach().cpu().double().flatten(1).square().sum(1)
        own += float(squares[i])
        cross += float(squares.sum() - squares[i])
    if cross == 0:
        return 0.0
    return (cross / own) ** 0.5 if own else float("inf")
