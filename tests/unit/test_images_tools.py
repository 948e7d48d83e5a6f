"""What is done with a finished run: samples, ways between them, evaluation, comparison, spectra."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from r1lab.images import (
    Config,
    InputError,
    RunFolder,
    Trainer,
    commands,
    evaluation,
    game_jacobian,
    load_networks,
    metrics,
)
from r1lab.images.compare import comparison_table, side_by_side
from r1lab.images.data import load
from r1lab.images.data.builtin import FASHION_MNIST
from r1lab.images.draws import spherical_ways
from r1lab.images.evaluation import evaluate
from r1lab.images.metrics import Evaluation, Reference
from r1lab.images.pictures import grid, to_bytes
from r1lab.images.sampling import device_of, interpolate, sample

META = torch.device("meta")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 16, 16), dtype=np.uint8)
    np.savez(folder / "noise.npz", images=pixels, labels=np.arange(60) % 3)
    return Config(
        data=str(folder / "noise.npz"), size=16, width=2, latent_dim=4, batch=4, steps=6,
        activation="softplus", device="cpu", out=folder / "plain",
    )  # fmt: skip


@pytest.fixture(scope="module")
def plain(base):
    return Trainer(base).run(progress=False)


@pytest.fixture(scope="module")
def classes(base):
    config = replace(base, conditional=True, out=base.out.parent / "classes")
    return Trainer(config).run(progress=False)


@pytest.fixture(scope="module")
def measured(base):
    config = replace(
        base, evaluate_every=2, gamma=1.0, lazy=4, steps=12, snapshot_every=3, keep=1,
        out=base.out.parent / "measured",
    )  # fmt: skip
    return Trainer(config).run(progress=False)


# Samples


def test_classes_are_sampled_in_turn_or_as_asked(classes):
    networks = load_networks(classes)
    assert networks.classes == ["0", "1", "2"]
    in_turn, ones = sample(classes, 6, seed=1), sample(classes, 6, seed=1, label=1)
    assert torch.equal(in_turn[[1, 4]], ones[[1, 4]])
    assert not torch.equal(in_turn[0], ones[0])
    with pytest.raises(InputError, match="has no class 3: it has classes 0 to 2"):
        sample(classes, label=3)


def test_label_of_a_run_without_classes_is_refused(plain):
    with pytest.raises(InputError, match="has no class 0: it was not told any classes"):
        sample(plain, label=0)


def test_a_spherical_way_turns_evenly_and_keeps_its_length():
    start, end = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0)).double()
    start, end = (5 * x / x.norm(dim=1, keepdim=True) for x in (start, end))
    way = spherical_ways(start, end, 5)
    torch.testing.assert_close(way.norm(dim=2), torch.full((3, 5), 5.0).double())
    angles = torch.cosine_similarity(way[:, 1:], way[:, :-1], dim=2).acos()
    whole = torch.cosine_similarity(start, end, dim=1).acos()
    torch.testing.assert_close(angles, (whole / 4)[:, None].expand(3, 4))
    torch.testing.assert_close(way[:, [0, -1]], torch.stack([start, end], dim=1))


def test_ways_are_pictures_of_the_same_ends(plain):
    way = interpolate(plain, rows=2, columns=5, seed=3)
    assert way.shape == (10, 1, 16, 16)
    again = interpolate(plain, rows=2, columns=3, seed=3)
    torch.testing.assert_close(way[[0, 4, 5, 9]], again[[0, 2, 3, 5]])  # the same four ends
    torch.testing.assert_close(way[[2, 7]], again[[1, 4]])  # and the same middles
    with pytest.raises(InputError, match="2 columns at least"):
        interpolate(plain, columns=1)


# Distances


def test_evaluation_is_that_of_the_samples(plain, base):
    found = evaluate(plain, count=50, seed=2)
    assert found.features == "pixels-8x8"
    assert (found.count, found.real_count) == (50, 50)
    assert Evaluation.from_json(found.to_json()) == found
    with pytest.raises(InputError, match="count must be at least 7"):
        evaluate(plain, count=1)


def test_an_evaluation_is_of_one_checkpoint_whatever_comes_meanwhile(plain, monkeypatch):
    """A run that trains writes the next checkpoint right after the first was read."""
    expected, latest, read = evaluate(plain, count=20), RunFolder.latest, []

    def meanwhile(self):
        tensors, metadata = latest(self)
        read.append(metadata["step"])
        trained = {name: tensor * len(read) for name, tensor in tensors.items()}
        return trained, {**metadata, "step": metadata["step"] + 100 * (len(read) - 1)}

    monkeypatch.setattr(RunFolder, "latest", meanwhile)
    commands.evaluate(str(plain), count=20)
    record = json.loads(
        (plain / "evaluation-step-000006-pixels-8x8-count-20-seed-0.json").read_text()
    )
    assert record == {"step": 6, "best": False, "seed": 0, **expected.to_json()}
    assert read == [6]


def test_evaluations_of_two_counts_are_kept_apart(plain):
    for count in (20, 30):
        commands.evaluate(str(plain), count=count)
    for count in (20, 30):
        path = plain / f"evaluation-step-000006-pixels-8x8-count-{count}-seed-0.json"
        found = json.loads(path.read_text())
        assert (found["step"], found["count"], found["best"]) == (6, count, False)


def test_samples_are_made_where_a_trainer_would_train(base, plain, monkeypatch):
    found = torch.accelerator.current_accelerator(check_available=True)
    here = Trainer(replace(base, device="auto")).device
    assert device_of(Config(device="auto")).type == here.type
    assert here.type == ("cpu" if found is None else found.type)

    networks = load_networks(plain)
    expected = sample(plain, 5, seed=2)
    assert torch.equal(sample(networks, 5, seed=2), expected)
    # A machine with another accelerator, which has no numbers, so that a stray CPU tensor raises.
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda *_, **__: META)
    assert torch.equal(sample(networks, 5, seed=2), expected)  # trained with device cpu
    automatic = networks._replace(config=replace(networks.config, device="auto"))
    places = []
    monkeypatch.setattr(torch.Tensor, "cpu", lambda x: places.append(x.device) or x)
    assert sample(automatic, 5).device == META
    assert places == [META]
    assert {p.device.type for network in networks[:3] for p in network.parameters()} == {"cpu"}


def test_features_are_computed_where_the_samples_were(plain, monkeypatch):
    seen = []
    monkeypatch.setattr(evaluation, "device_of", lambda config: META)
    monkeypatch.setattr(metrics, "evaluate", lambda *images: seen.extend(images[:2]))
    evaluate(plain, count=20)
    assert [x.device for x in seen] == [META, META]


def test_the_best_checkpoint_is_the_one_with_the_smallest_distance(measured, base):
    lines = RunFolder(measured).metrics()
    name = "frechet[pixels-8x8]"
    distances = {line["step"]: line[name] for line in lines if name in line}
    assert list(distances) == [2, 4, 6, 8, 10, 12]
    _, metadata = RunFolder(measured).best()
    assert metadata["step"] == min(distances, key=distances.get)
    assert metadata["best"] == min(distances.values())
    # Measured again from the file.
    reference = Reference(load(base.data, 16).images, "pixels-8x8")
    fakes = to_bytes(sample(measured, 5000, base.seed, best=True, stream=6))
    assert reference.frechet(fakes) == pytest.approx(metadata["best"], rel=1e-6)
    with pytest.raises(InputError, match=r"best\.safetensors"):
        sample(base.out, best=True)


def test_a_resumed_run_remembers_the_best(measured):
    resumed = Trainer.resume(measured, steps=13)
    _, metadata = RunFolder(measured).latest()
    assert resumed._yardstick.best == metadata["best"]


# Comparison


def test_comparison_shows_what_differs(plain, measured):
    table = comparison_table([plain, measured])
    rows = list(zip(*(list(column.cells) for column in table.columns), strict=True))
    found = {row[0]: row[1:] for row in rows}
    assert found["gamma"] == ("10", "1")
    assert found["lazy"] == ("1", "4")
    assert "width" not in found  # the same in both
    assert found["step"] == ("6", "12")
    assert found["frechet[pixels-8x8] (best)"][0] == ""
    pictures = side_by_side([plain, measured], count=4)
    one = grid(sample(plain, 4))
    np.testing.assert_array_equal(pictures[:, : one.shape[1]], one)


def test_pictures_of_two_sizes_are_not_compared(plain, base):
    larger = replace(base, size=32, steps=1, out=base.out.parent / "larger")
    with pytest.raises(InputError, match="compare those of one size"):
        side_by_side([plain, Trainer(larger).run(progress=False)])


# Spectra


def test_jacobian_is_that_of_a_plain_training_step(plain):
    """Finite differences of simultaneous float64 gradients, by autograd on the trained networks."""
    jacobian = game_jacobian(plain, images=6, gamma=2.0, seed=4)
    networks = load_networks(plain)
    assert jacobian.sizes == tuple(
        sum(p.numel() for p in network.parameters())
        for network in (networks.generator, networks.discriminator)
    )
    direction = np.random.default_rng(0).standard_normal(jacobian.shape[0])
    small = 1e-5 / np.linalg.norm(direction)
    before, after = (jacobian.field(jacobian.point + sign * small * direction) for sign in (-1, 1))
    np.testing.assert_allclose(
        jacobian @ direction, (after - before) / (2 * small), rtol=1e-5, atol=1e-6
    )


def test_gamma_of_the_spectrum_is_the_runs_own_or_as_asked(measured, plain):
    as_trained, asked = game_jacobian(measured, 4), game_jacobian(measured, 4, gamma=1.0)
    without = game_jacobian(measured, 4, gamma=0.0)
    assert "penalty=R1" in repr(as_trained)  # a lazy penalty counts with its mean strength
    v = np.random.default_rng(0).standard_normal(as_trained.shape[0])
    np.testing.assert_array_equal(as_trained @ v, asked @ v)
    assert "penalty=None" in repr(without)
    assert np.abs(as_trained @ v - without @ v).max() > 1e-6


def test_spectra_of_conditional_runs_are_refused(classes):
    with pytest.raises(InputError, match="class-conditional"):
        game_jacobian(classes)


def test_tensorboard_has_the_curves(base):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = replace(base, tensorboard=True, out=base.out.parent / "board", steps=12)
    folder = Trainer(config).run(progress=False)
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    logged = [(event.step, event.value) for event in events.Scalars("d_loss")]
    lines = RunFolder(folder).metrics()
    assert logged == [(line["step"], pytest.approx(line["d_loss"], rel=1e-6)) for line in lines]
    (picture,) = events.Images("samples")
    assert picture.step == 12
    assert Image.open(folder / "samples.png").size == (picture.width, picture.height)


# The pair that ships with the package


def test_the_shipped_pair_is_small_and_makes_clothes():
    folder = RunFolder("fashion-mnist-32")
    assert sum(path.stat().st_size for path in folder.path.rglob("*.*")) <= 2_000_000
    if not FASHION_MNIST.is_dir():
        pytest.skip(f"Fashion-MNIST is not in {FASHION_MNIST}")
    real = load("fashion-mnist").images
    reference = Reference(real[:1000])
    fakes = to_bytes(sample("fashion-mnist-32", 1000))
    # 5,000 samples have distance 2.1; fewer images bias it upwards, as other real images show.
    assert reference.frechet(fakes) < reference.frechet(real[1000:2000]) + 3
    mean_shirt = real[:1000].double().mean(0, keepdim=True).round().byte()
    assert reference.frechet(mean_shirt.expand(1000, -1, -1, -1)) > 30


def test_the_shipped_pair_cannot_be_trained_on():
    with pytest.raises(InputError, match="ships with r1lab and is not to be changed"):
        Trainer.resume("fashion-mnist-32", steps=4000)
