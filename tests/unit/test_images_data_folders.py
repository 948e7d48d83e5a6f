"""Folders and zips of images: what is read, and what a report says of files that are odd."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image

from r1lab.images.data import decoding, inspect, load
from r1lab.images.data.decoding import Encoded, decode

# Good files


def test_pixels_and_order(files, packed):
    pixels = files.noise(12, 16, 16, 3)
    for i in (3, 0, 11, 1, 10, 2, 9, 4, 8, 5, 7, 6):
        files.image(f"{i:02d}.png" if i % 2 else f"{i:02d}.PNG", pixels[i])
    files.raw("notes.txt", b"not an image")
    images = load(packed(), 16)
    np.testing.assert_array_equal(images.images.numpy(), pixels.transpose(0, 3, 1, 2))
    assert images.images.is_contiguous()
    assert (images.name, images.labels, images.classes) == ("set", None, ())
    np.testing.assert_array_equal(
        load(packed(), 16, limit=5).images, pixels[:5].transpose(0, 3, 1, 2)
    )


def test_every_format_is_read(files):
    pixels = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    lossless = (".png", ".bmp", ".tif", ".TIFF", ".ppm")
    for suffix in (*lossless, ".jpg", ".JPEG", ".webp"):
        files.image(f"a{suffix}", pixels)
    images = load(str(files.folder), 16).images
    assert len(images) == 8
    distance = (images.int() - torch.tensor([200, 100, 50]).view(1, 3, 1, 1)).abs()
    assert distance.max() <= 3


def test_grey_stays_grey_and_is_resized(files, packed):
    for i, grey in enumerate((200, 100)):
        files.image(f"{i}.png", np.full((100, 100), grey, np.uint8))
    images = load(packed(), 16)
    assert images.shape == (1, 16, 16)
    assert images.images.flatten(1).float().mean(1).tolist() == [200, 100]


def test_central_square_of_oblong_images(files, packed):
    # 64 x 32: the middle is red, the two ends are blue.
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :16, 2] = pixels[:, 48:, 2] = 255
    pixels[:, 16:48, 0] = 255
    files.image("deep/er/b.png", pixels)
    report = inspect(packed())
    assert (report.images.images[0, 0] == 255).all()
    assert (report.images.images[0, 1:] == 0).all()
    assert report.problems == ()
    assert "64 x 32 (1), cropped to the central square" in str(report)


def test_resizing_agrees_with_an_area_average(files):
    """A smooth picture, made smaller 8 times, is the mean of each 8 x 8 patch."""
    y, x = np.mgrid[:128, :128]
    smooth = (127 + 100 * np.sin(x / 30) * np.cos(y / 40)).astype(np.uint8)
    files.image("a.png", smooth)
    files.image("b.jpg", smooth, quality=100)
    means = smooth.reshape(16, 8, 16, 8).mean((1, 3))
    images = load(str(files.folder), 16).images[:, 0].double().numpy()
    assert np.abs(images - means)[:, 2:-2, 2:-2].max() < 2


# Classes


def test_subfolders_are_classes(files, packed):
    for name in ("dog/1.png", "cat/2.png", "cat-2/1.png", "dog/0.png"):
        files.image(name, files.noise(8, 8))
    report = inspect(packed(), 8)
    assert report.images.classes == ("cat", "cat-2", "dog")
    assert report.images.labels.tolist() == [0, 1, 2, 2]
    assert report.class_counts == {"cat": 1, "cat-2": 1, "dog": 2}
    first = load(packed(), 8, limit=1)
    assert (first.labels.tolist(), first.classes) == ([0], ("cat", "cat-2", "dog"))


@pytest.mark.parametrize(
    "names",
    [
        ("cat/1.png", "cat/2.png"),
        ("cat/1.png", "dog/2.png", "3.png"),
        ("cat/1.png", "dog/more/2.png"),
        ("all/cat/1.png", "train/dog/2.png"),
    ],
)
def test_other_subfolders_are_not_classes(files, packed, names):
    for name in names:
        files.image(name, files.noise(8, 8))
    images = load(packed(), 8)
    assert (len(images), images.labels, images.classes) == (len(names), None, ())


def test_zip_may_have_one_folder_around_all(files):
    picture = files.encoded(files.noise(8, 8))
    path = files.zip("a.zip", {"set/cat/1.png": picture, "set/dog/1.png": picture})
    assert load(str(path), 8).classes == ("cat", "dog")


def test_labels_follow_the_readable_images(files, packed):
    for name in ("cat/1.png", "dog/2.png", "dog/3.png"):
        files.image(name, files.noise(8, 8))
    files.raw("cat/0.png", b"garbage")
    images = load(packed(), 8, on_problem="continue")
    assert images.labels.tolist() == [0, 1, 1]


# How


def test_pictures_are_decoded_side_by_side(files, monkeypatch):
    """Each of two blocks waits until the other one has begun too."""
    monkeypatch.setattr(decoding, "_WORKERS", 2)
    both = threading.Barrier(2)
    path = files.image("a.png", files.noise(8, 8))

    def opened(number):
        if number in (0, decoding._BLOCK):
            both.wait(timeout=10)
        return path.open("rb")

    pictures = [Encoded(f"{i}", lambda i=i: opened(i)) for i in range(2 * decoding._BLOCK)]
    report = decoding.decode_all("x", lambda: decoding.Collection(pictures), 8, None, None)
    assert report.problems == ()


def test_large_jpeg_is_decoded_at_a_fraction(files):
    """As without the short cut, but for rounding: it is still made smaller twice or more."""
    y, x = np.mgrid[:512, :512]
    waves = (127 + 60 * np.sin(x / 4) + 60 * np.cos((x + 2 * y) / 17)).astype(np.uint8)
    path = files.image("a.jpg", waves, quality=95)
    fast = decode(Encoded("a", lambda: path.open("rb")), 128)
    assert fast.size == (512, 512)
    with Image.open(path) as image:
        slow = np.asarray(image.resize((128, 128), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(fast.pixels[0] - slow).max() <= 6
