"""Can this discriminator carry a gradient penalty, and does it train through it?"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from r1lab.doctor.leak import cross_sample_leak, leak_of
from r1lab.doctor.operations import (
    Call,
    calls_of,
    culprits,
    explain,
    refuse_once_differentiable,
    second_derivative_error,
    tensors_in,
)
from r1lab.doctor.report import Finding, Report
from r1lab.doctor.state import Discriminator, eager, modules_of, untouched
from r1lab.doctor.trial import first_line
from r1lab.penalties.primitive import check_batch

__all__ = ["diagnose"]

_LEAK = 1e-6  # below: rounding
_LARGE_LEAK = 0.05  # from here on the penalty is no longer that of single samples
_SCALES = (1, 10, -10, 100, -100)  # of x, to see whether the outputs are bounded
_BOUNDED = ("SigmoidBackward", "SoftmaxBackward", "LogSigmoidBackward", "LogSoftmaxBackward")
_RESHAPES = ("View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Select", "Slice", "Alias")


def diagnose(discriminator: Discriminator, x: Tensor, *args: Any) -> Report:
    """Look for what keeps a gradient penalty from working on this discriminator.

    Operations without a second derivative, samples that interact, frozen and unused parameters, a
    gradient that is zero, probabilities instead of logits, half precision, compilation. Each
    finding says the fix. The discriminator is left as it was: gradients, buffers, training mode
    and random state.

    Parameters
    ----------
    discriminator : module (or function) (B, ...) -> (B,) or (B, ...), in the mode in which
        it trains.
    x : (B, ...) floating-point batch of real data, on the discriminator's device.
    *args : passed on to the discriminator, after x.

    Returns
    -------
    Report : `.ok`, `.findings`; prints as a table. Errors of the discriminator are findings.

    Raises
    ------
    TypeError : x is not a floating-point tensor.
    ValueError : x is empty or has no feature dimension.

    Examples
    --------
    >>> layers = torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1)
    >>> report = diagnose(torch.nn.Sequential(*layers), torch.randn(8, 2))
    >>> [finding.name for finding in report.findings if finding.level == "fault"]
    ['samples interact']
    """
    check_batch("x", x)
    with untouched(discriminator, x), eager():
        findings = list(_examine(discriminator, x, args))
    order = ("fault", "warning", "note")
    findings.sort(key=lambda finding: order.index(finding.level))
    name = getattr(discriminator, "__name__", type(discriminator).__name__)
    return Report(f"diagnose({name})", tuple(findings))


def _examine(discriminator: Discriminator, x: Tensor, args: tuple) -> Iterator[Finding]:
    yield from _compiled(discriminator)
    yield from _half_precision(x)
    leaf = x.detach().clone().requires_grad_()
    try:
        try:
            logits = discriminator(leaf, *args)
        except RuntimeError as error:
            if "in-place" not in str(error):
                raise
            yield Finding(
                "in place on the input",
                first_line(error),
                "write x = x + noise, and inplace=False in the first layer",
            )
            logits = discriminator(leaf.clone(), *args)
    except Exception as error:  # the user's module may raise anything
        yield Finding("raises", first_line(error), "pass a batch that the discriminator accepts")
        return
    if not isinstance(logits, Tensor) or logits.shape[:1] != x.shape[:1]:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        yield Finding("no logit per sample", f"returns {got}", "return logits (B,) or (B, ...)")
        return
    yield from _probabilities(discriminator, x, args, logits)
    yield from _frozen(discriminator)
    yield from _recurrent(discriminator, x, args)
    try:
        gradient = _input_gradient(logits, leaf)
    except RuntimeError as error:
        yield from _located(discriminator, x, args, first_line(error))
        return
    if gradient is None:
        yield Finding(
            "no input gradient",
            "the logits do not depend on x through autograd",
            "remove the detach, argmax, round, .data, torch.no_grad() or NumPy on the way",
        )
        return
    yield from _gradients(discriminator, x, args, logits, gradient)
    yield from _coupling(discriminator, x, args)


def _input_gradient(logits: Tensor, x: Tensor) -> Tensor | None:
    if not logits.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True, allow_unused=True)
    return gradient


def _compiled(discriminator: Discriminator) -> Iterator[Finding]:
    for name, module in modules_of(discriminator).items():
        if hasattr(module, "_orig_mod") or module._compiled_call_impl is not None:
            yield Finding(
                "compiled module",
                f"{name or 'the discriminator'} is compiled: compiled graphs have no second "
                "derivative (an error; on older torch silently no penalty)",
                "compile the penalty, not the module: torch.compile(lambda x: penalties.r1("
                'discriminator, x, gamma, implementation="functional"), fullgraph=True); '
                "r1lab's own penalties run a wholly compiled discriminator eagerly",
            )
            return


def _half_precision(x: Tensor) -> Iterator[Finding]:
    if x.dtype in (torch.float16, torch.bfloat16):
        yield Finding(
            "half-precision input",
            f"x is {str(x.dtype).removeprefix('torch.')}: squares of its gradients lose digits, "
            "and in float16 become 0 below 2e-4 and inf above 256",
            "keep x and the weights in float32 and run only the forward under torch.autocast; "
            "square and sum in float32",
            "warning",
        )


def _probabilities(
    discriminator: Discriminator, x: Tensor, args: tuple, logits: Tensor
) -> Iterator[Finding]:
    fix = (
        "return logits, and let the loss apply the sigmoid (r1lab.losses, or the _with_logits one)"
    )
    node = logits.grad_fn
    while node is not None and node.name().startswith(_RESHAPES):
        node = node.next_functions[0][0]
    if node is not None and node.name().startswith(_BOUNDED):
        seen = f"the last operation is {node.name().split('Backward')[0]}"
        yield Finding("probabilities, not logits", seen, fix)
        return
    try:
        outputs = torch.stack([discriminator(scale * x, *args).detach() for scale in _SCALES])
    except Exception:  # a discriminator need not accept other inputs than x
        return
    low, high = float(outputs.min()), float(outputs.max())
    if low >= 0 and high <= 1:
        # Logits of a bounded network may lie there by chance; a sigmoid's reach its ends.
        by_chance = low > 0.05 and high < 0.95
        seen = f"all outputs are within [{low:.2g}, {high:.2g}], also far from the data"
        yield Finding("probabilities, not logits", seen, fix, "note" if by_chance else "warning")


def _frozen(discriminator: Discriminator) -> Iterator[Finding]:
    parameters = _parameters(discriminator)
    frozen = [name for name, p in parameters.items() if not p.requires_grad]
    if parameters and len(frozen) == len(parameters):
        yield Finding(
            "frozen",
            f"none of {len(parameters)} parameters requires grad: the penalty trains nothing",
            "call discriminator.requires_grad_(True) before its step; the generator's step often "
            "turns it off",
        )
    elif frozen:
        seen = f"{_some(frozen)} do not require grad"
        yield Finding("partly frozen", seen, "nothing, if you meant it", "note")


def _recurrent(discriminator: Discriminator, x: Tensor, args: tuple) -> Iterator[Finding]:
    # On a GPU the double backward fails by itself; here a CPU run would hide it.
    modules = modules_of(discriminator).values()
    if x.is_cuda or not any(isinstance(module, nn.RNNBase) for module in modules):
        return
    for call in calls_of(discriminator, x, args):
        if isinstance(call.module, nn.RNNBase) and call.cudnn:
            finding = explain(str(call), "cudnn_rnn")
            seen = f"{call}: works on the CPU, but cuDNN's kernels have no second derivative"
            yield Finding(finding.name, seen, finding.fix, "warning")


def _gradients(
    discriminator: Discriminator, x: Tensor, args: tuple, logits: Tensor, gradient: Tensor
) -> Iterator[Finding]:
    """What the penalty's value and its parameter gradients say."""
    squares = gradient.flatten(1).square().sum(1)
    dead = int((squares == 0).sum())
    if not (logits.isfinite().all() and squares.isfinite().all()):
        fix = "look for sqrt or norm at 0, log(0), overflow in half precision"
        yield Finding("not finite", "logits or input gradients are nan or inf", fix)
    elif dead:
        yield Finding(
            "dead penalty",
            f"grad_x D is exactly 0 for {dead} of {len(squares)} samples",
            "look for dead ReLUs (use LeakyReLU), saturation, clamp, sign or round; a last layer "
            "that starts at zero recovers by itself",
            "fault" if dead == len(squares) else "warning",
        )
    trainable = {name: p for name, p in _parameters(discriminator).items() if p.requires_grad}
    if not trainable:
        return
    try:
        refuse_once_differentiable(squares)
        from_logits = _reached(logits.sum(), trainable)
        from_penalty = _reached(squares.sum(), trainable)
    except RuntimeError as error:
        yield from _located(discriminator, x, args, first_line(error))
        return
    unused = [name for name in trainable if name not in from_logits]
    if unused:
        yield Finding(
            "unused parameters",
            f"the logits do not depend on {_some(unused)}",
            "remove them, or pass find_unused_parameters=True to DistributedDataParallel",
            "warning",
        )
    if not from_penalty:
        seen = "the penalty's gradient reaches no parameter"
        yield Finding("dead penalty", seen, "train a layer that x passes through")
    elif dead < len(squares) and (
        missed := [name for name in from_logits if name not in from_penalty]
    ):
        yield Finding(
            "no gradient from R1",
            f"grad_x D does not depend on {_some(missed)}",
            "nothing: it is normal for the last bias and whatever is added to the logits",
            "note",
        )


