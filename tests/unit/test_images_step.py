"""The training step where it differs from plain: devices, classes, noise, laziness, compilation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from r1lab import penalties
from r1lab.images import Config, InputError, Trainer, draws, networks, trainer
from r1lab.images.batches import Batch, Batches
from r1lab.images.data import Images
from r1lab.images.players import Noisy, Players
from r1lab.images.trainer import training_step

TINY = Config(size=16, width=4, latent_dim=8, batch=4, device="cpu")
CPU = torch.device("cpu")


def pictures(count=10, channels=3, classes=0):
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 256, (count, channels, 16, 16), np.uint8))
    if not classes:
        return Images("noise", pixels)
    names = tuple(f"class {k}" for k in range(classes))
    return Images("noise", pixels, torch.arange(count) % classes, names)


def steps(config, images, count):
    """Train, and return players and last result."""
    classes = len(images.classes) if config.conditional else 0
    players, batches = Players(config, images.shape, CPU, classes), Batches(images, config, CPU)
    for step in range(count):
        players.begin(step)
        result = training_step(players, batches.at(step))
    return players, result


@pytest.mark.filterwarnings("error")
def test_weights_are_drawn_without_touching_gpus(monkeypatch):
    """Of a host with four GPUs; the weights are those that the seed gives to PyTorch."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    reseeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    before = torch.get_rng_state()
    made = Players(TINY, (3, 16, 16), CPU)
    assert reseeded == []
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(draws.stream_seed(TINY.seed, draws.WEIGHTS))
    pair = networks.pair("residual", (3, 16, 16), latent_dim=8, width=4)
    for network, expected in zip((made.generator, made.discriminator), pair, strict=True):
        for name, tensor in expected.state_dict().items():
            assert torch.equal(network.state_dict()[name], tensor), name
    torch.set_rng_state(before)


