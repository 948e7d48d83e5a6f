"""Which module's operations have no second derivative, and what to write instead."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from r1lab.doctor.report import Finding
from r1lab.doctor.state import Discriminator, modules_of
from r1lab.doctor.trial import first_line

__all__ = [
    "Call",
    "calls_of",
    "culprits",
    "explain",
    "refuse_once_differentiable",
    "second_derivative_error",
    "tensors_in",
]

_MATH = (
    "attention kernel",
    "run the discriminator's forward under torch.nn.attention.sdpa_kernel(SDPBackend.MATH), the "
    "one kernel that has a second derivative",
)

# What an error message says -> name of the finding, and its fix.
_OPERATIONS = {
    r"scaled_dot_product|flash|efficient_attention": _MATH,
    r"_cdist": (
        "cdist",
        "write it out: (a[:, None] - b[None]).square().sum(-1), and .add(1e-12).sqrt() for "
        "distances",
    ),
    r"cudnn_rnn": (
        "cuDNN RNN",
        "run the discriminator's forward under torch.backends.cudnn.flags(enabled=False)",
    ),
    r"checkpoint": (
        "reentrant checkpoint",
        "torch.utils.checkpoint.checkpoint(..., use_reentrant=False)",
    ),
    r"once_differentiable": (
        "once-differentiable function",
        "write the backward of the torch.autograd.Function in differentiable operations, and "
        "remove @once_differentiable",
    ),
}


@dataclass(frozen=True)
class Call:
    """How a module was called, its tensors copied.

    Attributes
    ----------
    name : in the discriminator, "" for the discriminator itself.
    cudnn : whether cuDNN was allowed at that moment.
    """

    name: str
    module: nn.Module
    args: tuple
    kwargs: dict[str, Any]
    cudnn: bool

    def __str__(self) -> str:
        kind = type(self.module).__name__
        return f"{kind} {self.name!r}" if self.name else kind


def calls_of(discriminator: Discriminator, x: Tensor, args: tuple) -> list[Call]:
    """The first call of every module in one forward pass, outer modules before inner ones."""
    calls: dict[str, Call] = {}
    handles = []
    for name, module in modules_of(discriminator).items():

        def note(module: nn.Module, args: tuple, kwargs: dict[str, Any], name: str = name) -> None:
            if name not in calls:
                cudnn = torch.backends.cudnn.enabled
                copies = _copied(args), _copied(kwargs)
                calls[name] = Call(name, module, *copies, cudnn)

        handles.append(module.register_forward_pre_hook(note, with_kwargs=True))
    try:
        discriminator(x.detach().clone(), *args)
    finally:
        for handle in handles:
            handle.remove()
    return list(calls.values())


def culprits(
    calls: list[Call], fault: Callable[[Call], str | float]
) -> Iterator[tuple[Call, str | float]]:
    """The innermost modules with a fault, and the fault."""
    found: list[str] = []
    for call in reversed(calls):
        inside = call.name + "." if call.name else ""
        if not any(name.startswith(inside) for name in found):
            seen = fault(call)
            if seen:
                found.append(call.name)
                yield call, seen


def second_derivative_error(call: Call) -> str:
    """What goes wrong when this module alone is differentiated twice; "" if nothing does."""
    args, kwargs = _copied(call.args), _copied(call.kwargs)
    leaves = [t.requires_grad_() for t in tensors_in((args, kwargs))]
    try:
        # Copies again, for modules that work in place on their input.
        outputs = call.module(*_copied(args, detach=False), **_copied(kwargs, detach=False))
        ends = [t for t in tensors_in(outputs) if t.requires_grad]
        if not ends or not leaves:
            return ""
        # Inside the discriminator what comes from above is in the graph as well.
        above = [torch.ones_like(t, requires_grad=True) for t in ends]
        gradients = torch.autograd.grad(ends, leaves, above, create_graph=True, allow_unused=True)
        penalty = sum(g.square().sum() for g in gradients if g is not None and g.requires_grad)
        if isinstance(penalty, Tensor):
            refuse_once_differentiable(penalty)
            weights: list[Tensor] = [p for p in call.module.parameters() if p.requires_grad]
            torch.autograd.grad(penalty, leaves + above + weights, allow_unused=True)
    except RuntimeError as error:
        return first_line(error)
    return ""


def refuse_once_differentiable(value: Tensor) -> None:
    """Raise RuntimeError if a function marked with @once_differentiable is in the value's graph.

    `backward` would raise it too; `autograd.grad` for given tensors passes it by in silence.
    """
    nodes, seen = [value.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() == "torch::autograd::Error":
            raise RuntimeError("a function is marked with @once_differentiable")
        nodes += [edge for edge, _ in node.next_functions]


def explain(where: str, error: str) -> Finding:
    """A finding from an error of the first or second backward pass."""
    for pattern, (name, fix) in _OPERATIONS.items():
        if re.search(pattern, error):
            return Finding(f"{name}: no second derivative", f"{where}: {error}", fix)
    fix = "replace the operation by differentiable ones, or use penalties.approximate_r1"
    return Finding("no second derivative", f"{where}: {error}", fix)


def tensors_in(tree: Any) -> list[Tensor]:
    """The floating-point tensors in nested tuples, lists and dictionaries."""
    if isinstance(tree, Tensor):
        return [tree] if tree.is_floating_point() else []
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [t for item in tree for t in tensors_in(item)] if isinstance(tree, (tuple, list)) else []


def _copied(tree: Any, detach: bool = True) -> Any:
    if isinstance(tree, Tensor):
        return tree.detach().clone() if detach else tree.clone()
    if isinstance(tree, dict):
        return {key: _copied(item, detach) for key, item in tree.items()}
    if type(tree) in (tuple, list):
        return type(tree)(_copied(item, detach) for item in tree)
    return tree
