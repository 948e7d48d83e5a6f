"""Tables of the datasets library: from local folders, from its cache, and without network."""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pytest
from huggingface_hub.errors import RepositoryNotFoundError

from r1lab.images import Config, Trainer
from r1lab.images.data import decoding, hub, inspect, load
from r1lab.images.data.loading import absolute

CLASSES = datasets.ClassLabel(names=["cat", "dog"])
pytestmark = pytest.mark.usefixtures("cache")


def table(files, labels=(0, 1, 1, 0, 1, 0), kind=CLASSES, column="label", images=None):
    """A table of six images and a label each."""
    pixels = files.noise(6, 16, 16, 3)
    rows = (
        images
        if images is not None
        else [{"bytes": files.encoded(p), "path": f"{i}.png"} for i, p in enumerate(pixels)]
    )
    columns: dict = {"number": list(range(len(rows))), "image": rows}
    kinds = {"number": datasets.Value("int64"), "image": datasets.Image()}
    if labels is not None:
        columns[column], kinds[column] = list(labels), kind
    return datasets.Dataset.from_dict(columns, datasets.Features(kinds))


def parquet(files, *arguments, split="train", **options):
    """The folder of a data set as the Hub has it."""
    folder = files.folder / "data"
    folder.mkdir(exist_ok=True)
    table(files, *arguments, **options).to_parquet(folder / f"{split}-00000-of-00001.parquet")
    return f"hf:{files.folder}"


def is_the_table(images, files):
    np.testing.assert_array_equal(
        images.images.numpy(), files.noise(6, 16, 16, 3).transpose(0, 3, 1, 2)
    )
    return images.labels.tolist() == [0, 1, 1, 0, 1, 0] and images.classes == ("cat", "dog")


def test_parquet_with_class_labels(files):
    data = parquet(files)
    images = load(data, 16)
    assert is_the_table(images, files)
    assert images.name == "set"
    assert load(data, 16, limit=2).labels.tolist() == [0, 1]


def test_image_folder_with_class_labels(files):
    pixels = files.noise(6, 16, 16, 3)
    for i, label in enumerate((0, 1, 1, 0, 1, 0)):
        files.image(f"{('cat', 'dog')[label]}/{i}.png", pixels[i])
    images = load(f"hf:{files.folder}", 16)
    order = [0, 3, 5, 1, 2, 4]
    np.testing.assert_array_equal(images.images, pixels[order].transpose(0, 3, 1, 2))
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.classes == ("cat", "dog")


def test_zipped_image_folder(files, refused):
    pixels = files.noise(4, 16, 16)
    files.zip("train.zip", {f"{i}.png": files.encoded(p) for i, p in enumerate(pixels)})
    images = load(f"hf:{files.folder}", 16)
    np.testing.assert_array_equal(images.images[:, 0], pixels)
    files.zip("train.zip", {"a/b.png": b"garbage"})
    assert "row 0 (b.png)" in refused(f"hf:{files.folder}")


def test_split_is_chosen(files, refused):
    parquet(files)
    test = parquet(files, split="test", labels=(1, 1, 1, 1, 1, 0)) + ":test"
    images = load(test, 16)
    assert images.labels.tolist() == [1, 1, 1, 1, 1, 0]
    assert images.name == "set-test"
    assert "Bad split" in refused(f"hf:{files.folder}:validation")


