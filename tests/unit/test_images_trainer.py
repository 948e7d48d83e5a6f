"""The trainer against independent computations: gradients, averages, resumption, stopping."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import softplus

from r1lab.images import Config, Diverged, InputError, Interrupted, RunFolder, Trainer, draws
from r1lab.images import trainer as trainer_module
from r1lab.images.batches import Batch
from r1lab.images.pictures import grid
from r1lab.images.sampling import sample

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
def double():
    """Everything is float64: networks, latents, images."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


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
    batch = trainer.batches.at(step)
    before = copy.deepcopy((p.generator, p.discriminator, p.ema))
    p.begin(step)
    result = trainer_module.training_step(p, batch)
    return seen, result, before, batch


@pytest.mark.parametrize("name", ["r1", "r2", "r1+r2", "zero-centered", "wgan-gp", "none"])
@pytest.mark.usefixtures("double")
def test_discriminator_gradients_equal_a_hand_written_computation(tiny, name):
    trainer = Trainer(replace(tiny, penalty=name, gamma=3.0))
    seen, result, (g, d, _), (reals, latents, _) = run_step_and_keep_gradients(trainer)
    real, fake = reals[0], g(latents[0]).detach()

    def squared_norms(x):
        x = x.clone().requires_grad_()
        total = torch.stack([d(one.unsqueeze(0)).squeeze() for one in x]).sum()
        (gradient,) = torch.autograd.grad(total, x, create_graph=True)
        return (gradient**2).sum((1, 2, 3))

    eps = torch.rand(
        4,
        generator=torch.Generator().manual_seed(draws.stream_seed(0, draws.NOISE, 0)),
    ).view(4, 1, 1, 1)
    between = eps * real + (1 - eps) * fake
    expected_penalty = {
        "r1": lambda: 1.5 * squared_norms(real).mean(),
        "r2": lambda: 1.5 * squared_norms(fake).mean(),
        "r1+r2": lambda: 1.5 * (squared_norms(real).mean() + squared_norms(fake).mean()),
        # gamma is twice the weight.
        "wgan-gp": lambda: 1.5 * (squared_norms(between).sqrt() - 1).square().mean(),
        "zero-centered": lambda: 1.5 * squared_norms(between).mean(),
        "none": lambda: torch.zeros(()),
    }[name]()
    loss = softplus(-d(real)).mean() + softplus(d(fake)).mean()
    (loss + expected_penalty).backward()
    torch.testing.assert_close(result.d_loss, loss.detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(result.penalty, expected_penalty.detach(), rtol=1e-9, atol=1e-12)
    for gradient, parameter in zip(seen["discriminator"], d.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
@pytest.mark.usefixtures("double")
def test_generator_gradients_use_the_updated_discriminator(tiny, loss):
    trainer = Trainer(replace(tiny, loss=loss))
    p = trainer.players
    seen, result, (g, _, _), (reals, latents, _) = run_step_and_keep_gradients(trainer)
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
    reals, latents, labels = trainer.batches.at(step=0)
    assert reals.shape == (3, 4, 3, 16, 16)
    assert latents.shape == (4, 4, 8)
    assert labels is None
    # Ten images in twelve places: the first ten are all different.
    assert len(reals.flatten(0, 1)[:10].flatten(1).unique(dim=0)) == 10
    assert len(latents.flatten(0, 1).unique(dim=0)) == 16
    calls = []
    trainer.players.discriminator_optimizer.register_step_post_hook(lambda *_: calls.append("d"))
    trainer.players.generator_optimizer.register_step_post_hook(lambda *_: calls.append("g"))
    trainer_module.training_step(trainer.players, Batch(reals, latents, labels))
    assert "".join(calls) == "dddg"


@pytest.mark.parametrize("network", ["residual", "dcgan"])  # dcgan has buffers
def test_average_is_the_closed_form(tiny, network):
    """ema_n = d^n theta_0 + (1 - d) sum_{k=1}^n d^(n-k) theta_k, with d from the half-life."""
    trainer = Trainer(replace(tiny, ema_half_life=12, network=network))
    p, n = trainer.players, 5
    thetas = [{name: value.clone() for name, value in p.generator.state_dict().items()}]
    for step in range(n):
        trainer_module.training_step(p, trainer.batches.at(step))
        thetas.append({name: value.clone() for name, value in p.generator.state_dict().items()})
    decay = 0.5 ** (4 / 12)
    weights = [decay**n] + [(1 - decay) * decay ** (n - k) for k in range(1, n + 1)]
    assert sum(weights) == pytest.approx(1)
    for name, value in p.ema.state_dict().items():
        if not value.is_floating_point():  # how many batches BatchNorm has seen: not averaged
            assert value == 2 * n
            continue
        expected = sum(w * theta[name].double() for w, theta in zip(weights, thetas, strict=True))
        torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6)
    assert not p.ema.training


def test_bf16_step_is_close_to_fp32(tiny):
    results = {}
    for precision in ("fp32", "bf16"):
        trainer = Trainer(replace(tiny, precision=precision))
        trainer.players.begin(0)
        results[precision] = trainer_module.training_step(trainer.players, trainer.batches.at(0))
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
    (expected, first), (got, second) = RunFolder(whole).latest(), RunFolder(parts).latest()
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
    assert files - {".lock"} == {
        "checkpoints/step-000000.safetensors",
        "checkpoints/step-000003.safetensors",
        "checkpoints/step-000006.safetensors",
        "film.webp",
        "metrics.jsonl",
        "real.png",
        "samples.png",
        "samples/step-000003.png",
        "samples/step-000006.png",
        "settings.json",
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
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    before = [path.read_bytes() for path in files]
    with pytest.raises(InputError, match=f"r1lab resume {folder}"):
        Trainer(tiny).run(progress=False)
    assert [path.read_bytes() for path in files] == before


def test_a_trainer_that_another_has_overtaken_destroys_nothing(tiny):
    folder = Trainer(replace(tiny, steps=2, snapshot_every=2)).run(progress=False)
    stale = Trainer.resume(folder, steps=4)
    Trainer.resume(folder, steps=8).run(progress=False)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="at step 8 meanwhile, this trainer at step 2: resume"):
        stale.run(progress=False)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


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


def test_a_run_is_resumed_from_another_folder_and_with_moved_images(tiny, tmp_path, monkeypatch):
    images = tmp_path / "images"
    images.mkdir()
    for shade in range(8):
        Image.new("L", (16, 16), shade).save(images / f"{shade}.png")
    monkeypatch.chdir(tmp_path)
    folder = Trainer(replace(tiny, data="images")).run(progress=False)
    monkeypatch.chdir("/")
    assert Trainer.resume(folder, steps=7).run(progress=False) == folder
    images.rename(tmp_path / "moved")
    with pytest.raises(InputError, match="unknown data"):
        Trainer.resume(folder, steps=8)
    assert Trainer.resume(folder, steps=8, data=str(tmp_path / "moved")).step == 7


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
    tensors, metadata = trainer.folder.latest()
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
    assert trainer.folder.latest()[1]["step"] == 1
