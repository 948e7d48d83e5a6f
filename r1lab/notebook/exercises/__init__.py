"""Exercises that check themselves: `check("name", answer)` says whether it is right, or a hint.

Each chapter has a module of its own here, `chapter01` and so on, whose `EXERCISES` maps names to
checkers: functions of the answer that return a hint, or None where it is right.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

__all__ = ["Checker", "check", "names"]

#: A function of an answer that returns a hint, or None where it is right.
Checker = Callable[[object], str | None]


def check(name: str, answer: object) -> bool:
    """Print "right" or a hint on what is wrong, and return which it was.

    Parameters
    ----------
    name : of the exercise, as the chapter gives it.
    answer : a number, a function, ..., as the exercise asks for it.

    Raises
    ------
    ValueError : an unknown name.

    Examples
    --------
    >>> check("nothing", 1)
    Traceback (most recent call last):
    ValueError: there is no exercise 'nothing': see r1lab.notebook.exercises.names()
    """
    checkers = _all()
    if name not in checkers:
        raise ValueError(f"there is no exercise {name!r}: see r1lab.notebook.exercises.names()")
    hint = checkers[name](answer)
    print("right" if hint is None else f"not yet: {hint}")
    return hint is None


def names() -> list[str]:
    """The names of all exercises, in the order of the chapters.

    Examples
    --------
    >>> "ch07-dead" in names()
    True
    """
    return list(_all())


def _all() -> dict[str, Checker]:
    found: dict[str, Checker] = {}
    modules = [module.name for module in iter_modules(__path__)]
    for name in sorted(modules, key=lambda name: (name.startswith("appendix"), name)):
        found |= import_module(f"{__name__}.{name}").EXERCISES
    return found
