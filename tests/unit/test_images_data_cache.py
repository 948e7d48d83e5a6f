"""Sets that are decoded into a file: the same pixels, written once, whole or not at all."""

import errno
import io
import os
import resource

import numpy as np
import pytest
import torch

from r1lab.images.data import arrays, decoding, folders, inspect, load
from r1lab.images.data import cache as kept
from r1lab.images.errors import InputError


@pytest.fixture
def in_memory(files):
    """A folder of 20 pictures, the last two of them in colour, and how it is read into memory."""
    for i in range(20):
        files.image(f"{'ab'[i % 2]}/{i:02d}.png", files.noise(*((8, 8), (8, 8, 3))[i > 17], seed=i))
    return load(str(files.folder), 8, on_problem="continue")


@pytest.fixture
def large(monkeypatch, cache):
    """From now on every set is a large one."""
    monkeypatch.setattr(kept, "MAPPED_ABOVE", 0)
    return cache


def no_decoding(monkeypatch):
    for module in (decoding, arrays):
        monkeypatch.setattr(module.__name__ + ".PixelStore", None, raising=False)
    monkeypatch.setattr(kept, "PixelStore", None)


def test_folder_is_decoded_into_a_file_once(files, in_memory, large, monkeypatch):
    first = load(str(files.folder), 8, on_problem="continue")
    no_decoding(monkeypatch)
    second = load(str(files.folder), 8, on_problem="continue")
    for images in (first, second):
        assert torch.equal(images.images, in_memory.images)
        assert torch.equal(images.labels, in_memory.labels)
        assert (images.name, images.classes) == ("set", ("a", "b"))
        assert images.sha256 == in_memory.sha256
    (folder,) = large.iterdir()
    np.testing.assert_array_equal(np.load(folder / "pixels.npy"), in_memory.images)
    second.images[:] = 0  # in memory only
    assert load(str(files.folder), 8, on_problem="continue").sha256 == in_memory.sha256


def test_problems_are_remembered(files, in_memory, large, monkeypatch):
    files.raw("a/bad\n\udcff.png", b"garbage")
    first = inspect(str(files.folder), 8)
    no_decoding(monkeypatch)
    assert str(inspect(str(files.folder), 8)) == str(first)
    with pytest.raises(InputError, match=r"1 of 21 images cannot be read \(a/bad\\n\\udcff.png"):
        load(str(files.folder), 8)


@pytest.mark.parametrize("fails", ["opening", "reading"])
def test_what_could_not_be_read_once_is_read_again(files, in_memory, large, monkeypatch, fails):
    opens = folders.open_file

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    def broken(path):
        if path.name != "07.png":
            return opens(path)
        if fails == "opening":
            fail()
        file = io.BytesIO()
        file.read = fail
        return file

    with monkeypatch.context() as patch:
        patch.setattr(folders, "open_file", broken)
        report = inspect(str(files.folder), 8)
        assert "07.png: Input/output error" in str(report)
        rest = load(str(files.folder), 8, on_problem="continue")
    again = load(str(files.folder), 8, on_problem="continue")
    assert (len(report.images), len(rest), len(again)) == (19, 19, 20)
    assert again.sha256 == in_memory.sha256
    assert torch.equal(rest.images, report.images.images)  # still there: no file was taken away
    no_decoding(monkeypatch)  # kept from now on
    assert load(str(files.folder), 8, on_problem="continue").sha256 == in_memory.sha256


def test_changes_are_noticed(files, in_memory, large):
    before = load(str(files.folder), 8, on_problem="continue").sha256
    path = files.folder / "a" / "00.png"
    os.utime(path, ns=(1, 1))
    path.write_bytes(files.encoded(files.noise(8, 8, seed=99)))
    after = load(str(files.folder), 8, on_problem="continue")
    assert after.sha256 != before
    np.testing.assert_array_equal(after.images[0, 0], files.noise(8, 8, seed=99))
    assert len(load(str(files.folder), 8, on_problem="continue", limit=3)) == 3
    assert load(str(files.folder), 4, on_problem="continue").shape == (3, 4, 4)


