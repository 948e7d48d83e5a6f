"""Encoded pictures (PNG, JPEG and so on) to square pixels, on all cores: `decode_all`."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from r1lab.images.data.cache import PixelStore, read_kept
from r1lab.images.data.report import Report
from r1lab.images.data.survey import Survey
from r1lab.images.data.text import one_line

__all__ = ["Collection", "Decoded", "Encoded", "decode", "decode_all"]

# Others (EPS) start programs, or hold no photographs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_ORIENTATION = 0x0112  # the EXIF tag
_GREY = ("1", "L", "LA")
_BLOCK = 8  # images that a thread decodes in one go
_WORKERS = os.cpu_count() or 1


class Encoded(NamedTuple):
    """A picture that is not decoded yet.

    Parameters
    ----------
    name : of its file, as reports show it.
    open : opens its content. OSError means that it could not be had now, any other error that it
        never can.
    label : its class number, or None.

    Examples
    --------
    >>> Encoded("cat/1.png", Path("photos/cat/1.png").open, label=0).name
    'cat/1.png'
    """

    name: str
    open: Callable[[], IO[bytes]]
    label: int | None = None


@dataclass(frozen=True)
class Collection:
    """Pictures that are not decoded yet.

    Parameters
    ----------
    pictures : in order.
    classes : names of the classes; None where the labels themselves are all there is.

    Examples
    --------
    >>> Collection([Encoded("1.png", Path("1.png").open)]).classes
    ()
    """

    pictures: Iterable[Encoded]
    classes: tuple[str, ...] | None = ()


class Decoded(NamedTuple):
    """A decoded picture.

    Parameters
    ----------
    pixels : (1 or 3, S, S) uint8, or None where it cannot be read.
    size : (width, height) of the file, upright.
    mode : Pillow's name of the kind of its pixels.
    reason : why it cannot be read.
    may_pass : whether it is the machine or the network that failed, not the content.

    Examples
    --------
    >>> Decoded(None, reason="it is not an image").mode
    ''
    """

    pixels: np.ndarray | None
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    reason: str = ""
    may_pass: bool = False


def decode(picture: Encoded, size: int) -> Decoded:
    """A picture's central square, resized to `size` x `size` pixels.

    The first frame of an animation; upright as EXIF says; what is transparent becomes white.
    Never raises: what is wrong is in `reason`.

    Examples
    --------
    >>> import io
    >>> decode(Encoded("a.png", lambda: io.BytesIO(b"text")), 32).reason
    'it is not an image'
    """
    try:
        content = picture.open()
    except Exception as error:  # a damaged archive raises anything
        return Decoded(None, reason=one_line(error), may_pass=isinstance(error, OSError))
    try:
        with content as file, Image.open(file, formats=_FORMATS) as image:
            width, height = image.size
            image.draft(None, (2 * size, 2 * size))  # a large JPEG is decoded at a fraction
            mode = image.mode
            # Converting deeper pixels would clip them silently.
            if mode.startswith(("I", "F")):
                raise ValueError(f"its pixels are {mode}, not 8 bits a channel")
            image.load()
            if image.getexif().get(_ORIENTATION, 1) >= 5:  # lies on its side
                width, height = height, width
            ImageOps.exif_transpose(image, in_place=True)
            square = ImageOps.fit(_opaque(image), (size, size), Image.Resampling.LANCZOS)
    except UnidentifiedImageError:
        return Decoded(None, reason="it is not an image")
    except Exception as error:  # a decoder that meets garbage raises anything
        # Pillow's own OSErrors have no number: they are about the content.
        failed = isinstance(error, OSError) and error.errno is not None
        return Decoded(None, reason=one_line(error), may_pass=failed)
    pixels = np.asarray(square).reshape(size, size, -1).transpose(2, 0, 1)
    return Decoded(pixels, (width, height), mode)


def decode_all(
    name: str,
    collection: Callable[[], Collection],
    size: int,
    limit: int | None,
    folder: Path | None,
) -> Report:
    """All pictures of a collection: grey if all are, else colour.

    A picture that could not be opened (no permission, no network) is reported as unreadable this
    time; then nothing is kept, and the next call reads all of them again. What cannot be decoded
    is kept as unreadable, because the same content never can be.

    Parameters
    ----------
    name : of the images.
    collection : opens the collection; not called where the folder has its pixels already.
    limit : take only so many.
    folder : where to keep the pixels (`cache.place`), None for memory.

    Raises
    ------
    InputError : the pixels cannot be kept; whatever opening the collection raises.

    Examples
    --------
    >>> print(decode_all("none", lambda: Collection(()), 32, None, None))
    none: no images
    """
    kept = read_kept(folder) if folder is not None else None
    if kept is not None:
        return kept
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a report is better
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        opened = collection()
        survey, lasts = Survey(name, opened.classes), True
        pictures = islice(opened.pictures, limit)
        with ThreadPoolExecutor(_WORKERS) as pool, PixelStore(size, folder) as store:
            for picture, decoded in _in_order(pool, pictures, size):
                if decoded.pixels is None:
                    survey.add_unreadable(picture.name, decoded.reason)
                    lasts = lasts and not decoded.may_pass
                else:
                    survey.add(picture.name, picture.label, decoded.size, decoded.mode)
                    store.append(decoded.pixels[None])
            return store.finish(survey.findings(), lasts)


def _in_order(
    pool: ThreadPoolExecutor, pictures: Iterator[Encoded], size: int
) -> Iterator[tuple[Encoded, Decoded]]:
    """Each picture decoded, a few blocks ahead of what is asked for."""
    running: deque[Future[list[tuple[Encoded, Decoded]]]] = deque()
    while block := list(islice(pictures, _BLOCK)):
        running.append(pool.submit(lambda b: [(p, decode(p, size)) for p in b], block))
        if len(running) > 2 * _WORKERS:
            yield from running.popleft().result()
    for future in running:
        yield from future.result()


def _opaque(image: Image.Image) -> Image.Image:
    """In mode L or RGB, on white where it is transparent."""
    grey = image.mode in _GREY
    if image.has_transparency_data:
        on_white = Image.new("RGBA", image.size, "white")
        on_white.alpha_composite(image.convert("RGBA"))
        image = on_white
    return image.convert("L" if grey else "RGB")
