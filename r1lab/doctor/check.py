"""Is my R1 right? The user's own function, run on discriminators whose penalty is known."""

import math
from collections.abc import Iterator

import torch

from r1lab.doctor.formulas import CAUSES, Formula, Match, match
from r1lab.doctor.probes import Probe, flat_probe
from r1lab.doctor.report import Finding, Report
from r1lab.doctor.state import eager
from r1lab.doctor.trial import (
    GAMMA,
    HALF,
    Outcome,
    Penalty,
    altered,
    parameter_gradient,
    run,
    try_all,
)

__all__ = ["check_penalty"]


def check_penalty(fn: Penalty, *, interval: int = 1) -> Report:
    """Run your own R1 on discriminators whose penalty is known, and name what is wrong with it.

    It compares values and parameter gradients with gamma/2 * E ||grad_x D(x)||^2 on images and
    vectors of distinct sizes, in float64 where the function allows it and in float32.

    Parameters
    ----------
    fn : the penalty, fn(discriminator, x, gamma) -> scalar tensor. The discriminator is a
        module (B, ...) -> (B, 1); x is (B, C, H, W) or (B, N); gamma is a Python float.
    interval : for a lazy penalty that multiplies itself by its interval, that interval.

    Returns
    -------
    Report : `.ok`, `.findings`; prints as a table. An error inside `fn` is a finding.

    Raises
    ------
    TypeError : fn is not callable.
    ValueError : an interval below 1.

    Source: Mescheder, Geiger & Nowozin 2018, equation 9.

    Examples
    --------
    >>> from r1lab import penalties
    >>> check_penalty(penalties.r1)
    check_penalty(r1): no faults
    >>> def mine(discriminator, x, gamma):
    ...     x = x.detach().requires_grad_()
    ...     (g,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    ...     return gamma / 2 * g.square().mean()
    >>> finding, = check_penalty(mine).findings
    >>> finding.name, finding.seen
    ('pixel mean', 'x 0.01429 on images (3, 2, 5, 7); x 0.1667 on vectors (4, 6)')
    """
    if not callable(fn):
        raise TypeError(f"fn must be a function (discriminator, x, gamma), not {fn!r}")
    if interval < 1:
        raise ValueError(f"interval must be at least 1, not {interval}")
    with torch.enable_grad(), eager():
        findings = tuple(_examine(fn, interval))
    return Report(f"check_penalty({getattr(fn, '__name__', type(fn).__name__)})", findings)


def _examine(fn: Penalty, interval: int) -> Iterator[Finding]:
    """All findings. A fault that makes later numbers meaningless ends the examination."""
    tried = try_all(fn)
    outcomes = [outcome for outcome in tried if not outcome.error]
    if not outcomes:
        name = "not a scalar" if tried[0].error.startswith("returned") else "raises"
        yield Finding(name, tried[0].error, "return one 0-d tensor, computed on any (B, ...) batch")
        return
    yield from _side_effects(outcomes[0])
    if outcomes[0].changes_x:
        return
    not_r1 = _not_an_input_gradient(fn, outcomes)
    if not_r1:
        yield not_r1
        return
    yield from _faults(fn, outcomes, interval)
    yield from _zero_gradient(fn, outcomes[-1].probe)
    yield from _not_everywhere(tried)


def _side_effects(outcome: Outcome) -> Iterator[Finding]:
    if outcome.changes_x:
        yield Finding(
            "changes the caller's tensor",
            "the values of x are different after the call; nothing else was checked",
            "write x = x + noise, not x.add_(noise) or x += noise",
        )
    elif outcome.x.requires_grad:
        filled = " and x.grad is filled" if outcome.x.grad is not None else ""
        yield Finding(
            "changes the caller's tensor",
            f"x.requires_grad is left on{filled}",
            "start with x = x.detach().requires_grad_(), a new view of the same numbers",
            "warning",
        )
    if outcome.fills_grad:
        yield Finding(
            "fills .grad",
            "the discriminator's parameters have a .grad after the call",
            "use torch.autograd.grad(..., x, create_graph=True) and return the value: it comes "
            "from calling .backward() inside, which adds to the parameters' gradients",
        )


