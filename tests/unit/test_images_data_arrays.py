"""Arrays: each format against bytes written here, each error against its sentence."""

import pickle
import re
import tracemalloc
import warnings
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r1lab.images.data import inspect, load
from r1lab.images.errors import InputError

# MNIST's format


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_folder_is_read_and_padded(files, suffix):
    digits, labels = files.noise(5, 28, 28), np.array([7, 0, 7, 3, 0])
    files.idx(digits, labels, suffix)
    images = load(str(files.folder))
    expected = np.zeros((5, 1, 32, 32), np.uint8)
    expected[:, 0, 2:30, 2:30] = digits
    np.testing.assert_array_equal(images.images.numpy(), expected)
    assert images.name == "set"
    assert images.classes == ("0", "3", "7")
    assert images.labels.tolist() == [2, 0, 2, 1, 0]
    assert inspect(str(files.folder)).class_counts == {"0": 2, "3": 1, "7": 2}


def test_idx_keeps_its_own_size_and_limit(files):
    digits = files.noise(5, 28, 28)
    files.idx(digits)
    images = load(str(files.folder), size=28, limit=3)
    np.testing.assert_array_equal(images.images[:, 0].numpy(), digits[:3])
    assert images.labels is None and images.classes == ()


@pytest.mark.parametrize(
    "broken",
    [
        lambda good: good[:-1],
        lambda good: good[:10],
        lambda good: b"",
        lambda good: b"\x00\x00\x08\x01" + good[4:],
        lambda good: good + b"x",
        lambda good: good[:4] + b"\xff" * 12,
    ],
    ids=["truncated", "no header", "empty", "labels", "too long", "absurd"],
)
def test_broken_idx_is_refused_by_name(files, broken, refused):
    files.idx(files.noise(5, 28, 28))
    path = files.folder / "train-images-idx3-ubyte"
    path.write_bytes(broken(path.read_bytes()))
    assert re.search(r"cannot read .*train-images-idx3-ubyte as IDX", refused(files.folder))


def test_broken_gzip_is_refused_by_name(files, refused):
    files.idx(files.noise(5, 28, 28), suffix=".gz")
    path = files.folder / "train-images-idx3-ubyte.gz"
    good = path.read_bytes()
    for content in (good[:-40], good[:200] + b"garbled" + good[207:], b"no gzip"):
        path.write_bytes(content)
        assert "idx3-ubyte.gz as IDX" in refused(files.folder)


def test_other_number_of_labels_is_refused_by_name(files, refused):
    files.idx(files.noise(5, 28, 28), np.zeros(4))
    assert "idx1-ubyte has 4 labels for 5 images" in refused(files.folder)


def test_oblong_arrays_lose_their_ends(files):
    pixels = files.noise(2, 20, 28)
    files.idx(pixels)
    images = load(str(files.folder), size=20).images
    np.testing.assert_array_equal(images[:, 0].numpy(), pixels[:, :, 4:24])
    assert "28 x 20 (2), cropped to the central square" in str(inspect(str(files.folder)))


def test_halving_averages_neighbours(files):
    pixels = np.zeros((1, 32, 32), np.uint8)
    pixels[0, 8:24, 8:24] = 200
    files.idx(pixels)
    small = load(str(files.folder), size=16).images[0, 0]
    assert (small[6:10, 6:10] == 200).all()
    assert (small[:2] == 0).all()


# NumPy's formats


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ((5, 16, 16), lambda p: p[:, None]),
        ((5, 16, 16, 1), lambda p: p.transpose(0, 3, 1, 2)),
        ((5, 16, 16, 3), lambda p: p.transpose(0, 3, 1, 2)),
        ((5, 1, 16, 16), lambda p: p),
        ((5, 3, 16, 16), lambda p: p),
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".NPY"])
def test_arrays_of_every_layout(files, stored, expected, suffix):
    pixels = files.noise(*stored)
    path = files.folder / f"a{suffix}"
    with path.open("wb") as file:
        np.savez(file, pixels) if suffix == ".npz" else np.save(file, pixels)
    images = load(str(path), 16)
    np.testing.assert_array_equal(images.images.numpy(), expected(pixels))
    assert images.images.is_contiguous() and images.name == "a"
    np.testing.assert_array_equal(load(str(path), 16, limit=2).images, expected(pixels)[:2])


def test_column_order_is_understood(files):
    pixels = np.asfortranarray(files.noise(4, 3, 16, 16))
    np.save(files.folder / "a.npy", pixels)
    np.testing.assert_array_equal(load(str(files.folder / "a.npy"), 16).images, pixels)


def test_opacity_is_laid_on_white(files):
    pixels = files.noise(6, 16, 16, 4)
    np.save(files.folder / "a.npy", pixels)
    colour, opacity = pixels[..., :3] / 255, pixels[..., 3:] / 255
    exact = (255 * (colour * opacity + 1 - opacity)).transpose(0, 3, 1, 2)
    images = load(str(files.folder / "a.npy"), 16).images.numpy()
    assert np.abs(images - exact).max() <= 0.5 + 1e-9


