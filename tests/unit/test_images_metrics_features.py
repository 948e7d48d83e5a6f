"""The features: what they compute, what they refuse, and that distances in them make sense."""

import gzip
import hashlib
import importlib
import os
import sys
from importlib.machinery import ModuleSpec
from importlib.resources import files
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import train_features
from r1lab.images import InputError, load, metrics
from r1lab.images.metrics import features, inception
from r1lab.images.metrics.base import extract
from r1lab.images.metrics.classifier import FashionMNISTClassifier

NETWORKS = ["fashion-mnist-classifier", "pixels-8x8"]

fashion_mnist = pytest.mark.skipif(
    not train_features.FOLDER.is_dir(), reason="Debian's package is not installed"
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clothing():
    return load("fashion-mnist").images[:3000]


def random_images(count, channels=1, size=32):
    shape = (count, channels, size, size)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, shape, generator=generator, dtype=torch.uint8)


# All features


@pytest.mark.parametrize("name", NETWORKS)
def test_vectors_are_as_announced_and_depend_on_nothing_else(name):
    network, images = features.get(name), random_images(5)
    vectors = network(images)
    assert vectors.shape == (5, network.num_features)
    assert vectors.dtype == torch.float32
    assert not vectors.requires_grad
    assert network.name == name
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(images), vectors)
    assert torch.equal(network.train()(images), vectors)
    assert torch.equal(features.get(name)(images), vectors)


def test_extract_goes_through_all_images_in_order():
    images = random_images(150)
    vectors = extract(features.get("pixels-8x8"), images)
    assert torch.equal(vectors, features.get("pixels-8x8")(images).double())


def test_unknown_name_lists_what_is_accepted():
    with pytest.raises(InputError, match="'vgg'.*fashion-mnist-classifier, pixels-8x8, inception"):
        features.get("vgg")
    with pytest.raises(InputError, match="unknown features 'vgg'"):
        metrics.evaluate(random_images(9), random_images(9), "vgg")


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ((1, 28, 28), "fashion-mnist-classifier"),
        ((1, 32, 32), "fashion-mnist-classifier"),
        ((1, 64, 64), "pixels-8x8"),
        ((3, 32, 32), "pixels-8x8"),
    ],
)
def test_default_features_accept_what_they_are_the_default_for(shape, name):
    assert metrics.default_features(shape) == name
    assert len(features.get(name)(torch.zeros(2, *shape, dtype=torch.uint8))) == 2


# Pixels


def test_pixels_are_block_means():
    images = random_images(4, channels=3)
    blocks = images.numpy().reshape(4, 3, 8, 4, 8, 4).mean((3, 5)) / 127.5 - 1
    vectors = features.get("pixels-8x8")(images)
    np.testing.assert_allclose(vectors, blocks.reshape(4, -1), atol=1e-6)


def test_grey_pixels_are_three_equal_channels():
    grey = random_images(4)
    pixels = features.get("pixels-8x8")
    assert torch.equal(pixels(grey), pixels(grey.repeat(1, 3, 1, 1)))


def test_pixels_refuse_images_smaller_than_their_grid():
    with pytest.raises(InputError, match="need at least 8 pixels, not 4"):
        features.get("pixels-8x8")(random_images(2, size=4))


# The classifier


def test_record_code_and_file_agree():
    content = (files(metrics) / "fashion-mnist-classifier.safetensors").read_bytes()
    record = FashionMNISTClassifier.record()
    assert hashlib.sha256(content).hexdigest() == FashionMNISTClassifier.sha256
    assert record["sha256"] == FashionMNISTClassifier.sha256
    assert record["bytes"] == len(content) <= 1_000_000
    assert record["test_accuracy"] >= 0.91


@fashion_mnist
def test_recorded_accuracy_is_reproduced():
    # Read by hand: 16 bytes of header, then 28 x 28 pixels; 8 bytes, then a byte an image.
    folder, count = train_features.FOLDER, 2000
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(16 + count * 784), np.uint8, offset=16)
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        classes = np.frombuffer(file.read(8 + count), np.uint8, offset=8)
    images = torch.tensor(pixels.reshape(count, 1, 28, 28))
    guesses = FashionMNISTClassifier.trained().logits(images).argmax(1).numpy()
    recorded = FashionMNISTClassifier.record()["test_accuracy"]
    assert np.mean(guesses == classes) == pytest.approx(recorded, abs=0.01)


@fashion_mnist
def test_units_are_standardised_over_the_first_ten_thousand():
    vectors = extract(FashionMNISTClassifier.trained(), load("fashion-mnist").images[:10_000])
    torch.testing.assert_close(vectors.mean(0), torch.zeros(64).double(), atol=5e-3, rtol=0)
    torch.testing.assert_close(vectors.std(0), torch.ones(64).double(), atol=5e-3, rtol=0)
    assert "first 10,000 images" in " ".join(FashionMNISTClassifier.__doc__.split())


def test_28_pixels_are_padded_to_32():
    small = random_images(3, size=28)
    large = torch.zeros(3, 1, 32, 32, dtype=torch.uint8)
    large[:, :, 2:30, 2:30] = small
    classifier = features.get("fashion-mnist-classifier")
    assert torch.equal(classifier(small), classifier(large))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 64, 64)])
