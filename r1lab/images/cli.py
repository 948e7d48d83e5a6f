"""The command line: `r1lab train | resume | sample | doctor`; also `python -m r1lab`."""

# torch is imported by the commands themselves, so that --help answers at once.

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from r1lab.images.config import Config
from r1lab.images.errors import Diverged, InputError, Interrupted

if TYPE_CHECKING:
    from r1lab.images.trainer import Trainer

__all__ = ["main"]


def train(config: Annotated[Config, tyro.conf.arg(name="")]) -> None:
    """Train a GAN on images; with no options, on handwritten digits, in minutes on a laptop."""
    from r1lab.images.trainer import Trainer

    _run(Trainer(config))


def resume(run: tyro.conf.Positional[Path], steps: int | None = None) -> None:
    """Continue a run that was stopped, or make a finished one longer.

    Args:
        run: Folder of the run, for example runs/mnist-5k-000.
        steps: Training steps in all, those already done included; by default as before.
    """
    from r1lab.images.trainer import Trainer

    _run(Trainer.resume(run, steps))


def sample(
    run: tyro.conf.Positional[Path], out: Path | None = None, count: int = 64, seed: int = 0
) -> None:
    """Write a grid of new images from a run's last checkpoint.

    Args:
        run: Folder of the run, for example runs/mnist-5k-000.
        out: Picture to write; by default samples-seed-<seed>.png in the run's folder.
        count: Images in the grid.
        seed: Of the generator's inputs: another seed gives other images.
    """
    from r1lab.images.pictures import grid, write_picture
    from r1lab.images.sampling import sample

    path = out or run / f"samples-seed-{seed}.png"
    write_picture(path, grid(sample(run, count, seed)))
    print(path)


def doctor(target: tyro.conf.Positional[str]) -> None:
    """Check your own R1: a function of (discriminator, x, gamma) that returns a scalar.

    Args:
        target: Where it is, for example my_package.losses:r1_penalty.
    """
    from r1lab import doctor

    try:
        status = doctor.main(target)
    except ValueError as error:
        raise InputError(str(error)) from error
    sys.exit(status)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit; errors are one sentence on stderr.

    Exit codes: 0 done; 1 training diverged; 2 input that cannot be used; 130 after Ctrl-C and
    143 after SIGTERM, with a checkpoint to resume from.

    Parameters
    ----------
    arguments : what follows the program's name; the process's own by default.

    Examples
    --------
    >>> main(["resume", "nowhere"])   # and on stderr: r1lab: there is no checkpoint nowhere/...
    Traceback (most recent call last):
    SystemExit: 2
    """
    commands: dict[str, Callable[..., Any]] = {
        "train": train,
        "resume": resume,
        "sample": sample,
        "doctor": doctor,
    }
    # Idle OpenMP threads spin for long by default: beside another busy program, training was
    # many times slower. They spin briefly, then sleep; on an idle machine nothing is lost.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "100000")
    try:
        tyro.extras.subcommand_cli_from_dict(
            commands,
            prog="r1lab",
            description="Train GANs on images with R1 and other gradient penalties.",
            args=arguments,
        )
    except InputError as error:
        _exit(str(error), 2)
    except Diverged as error:
        _exit(str(error), 1)
    except Interrupted as stop:
        _exit(str(stop), 128 + stop.signal_number)
    except KeyboardInterrupt:
        _exit("stopped before there was something to save", 130)


def _run(trainer: "Trainer") -> None:
    folder = trainer.run()
    print(f"{folder}: see samples.png and real.png")


def _exit(sentence: str, code: int) -> None:
    print(f"r1lab: {sentence}", file=sys.stderr)
    sys.exit(code)