SETTINGS = [
    {},
    {"penalty": "r1+r2", "loss": "relativistic"},
    {"penalty": "wgan-gp", "loss": "wasserstein", "d_steps": 3},
    {"penalty": "dragan"},
    {"penalty": "zero-centered"},
    {"penalty": "approximate-r1"},
    {"penalty": "approximate-r2"},
    {"penalty": "none", "instance_noise": 0.5},
    {"network": "dcgan", "conditional": True},
    {"optimizer": "rmsprop"},
    {"optimizer": "sgd", "betas": (0.5, 0.9)},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_whole_step_runs_on_meta(settings):
    """The meta device has no numbers: mixing devices and reading a value (waiting) both raise."""
    config, meta = replace(TINY, **settings), torch.device("meta")
    players = Players(config, (3, 16, 16), meta, classes=5 * config.conditional)
    labels = torch.empty(config.d_steps, 4, dtype=torch.long, device=meta)
    batch = Batch(
        torch.empty(config.d_steps, 4, 3, 16, 16, device=meta),
        torch.empty(config.d_steps + 1, 4, 8, device=meta),
        labels if config.conditional else None,
    )
    players.begin(0)
    assert all(value.device.type == "meta" for value in training_step(players, batch))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_weight_moves_and_nothing_is_random_twice(settings):
    config, images = replace(TINY, **settings), pictures(classes=5)
    before = Players(config, images.shape, CPU, 5 * config.conditional)
    players, first = steps(config, images, 2)
    torch.manual_seed(99)  # nothing may depend on the global random numbers
    _, second = steps(config, images, 2)
    assert torch.equal(torch.stack(first), torch.stack(second))
    for name in ("generator", "discriminator"):
        for (key, old), new in zip(
            getattr(before, name).named_parameters(),
            getattr(players, name).parameters(),
            strict=True,
        ):
            # These losses see only differences of logits, in which a constant drops out.
            unseen = key.startswith("to_logit") and key.endswith("bias")
            still = unseen and config.loss in ("relativistic", "wasserstein")
            assert torch.equal(old, new) == still, f"{name}.{key}"


def test_processes_cut_their_parts_out_of_one_stream():
    config = replace(TINY, batch=6, d_steps=2, flips=True, conditional=True)
    images = pictures(classes=5)
    whole = Batches(images, config, CPU).at(3)
    parts = [Batches(images, config, CPU, rank, 3).at(3) for rank in range(3)]
    for found, expected in zip(zip(*parts, strict=True), whole, strict=True):
        assert torch.equal(torch.cat(found, dim=1), expected)
    with pytest.raises(InputError, match="batch 6 cannot be divided by 4 processes"):
        Batches(images, config, CPU, 0, 4)


def test_flips_mirror_the_chosen_images():
    images = pictures()
    plain, flipped = (
        Batches(images, replace(TINY, flips=flips), CPU).at(1).reals[0] for flips in (False, True)
    )
    mirrored = draws.flips(0, 1, 4)
    assert mirrored.tolist() not in ([True] * 4, [False] * 4)
    for image, before, mirror in zip(flipped, plain, mirrored, strict=True):
        np.testing.assert_array_equal(image, before.numpy()[:, :, ::-1] if mirror else before)


def test_stream_gives_the_batches_in_order():
    batches = Batches(pictures(), TINY, CPU)
    for step, batch in zip(range(2, 5), batches.stream(range(2, 5)), strict=True):
        assert torch.equal(batch.latents, batches.at(step).latents)


def test_labels_reach_both_players():
    """The loss of a conditional step is that of a hand-written one with the reals' labels."""
    config = replace(TINY, conditional=True, penalty="none")
    images = pictures(classes=5)
    players, batches = Players(config, images.shape, CPU, 5), Batches(images, config, CPU)
    (real,), latents, (labels,) = batch = batches.at(0)
    chosen = draws.batch_indices(0, 0, 4, 10)
    assert torch.equal(labels, chosen % 5)
    g, d = players.generator, players.discriminator
    expected = softplus(-d(real, labels)).mean() + softplus(d(g(latents[0], labels), labels)).mean()
    players.begin(0)
    torch.testing.assert_close(training_step(players, batch).d_loss, expected.detach())
    with pytest.raises(InputError, match="has no labels, which --conditional needs"):
        Batches(pictures(), config, CPU)
    with pytest.raises(InputError, match="has only one class"):
        Batches(pictures(classes=1), config, CPU)


def test_instance_noise_has_its_variance_and_smooths_the_logits():
    """D(x) = w.x under noise sigma: logits have variance sigma^2 ||w||^2 around w.x."""
    linear = nn.Linear(8, 1, bias=False)
    generator = torch.Generator().manual_seed(0)
    logits = Noisy(linear, 0.7, generator)(torch.ones(20_000, 8)).flatten()
    expected = 0.7 * linear.weight.norm()
    torch.testing.assert_close(logits.std(), expected.detach(), rtol=0.02, atol=0)
    torch.testing.assert_close(logits.mean(), linear.weight.sum().detach(), rtol=0.05, atol=0.02)


def test_lazy_penalty_is_computed_in_its_steps_and_logged_with_its_mean_strength():
    config, images = replace(TINY, lazy=4), pictures()
    players, batches = Players(config, images.shape, CPU), Batches(images, config, CPU)
    values = []
    for step in range(5):
        players.begin(step)
        (real,) = batches.at(step).reals
        exact = penalties.r1(players.discriminator, real, config.gamma)
        values.append((training_step(players, batches.at(step)).penalty, exact.detach()))
    for step, (logged, exact) in enumerate(values):
        expected = exact if step in (0, 4) else values[0][1]  # the last one that was computed
        torch.testing.assert_close(logged, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_optimisers_have_the_settings(optimizer):
    config = replace(TINY, optimizer=optimizer, lr=0.25, betas=(0.5, 0.9), warmup=2)
    players = Players(config, (1, 16, 16), CPU)
    players.begin(0)
    for made in (players.generator_optimizer, players.discriminator_optimizer):
        (group,) = made.param_groups
        assert group["lr"] == 0.125
        expected = {
            "adam": {"betas": (0.5, 0.9)},
            "rmsprop": {"alpha": 0.9, "momentum": 0.5},
            "sgd": {"momentum": 0.5},
        }[optimizer]
        assert expected.items() <= group.items()


def test_a_compiled_step_equals_an_eager_one(monkeypatch):
    """With the aot_eager backend: what torch.compile traces, without its C++ compiler."""
    real_compile = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda module: real_compile(module, backend="aot_eager", fullgraph=True)
    )
    found = [
        steps(replace(TINY, compile=compiled, gamma=3.0), pictures(), 3)[1]
        for compiled in (False, True)
    ]
    torch.testing.assert_close(torch.stack(found[0]), torch.stack(found[1]), rtol=1e-4, atol=1e-5)


def test_half_precision_on_a_cpu_is_refused_or_warned_of(monkeypatch):
    with pytest.raises(InputError, match="fp16 needs a GPU: use bf16 or fp32"):
        Trainer(replace(TINY, data="photos-32", precision="fp16"))
    monkeypatch.setattr(trainer, "_has_bf16", lambda: False)
    with pytest.warns(UserWarning, match="no bf16 instructions: fp32 is many times faster"):
        Trainer(replace(TINY, data="photos-32", precision="bf16"))