@pytest.mark.parametrize(
    ("labels", "kind", "column", "expected"),
    [
        (
            (5, 3, 3, 5, 3, 9),
            datasets.Value("int32"),
            "label",
            ([1, 0, 0, 1, 0, 2], ("3", "5", "9")),
        ),
        ((5, 3, 3, 5, 3, 5), datasets.Value("uint8"), "labels", ([1, 0, 0, 1, 0, 1], ("3", "5"))),
        ((0, 1, 1, 0, 1, 0), CLASSES, "animal", ([0, 1, 1, 0, 1, 0], ("cat", "dog"))),
        ((0, 1, -1, 0, 1, 0), CLASSES, "label", (None, ())),
        ((0, 1, None, 0, 1, 0), CLASSES, "label", (None, ())),
        ((0, 1, 1, 0, 1, 0), datasets.Value("float32"), "label", (None, ())),
        ((0, 1, 1, 0, 1, 0), datasets.Value("int32"), "age", (None, ())),
        (None, None, "", (None, ())),
    ],
)
def test_label_columns(files, labels, kind, column, expected):
    images = load(parquet(files, labels, kind, column), 16)
    numbers = None if images.labels is None else images.labels.tolist()
    assert (numbers, images.classes) == expected


def test_odd_rows_are_reported(files, refused):
    good, grey = files.encoded(files.noise(16, 16, 3)), files.encoded(files.noise(16, 16))
    rows = [
        {"bytes": good, "path": None},
        {"bytes": good[:300], "path": "deep/cut.png"},
        None,
        {"bytes": grey, "path": None},
        {"bytes": good, "path": None},
    ]
    data = parquet(files, (0, 1, 1, 0, 1), images=rows)
    unreadable, mode = inspect(data, 16).problems
    assert unreadable.files == ("row 1 (cut.png)", "row 2")
    assert unreadable.details[1] == "there is no image"
    assert mode.files == ("row 3",)
    assert "2 of 5 images cannot be read" in refused(data, 16)
    assert load(data, 16, on_problem="continue").labels.tolist() == [0, 0, 1]


def test_a_folder_is_the_same_from_everywhere(files, monkeypatch):
    parquet(files)
    monkeypatch.chdir(files.folder.parent)
    for data in ("hf:set", "hf:set:train"):
        config = Config(data=data, size=16, width=2, batch=2, device="cpu")
        moved = Trainer(config).config.data
        assert moved == data.replace("set", str(files.folder))
    monkeypatch.chdir("/")
    assert is_the_table(load(moved, 16), files)
    for data in ("hf:owner/name", "hf:owner/name:test", "hf:set", "photos-32", "nowhere"):
        assert absolute(data) == data


def test_pixels_are_kept_and_changes_noticed(files, monkeypatch):
    data = parquet(files)
    first = load(data, 16)
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode", None)
        assert is_the_table(load(data, 16), files)
    parquet(files, labels=(0, 0, 0, 0, 0, 1))
    assert load(data, 16).sha256 != first.sha256


def test_what_cannot_be_used_is_refused_in_a_sentence(files, tmp_path, refused):
    nowhere = tmp_path / "nowhere"
    assert refused(f"hf:{nowhere}") == f"there is no folder {nowhere}"
    for name in ("hf:", "hf:a/b/c", "hf:a b/c", "hf:a\nb"):
        assert "not of the form hf:owner/name" in refused(name)
    assert "cannot open" in refused(f"hf:{files.folder}")  # empty
    files.raw("a.csv", b"x,y\n1,2\n")
    assert "no column of images" in refused(f"hf:{files.folder}")


def test_programs_are_not_run(files, refused):
    files.raw("set.py", b"raise SystemExit('run')")
    assert "scripts are no longer supported" in refused(f"hf:{files.folder}")


def test_broken_and_empty_tables_are_refused(files, refused):
    data = parquet(files)
    path = files.folder / "data" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:200])
    assert str(files.folder) in refused(data, 16)
    parquet(files, labels=None, images=[])
    assert refused(data) == f"{data}: it holds no images"


def test_nothing_is_printed_and_settings_come_back(files, capfd, refused):
    data = parquet(files)
    capfd.readouterr()
    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    before = [logger.level for logger in loggers], datasets.are_progress_bars_disabled()
    load(data, 16)
    refused(f"{data}:other")
    refused("hf:r1lab-test/there-is-no-such-set")
    assert ([logger.level for logger in loggers], datasets.are_progress_bars_disabled()) == before
    assert datasets.config.HF_HUB_OFFLINE is False
    assert capfd.readouterr() == ("", "")


