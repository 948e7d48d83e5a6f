"""The folder of a run: which checkpoint counts, what is kept, what is refused and how."""

import json
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from r1lab.images import Config, InputError, RunFolder
from r1lab.images import checkpoints as checkpoints_module

TENSORS = {"weight": torch.arange(6.0).view(2, 3)}


@pytest.fixture
def run(tmp_path):
    folder = RunFolder.new(Config(out=tmp_path / "run"), "noise")
    for step in (10, 20, 30):
        folder.save(TENSORS, {"step": step}, keep=3)
    return folder


def names(folder):
    return sorted(path.name for path in (folder.path / "checkpoints").iterdir())


def damage(folder, step, kept=None):
    """Cut a checkpoint short, or flip one bit in its middle."""
    path = folder.path / "checkpoints" / f"step-{step:06d}.safetensors"
    content = bytearray(path.read_bytes())
    if kept is None:
        content[-1] ^= 1
    path.write_bytes(bytes(content[:kept]))


def test_the_last_checkpoint_counts_and_old_ones_go(run):
    assert run.latest()[1]["step"] == 30
    run.save(TENSORS, {"step": 1_000_000}, keep=2)  # seven digits: not alphabetical
    assert names(run) == ["step-000030.safetensors", "step-1000000.safetensors"]
    assert run.latest()[1]["step"] == 1_000_000


@pytest.mark.parametrize("kept", [None, 0, 100], ids=["tampered", "empty", "truncated"])
def test_a_damaged_checkpoint_is_named_and_the_previous_one_used(run, kept):
    damage(run, 30, kept)
    with pytest.warns(UserWarning, match=r"step-000030\.safetensors .*: using step-000020"):
        tensors, metadata = run.latest()
    assert metadata["step"] == 20
    assert torch.equal(tensors["weight"], TENSORS["weight"])
    damage(run, 20, kept)
    damage(run, 10, kept)
    with pytest.raises(InputError, match=r"step-000030\.safetensors"):
        run.latest()


def test_the_best_checkpoint_outlives_the_last_ones(run):
    run.save_best(TENSORS, {"step": 5})
    for step in (40, 50, 60):
        run.save(TENSORS, {"step": step}, keep=1)
    assert names(run) == ["best.safetensors", "step-000060.safetensors"]
    assert run.best()[1]["step"] == 5


def test_what_a_killed_process_left_is_cleared(run):
    left = run.path / "checkpoints" / ".step-000040.safetensors.x1y2"
    left.write_bytes(b"half of it")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run.latest()[1]["step"] == 30
    run.begin(Config(), step=30)
    assert not left.exists()
    assert run.latest()[1]["step"] == 30


def test_going_on_from_an_earlier_checkpoint_drops_the_later_ones(run):
    damage(run, 30)
    run.samples.mkdir()
    for step in (20, 30):
        (run.samples / f"step-{step:06d}.png").touch()
    (run.samples / "step-best.png").touch()  # the user's own
    run.begin(Config(), step=20)
    assert names(run) == ["step-000010.safetensors", "step-000020.safetensors"]
    assert sorted(p.name for p in run.samples.iterdir()) == ["step-000020.png", "step-best.png"]
    run.save(TENSORS, {"step": 21}, keep=1)
    assert names(run) == ["step-000021.safetensors"]


def test_the_checkpoint_just_written_is_never_deleted(run):
    run.save(TENSORS, {"step": 5}, keep=1)
    assert "step-000005.safetensors" in names(run)


def test_only_one_process_trains_in_a_folder(run, tmp_path):
    again = RunFolder(run.path)
    with run.locked(), pytest.raises(InputError, match="another process is training in"):  # noqa: SIM117
        with again.locked():
            pass
    with again.locked():  # free again
        pass
    with pytest.raises(InputError, match="already holds a run"):
        RunFolder.new(Config(out=run.path), "noise")


def test_numbers_that_are_not_finite_are_refused(run):
    run.save({"weight": torch.tensor([1.0, float("nan")])}, {"step": 40}, keep=3)
    with pytest.warns(UserWarning, match="not finite, in weight: using step-000030"):
        assert run.latest()[1]["step"] == 30


def test_a_full_disk_keeps_the_earlier_checkpoints(run, monkeypatch):
    def full_disk(path, tensors, metadata):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints_module, "save", full_disk)
    with pytest.raises(InputError, match=r"No space left.*earlier ones are whole.*r1lab resume"):
        run.save(TENSORS, {"step": 40}, keep=1)
    assert run.latest()[1]["step"] == 30


def test_missing_runs_and_checkpoints_are_one_sentence(tmp_path):
    with pytest.raises(InputError, match="there is no run .*nowhere"):
        RunFolder(tmp_path / "nowhere")
    with pytest.raises(InputError, match="there is no checkpoint in"):
        RunFolder(tmp_path).latest()
    with pytest.raises(InputError, match=r"there is no checkpoint .*best\.safetensors"):
        RunFolder(tmp_path).best()


def test_settings_and_metrics_are_readable_json(run):
    run.begin(Config(), step=30)
    settings = json.loads((run.path / "settings.json").read_text())
    assert Config.from_json(settings) == Config()
    assert run.metrics() == []
    # Killed while writing, twice, and garbled by hand.
    (run.path / "metrics.jsonl").write_text('{"step": 10}\n{"step": 2\n{not json}\n{"step": 3')
    assert run.metrics() == [{"step": 10}]


def test_film_shows_the_samples_in_their_order(run):
    run.samples.mkdir()
    for step, shade in ((1_000_000, 200), (999_990, 20)):
        picture = Image.fromarray(np.full((8, 8, 3), shade, np.uint8))
        picture.save(run.samples / f"step-{step:06d}.png")
    run.write_film()
    with Image.open(run.path / "film.webp") as film:
        assert film.n_frames == 2
        assert abs(int(np.asarray(film.convert("L")).mean()) - 20) < 5
