"""A run on two gloo processes against the same run on one: weights, logs, and a stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp

from r1lab.images import Config, RunFolder, Trainer

TINY = {"size": 16, "width": 4, "latent_dim": 8, "batch": 8, "device": "cpu"}


@pytest.fixture
def array(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", images=pixels, labels=np.arange(30) % 3)
    return str(tmp_path / "pictures.npz")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


CASES = {
    "float64, R1": (torch.float64, 50, 1e-10, {"penalty": "r1"}),
    "float64, R1 + R2": (
        torch.float64,
        50,
        1e-10,
        {"penalty": "r1+r2", "loss": "relativistic", "d_steps": 2},
    ),
    "float64, classes": (torch.float64, 50, 1e-10, {"conditional": True, "flips": True, "lazy": 3}),
    "float32, distances": (torch.float32, 10, 1e-4, {"penalty": "r1", "evaluate_every": 5}),
    "float32, R1": (torch.float32, 10, 1e-4, {"penalty": "r1"}),
}


def train_all(array, folder):
    for name, (dtype, steps, _, settings) in CASES.items():
        torch.set_default_dtype(dtype)
        config = Config(
            data=array, steps=steps, snapshot_every=steps, out=folder / name, **TINY, **settings
        )
        Trainer(config).run(progress=False)
    torch.set_default_dtype(torch.float32)


def worker(rank, port, array, folder):
    os.environ.update(
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE="2",
    )
    torch.set_num_threads(1)
    train_all(array, folder)
    torch.distributed.destroy_process_group()


def test_two_processes_equal_one(array, tmp_path):
    train_all(array, tmp_path / "one")
    mp.spawn(worker, args=(free_port(), array, tmp_path / "two"), nprocs=2)
    for name, (_, _, bound, _) in CASES.items():
        one, two = RunFolder(tmp_path / "one" / name), RunFolder(tmp_path / "two" / name)
        found, expected = two.latest()[0], one.latest()[0]
        assert found.keys() == expected.keys()
        for key, tensor in expected.items():
            torch.testing.assert_close(found[key], tensor, rtol=0, atol=bound, msg=f"{name} {key}")
        logged, log = two.metrics()[-1], one.metrics()[-1]
        for key in ("d_loss", "g_loss", "penalty", "real_logit"):
            assert logged[key] == pytest.approx(log[key], abs=bound)


def test_launched_processes_stop_together_and_resume(array, tmp_path):
    """As a user starts them: torchrun, then SIGTERM to the launcher, then resume on one."""
    run = tmp_path / "run"
    arguments = ["train", "--data", array, "--steps", "100000", "--out", str(run)]
    for name, value in TINY.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launcher += ["--master-port", str(free_port()), "-m", "r1lab", *arguments]
    process = subprocess.Popen(
        launcher,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    metrics, deadline = run / "metrics.jsonl", time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") >= 2):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    step = RunFolder(run).latest()[1]["step"]
    assert step >= 20
    torch.set_num_threads(1)
    Trainer.resume(run, steps=step + 10).run(progress=False)
    lines = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert lines == sorted(set(lines))
    assert lines[-1] == step + 10
