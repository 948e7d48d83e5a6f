"""The queue of recorded runs, on a recorder that costs nothing."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

import record
import record_images
from r1lab.images import Config
from r1lab.images.cli import main

BOOK = Path(__file__).resolve().parents[2] / "book" / "results"


class Squares:
    """Records the square of the number in a name; counts how often it worked."""

    NAMES = ("squares/2", "squares/3")

    def __init__(self):
        self.made = []
        self.offset = 0

    def record(self, name, scratch):
        self.made.append(name)
        number = int(name.split("/")[1])
        return record.Record({"square": number**2 + self.offset}, {".txt": b"seen"}, [0.5])


@pytest.fixture
def squares(tmp_path, monkeypatch):
    recorder = Squares()
    monkeypatch.setattr(record, "recorders", lambda: [recorder])
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    return recorder


def test_a_record_has_its_result_its_provenance_and_its_pictures(squares, tmp_path):
    assert record.missing(record.all_names()) == ["squares/2", "squares/3"]
    record.make("squares/3", record.RESULTS, tmp_path)
    written = json.loads((record.RESULTS / "squares" / "3.json").read_text())
    assert written["result"] == {"square": 9}
    assert len(written["provenance"]["commit"]) == 40
    assert written["provenance"]["seconds"] == [0.5]
    assert (record.RESULTS / "squares" / "3.txt").read_bytes() == b"seen"
    assert record.missing(record.all_names()) == ["squares/2"]
    assert record.missing(record.all_names(), "other/*") == []
    with pytest.raises(SystemExit, match="no recorded run is called 'squares/4'"):
        record.make("squares/4", record.RESULTS, tmp_path)


def test_checking_runs_it_again_and_keeps_the_record(squares, tmp_path, capsys):
    record.make("squares/2", record.RESULTS, tmp_path)
    before = (record.RESULTS / "squares" / "2.json").read_bytes()
    assert record.check("squares/2")
    squares.offset = 1
    assert not record.check("squares/2")
    assert squares.made == ["squares/2"] * 3
    assert (record.RESULTS / "squares" / "2.json").read_bytes() == before
    assert "ANOTHER RESULT" in capsys.readouterr().out


def test_changed_source_files_are_named(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    for name in ("r1lab/a b.py", "tools/moved.py", "tools/same.py", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("before")
    git("init")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "first")
    for name in ("r1lab/a b.py", "tools/moved.py", "notes.txt"):
        (tmp_path / name).write_text("after")
    git("add", "tools/moved.py")
    (tmp_path / "tools" / "new.py").touch()
    monkeypatch.setattr(record, "ROOT", tmp_path)
    assert record.provenance()["modified"] == ["r1lab/a b.py", "tools/moved.py"]


@pytest.fixture
def parsed(monkeypatch):
    """The settings that the command line itself takes from a command."""
    seen = []
    monkeypatch.setattr("r1lab.images.commands.train", seen.append)

    def parse(command):
        threads, program, *arguments = shlex.split(command)
        assert (threads, program) == ("OMP_NUM_THREADS=1", "r1lab")
        main(arguments)
        return seen.pop()

    return parse


def test_published_commands_make_the_recorded_runs(parsed):
    texts = [json.loads(path.read_text())["result"] for path in BOOK.rglob("*.json")]
    published = [text for text in texts if "r1lab train" in text.get("command", "")]
    assert len(published) >= 40
    for text in published:
        config = Config.from_json(text["settings"])
        assert parsed(text["command"]) == config, text["command"]
        assert record_images._command(config) == text["command"]  # what `record.py check` compares


def test_a_published_command_has_flags_and_pairs_as_they_are_typed(parsed):
    config = Config(flips=True, conditional=True, betas=(0.5, 0.9), gamma_end=1.0, limit=9)
    command = record_images._command(config)
    assert command == (
        "OMP_NUM_THREADS=1 r1lab train --limit 9 --flips --conditional --gamma-end 1.0 "
        "--betas 0.5 0.9"
    )
    assert parsed(command) == config


def test_real_recorders_have_distinct_names():
    names = record.all_names()
    assert len(names) == len(set(names))
    assert "images/wgan-gp-5/2" in names and "plane/circle/r1" in names
