"""The folder of a run: its checkpoints, of which the last readable one counts, and its pictures."""

import itertools
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from PIL import Image
from torch import Tensor

from r1lab.images import checkpoints
from r1lab.images.config import Config
from r1lab.images.data import Images, load
from r1lab.images.errors import InputError, quoted
from r1lab.images.files import read_lines, write_atomically
from r1lab.images.pictures import write_film

__all__ = ["SHIPPED", "RunFolder", "images_of"]

SHIPPED = ("fashion-mnist-32",)  # trained pairs that come with the package
_BEST = "best.safetensors"
_SUFFIX = ".safetensors"
_LOCK = ".lock"
_SETTINGS = "settings.json"
_STEP = re.compile(r"step-\d+")


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

    What a trainer does with it:

    >>> import tempfile
    >>> from torch import ones
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     folder = RunFolder.new(Config(out=Path(parent) / "mine"), "mnist-5k")
    ...     with folder.locked():
    ...         folder.begin(Config(), step=0)
    ...         folder.save({"w": ones(1)}, {"step": 5}, keep=3)
    ...         folder.save_best({"w": ones(1)}, {"step": 5})
    ...         folder.write_film()   # of no pictures: nothing
    ...     folder.latest()[1]["step"], folder.best()[1]["step"], folder.metrics()
    (5, 5, [])
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
        config : the settings.
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
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / _SETTINGS).touch(exist_ok=False)  # of two processes one fails
        except FileExistsError as error:
            raise InputError(
                f"{path} already holds a run: continue it with `r1lab resume {quoted(path)}`, "
                "or choose another --out"
            ) from error
        except OSError as error:
            raise InputError(f"cannot make the folder {path}: {error.strerror}") from error
        return cls(path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """A context in which no other process can train in this folder.

        Raises
        ------
        InputError : another process does.
        """
        try:
            lock = FileLock(self.path / _LOCK, timeout=0)
            with lock:
                yield
        except Timeout as error:
            raise InputError(f"another process is training in {self.path}") from error

    def begin(self, config: Config, step: int) -> None:
        """Write settings.json, and clear what a stopped process did after this step.

        Parameters
        ----------
        config : the settings.
        step : where training goes on.

        Raises
        ------
        InputError : the last readable checkpoint is of another step: somebody has trained here
            since this trainer read it, and would lose that.
        """
        self._check_step(step)
        text = json.dumps(config.to_json(), indent=1) + "\n"
        write_atomically(self.path / _SETTINGS, text.encode())
        for folder in (self._checkpoints, self.samples):
            for path in _by_step(folder):
                if _step_of(path) > step:
                    path.unlink(missing_ok=True)
            for left in folder.glob(".step-*"):  # by a process that was killed while writing
                left.unlink(missing_ok=True)

    def _check_step(self, step: int) -> None:
        if not _by_step(self._checkpoints):  # a new run
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # who resumed has been told of the unreadable ones
            found = self.latest()[1]["step"]
        if found != step:
            raise InputError(
                f"{self.path} is at step {found} meanwhile, this trainer at step {step}: "
                "resume the run again"
            )

    def check_data(self, images: Images, metadata: dict[str, Any]) -> None:
        """Refuse images that are not those of the run.

        Parameters
        ----------
        images : what would be trained on.
        metadata : of a checkpoint.

        Raises
        ------
        InputError : another fingerprint than in the checkpoint's metadata.

        Examples
        --------
        >>> images = load("photos-32", 32)
        >>> metadata = {"data_sha256": images.sha256}
        >>> RunFolder("fashion-mnist-32").check_data(images, metadata)
        """
        if images.sha256 != metadata["data_sha256"]:
            raise InputError(
                f"the images of {metadata['config']['data']} are not those that {self.path} began "
                "with: name their place now with --data"
            )

    def save(self, tensors: dict[str, Tensor], metadata: dict[str, Any], keep: int) -> None:
        """Write a checkpoint and delete all but the last `keep`, this one among them.

        Parameters
        ----------
        tensors, metadata : what the checkpoint holds; metadata name the step.
        keep : at least 1.

        Raises
        ------
        InputError : it cannot be written.
        """
        name = f"step-{metadata['step']:06d}{_SUFFIX}"
        self._write(name, tensors, metadata)
        others = [path for path in _by_step(self._checkpoints) if path.name != name]
        for old in others[: len(others) - keep + 1]:
            old.unlink(missing_ok=True)

    def save_best(self, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
        """Write the checkpoint that is kept whatever comes later; arguments as of `save`."""
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
        for path in reversed(_by_step(self._checkpoints)):
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
        """The lines of metrics.jsonl that can be read; none if the run has not logged anything."""
        return read_lines(self.path / "metrics.jsonl")

    def write_film(self) -> None:
        """Make film.webp of the pictures of samples, if there are any."""
        pictures = [np.asarray(Image.open(path)) for path in _by_step(self.samples)]
        if pictures:
            write_film(self.path / "film.webp", pictures)

    def _write(self, name: str, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
        try:
            checkpoints.save(self._checkpoints / name, tensors, metadata)
        except OSError as error:
            raise InputError(
                f"cannot save a checkpoint in {self.path} ({error.strerror}): the earlier ones are "
                f"whole; make room, then `r1lab resume {quoted(self.path)}`"
            ) from error


def _by_step(folder: Path) -> list[Path]:
    """The files step-<number>.* in the order of their numbers."""
    found = [path for path in folder.glob("step-*") if _STEP.fullmatch(path.stem)]
    return sorted(found, key=_step_of)


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def images_of(run: Path | str, metadata: dict[str, Any], data: str | None = None) -> Images:
    """The images that a run was trained on, from where its settings, or `data`, say.

    Raises
    ------
    InputError : they are not there, or not the same.
    """
    config = Config.from_json(metadata["config"])
    place = config.data if data is None else data
    images = load(place, config.size, on_problem=config.on_problem, limit=config.limit)
    RunFolder(run).check_data(images, metadata)
    return images


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
