"""The folder of a run: its checkpoints, of which the last readable one counts, and its pictures."""

import itertools
import json
import warnings
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image
from torch import Tensor

from r1lab.images import checkpoints
from r1lab.images.config import Config
from r1lab.images.errors import InputError
from r1lab.images.files import write_atomically
from r1lab.images.pictures import write_film

__all__ = ["SHIPPED", "RunFolder"]

SHIPPED = ("fashion-mnist-32",)  # trained pairs that come with the package
_BEST = "best.safetensors"
_SUFFIX = ".safetensors"


class RunFolder:
    """What a run has written.

    Parameters
    ----------
    path : the folder, or the name of a trained pair that ships with the package.

    Attributes
    ----------
    path : the folder. samples : the folder of its pictures.
    shipped : whether it is a trained pair of the package, which cannot be trained on.

    Raises
    ------
    InputError : no such folder.

    Examples
    --------
    >>> RunFolder("nowhere")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no run nowhere
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.shipped = str(path) in SHIPPED and not self.path.exists()
        if self.shipped:
            self.path = Path(str(files("r1lab.images") / "pretrained" / str(path)))
        if not self.path.is_dir():
            raise InputError(f"there is no run {path}")
        self.samples = self.path / "samples"
        self._checkpoints = self.path / "checkpoints"

    @classmethod
    def new(cls, config: Config, data: str) -> Self:
        """The folder of a new run: `config.out`, or the next free runs/<data>-<number>.

        Parameters
        ----------
        config : the settings, written into the folder as settings.json.
        data : the name of the images.

        Raises
        ------
        InputError : `out` already holds a run, or cannot be made.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     RunFolder.new(Config(out=Path(folder) / "mine"), "mnist-5k").path.name
        'mine'
        """
        path = config.out or _next_free(data)
        if any((path / name).exists() for name in ("checkpoints", "metrics.jsonl")):
            raise InputError(
                f"{path} already holds a run: continue it with `r1lab resume {path}`, "
                "or choose another --out"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {path}: {error.strerror}") from error
        text = json.dumps(config.to_json(), indent=1) + "\n"
        write_atomically(path / "settings.json", text.encode())
        return cls(path)

    def save(self, tensors: dict[str, Tensor], metadata: dict[str, Any], keep: int) -> None:
        """Write a checkpoint and delete all but the last `keep`."""
        self._write(f"step-{metadata['step']:06d}{_SUFFIX}", tensors, metadata)
        for old in _by_step(self._checkpoints, _SUFFIX)[:-keep]:
            old.unlink(missing_ok=True)

    def save_best(self, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
        """Write the checkpoint that is kept whatever comes later."""
        self._write(_BEST, tensors, metadata)

    def latest(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and metadata of the last checkpoint that can be read.

        Raises
        ------
        InputError : there is none; the sentence names what was wrong with the last one.

        Warns
        -----
        UserWarning : a later one is truncated or altered; it is named.
        """
        refused: list[str] = []
        for path in reversed(_by_step(self._checkpoints, _SUFFIX)):
            try:
                found = checkpoints.load(path)
            except InputError as error:
                refused.append(str(error))
                continue
            for sentence in refused:
                warnings.warn(f"{sentence}: using {path.name} instead", stacklevel=2)
            return found
        raise InputError(refused[0] if refused else f"there is no checkpoint in {self.path}")

    def best(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and metadata of the best checkpoint.

        Raises
        ------
        InputError : the run measured no distances, or the file cannot be read.
        """
        return checkpoints.load(self._checkpoints / _BEST)

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; none if the run has not logged anything."""
        log = self.path / "metrics.jsonl"
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}\n")]

    def write_film(self) -> None:
        """Make film.webp of the pictures of samples, if there are any."""
        pictures = [np.asarray(Image.open(path)) for path in _by_step(self.samples, ".png")]
        if pictures:
            write_film(self.path / "film.webp", pictures)

    def _write(self, name: str, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
        for left in self._checkpoints.glob(f".*{_SUFFIX}.*"):  # by a process that was killed
            left.unlink(missing_ok=True)
        try:
            checkpoints.save(self._checkpoints / name, tensors, metadata)
        except OSError as error:
            raise InputError(
                f"cannot save a checkpoint in {self.path} ({error.strerror}): the earlier ones are "
                f"whole; make room, then `r1lab resume {self.path}`"
            ) from error


def _by_step(folder: Path, suffix: str) -> list[Path]:
    """The files step-<number><suffix> in the order of their numbers."""
    found = folder.glob(f"step-*{suffix}")
    return sorted(found, key=lambda path: int(path.stem.removeprefix("step-")))


def _next_free(data: str) -> Path:
    for number in itertools.count():
        folder = Path("runs") / f"{data}-{number:03d}"
        try:
            folder.mkdir(parents=True)  # fails where it exists, also for a run started just now
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
        return folder
    raise AssertionError("unreachable")
