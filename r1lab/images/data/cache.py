"""Decoded pixels: collected in memory, or in a memory-mapped file that is kept for the next run."""

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
import torch

from r1lab.images.data.report import Findings, Report
from r1lab.images.data.text import one_line, printable, short_name
from r1lab.images.errors import InputError

__all__ = ["PixelStore", "cache_folder", "exceeds_memory", "place", "read_kept"]

MAPPED_ABOVE = 2 * 2**30  # bytes of pixels; more are decoded into a file
_RULES = 1  # raise this when the same files shall give other pixels
_HEADER = 128  # bytes of an .npy header with four dimensions


def cache_folder() -> Path:
    """Where converted data sets are kept: $R1LAB_CACHE, or ~/.cache/r1lab.

    Examples
    --------
    >>> os.environ["R1LAB_CACHE"] = "/tmp/elsewhere"
    >>> str(cache_folder())
    '/tmp/elsewhere'
    >>> del os.environ["R1LAB_CACHE"]
    """
    chosen = os.environ.get("R1LAB_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "r1lab"


def exceeds_memory(count: int, channels: int, size: int) -> bool:
    """Whether so many images of size x size pixels are to be decoded into a file.

    Examples
    --------
    >>> exceeds_memory(70_000, 3, 64), exceeds_memory(200_000, 3, 64)
    (False, True)
    """
    return count * channels * size * size > MAPPED_ABOVE


def place(name: str, sources: Iterable[object], size: int, limit: int | None) -> Path:
    """The folder in `cache_folder()` for the pixels of these sources.

    Parameters
    ----------
    name : a short name, for people who look into the cache.
    sources : paths, whose sizes and times of change count too, or other values.

    Examples
    --------
    >>> place("photos", ["hf:owner/photos"], 32, None) == place("photos", ["hf:o/p"], 32, None)
    False
    """
    digest = hashlib.sha256(repr((_RULES, size, limit)).encode())
    for source in sources:
        stamp: tuple[object, ...] = ()
        if isinstance(source, Path):
            try:
                status = source.stat()
                stamp = (status.st_size, status.st_mtime_ns)
            except OSError:
                stamp = ("unreadable",)
        digest.update(repr((str(source), *stamp)).encode())
    return cache_folder() / f"{short_name(name)}-{digest.hexdigest()[:16]}"


def read_kept(folder: Path) -> Report | None:
    """What a `PixelStore` has kept in this folder; None where that is not there, or garbled.

    Examples
    --------
    >>> read_kept(Path("nowhere")) is None
    True
    """
    try:
        found = Findings.from_json(json.loads((folder / "report.json").read_bytes()))
        # Copy on write: a tensor cannot be read-only.
        pixels = np.lib.format.open_memmap(folder / "pixels.npy", mode="c")
        return found.report(torch.from_numpy(pixels))
    except Exception:  # a parser that meets garbage raises anything
        return None


class PixelStore:
    """A growing array of images, in memory, or in a file that `finish` moves in place whole.

    It has one channel until the first image with three comes. A context manager, which removes
    an unfinished file.

    Parameters
    ----------
    size : side of the images in pixels.
    folder : where to keep them, from `place`; None collects them in memory.

    Raises
    ------
    InputError : the folder cannot be written, or its disk is full.

    Examples
    --------
    >>> found = Findings("two", (), None, (((4, 4), 2),), (("L", 2),), ())
    >>> with PixelStore(4, folder=None) as store:
    ...     store.append(np.zeros((2, 1, 4, 4), np.uint8))
    ...     store.finish(found).images.shape
    (1, 4, 4)
    """

    def __init__(self, size: int, folder: Path | None) -> None:
        self._size, self._folder = size, folder
        self._channels, self._count = 1, 0
        self._temporary: Path | None = None

    def __enter__(self) -> Self:
        try:
            if self._folder is not None:
                self._folder.parent.mkdir(parents=True, exist_ok=True)
                prefix = f".{self._folder.name}."
                self._temporary = Path(tempfile.mkdtemp(dir=self._folder.parent, prefix=prefix))
            self._file = self._new_file()
        except OSError as error:
            self._remove()
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._temporary is not None:  # memory lives on in the tensor
            with suppress(OSError):  # the disk is full, as has been said
                self._file.close()
            self._remove()

    def append(self, block: np.ndarray) -> None:
        """Add (K, C, S, S) uint8 images; C is 1 or 3."""
        try:
            if block.shape[1] > self._channels:
                self._make_colour()
            self._write(block)
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self, found: Findings, lasts: bool = True) -> Report:
        """The images with what was found in their sources; kept, if there is a folder.

        Parameters
        ----------
        found : about the sources.
        lasts : whether it will be the same the next time; if not, `read_kept` gives None then.
        """
        shape = (self._count, self._channels, self._size, self._size)
        if self._count == 0:
            return found.report(torch.empty(shape, dtype=torch.uint8))
        if isinstance(self._file, io.BytesIO):  # not copied
            pixels = torch.frombuffer(self._file.getbuffer(), dtype=torch.uint8)
            return found.report(pixels.view(shape))
        try:
            return self._keep(shape, found, lasts)
        except OSError as error:
            raise self._unwritable(error) from error

    def _keep(self, shape: tuple[int, ...], found: Findings, lasts: bool) -> Report:
        assert self._folder is not None and self._temporary is not None
        self._file.seek(0)
        layout = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, layout)
        assert self._file.tell() == _HEADER
        self._file.flush()
        os.fsync(self._file.fileno())
        (self._temporary / "report.json").write_text(json.dumps(found.to_json()))
        self._temporary.chmod(0o755)  # mkdtemp makes it private
        shutil.rmtree(self._folder, ignore_errors=True)  # garbled, or it would have been used
        with suppress(OSError):  # another process was faster
            self._temporary.rename(self._folder)
        kept = read_kept(self._folder)
        if kept is None:
            raise OSError("what was written cannot be read")
        if not lasts:  # the pixels stay for this process, which has mapped them
            (self._folder / "report.json").unlink(missing_ok=True)
        return kept

    def _new_file(self) -> IO[bytes]:
        if self._temporary is None:
            return io.BytesIO()
        path = self._temporary / "pixels.npy"
        path.unlink(missing_ok=True)  # `_make_colour` still reads from it
        file = path.open("w+b")
        file.seek(_HEADER)
        return file

    def _make_colour(self) -> None:
        """Write the grey images so far again, with three channels."""
        grey, start = self._file, 0 if self._temporary is None else _HEADER
        self._file, self._channels, self._count = self._new_file(), 3, 0
        grey.seek(start)
        while content := grey.read(1024 * self._size**2):
            self._write(np.frombuffer(content, np.uint8).reshape(-1, 1, self._size, self._size))
        grey.close()

    def _write(self, block: np.ndarray) -> None:
        repeats = self._channels // block.shape[1]
        self._file.write(np.ascontiguousarray(block.repeat(repeats, axis=1)).data)
        self._count += len(block)

    def _remove(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(
            f"cannot keep the decoded images in {printable(cache_folder())} ({one_line(error)}): "
            "set R1LAB_CACHE to a folder with room for them"
        )
