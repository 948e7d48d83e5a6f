"""The trainer against independent computations: gradients, averages, resumption, stopping."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import softplus

from r1lab import penalties
from r1lab.images import (
    Config,
    Diverged,
    InputError,
    Interrupted,
    Trainer,
    draws,
    grid,
    players,
    sample,
)
from r1lab.images import trainer as trainer_module
from r1lab.images.checkpoints import FILE_NAME, load
from r1lab.images.networks import Discriminator, Generator

TINY = {"size": 16, "width": 4, "latent_dim": 8, "batch": 4, "device": "cpu"}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder of ten small pictures: 10 is no multiple of the batch, so batches cross epochs."""
    folder = tmp_path_factory.mktemp("pictures")
    pixels = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{i}.png")
    return str(folder)


@pytest.fixture
def tiny(pictures, tmp_path):
    return Config(data=pictures, out=tmp_path / "run", steps=6, snapshot_every=3, **TINY)


# The training step


def run_step_and_keep_gradients(trainer, step=0):
    """One training step; the gradients that each optimiser saw."""
    seen = {}
    p = trainer.players
    for name, optimizer in (
        ("discriminator", p.discriminator_optimizer),
        ("generator", p.generator_optimizer),
    ):

        def keep(optimizer, args, kwargs, name=name):
            seen[name] = [q.grad.clone() for g in optimizer.param_groups for q in g["params"]]

        optimizer.register_step_pre_hook(keep)
    reals, latents = trainer.batches(step)
    networks = (p.generator, p.discriminator, p.ema)
    if next(p.generator.parameters()).dtype == torch.float64:
        reals, latents = reals.double(), latents.double()
    before = copy.deepcopy(networks)
    result = trainer_module.training_step(p, reals, latents, trainer.accelerator)
    return seen, result, before, (reals, latents)


