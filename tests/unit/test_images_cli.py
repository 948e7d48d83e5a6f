"""The command line as a user meets it: sentences, exit codes, signals."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points

import numpy as np
import pytest
import torch
from PIL import Image

import r1lab.__main__
from r1lab.images import RunFolder
from r1lab.images.cli import main

TINY = ["--size", "16", "--width", "4", "--batch", "4", "--latent-dim", "8", "--device", "cpu"]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, image in enumerate(np.random.default_rng(0).integers(0, 256, (6, 16, 16), np.uint8)):
        Image.fromarray(image).save(folder / f"{i}.png")
    return str(folder)


def start(arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "r1lab", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def failure(capsys, arguments):
    """The one sentence on stderr of a command that must fail with exit code 2."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    out, error = capsys.readouterr()
    assert stop.value.code == 2
    assert out == ""
    assert "Traceback" not in error
    assert error.startswith("r1lab: ")
    assert error.count("\n") == 1
    return error


def test_train_resume_and_sample(data, tmp_path, capsys):
    run = tmp_path / "run"
    main(["train", "--data", data, "--steps", "3", "--out", str(run), *TINY])
    main(["resume", str(run), "--steps", "5"])
    assert RunFolder(run).latest()[1]["step"] == 5
    capsys.readouterr()
    main(["sample", str(run), "--count", "6", "--out", str(tmp_path / "new.png")])
    assert capsys.readouterr().out == f"{tmp_path / 'new.png'}\n"
    assert Image.open(tmp_path / "new.png").size == (3 * 16 + 2 * 2, 2 * 16 + 2)
    main(["sample", str(run), "--seed", "3"])
    assert (run / "samples-seed-3.png").is_file()


def test_user_errors_are_one_sentence(data, tmp_path, capsys):
    run, out = tmp_path / "run", ["--out", str(tmp_path / "new")]
    smooth = ["--activation", "silu"]
    main(["train", "--data", data, "--steps", "1", "--out", str(run), *smooth, *TINY])
    capsys.readouterr()
    assert "unknown data 'cifar'" in failure(capsys, ["train", "--data", "cifar", *out])
    assert "gamma must" in failure(capsys, ["train", "--gamma", "-1", *out])
    assert "size must" in failure(capsys, ["train", "--size", "48", *out])
    taken = failure(capsys, ["train", "--data", data, "--out", str(run), *TINY])
    assert f"r1lab resume {run}" in taken
    assert "has done 1 steps" in failure(capsys, ["resume", str(run)])
    assert "has done 1 steps" in failure(capsys, ["resume", str(run), "--steps", "1"])
    assert "steps must" in failure(capsys, ["resume", str(run), "--steps", "0"])
    for command in ("resume", "sample", "evaluate", "spectrum", "compare"):
        said = failure(capsys, [command, str(tmp_path / "nowhere")])
        assert said == f"r1lab: there is no run {tmp_path / 'nowhere'}\n"
    assert "count must" in failure(capsys, ["sample", str(run), "--count", "0"])
    assert "grid.doc" in failure(capsys, ["sample", str(run), "--out", "grid.doc"])
    (tmp_path / "file").write_text("in the way")
    blocked = ["--out", str(tmp_path / "file" / "run")]
    assert "cannot make the folder" in failure(capsys, ["train", "--data", data, *blocked, *TINY])
    assert "has no class 3" in failure(capsys, ["sample", str(run), "--label", "3"])
    assert "best.safetensors" in failure(capsys, ["sample", str(run), "--best"])
    assert "k must be from 1" in failure(capsys, ["spectrum", str(run), "--k", "0"])
    assert "images must be" in failure(capsys, ["spectrum", str(run), "--images", "0"])
    assert "count must be" in failure(capsys, ["evaluate", str(run), "--count", "1"])
    assert "no labels" in failure(capsys, ["train", "--data", data, "--conditional", *out, *TINY])
    assert "fp16 needs" in failure(capsys, ["train", "--data", data, "--precision", "fp16", *TINY])
    for checkpoint in (run / "checkpoints").iterdir():
        checkpoint.write_bytes(b"garbled")
    assert "truncated or garbled" in failure(capsys, ["resume", str(run)])
    assert "truncated or garbled" in failure(capsys, ["sample", str(run)])


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("from r1lab.penalties import r1", 0, "check_penalty(r1): no faults"),
        (
            "from r1lab import penalties\ndef r1(*a): return 2 * penalties.r1(*a)",
            1,
            "factor 1/2 missing",
        ),
    ],
)
def test_doctor_examines_the_users_own_function(source, code, said, tmp_path, monkeypatch, capsys):
    (tmp_path / f"users_{code}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["doctor", f"users_{code}:r1"])
    assert stop.value.code == code
    assert said in capsys.readouterr().out


def test_doctor_without_a_function_is_one_sentence(capsys):
    assert "package.module:function" in failure(capsys, ["doctor", "nothing"])
    assert "no_such_module" in failure(capsys, ["doctor", "no_such_module:r1"])


@pytest.mark.parametrize("arguments", [["train", "--gama", "1"], ["bogus"], [], ["resume"]])
def test_mistyped_commands_fail_with_a_hint(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "--help" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_saves_and_resume_repeats_the_uninterrupted_run(data, tmp_path, number, code):
    run = tmp_path / "run"
    process = start(["train", "--data", data, "--steps", "100000", "--out", str(run), *TINY])
    deadline = time.monotonic() + 60
    metrics = run / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text().count("\n") >= 2):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == code
    step = RunFolder(run).latest()[1]["step"]
    assert error == f"r1lab: stopped after step {step}; continue with `r1lab resume {run}`\n"
    assert step >= 20

    torch.set_num_threads(1)
    main(["resume", str(run), "--steps", str(step + 2)])
    whole = tmp_path / "whole"
    main(["train", "--data", data, "--steps", str(step + 2), "--out", str(whole), *TINY])
    assert_equal_weights(run, whole)


@pytest.mark.parametrize("penalty", ["r1", "wgan-gp"])
def test_killed_at_random_moments_a_run_ends_as_if_never_stopped(data, tmp_path, penalty):
    """kill -9 three times, whatever the process is doing, resuming each time."""
    run, whole, steps = tmp_path / "run", tmp_path / "whole", 120
    settings = ["--data", data, "--penalty", penalty, "--snapshot-every", "4", *TINY]
    arguments = ["train", "--out", str(run), "--steps", str(steps), *settings]
    random = np.random.default_rng(len(penalty))
    for kill in range(3):
        process = start(arguments)
        wanted = steps * (kill + random.uniform(0.2, 0.8)) / 4
        while not reached(run, wanted):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.05))
        process.kill()
        process.communicate()
        arguments = ["resume", str(run)]
    torch.set_num_threads(1)
    main(arguments)
    main(["train", "--out", str(whole), "--steps", str(steps), *settings])
    assert_equal_weights(run, whole)
    logs = [RunFolder(folder).metrics() for folder in (run, whole)]
    assert [{**line, "seconds": 0} for line in logs[0]] == [
        {**line, "seconds": 0} for line in logs[1]
    ]
    assert (run / "film.webp").read_bytes() == (whole / "film.webp").read_bytes()