def test_classifier_refuses_other_images(shape):
    images = torch.zeros(9, *shape, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"grey images of 28 or 32 pixels.*use pixels-8x8"):
        metrics.evaluate(images, images, "fashion-mnist-classifier")


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(FashionMNISTClassifier, "sha256", "0" * 64)
    with pytest.raises(InputError, match=r"classifier\.safetensors was altered.*not 0000"):
        features.get("fashion-mnist-classifier")


@fashion_mnist
def test_training_command_learns_and_repeats(clothing):
    classes = train_features.labels("train")[:3000]
    first, second = (
        train_features.train(clothing[:640], classes[:640], epochs=2) for _ in range(2)
    )
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name])
    before = first.logits(clothing[:64])
    train_features.standardize(first, clothing[:640])
    torch.testing.assert_close(first.logits(clothing[:64]), before, atol=1e-4, rtol=1e-4)
    vectors = extract(first, clothing[:640])
    torch.testing.assert_close(vectors.mean(0), torch.zeros(64).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(vectors.std(0), torch.ones(64).double(), atol=1e-5, rtol=0)
    # Unseen images of ten classes of about the same size, after ten steps.
    assert train_features.accuracy(first, clothing[2500:], classes[2500:]) > 0.3


# Distances in the classifier's features


def blurred(images, strength):
    pixels = gaussian_filter(images.float().numpy(), (0, 0, strength, strength))
    return torch.from_numpy(pixels).round().clamp(0, 255).byte()


def noised(images, strength):
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + strength * noise).round().clamp(0, 255).byte()


@pytest.fixture(scope="module")
def reference(clothing):
    return metrics.Reference(clothing[:1000])


@pytest.fixture(scope="module")
def floor(clothing, reference):
    return reference.evaluate(clothing[1000:2000])


@fashion_mnist
@pytest.mark.parametrize(
    ("spoil", "strengths"), [(blurred, (0.5, 1.0, 2.0)), (noised, (10.0, 30.0, 60.0))]
)
def test_the_more_spoilt_the_farther(clothing, reference, floor, spoil, strengths):
    fresh = clothing[1000:2000]
    results = [floor, *(reference.evaluate(spoil(fresh, strength)) for strength in strengths)]
    for name in ("frechet", "kernel", "sliced_wasserstein"):
        values = [getattr(result, name) for result in results]
        assert values == sorted(values), name
    assert results[-1].frechet > 10 * floor.frechet
    # Not precision: noise of 60 costs 0.03 of it here, because the balls around outliers are wide.
    for name in ("recall", "coverage"):
        assert getattr(results[-1], name) < getattr(floor, name) - 0.1, name


@fashion_mnist
def test_a_missing_class_is_seen(clothing, reference, floor):
    classes = train_features.labels("train")[: len(clothing)]
    others = clothing[1000:][classes[1000:] != 7][:1000]  # no sneakers
    result = reference.evaluate(others)
    assert result.frechet > 2 * floor.frechet
    assert result.recall < floor.recall - 0.02
    assert result.precision > floor.precision - 0.02


# Inception


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A release of weights on this machine, and torch-fidelity, as far as one looks for it."""
    importlib.import_module("torchmetrics.image.fid")  # which would look further
    release = tmp_path / "release"
    release.write_bytes(b"the published weights")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(inception, "_URL", release.as_uri())
    monkeypatch.setattr(inception, "_SHA256", hashlib.sha256(release.read_bytes()).hexdigest())
    module = ModuleType("torch_fidelity")
    module.__spec__ = ModuleSpec("torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity", module)
    return release


@pytest.fixture
def reads(monkeypatch):
    """What is read as weights, and under which rules of torch."""
    seen = []

    def metric(_, feature_extractor_weights_path, antialias):
        assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"
        assert not antialias
        seen.append(Path(feature_extractor_weights_path).read_bytes())
        return SimpleNamespace(inception=torch.nn.Identity())

    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    monkeypatch.setattr("torchmetrics.image.fid.FrechetInceptionDistance", metric)
    return seen


def test_inception_without_torch_fidelity_says_what_to_install(monkeypatch, published, reads):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(InputError, match="need torch-fidelity: run `pip install torch-fidelity`"):
        features.get("inception-v3")
    assert not Path(torch.hub.get_dir()).exists()  # nothing was downloaded for it


def test_inception_is_downloaded_once(published, reads):
    features.get("inception-v3")
    published.unlink()
    features.get("inception-v3")
    assert reads == [b"the published weights"] * 2
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


@pytest.mark.parametrize("when", ["downloaded", "on disk"])
def test_other_weights_of_inception_are_never_read(published, reads, when):
    if when == "on disk":
        features.get("inception-v3")
        (path,) = (Path(torch.hub.get_dir()) / "checkpoints").iterdir()
        path.write_bytes(b"altered")
        reads.clear()
    else:
        published.write_bytes(b"altered")
    with pytest.raises(InputError, match=r"6726825d\.pth is not what .* delete it") as raised:
        features.get("inception-v3")
    assert hashlib.sha256(b"altered").hexdigest() in str(raised.value)
    assert reads == []


def test_the_hash_is_that_of_the_releases_name():
    # torch.hub's rule: a name ends in the first digits of its file's sha256.
    assert inception._URL.endswith(f"-{inception._SHA256[:8]}.pth")
    assert len(inception._SHA256) == 64


def test_inception_without_weights_says_so(published, reads):
    published.unlink()
    sentence = r"cannot be downloaded .*No such file.*checkpoints from a machine with network"
    with pytest.raises(InputError, match=sentence) as raised:
        features.get("inception-v3")
    assert "\n" not in str(raised.value)
