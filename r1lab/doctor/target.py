"""From the name of a function on the command line to its report."""

import importlib
import sys
from pathlib import Path
from typing import Any

from r1lab.doctor.check import check_penalty

__all__ = ["load_target", "main"]


def load_target(target: str) -> Any:
    """The function that "package.module:function" names; modules in this folder are found too.

    Parameters
    ----------
    target : a module that can be imported, a colon, and a name in it, dots allowed.

    Raises
    ------
    ValueError : a target of another form, a module that cannot be imported, a name that it does
        not have, or one that is not callable; in one sentence.

    Examples
    --------
    >>> load_target("r1lab.penalties:r1").__name__
    'r1'
    >>> load_target("r1lab.penalties")
    Traceback (most recent call last):
    ValueError: write the function as package.module:function, not 'r1lab.penalties'
    """
    name, _, path = target.partition(":")
    if not all(part.isidentifier() for part in [*name.split("."), *path.split(".")]):
        raise ValueError(f"write the function as package.module:function, not {target!r}")
    folder = str(Path.cwd())
    sys.path.insert(0, folder)  # an installed command does not look here by itself
    try:
        found: Any = importlib.import_module(name)
    except Exception as error:  # importing runs the user's module, which may raise anything
        raise ValueError(f"cannot import {name}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    for part in path.split("."):
        if not hasattr(found, part):
            raise ValueError(f"{name} has no {path}")
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(f"{target} is of type {type(found).__name__}, not a function")
    return found


def main(target: str) -> int:
    """Print the report on a user's R1; the exit status: 0 where it has no fault, else 1.

    Parameters
    ----------
    target : as in `load_target`; the function as in `check_penalty`.

    Raises
    ------
    ValueError : as `load_target`.

    Examples
    --------
    >>> main("r1lab.penalties:r1")
    check_penalty(r1): no faults
    0
    """
    report = check_penalty(load_target(target))
    print(report)
    return 0 if report.ok else 1