def _reached(value: Tensor, trainable: dict[str, Tensor]) -> list[str]:
    """The parameters in the value's graph."""
    if not value.requires_grad:
        return []
    gradients = torch.autograd.grad(
        value, list(trainable.values()), retain_graph=True, allow_unused=True
    )
    return [name for name, g in zip(trainable, gradients, strict=True) if g is not None]


def _located(discriminator: Discriminator, x: Tensor, args: tuple, error: str) -> Iterator[Finding]:
    """The error of a backward pass, by module: each innermost one that has it alone too."""
    calls = calls_of(discriminator, x, args)
    found = [explain(str(call), str(e)) for call, e in culprits(calls, second_derivative_error)]
    yield from reversed(found) if found else [explain("the discriminator", error)]


def _coupling(discriminator: Discriminator, x: Tensor, args: tuple) -> Iterator[Finding]:
    if len(x) < 2:
        seen = "the batch has one sample"
        yield Finding("coupling not measured", seen, "pass two samples or more", "note")
        return
    size = cross_sample_leak(discriminator, x, *args)
    if not size > _LEAK:  # nan was reported before
        return
    found = [call for call, _ in culprits(calls_of(discriminator, x, args), _module_leak)]
    fix = (
        "leave it out of the penalised discriminator, or split the batch for it: it comes from "
        "statistics over the batch, such as a minibatch standard deviation"
    )
    if any(isinstance(call.module, _BatchNorm) for call in found):
        fix = (
            "replace BatchNorm by GroupNorm, LayerNorm or InstanceNorm, or call .eval() on it: "
            "in training mode it normalises over the batch"
        )
    where = ", ".join(map(str, found)) or "the discriminator"
    seen = f"cross-sample gradient / own gradient = {size:.2g}, from {where}"
    yield Finding("samples interact", seen, fix, "fault" if size >= _LARGE_LEAK else "warning")


def _module_leak(call: Call) -> float:
    """The leak through one module from its first argument, 0 where it is not measurable."""
    inputs = tensors_in(call.args[:1])
    if not inputs or inputs[0].dim() < 2:
        return 0.0
    x = inputs[0].requires_grad_()
    outputs = call.module(x.clone(), *call.args[1:], **call.kwargs)
    tensors = [t for t in tensors_in(outputs) if t.requires_grad and t.shape[:1] == x.shape[:1]]
    leak = leak_of(tensors[0], x) if tensors else 0.0
    return leak if leak > _LEAK else 0.0


def _parameters(discriminator: Discriminator) -> dict[str, Tensor]:
    if not isinstance(discriminator, nn.Module):
        return {}
    return dict(discriminator.named_parameters())


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