@pytest.mark.parametrize("garbled", ["pixels.npy", "report.json"])
@pytest.mark.parametrize("content", [b"", b"garbled", None])
def test_garbled_copy_is_made_again(files, in_memory, large, garbled, content):
    load(str(files.folder), 8, on_problem="continue")
    (path,) = large.glob(f"*/{garbled}")
    path.write_bytes(path.read_bytes()[:-50] if content is None else content)
    assert load(str(files.folder), 8, on_problem="continue").sha256 == in_memory.sha256
    assert len(list(large.iterdir())) == 1


def test_nothing_is_left_of_what_was_interrupted(files, in_memory, large, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(decoding.Survey, "findings", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load(str(files.folder), 8)
    assert list(large.iterdir()) == []


def test_second_process_that_was_slower_changes_nothing(files, in_memory, large, monkeypatch):
    """Another one finishes while this one decodes."""
    findings = decoding.Survey.findings

    def late(self):
        monkeypatch.setattr(decoding.Survey, "findings", findings)
        load(str(files.folder), 8, on_problem="continue")
        return findings(self)

    monkeypatch.setattr(decoding.Survey, "findings", late)
    assert load(str(files.folder), 8, on_problem="continue").sha256 == in_memory.sha256
    assert len(list(large.iterdir())) == 1


def test_cache_that_cannot_be_written_is_named(files, in_memory, large, monkeypatch):
    monkeypatch.setenv("R1LAB_CACHE", str(files.raw("../file", b"")))
    with pytest.raises(InputError, match="cannot keep .*/file .*R1LAB_CACHE") as e:
        load(str(files.folder), 8)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("allowed", [0, 500, 1500])  # of 20 * 192 + 128 bytes
def test_full_disk_is_a_sentence(files, in_memory, large, allowed):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, limits[1]))
    try:
        with pytest.raises(InputError, match=r"cannot keep .*\(File too large\): set R1LAB_CACHE"):
            load(str(files.folder), 8)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(large.iterdir()) == []


def test_zip_and_arrays_are_kept_too(files, large, monkeypatch):
    pixels = files.noise(6, 16, 16, 3)
    members = {f"{i}.png": files.encoded(image) for i, image in enumerate(pixels)}
    paths = [files.zip("a.zip", members), files.folder / "b.npy", files.folder / "c.npz"]
    np.save(paths[1], pixels)
    np.savez(paths[2], x=pixels, y=np.arange(6))
    for path in paths:
        first = load(str(path), 16)
        np.testing.assert_array_equal(first.images, pixels.transpose(0, 3, 1, 2))
    no_decoding(monkeypatch)
    for path in paths:
        np.testing.assert_array_equal(load(str(path), 16).images, pixels.transpose(0, 3, 1, 2))
    assert load(str(paths[2]), 16).labels.tolist() == list(range(6))
    assert len(list(large.iterdir())) == 3


def test_grey_takes_a_third_and_colour_may_come_late(cache):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (1500, 1, 8, 8), dtype=np.uint8)  # more than is copied at once
    colour = rng.integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)
    found = kept.Findings("x", (), None, (), (), ())
    for folder in (None, cache / "x"):
        with kept.PixelStore(8, folder) as store:
            store.append(grey)
            report = store.finish(found)
        np.testing.assert_array_equal(report.images.images, grey)
        with kept.PixelStore(8, folder) as store:
            for block in (grey, colour, grey[:1]):
                store.append(block)
            report = store.finish(found)
        expected = np.concatenate([grey.repeat(3, 1), colour, grey[:1].repeat(3, 1)])
        np.testing.assert_array_equal(report.images.images, expected)


def test_small_sets_are_not_kept(files, in_memory, cache):
    assert not cache.exists()
    assert folders.cache.exceeds_memory(800_000, 3, 32)  # 2.3 GiB
    assert not folders.cache.exceeds_memory(600_000, 3, 32)