# The Hub


def test_hub_is_read_once_and_then_needs_no_network(files, monkeypatch):
    local = parquet(files).removeprefix("hf:")
    load_dataset = datasets.load_dataset

    def answer(name, **options):
        assert (name, options) == ("owner/animals", {"split": "train", "streaming": True})
        return load_dataset(local, **options)

    with monkeypatch.context() as patch:
        patch.setattr(hub, "_unreachable", lambda name: "")
        patch.setattr(datasets, "load_dataset", answer)
        assert is_the_table(load("hf:owner/animals", 16), files)
    images = load("hf:owner/animals", 16)
    assert is_the_table(images, files)
    assert images.name == "owner--animals"


def test_broken_connection_keeps_nothing(files, cache, monkeypatch, refused):
    class Broken:
        features = datasets.Features({"image": datasets.Image()})

        def select_columns(self, columns):
            return self

        def cast_column(self, column, kind):
            return self

        def __iter__(self):
            yield {"image": {"bytes": files.encoded(files.noise(16, 16)), "path": None}}
            raise ConnectionError("the server\nhung up")

    monkeypatch.setattr(hub, "_unreachable", lambda name: "")
    monkeypatch.setattr(datasets, "load_dataset", lambda name, **options: Broken())
    assert refused("hf:owner/name") == "cannot read hf:owner/name: the server hung up"
    assert list(cache.iterdir()) == []


def test_copy_of_the_datasets_library_is_used_without_network(files, tmp_path, monkeypatch, caplog):
    """As `load_dataset` leaves it: owner___name/config/version/fingerprint."""
    parquet(files)
    prepared = tmp_path / "prepared"
    datasets.load_dataset(str(files.folder), cache_dir=str(prepared))
    (info,) = prepared.rglob("dataset_info.json")
    home = tmp_path / "hub" / "owner___animals" / "default" / "0.0.0" / "0123456789abcdef"
    shutil.copytree(info.parent, home)
    (arrow,) = home.glob("*-train.arrow")
    arrow.rename(home / "animals-train.arrow")
    described = json.loads((home / "dataset_info.json").read_text())
    described |= {"config_name": "default", "dataset_name": "animals"}
    (home / "dataset_info.json").write_text(json.dumps(described))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "_unreachable", lambda name: "no network")
    logging.getLogger("datasets").addHandler(caplog.handler)
    assert is_the_table(load("hf:owner/animals", 16), files)
    logging.getLogger("datasets").removeHandler(caplog.handler)
    assert caplog.records == []


def test_absent_data_set_is_named(monkeypatch, refused):
    def absent(self, name, timeout):
        # Its arguments depend on the version of the library.
        raise RepositoryNotFoundError.__new__(RepositoryNotFoundError)

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", absent)
    assert "has no data set owner/name that you may read" in refused("hf:owner/name")


def test_silent_network_is_given_up_within_three_seconds(monkeypatch, refused):
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *_, **__: time.sleep(20))
    started = time.perf_counter()
    assert "cannot reach the Hugging Face Hub for hf:owner/name" in refused("hf:owner/name")
    assert time.perf_counter() - started < 3


def test_no_network_fails_within_three_seconds_in_one_sentence(tmp_path):
    """In a process of its own; importing the library, about a second, is not counted."""
    program = """if True:
        import time, datasets
        from r1lab.images.data import load
        started = time.perf_counter()
        try:
            load("hf:owner/name")
        except ValueError as error:
            print(time.perf_counter() - started, error, sep="\\n")
    """
    # No machine listens there, whatever network this one has.
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    seconds, sentence = result.stdout.splitlines()
    assert float(seconds) < 3
    assert sentence.startswith("cannot reach the Hugging Face Hub for hf:owner/name")
    assert result.stderr == ""
    assert Path(tmp_path).is_dir()
