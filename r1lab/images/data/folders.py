"""Folders of images and zips of images: `read_folder`, `read_zip`."""

import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from PIL import Image

from r1lab.images.data import cache
from r1lab.images.data.decoding import Collection, Encoded, decode_all
from r1lab.images.data.report import Report
from r1lab.images.data.text import one_line, printable, short_name
from r1lab.images.errors import InputError

__all__ = ["open_file", "read_folder", "read_zip"]

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


def read_folder(folder: Path, size: int, limit: int | None) -> Report:
    """The images of a folder, searched recursively, in the order of their paths.

    Their subfolders are their classes where there are at least two, and every image lies in one
    of them, no deeper and no higher. What begins with a dot is left out, and so is __MACOSX.

    Raises
    ------
    InputError : there is no image, or the cache cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("RGB", (24, 16)).save(f"{folder}/a.png")
    ...     read_folder(Path(folder), 8, None).sizes
    {(24, 16): 1}
    """
    names = _found(folder)
    paths = {n: folder / n for n in names}
    files = _Files(names, names, lambda n: open_file(paths[n]))
    return _read(folder, folder.resolve().name, files, paths.values(), size, limit)


def read_zip(path: Path, size: int, limit: int | None) -> Report:
    """The images of a zip, by the rules of a folder; nothing is unpacked to disk.

    A folder that holds all there is in the zip does not count as a level.

    Raises
    ------
    InputError : a broken or encrypted zip, or one without images.

    Examples
    --------
    >>> read_zip(Path("nowhere.zip"), 32, None)
    Traceback (most recent call last):
    r1lab.images.errors.InputError: cannot read nowhere.zip as a zip: No such file or directory
    """
    with ExitStack() as stack:
        try:
            # Given a file, ZipFile never closes it itself, which threads could make it do early.
            file = stack.enter_context(path.open("rb"))
            archive = stack.enter_context(zipfile.ZipFile(file))
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
            reason = one_line(error)
            raise InputError(f"cannot read {printable(path)} as a zip: {reason}") from error
        members = {i.filename: i for i in archive.infolist() if _is_image(i.filename)}
        if any(member.flag_bits & 1 for member in members.values()):
            raise InputError(
                f"{printable(path)} is encrypted: unpack it with its password and use the folder"
            )
        names = sorted(members, key=_parts)
        inside = [n[len(_common_folder(names)) :] for n in names]
        files = _Files(names, inside, lambda n: _open_member(archive, members[n]))
        return _read(path, path.stem, files, [path], size, limit)


def open_file(path: Path) -> IO[bytes]:
    """A file's content.

    Raises
    ------
    OSError : it cannot be opened, or is a pipe or a device, which could wait for ever.

    Examples
    --------
    >>> open_file(Path("/dev/null"))
    Traceback (most recent call last):
    OSError: it is not a regular file
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise OSError("the folder cannot be read")
    if not stat.S_ISREG(mode):
        raise OSError("it is not a regular file")
    return path.open("rb")


class _Files(NamedTuple):
    """Names of images in order, the part of them that has the class, and what opens one."""

    names: list[str]
    inside: list[str]
    open: Callable[[str], IO[bytes]]


def _read(
    source: Path,
    name: str,
    files: _Files,
    stamped: Iterable[Path],
    size: int,
    limit: int | None,
) -> Report:
    if not files.names:
        raise InputError(
            f"no images in {printable(source)}: files must end in {', '.join(_SUFFIXES)}"
        )
    classes, labels = _classes(files.inside)
    pictures = [
        Encoded(n, partial(files.open, n), label)
        for n, label in zip(files.names, labels, strict=True)
    ]
    name = short_name(name)
    large = cache.exceeds_memory(len(pictures[:limit]), 3, size)
    folder = cache.place(name, stamped, size, limit) if large else None
    return decode_all(name, lambda: Collection(pictures, classes), size, limit, folder)


def _found(folder: Path) -> list[str]:
    """Paths of images inside the folder, and of folders that cannot be read, sorted."""
    names: list[str] = []
    seen = set()  # links may lead in circles

    def note(error: OSError) -> None:
        names.append(os.path.relpath(error.filename, folder))

    for parent, folders, files in os.walk(folder, onerror=note, followlinks=True):
        status = os.stat(parent)
        new = (status.st_dev, status.st_ino) not in seen
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(filter(_is_visible, folders)) if new else []
        inside = "" if parent == str(folder) else os.path.relpath(parent, folder) + "/"
        if new:
            names += (inside + file for file in files if _is_image(inside + file))
    return sorted(names, key=_parts)


def _parts(name: str) -> list[str]:
    return name.split("/")


def _is_visible(part: str) -> bool:
    return not part.startswith(".") and part != "__MACOSX"


def _is_image(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES) and all(map(_is_visible, _parts(name)))


def _common_folder(names: list[str]) -> str:
    tops = {_parts(name)[0] for name in names if "/" in name}
    alone = len(tops) == 1 and all("/" in name for name in names)
    return f"{tops.pop()}/" if alone else ""


def _classes(names: list[str]) -> tuple[tuple[str, ...], list[int | None]]:
    classes = sorted({_parts(name)[0] for name in names})
    if len(classes) < 2 or any(name.count("/") != 1 for name in names):
        return (), [None] * len(names)
    numbers = {name: number for number, name in enumerate(classes)}
    return tuple(classes), [numbers[_parts(name)[0]] for name in names]


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    # As much as the largest image takes that Pillow accepts, uncompressed.
    if Image.MAX_IMAGE_PIXELS is not None and member.file_size > 4 * Image.MAX_IMAGE_PIXELS:
        raise ValueError(f"it unpacks to {member.file_size} bytes, more than an image has")
    return io.BytesIO(archive.read(member))