@pytest.mark.parametrize("name", ["r1", "r2", "r1+r2", "wgan-gp", "none"])
def test_discriminator_gradients_equal_a_hand_written_computation(tiny, name, monkeypatch):
    # The trainer rounds fakes to float32; here everything stays in float64.
    monkeypatch.setattr(torch.Tensor, "float", lambda x: x)
    trainer = Trainer(replace(tiny, penalty=name, gamma=3.0))
    for network in (trainer.players.generator, trainer.players.discriminator, trainer.players.ema):
        network.double()
    seen, result, (g, d, _), (reals, latents) = run_step_and_keep_gradients(trainer)
    real, fake = reals[0], g(latents[0]).detach()

    def squared_norms(x):
        x = x.clone().requires_grad_()
        total = torch.stack([d(one.unsqueeze(0)).squeeze() for one in x]).sum()
        (gradient,) = torch.autograd.grad(total, x, create_graph=True)
        return (gradient**2).sum((1, 2, 3))

    eps = torch.rand(
        4,
        generator=torch.Generator().manual_seed(draws.stream_seed(0, draws.INTERPOLATES, 0)),
        dtype=torch.float64,
    ).view(4, 1, 1, 1)
    expected_penalty = {
        "r1": lambda: 1.5 * squared_norms(real).mean(),
        "r2": lambda: 1.5 * squared_norms(fake).mean(),
        "r1+r2": lambda: 1.5 * (squared_norms(real).mean() + squared_norms(fake).mean()),
        # gamma is twice the weight.
        "wgan-gp": lambda: (
            1.5 * (squared_norms(eps * real + (1 - eps) * fake).sqrt() - 1).square().mean()
        ),
        "none": lambda: torch.zeros((), dtype=torch.float64),
    }[name]()
    loss = softplus(-d(real)).mean() + softplus(d(fake)).mean()
    (loss + expected_penalty).backward()
    torch.testing.assert_close(result.d_loss, loss.detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(result.penalty, expected_penalty.detach(), rtol=1e-9, atol=1e-12)
    for gradient, parameter in zip(seen["discriminator"], d.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_generator_gradients_use_the_updated_discriminator(tiny, loss, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", lambda x: x)
    trainer = Trainer(replace(tiny, loss=loss))
    p = trainer.players
    for network in (p.generator, p.discriminator, p.ema):
        network.double()
    seen, result, (g, _, _), (reals, latents) = run_step_and_keep_gradients(trainer)
    fake_logits = p.discriminator(g(latents[1]))  # D after its step
    pairing = p.discriminator(reals[0]) if loss == "relativistic" else 0
    expected = softplus(pairing - fake_logits).mean()
    expected.backward()
    torch.testing.assert_close(result.g_loss, expected.detach(), rtol=1e-9, atol=1e-12)
    for gradient, parameter in zip(seen["generator"], g.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-8, atol=1e-11)
    assert all(q.requires_grad for q in p.discriminator.parameters())


def test_d_steps_take_fresh_batches(tiny):
    trainer = Trainer(replace(tiny, d_steps=3))
    reals, latents = trainer.batches(step=0)
    assert reals.shape == (3, 4, 3, 16, 16)
    assert latents.shape == (4, 4, 8)
    # Ten images in twelve places: the first ten are all different.
    assert len(reals.flatten(0, 1)[:10].flatten(1).unique(dim=0)) == 10
    assert len(latents.flatten(0, 1).unique(dim=0)) == 16
    calls = []
    trainer.players.discriminator_optimizer.register_step_post_hook(lambda *_: calls.append("d"))
    trainer.players.generator_optimizer.register_step_post_hook(lambda *_: calls.append("g"))
    trainer_module.training_step(trainer.players, reals, latents, trainer.accelerator)
    assert "".join(calls) == "dddg"


def test_average_is_the_closed_form(tiny):
    """ema_n = d^(n-1) theta_1 + (1 - d) sum_{k=2}^n d^(n-k) theta_k, with d from the half-life."""
    trainer = Trainer(replace(tiny, ema_half_life=12))
    p, n, thetas = trainer.players, 5, []
    p.generator.register_buffer("counter", torch.zeros(1))
    p.ema.module.register_buffer("counter", torch.zeros(1))
    for step in range(n):
        p.generator.counter += 1
        trainer_module.training_step(p, *trainer.batches(step), trainer.accelerator)
        state = p.generator.state_dict()
        thetas.append({name: value.double().clone() for name, value in state.items()})
    decay = 0.5 ** (4 / 12)
    weights = [decay ** (n - 1)] + [(1 - decay) * decay ** (n - k) for k in range(2, n + 1)]
    assert sum(weights) == pytest.approx(1)
    for name, value in p.ema.module.state_dict().items():
        expected = sum(w * theta[name] for w, theta in zip(weights, thetas, strict=True))
        torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6)


def test_bf16_step_is_close_to_fp32(tiny):
    results = {}
    for precision in ("fp32", "bf16"):
        trainer = Trainer(replace(tiny, precision=precision))
        results[precision] = trainer_module.training_step(
            trainer.players, *trainer.batches(0), trainer.accelerator
        )
    for low, high in zip(results["bf16"], results["fp32"], strict=True):
        assert low.dtype == torch.float32
        torch.testing.assert_close(low, high, rtol=0.1, atol=0.05)
    assert results["bf16"].d_loss != results["fp32"].d_loss  # it did run in bf16


def test_trainers_of_two_precisions_do_not_disturb_each_other(tiny, tmp_path):
    def steps(folder):
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        return [{**json.loads(line), "seconds": 0} for line in lines]

    alone = steps(Trainer(replace(tiny, out=tmp_path / "alone")).run(progress=False))
    first = Trainer(replace(tiny, out=tmp_path / "first"))
    Trainer(replace(tiny, precision="bf16", out=tmp_path / "second"))
    assert steps(first.run(progress=False)) == alone


# Random choices


def test_each_epoch_is_a_permutation():
    seen = torch.cat([draws.batch_indices(3, step, 4, 10) for step in range(5)])
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()


def test_a_batch_may_be_larger_than_the_data():
    indices = draws.batch_indices(0, 1, 8, 3)
    assert sorted(torch.cat([draws.batch_indices(0, 0, 8, 3), indices])[:15].tolist()) == sorted(
        5 * [0, 1, 2]
    )


def test_building_leaves_the_callers_random_numbers_alone(tiny):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = Trainer(tiny), Trainer(tiny)
    assert torch.equal(torch.rand(3), expected)
    other = Trainer(replace(tiny, seed=1))
    weight, same, different = (t.players.generator.project.weight for t in (first, second, other))
    assert torch.equal(weight, same)
    assert not torch.equal(weight, different)


# The run


@pytest.mark.parametrize("name", ["r1", "wgan-gp"])
def test_resumed_run_is_bit_identical(tiny, tmp_path, name):
    config = replace(tiny, penalty=name)
    whole = Trainer(config).run(progress=False)
    Trainer(replace(config, steps=3, out=tmp_path / "parts")).run(progress=False)
    torch.manual_seed(99)  # nothing may depend on the global random numbers
    parts = Trainer.resume(tmp_path / "parts", steps=6).run(progress=False)
    (expected, first), (got, second) = load(whole / FILE_NAME), load(parts / FILE_NAME)
    assert first["step"] == second["step"] == 6
    assert expected.keys() == got.keys()
    for key, tensor in expected.items():
        assert torch.equal(tensor, got[key]), key
    last = [(run / "metrics.jsonl").read_text().splitlines()[-1] for run in (whole, parts)]
    for line in map(json.loads, last):
        assert {**line, "seconds": 0} == {**json.loads(last[0]), "seconds": 0}
    pictures = [(run / "samples.png").read_bytes() for run in (whole, parts)]
    assert pictures[0] == pictures[1]


def test_run_writes_what_it_says_and_prints_nothing(tiny, capsys):
    folder = Trainer(tiny).run(progress=False)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "checkpoint.safetensors",
        "metrics.jsonl",
        "real.png",
        "samples.png",
        "samples/step-000003.png",
        "samples/step-000006.png",
    }
    (line,) = (folder / "metrics.jsonl").read_text().splitlines()
    metrics = json.loads(line)
    assert (metrics["step"], metrics["images"]) == (6, 24)
    assert capsys.readouterr() == ("", "")


def test_samples_of_a_trainer_and_of_its_folder_are_equal(tiny):
    trainer = Trainer(tiny)
    folder = trainer.run(progress=False)
    images = sample(trainer, 3, seed=5)
    assert images.shape == (3, 3, 16, 16)
    assert torch.equal(images, sample(folder, 3, seed=5))
    assert not torch.equal(images, sample(folder, 3, seed=6))
    assert np.array_equal(grid(sample(folder)), np.asarray(Image.open(folder / "samples.png")))


def test_metrics_after_the_checkpoint_are_dropped_on_resume(tiny):
    folder = Trainer(replace(tiny, steps=3)).run(progress=False)
    with (folder / "metrics.jsonl").open("a") as file:  # as a killed process would leave it
        file.write('{"step": 5}\n{"step": 6, "d_lo')
    Trainer.resume(folder, steps=6).run(progress=False)
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [3, 6]


def test_folder_with_a_run_is_refused_and_kept(tiny):
    folder = Trainer(tiny).run(progress=False)
    before = (folder / FILE_NAME).read_bytes()
    with pytest.raises(InputError, match=f"r1lab resume {folder}"):
        Trainer(tiny).run(progress=False)
    assert (folder / FILE_NAME).read_bytes() == before


def test_finished_run_and_changed_data_are_refused(tiny, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    Image.new("L", (16, 16), 7).save(images / "a.png")
    folder = Trainer(replace(tiny, data=str(images))).run(progress=False)
    with pytest.raises(InputError, match="has done 6 steps"):
        Trainer.resume(folder)
    Image.new("L", (16, 16), 8).save(images / "a.png")
    with pytest.raises(InputError, match="not those that"):
        Trainer.resume(folder, steps=9)


def test_default_folders_are_numbered(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = replace(tiny, out=None, steps=1)
    names = [Trainer(config).run(progress=False).name for _ in range(2)]
    assert [name.rsplit("-", 1)[1] for name in names] == ["000", "001"]


def test_divergence_stops_and_keeps_the_last_checkpoint(tiny):
    trainer = Trainer(replace(tiny, steps=100))
    steps = []

    def poison(*_):
        steps.append(0)
        if len(steps) == 4:
            with torch.no_grad():
                trainer.players.discriminator.from_image.weight.fill_(float("nan"))

    trainer.players.discriminator_optimizer.register_step_post_hook(poison)
    with pytest.raises(Diverged, match=r"before step 6 .*nan.*--lr"):
        trainer.run(progress=False)
    tensors, metadata = load(trainer.folder / FILE_NAME)
    assert metadata["step"] == 3
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_interrupt_saves_and_restores_the_handlers(tiny):
    import signal

    before = signal.getsignal(signal.SIGINT)
    trainer = Trainer(tiny)
    trainer.players.generator_optimizer.register_step_post_hook(
        lambda *_: signal.raise_signal(signal.SIGINT)
    )
    with pytest.raises(Interrupted, match=r"stopped after step 1; .*r1lab resume") as stop:
        trainer.run(progress=False)
    assert isinstance(stop.value, KeyboardInterrupt)  # a notebook shows it as its own
    assert signal.getsignal(signal.SIGINT) is before
    assert load(trainer.folder / FILE_NAME)[1]["step"] == 1


# Networks and pictures


def test_networks_do_not_couple_samples_and_have_no_normalisation():
    generator, discriminator = Generator(8, 3, 32, 4), Discriminator(3, 32, 4)
    x = torch.randn(5, 3, 32, 32)
    torch.testing.assert_close(
        discriminator(x), torch.cat([discriminator(one[None]) for one in x]), rtol=1e-4, atol=1e-5
    )
    names = {type(m).__name__ for net in (generator, discriminator) for m in net.modules()}
    assert not any("Norm" in name for name in names)


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_network_shapes(size):
    images = Generator(8, 1, size, 2)(torch.randn(2, 8))
    assert images.shape == (2, 1, size, size)
    assert images.abs().max() <= 1
    assert Discriminator(1, size, 2)(images).shape == (2,)


def test_smooth_activation_reaches_every_layer():
    for network in (
        Generator(8, 1, 16, 2, activation=torch.nn.Softplus),
        Discriminator(1, 16, 2, activation=torch.nn.Softplus),
    ):
        kinds = [type(module) for module in network.modules()]
        assert torch.nn.LeakyReLU not in kinds
        assert torch.nn.Softplus in kinds


def test_initial_signal_neither_fades_nor_explodes():
    torch.manual_seed(0)
    images = Generator(64, 1, 32, 16)(torch.randn(64, 64))
    assert 0.3 < images.std(0).mean() < 0.9  # the latents are seen, and tanh is not saturated


def test_grid_layout():
    images = torch.full((3, 1, 4, 6), -1.0)
    images[1] = 1.0
    images[2] = 0.0
    picture = grid(images, columns=2)
    assert picture.shape == (4 + 2 + 4, 6 + 2 + 6, 3)
    assert picture.dtype == np.uint8
    assert (picture[:4, :6] == 0).all()
    assert (picture[:4, 8:] == 255).all()
    assert (picture[6:, :6] == 128).all()
    assert (picture[4:6] == 255).all()
    assert (picture[:, 6:8] == 255).all()
    assert (picture[6:, 8:] == 255).all()  # the place of a fourth image


def test_grid_keeps_channels_apart():
    image = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1)
    assert grid(image)[0, 0].tolist() == [255, 128, 0]


def test_gamma_is_twice_the_weight_of_wgan_gp():
    assert players.make_penalty(Config(penalty="wgan-gp", gamma=20.0)) == penalties.WGANGP(10.0)
    assert players.make_penalty(Config(penalty="r1", gamma=20.0)) == penalties.R1(20.0)
    assert players.make_penalty(Config(penalty="none")) is None


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"penalty": "r3"}, "unknown penalty 'r3': use one of r1"),
        ({"loss": "mse"}, "unknown loss 'mse'"),
        ({"precision": "fp8"}, "unknown precision"),
        ({"device": "gpu"}, "unknown device"),
        ({"gamma": -1.0}, "gamma must be"),
        ({"gamma": float("nan")}, "gamma must be"),
        ({"lr": 0.0}, "lr must be"),
        ({"betas": (0.0, 1.0)}, "betas must be"),
        ({"size": 48}, "size must be 16, 32"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"seed": -1}, "seed must not be negative"),
    ],
)
def test_bad_settings_are_one_sentence(setting, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        Config(**setting)
    assert "\n" not in str(error.value)
