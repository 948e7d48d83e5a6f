"""The queue of recorded runs, on a recorder that costs nothing."""

import json

import pytest

import record


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


def test_real_recorders_have_distinct_names():
    names = record.all_names()
    assert len(names) == len(set(names))
    assert "images/wgan-gp-5/2" in names and "plane/circle/r1" in names
