"""What can stop a run, each said in one sentence that the command line prints as it is."""

import shlex
from pathlib import Path

__all__ = ["Diverged", "InputError", "Interrupted", "quoted"]


def quoted(path: Path) -> str:
    """A path as a shell takes it, for a command to be copied.

    Examples
    --------
    >>> quoted(Path("runs/my first"))
    "'runs/my first'"
    """
    return shlex.quote(str(path))


class InputError(ValueError):
    """Input that cannot be used: what was wrong, and what is accepted.

    Examples
    --------
    >>> raise InputError("size must be 16, 32, 64, 128 or 256 pixels, not 30")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: size must be 16, 32, 64, 128 or 256 pixels, not 30
    """


class Diverged(RuntimeError):
    """Training that produced numbers that are not finite.

    Examples
    --------
    >>> raise Diverged("the discriminator's loss is nan at step 40")
    Traceback (most recent call last):
    r1lab.images.errors.Diverged: the discriminator's loss is nan at step 40
    """


class Interrupted(KeyboardInterrupt):
    """A run that was asked to stop (Ctrl-C or SIGTERM), after it has saved a checkpoint.

    Parameters
    ----------
    signal_number : of the signal; the command line exits with 128 + this.
    run : the run's folder.
    step : of the checkpoint.

    Examples
    --------
    >>> print(Interrupted(2, Path("runs/mnist-5k-000"), 40))
    stopped after step 40; continue with `r1lab resume runs/mnist-5k-000`
    """

    def __init__(self, signal_number: int, run: Path, step: int) -> None:
        super().__init__(f"stopped after step {step}; continue with `r1lab resume {quoted(run)}`")
        self.signal_number = signal_number
