"""Tables and drawings of recorded runs, on records written by hand."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from r1lab.notebook import records


def image_run(method, seed, frechet, seconds=60.0, d_steps=1):
    series = [
        {"images": 6400 * k, records.FRECHET: frechet + 10 * (2 - k), "penalty_share": 0.5}
        for k in (1, 2)
    ]
    scores = {"frechet": frechet, "precision": 0.5, "recall": 0.25}
    result = {
        "settings": {"lr": 0.002, "steps": 200, "d_steps": d_steps},
        "series": series,
        "evaluation": scores,
    }
    name = f"images/{method}/{seed}"
    return {"name": name, "result": result, "provenance": {"cpu_seconds": seconds}}


@pytest.fixture
def runs():
    made = [image_run("r1", seed, 10.0 + 2 * seed) for seed in (0, 1)]
    made.append(image_run("wgan-gp-5", 0, 30.0, 120.0, d_steps=5))
    return {run["name"]: run for run in made}


def test_records_are_read_by_name_from_the_book(tmp_path, runs):
    for name, run in runs.items():
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run))
    assert list(records.read("images/*/*", tmp_path)) == sorted(runs)
    assert list(records.read("images/r1/1", tmp_path)) == ["images/r1/1"]
    with pytest.raises(FileNotFoundError, match="no recorded run 'images/r3/"):
        records.read("images/r3/*", tmp_path)


def test_the_comparison_has_mean_and_standard_deviation(runs):
    lines = records.comparison(runs).splitlines()
    assert len(lines) == 4
    # Of 10 and 12: mean 11, standard deviation sqrt 2.
    spaced = [line.replace("\xa0", " ") for line in lines]
    assert spaced[2] == "| R1 | 200 | 200 | 11 ± 1.4 | 0.5 ± 0 | 0.25 ± 0 | 60 |"
    assert spaced[3].startswith("| WGAN-GP, five D steps | 1,000 | 200 | 30 |")


def test_lines_are_drawn_against_images_and_against_time(runs):
    _, axes = plt.subplots()
    records.draw_methods(axes, runs)
    first, second = axes.lines
    np.testing.assert_allclose(first.get_xdata(), [6.4, 12.8])
    np.testing.assert_allclose(first.get_ydata(), [21.0, 11.0])
    assert [first.get_label(), second.get_label()] == ["R1", "WGAN-GP, five D steps"]
    _, axes = plt.subplots()
    records.draw_methods(axes, runs, cpu=True)
    np.testing.assert_allclose(axes.lines[1].get_xdata(), [1.0, 2.0])
    plt.close("all")


def test_a_diverged_seed_is_counted_and_left_out():
    steps = [200 * k for k in range(1, 7)]
    paths = [[3.0, 2.0, 1.0, 1.0, 1.0, 1.0], [3.0, 4.0, 1.0, 1.0, 2.0, 3.0], [3.0, *5 * [None]]]
    result = {"learning_rate": 0.002, "d_steps": steps, "w1": paths}
    found = {"plane/line/r1": {"name": "plane/line/r1", "result": result}}
    row = records.plane_table(found).splitlines()[2].replace("\xa0", " ")
    # Early is the second of six looks; the sway is that of the last two.
    assert row == "| R1 | 0.002 | 1 of 3 | 3 ± 1.4 | 2 ± 1.4 | 0.35 ± 0.5 |"


def test_a_plane_curve_is_the_mean_of_the_runs_that_did_not_diverge():
    w1 = [[4.0, 2.0], [2.0, 1.0], [None, None]]
    record = {"name": "plane/line/r1", "result": {"d_steps": [1000, 2000], "w1": w1}}
    figure, axes = plt.subplots()
    records.draw_plane(axes, {"plane/line/r1": record})
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[1, 3], [2, 1.5]]
    assert line.get_label() == "R1"
    plt.close(figure)


def test_modes_are_those_at_the_end():
    seeds = [{"modes": [1, modes], "near_a_mode": [0.1, 0.9]} for modes in (30, 32)]
    found = {"ring/relativistic/r1": {"result": {"seeds": seeds}}}
    row = records.modes_table(found).splitlines()[2].replace("\xa0", " ")
    assert row == "| relativistic | r1 | 2 | 31 ± 1.4 | 0.9 ± 0 |"


def test_every_record_of_the_plane_is_a_run_of_its_own():
    folder = Path(__file__).parents[2] / "book" / "results"
    found = {}
    for path in sorted(folder.glob("plane*/*/*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        assert f"{record['name']}.json" == path.relative_to(folder).as_posix()
        found[record["name"]] = json.dumps(record["result"]["w1"])
    assert len(set(found.values())) == len(found) > 0
