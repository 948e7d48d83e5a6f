"""Data sets of the Hugging Face Hub, or folders of the same form: `read_hub`."""

import io
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any

from r1lab.images.data.cache import place
from r1lab.images.data.decoding import Collection, Encoded, decode_all
from r1lab.images.data.folders import open_file
from r1lab.images.data.report import Report
from r1lab.images.data.text import listed, one_line, printable, short_name
from r1lab.images.errors import InputError

__all__ = ["PREFIX", "parsed", "read_hub"]

PREFIX = "hf:"
_PATIENCE = 2.0  # seconds until the Hub must have answered


def read_hub(data: str, size: int, limit: int | None) -> Report:
    """The images of "hf:owner/name", "hf:owner/name:split" or "hf:/path/of/a/folder".

    Images are read one after the other, and only their resized pixels are kept, in
    `cache_folder()`: the next call needs no network (remove them there to read anew). Without
    network and without those, a copy that the datasets library has prepared before is used.
    Programs in a data set are never run.

    Labels are those of a ClassLabel column, or of a column of whole numbers called label or
    labels; there are none where a row has none.

    Raises
    ------
    InputError : no such data set, no network (within 3 s), no column of images.

    Examples
    --------
    >>> read_hub("hf:/nowhere", 32, None)
    Traceback (most recent call last):
    r1lab.images.errors.InputError: there is no folder /nowhere
    """
    name, split = parsed(data)
    local = os.path.isdir(name)
    if not local and name.startswith(("/", ".", "~")):
        raise InputError(f"there is no folder {printable(name)}")
    if not local and not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
        raise InputError(f"{printable(data)} is not of the form hf:owner/name or hf:/a/folder")
    sources: list[object] = [f"hf:{name}:{split}"]
    if local:
        sources += [path for path in sorted(Path(name).rglob("*")) if path.is_file()]
    shown = short_name(Path(name).resolve().name if local else name.replace("/", "--"))
    shown += "" if split == "train" else f"-{short_name(split)}"
    folder = place(shown, sources, size, limit)
    return decode_all(shown, partial(_collection, data, name, split), size, limit, folder)


def parsed(data: str) -> tuple[str, str]:
    """The data set and its split.

    Examples
    --------
    >>> parsed("hf:owner/name"), parsed("hf:owner/name:test")
    (('owner/name', 'train'), ('owner/name', 'test'))
    """
    name = data.removeprefix(PREFIX)
    if ":" in name and not os.path.isdir(name):
        name, _, split = name.rpartition(":")
        return name, split or "train"
    return name, "train"


def _collection(data: str, name: str, split: str) -> Collection:
    import datasets  # here: it takes a second

    with _quiet():
        table = _opened(data, name, split)
    features = table.features or {}
    images = [column for column, kind in features.items() if isinstance(kind, datasets.Image)]
    if not images:
        columns = listed(list(features), 5) or "none"
        raise InputError(f"{printable(data)} has no column of images (its columns: {columns})")
    label = _label_column(features)
    table = table.select_columns([images[0]] if label is None else [images[0], label])
    table = table.cast_column(images[0], datasets.Image(decode=False))
    classes: tuple[str, ...] | None = ()
    if label is not None:
        named = isinstance(features[label], datasets.ClassLabel)
        classes = tuple(features[label].names) if named else None
    return Collection(_rows(data, table, images[0], label), classes)


def _opened(data: str, name: str, split: str) -> Any:
    """A table of the datasets library, read as it is iterated over."""
    import datasets

    why_not = "" if os.path.isdir(name) else _unreachable(name)
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or bool(why_not)  # else it tries for half a minute
    try:
        return datasets.load_dataset(name, split=split, streaming=True)
    except Exception as error:  # the library has no common one
        if why_not:
            raise InputError(
                f"cannot reach the Hugging Face Hub for {printable(data)} ({why_not}), and there "
                "is no copy on this machine: connect, or give a folder as hf:/path/of/the/folder"
            ) from error
        raise InputError(f"cannot open {printable(data)}: {one_line(error)}") from error
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _unreachable(name: str) -> str:
    """Why the Hub does not answer; empty if it does."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    answers: list[Exception | None] = []

    def ask() -> None:
        try:
            HfApi().dataset_info(name, timeout=_PATIENCE)
            answers.append(None)
        except Exception as error:  # httpx has no common one with the Hub's own
            answers.append(error)

    # Looking up an address has no time limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE + 0.3)
    answer = answers[0] if answers else TimeoutError("it does not answer")
    if isinstance(answer, RepositoryNotFoundError):
        raise InputError(
            f"the Hugging Face Hub has no data set {name} that you may read: check the name, or "
            "log in with `hf auth login`"
        ) from answer
    return "" if answer is None else one_line(answer)


def _label_column(features: Any) -> str | None:
    import datasets

    named = [column for column in ("label", "labels") if column in features]
    columns = [*named, *features]
    classes = [column for column in columns if isinstance(features[column], datasets.ClassLabel)]
    numbers = [
        column
        for column in named
        if isinstance(features[column], datasets.Value) and "int" in features[column].dtype
    ]
    return next(iter(classes + numbers), None)


def _rows(data: str, table: Any, image: str, label: str | None) -> Iterator[Encoded]:
    with _quiet():
        rows = iter(table)
        for number in count():
            try:
                row = next(rows)
            except StopIteration:
                return
            except Exception as error:  # of the network, the file format, the library
                raise InputError(f"cannot read {printable(data)}: {one_line(error)}") from error
            content = row[image] or {}
            # "zip://inside/a.png::/path/of/the.zip" in an archive
            file = (content.get("path") or "").split("::")[0].rpartition("/")[2]
            name = f"row {number} ({file})" if file else f"row {number}"
            yield Encoded(name, partial(_open, content), None if label is None else row[label])


def _open(content: dict[str, Any]) -> IO[bytes]:
    if content.get("bytes") is not None:
        return io.BytesIO(content["bytes"])
    path = content.get("path")
    if path is None:
        raise ValueError("there is no image")
    if "://" not in path:
        return open_file(Path(path))
    import fsspec  # type: ignore[import-untyped]

    try:
        with fsspec.open(path, "rb") as file:  # inside an archive, or on the Hub
            return io.BytesIO(file.read())
    except Exception as error:  # httpx's own are no OSErrors
        raise OSError(one_line(error)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars and log messages of the Hub's libraries."""
    import datasets

    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    bars = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            datasets.enable_progress_bars()