def _not_an_input_gradient(fn: Penalty, outcomes: list[Outcome]) -> Finding | None:
    """A function of something else than grad_x D, which no formula here explains."""
    if not all(math.isfinite(outcome.number) for outcome in outcomes):
        return Finding("not finite", "the value is nan or inf", "look for 0/0, log(0), overflow")
    if not any(outcome.number for outcome in outcomes):
        return Finding("always zero", "the value is 0", "return gamma/2 * E ||grad_x D||^2")

    def changed(seed: int = 0, **slopes: float) -> bool:
        again = ((o, run(fn, altered(o.probe, **slopes), seed=seed)) for o in outcomes)
        return any(not math.isclose(a.number, o.number, rel_tol=o.tolerance) for o, a in again)

    if changed(seed=1):
        return Finding(
            "random",
            "the value changes from call to call",
            "check_penalty judges exact R1: it comes from finite differences, noise or "
            "interpolates; r1lab.penalties.approximate_r1 has an estimate in the same units",
        )
    if changed(input_slope=2.0):
        return None
    if changed(weight_slope=2.0):
        return Finding(
            "gradient with respect to the weights",
            "the value depends on the gradient of the weights and not on that of x",
            "use torch.autograd.grad(D(x).sum(), x, ...); it comes from D.parameters() there",
        )
    return Finding(
        "no gradient in it",
        "scaling grad_x D leaves the value as it is",
        "return gamma/2 * E ||grad_x D||^2: it comes from a penalty on logits or weights",
    )


def _faults(fn: Penalty, outcomes: list[Outcome], interval: int) -> Iterator[Finding]:
    """What is wrong with values and parameter gradients, one finding for each fault."""
    first = next(outcome for outcome in outcomes if outcome.number)
    tolerance = max(outcome.tolerance for outcome in outcomes)
    ratio = run(fn, first.probe, gamma=2 * GAMMA).number / first.number
    linear = math.isclose(ratio, 2, rel_tol=tolerance)
    unit = interval * (GAMMA if linear else 1) / 2
    values = [outcome.number / unit for outcome in outcomes]
    matched = match(
        values,
        [outcome.reference for outcome in outcomes],
        tolerance,
        (1, 2, 1 / interval, 2 / interval),
    )
    if not linear:
        yield _gamma_fault(ratio, matched)
    if matched is None:
        yield Finding(
            "another formula",
            _ratios(outcomes, values),
            "return gamma/2 * g.flatten(1).square().sum(1).mean(), g = grad_x D(x).sum()",
        )
    else:
        yield from _formula_faults(matched.formula, outcomes)
        yield from _factor_faults(matched.factor, interval, linear, tolerance)
    # A function that calls backward() itself trains; no graph need be left.
    fault = None if first.fills_grad else _graph_fault(outcomes, matched, unit)
    if fault:
        yield fault
    elif matched is not None:
        yield from _variants(fn, outcomes[-1].probe, matched, unit)


def _gamma_fault(ratio: float, matched: Match | None) -> Finding:
    if math.isclose(ratio, 1, rel_tol=HALF):
        seen = "twice the gamma leaves the value as it is"
        if matched is not None and not matched.formula.faults():
            seen += f", that of gamma = {abs(matched.factor):.4g}"
        fix = "multiply by gamma / 2: it comes from a strength written into the function"
        return Finding("does not depend on gamma", seen, fix)
    return Finding(
        "not linear in gamma",
        f"twice the gamma multiplies the value by {ratio:.4g}",
        "multiply by gamma / 2 once",
    )


def _formula_faults(formula: Formula, outcomes: list[Outcome]) -> Iterator[Finding]:
    named = set()
    for axis, choice in formula.faults().items():
        name, fix = CAUSES[axis, choice]
        if name not in named:  # a batch sum shows on two axes
            alone = Formula(**{axis: choice})
            values = [float(alone(*outcome.reference)) for outcome in outcomes]
            yield Finding(name, _ratios(outcomes, values), fix)
        named.add(name)


