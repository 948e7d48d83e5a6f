"""What a reader's answer to an exercise does: call it, and compare the numbers that it gives."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

__all__ = ["call", "give_the_same", "numbers", "slip"]


def call(answer: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """What the reader's function returns, and how it failed, if it did.

    Examples
    --------
    >>> call(lambda x: 1 / x, 2), call(lambda x: 1 / x, 0)
    ((0.5, None), (None, 'your function failed: ZeroDivisionError: division by zero'))
    """
    try:
        return answer(*arguments), None
    except Exception as error:  # the reader's code may fail in any way
        return None, f"your function failed: {type(error).__name__}: {error}"


def numbers(answer: object, cases: Iterable[Sequence[Any]]) -> list[float] | str:
    """A function's value for each tuple of arguments, or what is wrong with it.

    Examples
    --------
    >>> numbers(lambda x: 2 * x, [(1,), (2,)]), numbers(3, [(1,)])
    ([2.0, 4.0], 'give a function')
    """
    if not callable(answer):
        return "give a function"
    values = []
    for case in cases:
        value, failure = call(answer, *case)
        if failure:
            return failure
        if getattr(value, "ndim", None) == 0:
            value = value.item()  # an array or a tensor that is one number
        if not isinstance(value, Real):
            return f"it must return a number, not {value!r}"
        values.append(float(value))
    return values


def give_the_same(
    values: Sequence[float], function: Callable[..., float], cases: Iterable[Sequence[Any]]
) -> bool:
    """Whether a function gives these values, to one per cent; zero may be off by rounding.

    Examples
    --------
    >>> give_the_same([2.0, 4.0], lambda x: 2 * x, [(1,), (2,)])
    True
    >>> give_the_same([0.0], lambda: 1e-9, [()]), give_the_same([1e-9], lambda: 0.0, [()])
    (False, True)
    """
    known = [function(*case) for case in cases]
    pairs = zip(values, known, strict=True)
    return all(math.isclose(a, b, rel_tol=0.01, abs_tol=0 if b else 1e-7) for a, b in pairs)


def slip(
    values: Sequence[float],
    cases: Sequence[Sequence[Any]],
    slips: Mapping[str, Callable[..., float]],
    otherwise: str,
) -> str:
    """The hint of the first slip whose function gives these values, or `otherwise`.

    Examples
    --------
    >>> slip([4.0], [(2,)], {"halve it": lambda x: 2 * x}, "think again")
    'halve it'
    """
    hints = (hint for hint, wrong in slips.items() if give_the_same(values, wrong, cases))
    return next(hints, otherwise)