def test_npy_of_the_right_layout_is_mapped_not_read(files):
    pixels = files.noise(2000, 3, 32, 32)  # 6 MB
    path = files.folder / "a.npy"
    np.save(path, pixels)
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = load(str(path), 32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pixels.nbytes / 10
    np.testing.assert_array_equal(
        images.batch(torch.tensor([7]))[0], pixels[7] / np.float32(127.5) - 1
    )
    images.images[0] = 0  # in memory only
    np.testing.assert_array_equal(np.load(path), pixels)


@pytest.mark.parametrize("image_name", ["images", "x", "x_train", "arr_0", "X_train", "faces"])
@pytest.mark.parametrize("label_name", ["labels", "y", "y_train"])
def test_npz_names(files, image_name, label_name):
    pixels, labels = files.noise(4, 16, 16, 3), np.array([[2], [9], [2], [2]])
    np.savez(files.folder / "a.npz", **{image_name: pixels, label_name: labels})
    images = load(str(files.folder / "a.npz"), 16)
    np.testing.assert_array_equal(images.images, pixels.transpose(0, 3, 1, 2))
    assert images.labels.tolist() == [0, 1, 0, 0]
    assert images.classes == ("2", "9")


def test_npz_labels_may_be_words(files):
    np.savez(files.folder / "a.npz", x=files.noise(3, 8, 8), y=np.array(["dog", "cat", "dog"]))
    images = load(str(files.folder / "a.npz"), 8)
    assert (images.labels.tolist(), images.classes) == ([1, 0, 1], ("cat", "dog"))


def save(files, suffix, **arrays):
    path = files.folder / f"a{suffix}"
    np.savez(path, **arrays) if suffix == ".npz" else np.save(path, next(iter(arrays.values())))
    return path


@pytest.mark.parametrize(
    ("suffix", "arrays", "said"),
    [
        (".npy", {"x": np.zeros((2, 8, 8), np.float32)}, "float32.*uint8"),
        (".npz", {"x": np.zeros((2, 8, 8), np.int64)}, "x has int64.*uint8"),
        (".npy", {"x": np.zeros((8, 8), np.uint8)}, r"\(8, 8\).*\(N, H, W\)"),
        (".npy", {"x": np.zeros((8, 8, 3), np.uint8)}, r"\(8, 8, 3\).*\(N, H, W\)"),
        (".npy", {"x": np.zeros((2, 5, 8, 8), np.uint8)}, r"\(2, 5, 8, 8\).*\(N, H, W, C\)"),
        (".npy", {"x": np.zeros((), np.uint8)}, r"\(\)"),
        (".npy", {"x": np.zeros((0, 8, 8), np.uint8)}, "no images"),
        (".npy", {"x": np.zeros((2, 0, 8), np.uint8)}, "no images"),
        (".npz", {"a": np.zeros((2, 8, 8), np.uint8), "b": np.zeros((2, 8, 8), np.uint8)}, "a, b"),
        (".npz", {"a": np.zeros(3)}, r"none of its arrays \(a\)"),
        (".npz", {}, "it has none"),
        (".npz", {"x": np.zeros((2, 8, 8), np.uint8), "y": np.zeros(3, int)}, "labels.*2 images"),
        (".npz", {"x": np.zeros((2, 8, 8), np.uint8), "y": np.zeros(2)}, "labels.*float64"),
    ],
)
def test_other_arrays_are_refused(files, suffix, arrays, said, refused):
    path = save(files, suffix, **arrays)
    sentence = refused(path)
    assert str(path) in sentence
    assert re.search(said, sentence)


def test_nothing_is_unpickled(files, refused):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    trap = np.array([Trap()], dtype=object)
    np.save(files.folder / "a.npy", trap, allow_pickle=True)
    np.savez(files.folder / "b.npz", images=trap)
    np.savez(files.folder / "c.npz", images=files.noise(1, 8, 8), labels=trap)
    files.raw("d.npy", pickle.dumps(Trap()))
    files.raw("e.npz", pickle.dumps(Trap()))
    for name in ("a.npy", "b.npz", "c.npz", "d.npy", "e.npz"):
        assert f"cannot read {files.folder / name}" in refused(files.folder / name)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    pixels = np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8)
    np.save(folder / "a.npy", pixels)
    np.savez_compressed(folder / "a.npz", images=pixels, labels=np.array([0, 1]))
    return folder


@settings(max_examples=150, deadline=None)
@given(
    suffix=st.sampled_from([".npy", ".npz"]), position=st.floats(0, 1), value=st.binary(max_size=4)
)
def test_damaged_arrays_are_read_or_refused_in_a_sentence(stored, suffix, position, value, refused):
    good = (stored / f"a{suffix}").read_bytes()
    at = int(position * len(good))
    path = stored / f"damaged{suffix}"
    path.write_bytes(good[:at] + value + good[at + len(value) :] if value else good[:at])
    with suppress(InputError):
        load(str(path), 8)
        return
    assert str(path) in refused(path, 8)