def _factor_faults(
    factor: float, interval: int, linear: bool, tolerance: float
) -> Iterator[Finding]:
    if factor < 0:
        yield Finding(
            "wrong sign",
            "the value is negative",
            "add the penalty to what the discriminator minimises: it comes from a minus, or from "
            "a discriminator that maximises",
        )
    if not linear:  # then the factor is the strength fixed inside
        return
    size = abs(factor)
    if interval > 1 and any(math.isclose(size * interval, k, rel_tol=tolerance) for k in (1, 2)):
        yield Finding(
            "not multiplied by the interval",
            f"x {1 / interval:.4g}",
            f"multiply by {interval}, so that steps without the penalty are made up for",
        )
        size *= interval
    if math.isclose(size, 2, rel_tol=tolerance):
        yield Finding(
            "factor 1/2 missing",
            "x 2",
            "multiply by gamma / 2, not gamma; or keep it and read your gamma as half of the "
            "paper's (r1lab.gamma.convert_gamma)",
        )
    elif not math.isclose(size, 1, rel_tol=tolerance):
        yield Finding(
            f"another factor: x {size:.4g}",
            f"x {size:.4g} on every batch",
            "multiply by gamma / 2 alone; where it is the multiplier of a lazy interval, say so: "
            "check_penalty(fn, interval=...)",
        )


def _graph_fault(outcomes: list[Outcome], matched: Match | None, unit: float) -> Finding | None:
    """No gradient, or a wrong one, reaches the parameters."""
    for outcome in outcomes:
        _, error = outcome.backward
        if error:
            return Finding("no second derivative", error, "see r1lab.doctor.diagnose")
    if not any(outcome.backward[0].count_nonzero() for outcome in outcomes):
        return Finding(
            "no graph",
            "the value's gradient for the parameters is zero: it trains nothing",
            "pass create_graph=True to torch.autograd.grad and return the tensor: it comes from a "
            "missing create_graph, .detach(), .item(), .data, torch.no_grad(), or detached weights",
        )
    if matched is None:
        return None
    for outcome in outcomes:
        value = matched.factor * unit * matched.formula(*outcome.probe.reference())
        reference = parameter_gradient(value, outcome.probe)
        size = float((outcome.backward[0] - reference).norm() / reference.norm())
        if size > outcome.tolerance:
            return Finding(
                "wrong parameter gradient",
                f"off by {size:.1%} of its size on {outcome.probe.name}; the value is as expected",
                "keep every part in the graph: it comes from a factor that is detached",
            )
    return None


def _variants(fn: Penalty, probe: Probe, matched: Match, unit: float) -> Iterator[Finding]:
    """The same probe with logits of the other shape, and in float32: the value stays the same."""
    column = probe.discriminator.column
    shape = "(B,)" if column else "(B, 1)"
    variants = {"float32": Probe(probe.kind, altered(probe).discriminator.float(), probe.x.float())}
    if matched.formula.total != "broadcast":  # already named, and known to depend on the shape
        variants[f"logits of shape {shape}"] = altered(probe, column=not column)
    with torch.no_grad():
        expected = matched.factor * unit * float(matched.formula(*probe.reference()))
    for name, variant in variants.items():
        outcome = run(fn, variant)
        if outcome.error:
            yield Finding(f"raises on {name}", outcome.error, "nothing, if yours never are", "note")
        elif not math.isclose(outcome.number, expected, rel_tol=outcome.tolerance):
            yield Finding(
                f"other value on {name}",
                f"x {outcome.number / expected:.4g} of the value before",
                "add up the logits with D(x).sum() before the gradient; square in float32",
            )


def _zero_gradient(fn: Penalty, like: Probe) -> Iterator[Finding]:
    outcome = run(fn, flat_probe(like))
    bad = [] if outcome.error or math.isfinite(outcome.number) else ["the value"]
    if not outcome.backward[0].isfinite().all():
        bad.append("the parameters' gradient")
    if bad:
        yield Finding(
            "NaN at zero gradient",
            f"in {' and '.join(bad)} where grad_x D = 0",
            "sum the squares and take no root, or take torch.linalg.vector_norm: it comes from "
            "sqrt(sum(g ** 2)), whose slope at 0 is infinite",
        )


def _not_everywhere(tried: list[Outcome]) -> Iterator[Finding]:
    failed = [outcome for outcome in tried if outcome.error]
    if failed:
        yield Finding(
            f"raises on {failed[0].probe.kind}",
            failed[0].error,
            "nothing, if you never pass such batches: the rest was checked without them",
            "note",
        )


def _ratios(outcomes: list[Outcome], values: list[float]) -> str:
    """Each value as a multiple of the right one, on the smooth network of either kind."""
    seen = {}
    for outcome, value in zip(outcomes, values, strict=True):
        ratio = value / float(Formula()(*outcome.reference))
        seen[outcome.probe.kind] = f"x {ratio:.4g} on {outcome.probe.name}"
    return "; ".join(seen.values())
