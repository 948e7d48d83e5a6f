"""The trainer on a GPU: against the CPU, in half precision, compiled, resumed, without waiting."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from r1lab.images import Config, RunFolder, Trainer
from r1lab.images.batches import Batches
from r1lab.images.data import Images
from r1lab.images.players import Players
from r1lab.images.trainer import training_step

BASE = Config(size=32, width=16, latent_dim=16, batch=16, gamma=10.0)
SETTINGS = [
    {},
    {"penalty": "r1+r2", "loss": "relativistic"},
    {"penalty": "wgan-gp", "loss": "wasserstein", "d_steps": 2},
    {"penalty": "approximate-r1"},
    {"network": "dcgan", "conditional": True, "flips": True},
    {"instance_noise": 0.3, "lazy": 2},
]


@pytest.fixture(autouse=True)
def exact_matrix_products():
    """No TF32: float32 is compared with the CPU's."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(scope="module")
def pictures():
    pixels = np.random.default_rng(0).integers(0, 256, (100, 3, 32, 32), np.uint8)
    names = tuple("abcde")
    return Images("noise", torch.from_numpy(pixels), torch.arange(100) % 5, names)


def results(config, images, device, count=1):
    """The numbers of each of the first steps, (count, 5), on the CPU."""
    device = torch.device(device)
    classes = len(images.classes) if config.conditional else 0
    players, batches = (
        Players(config, images.shape, device, classes),
        Batches(images, config, device),
    )
    found = []
    for step, batch in enumerate(batches.stream(range(count))):
        players.begin(step)
        found.append(torch.stack(training_step(players, batch)))
    return torch.stack(found).cpu(), players


@pytest.mark.parametrize("settings", [s for s in SETTINGS if "approximate-r1" not in s.values()])
def test_first_step_equals_the_cpu(pictures, settings):
    # Random penalties and noise are drawn on the device: other draws there.
    if settings.get("penalty") == "wgan-gp" or "instance_noise" in settings:
        pytest.skip("its noise is drawn on the device")
    config = replace(BASE, **settings)
    here, there = (results(config, pictures, device)[0] for device in ("cpu", "cuda"))
    torch.testing.assert_close(here, there, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_step_never_waits_for_the_gpu(pictures, settings):
    config, device = replace(BASE, **settings), torch.device("cuda")
    classes = 5 if config.conditional else 0
    players, batches = (
        Players(config, pictures.shape, device, classes),
        Batches(pictures, config, device),
    )
    given = [batches.at(step) for step in range(4)]
    for step, batch in enumerate(given):
        players.begin(step)
        if step == 2:  # the first ones choose algorithms and fill caches
            torch.cuda.set_sync_debug_mode("error")
        try:
            training_step(players, batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(("precision", "bound"), [("bf16", 0.1), ("fp16", 0.02)])
@pytest.mark.parametrize("settings", SETTINGS[:3], ids=str)
def test_half_precision_is_close_to_single(pictures, precision, bound, settings):
    config = replace(BASE, **settings)
    single, _ = results(config, pictures, "cuda")
    half, players = results(replace(config, precision=precision), pictures, "cuda", count=20)
    torch.testing.assert_close(half[0], single[0], rtol=bound, atol=bound)
    assert half.isfinite().all()
    if precision == "fp16":
        assert players.scaler.get_scale() >= 1024  # it overflows now and then, not always


@pytest.mark.parametrize("settings", [SETTINGS[0], SETTINGS[1]], ids=str)
def test_compiled_step_equals_eager(pictures, settings):
    config = replace(BASE, **settings)
    eager, _ = results(config, pictures, "cuda", count=3)
    compiled, _ = results(replace(config, compile=True), pictures, "cuda", count=3)
    torch.testing.assert_close(compiled, eager, rtol=2e-3, atol=1e-3)


def test_weights_and_images_are_channels_last(pictures):
    players, batches = (
        Players(BASE, pictures.shape, torch.device("cuda")),
        Batches(pictures, BASE, torch.device("cuda")),
    )
    assert batches.at(0).reals[0].is_contiguous(memory_format=torch.channels_last)
    for weight in players.discriminator.parameters():
        if weight.dim() == 4:
            assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_resumed_run_goes_on_where_it_stopped(tmp_path, precision):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), np.uint8)
    np.save(tmp_path / "pictures.npy", pixels)
    config = replace(
        BASE,
        data=str(tmp_path / "pictures.npy"),
        precision=precision,
        out=tmp_path / "run",
        steps=8,
    )
    folder = Trainer(config).run(progress=False)
    saved, metadata = RunFolder(folder).latest()
    resumed = Trainer.resume(folder, steps=12)
    for name, tensor in resumed.players.tensors().items():
        assert torch.equal(tensor.cpu(), saved[name]), name
    assert resumed.players.scaler.state_dict() == metadata["scaler"]
    resumed.run(progress=False)
    assert RunFolder(folder).latest()[1]["step"] == 12


def test_loading_is_not_the_bottleneck():
    """Preparing a batch of 64 colour images of 64 pixels takes a small part of a training step."""
    pixels = torch.randint(256, (20_000, 3, 64, 64), dtype=torch.uint8)
    config = replace(BASE, size=64, width=64, batch=64)
    device = torch.device("cuda")
    images = Images("noise", pixels)
    players, batches = Players(config, images.shape, device), Batches(images, config, device)
    seconds = []
    for trains in (False, True):
        for step, batch in enumerate(batches.stream(range(30))):
            if step == 10:
                torch.cuda.synchronize()
                began = time.perf_counter()
            if trains:
                players.begin(step)
                training_step(players, batch)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    assert seconds[0] < 0.5 * seconds[1]