def reached(run, step):
    made = [int(path.stem[5:]) for path in run.glob("checkpoints/step-*.safetensors")]
    return max(made, default=0) >= step


def assert_equal_weights(run, whole):
    (resumed, _), (expected, _) = (RunFolder(folder).latest() for folder in (run, whole))
    assert resumed.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, resumed[name]), name


def test_divergence_is_one_sentence_with_its_own_exit_code(data, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--data", data, "--lr", "1e30", "--out", str(tmp_path / "run"), *TINY])
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert "r1lab: training diverged before step 10 (" in error
    assert "Traceback" not in error


def test_metrics_are_json_lines_with_both_losses(data, tmp_path):
    run = tmp_path / "run"
    main(["train", "--data", data, "--steps", "20", "--out", str(run), *TINY])
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["images"]) for line in lines] == [(10, 40), (20, 80)]
    names = {"step", "images", "seconds", "d_loss", "g_loss", "penalty"}
    names |= {"real_logit", "fake_logit"}
    assert set(lines[0]) == names
    # The monitor looks now and then, and at the end.
    assert set(lines[1]) == names | {"real_gradient", "fake_gradient", "penalty_share"}


def test_help_is_quick_and_imports_no_torch():
    check = (
        "import sys\nfrom r1lab.images.cli import main\n"
        "try: main(['train', '--help'])\nexcept SystemExit as stop: assert stop.code == 0\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.replace("│", " ").split())
    for word in ("--gamma", "gamma is 2 x their weight", "hf:owner/name"):
        assert word in words


def test_the_installed_command_is_this_one():
    (command,) = entry_points(group="console_scripts", name="r1lab")
    assert command.load() is r1lab.__main__.main


def test_without_the_extra_packages_it_says_which(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "r1lab.images.cli", None)
    monkeypatch.delattr("r1lab.images.cli", raising=False)
    with pytest.raises(SystemExit) as stop:
        r1lab.__main__.main()
    assert stop.value.code == 2
    assert "pip install 'r1lab[images]'" in capsys.readouterr().err
