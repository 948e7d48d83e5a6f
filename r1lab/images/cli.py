"""The command line `r1lab`, also `python -m r1lab`: which command, and what goes wrong."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import tyro

from r1lab.images import commands
from r1lab.images.config import Config
from r1lab.images.errors import Diverged, InputError, Interrupted
from r1lab.images.presets import PRESETS, preset

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit; errors are one sentence on stderr.

    Exit codes: 0 done; 1 training diverged; 2 input that cannot be used; 130 after Ctrl-C and
    143 after SIGTERM, with a checkpoint to resume from.

    Parameters
    ----------
    arguments : what follows the program's name; the process's own by default.

    Examples
    --------
    >>> main(["resume", "nowhere"])   # and on stderr: r1lab: there is no run nowhere
    Traceback (most recent call last):
    SystemExit: 2
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    # Idle OpenMP threads spin for long by default: beside another busy program, training was
    # many times slower. They spin briefly, then sleep; on an idle machine nothing is lost.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "100000")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            tyro.extras.subcommand_cli_from_dict(
                _commands(arguments),
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
        _exit("stopped at once; what was saved before is kept", 130)
    except BrokenPipeError:  # the reader of our output went away: `r1lab compare ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        _exit(f"{error.filename or 'a file'}: {error.strerror or error}", 2)


def _commands(arguments: list[str]) -> dict[str, Callable[..., Any]]:
    everything: dict[str, Callable[..., Any]] = {
        name: getattr(commands, name)
        for name in ("resume", "sample", "evaluate", "spectrum", "compare", "data", "doctor")
    }
    return {"train": _train_from(_preset_in(arguments)), **everything}


def _preset_in(arguments: list[str]) -> Config:
    """The settings that `--preset` names: they are the defaults of all other options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", nargs="?")
    name = parser.parse_known_args(arguments)[0].preset
    # An unknown name is left to the real parser, which says what there is.
    return preset(name) if name in PRESETS else Config()


def _train_from(defaults: Config) -> Callable[[Config], None]:
    @wraps(commands.train, assigned=("__doc__", "__name__"))
    def train(config: Annotated[Config, tyro.conf.arg(name="")] = defaults) -> None:
        commands.train(config)

    if defaults.preset is not None:
        chosen = PRESETS[defaults.preset]
        run_here = "" if chosen.run_here else " Not run here: nobody has checked these settings."
        train.__doc__ = f"Train with the preset {defaults.preset}: {chosen.source}.{run_here}"
    del train.__wrapped__  # tyro would read the other one's signature
    return train


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"r1lab: {message}", file=sys.stderr)


def _exit(sentence: str, code: int) -> None:
    print(f"r1lab: {sentence}", file=sys.stderr)
    sys.exit(code)
