"""Recorded image runs: WGAN-GP versus R1 on Fashion-MNIST, and what belongs to the comparison.

One pair of networks (width 8, so that many seeds fit into an hour of two cores), one batch size,
Adam with betas (0, 0.99); 115,200 real images a run, which is 1,800 discriminator steps for every
method (WGAN-GP with five of them a step has 360 generator steps). The learning rate of each method
is the better of two, on a seed of its own (`tune/...`). `gamma/...` and `weight/...`: R1 and
WGAN-GP with other strengths. `crossed/...`: each penalty with the other's loss.

`decide/...` change one thing where a result is not what one expects. `gallery/...` are runs to look
at: wider networks, more images, and one in colour.
"""

import io
import json
import shutil
from dataclasses import replace
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from r1lab.images import Config, InputError, RunFolder, Trainer, evaluate, grid, sample
from record import Record

__all__ = ["NAMES", "record"]

_BASE = Config(data="fashion-mnist", width=8, steps=1800, snapshot_every=150, evaluate_every=150)
_TUNING = {"steps": 600, "snapshot_every": 200, "evaluate_every": 200, "seed": 100}
_RATES = (5e-4, 2e-3)

# Equal strength near the equilibrium: R1 with gamma 10; R1 + R2 with 5 each; noise of standard
# deviation sqrt(2 gamma) for the logistic loss. WGAN-GP has its usual weight 10 (gamma 20).
METHODS: dict[str, dict[str, Any]] = {
    "none": {"penalty": "none"},
    "r1": {"gamma": 10.0},
    "wgan-gp-1": {"penalty": "wgan-gp", "loss": "wasserstein", "gamma": 20.0},
    "wgan-gp-5": {"penalty": "wgan-gp", "loss": "wasserstein", "gamma": 20.0, "d_steps": 5},
    "r1+r2-relativistic": {"penalty": "r1+r2", "loss": "relativistic", "gamma": 5.0},
    "instance-noise": {"penalty": "none", "instance_noise": 20.0**0.5},
}
# Chosen by the records tune/*: see book/recorded-runs.ipynb.
RATE: dict[str, float] = dict.fromkeys(METHODS, 2e-3)
GAMMAS = (0.01, 0.1, 1.0, 100.0, 1000.0)  # and 10, which is images/r1/0
WEIGHTS = (0.1, 1.0, 100.0)  # of WGAN-GP, and 10, which is images/wgan-gp-*/0
SEEDS = (0, 1, 2)
FILMED = ("gamma/*", "gallery/*", "images/*/0")
# Each penalty with the other's loss.
CROSSED: dict[str, dict[str, Any]] = {
    "wgan-gp-non-saturating": {"penalty": "wgan-gp", "gamma": 20.0},
    "r1-wasserstein": {"loss": "wasserstein", "gamma": 10.0},
}
# WGAN-GP with five discriminator steps at *equal generator steps*: five times the images. Instance
# noise that leaves more of the picture.
DECIDE: dict[str, dict[str, Any]] = {
    "wgan-gp-5-long": METHODS["wgan-gp-5"] | {"snapshot_every": 300, "evaluate_every": 300},
    "instance-noise-1": {"penalty": "none", "instance_noise": 1.0},
    "instance-noise-0.3": {"penalty": "none", "instance_noise": 0.3},
}
_GALLERY = Config(width=16, activation="silu", snapshot_every=500, evaluate_every=500)
GALLERY = {
    "fashion-mnist": replace(_GALLERY, data="fashion-mnist", steps=9000),
    "photos-32": replace(_GALLERY, data="photos-32", flips=True, steps=2500),
}


def _equal_images(config: Config) -> Config:
    """As many real images, and discriminator steps, whatever `d_steps` is."""
    n = config.d_steps
    return replace(
        config,
        steps=config.steps // n,
        snapshot_every=config.snapshot_every // n,
        evaluate_every=config.evaluate_every // n,
    )


def _settings() -> dict[str, Config]:
    found = {}
    for method, rate in product(METHODS, _RATES):
        config = replace(_BASE, **METHODS[method], **_TUNING, lr=rate)
        found[f"tune/{method}/{rate:g}"] = _equal_images(config)
    for seed, method in product(SEEDS, METHODS):
        config = replace(_BASE, **METHODS[method], lr=RATE[method], seed=seed)
        found[f"images/{method}/{seed}"] = _equal_images(config)
    for gamma in GAMMAS:
        found[f"gamma/{gamma:g}"] = replace(_BASE, gamma=gamma, lr=RATE["r1"])
    for method, weight in product(("wgan-gp-1", "wgan-gp-5"), WEIGHTS):
        config = replace(_BASE, **METHODS[method] | {"gamma": 2 * weight}, lr=RATE[method])
        found[f"weight/{method}/{weight:g}"] = _equal_images(config)
    for seed, (name, changes) in product(SEEDS, CROSSED.items()):
        found[f"crossed/{name}/{seed}"] = replace(_BASE, **changes, lr=RATE["r1"], seed=seed)
    for name, changes in DECIDE.items():
        found[f"decide/{name}"] = replace(replace(_BASE, lr=RATE["r1"]), **changes)
    return found | {f"gallery/{name}": config for name, config in GALLERY.items()}


SETTINGS = _settings()
NAMES = tuple(SETTINGS)


def record(name: str, scratch: Path) -> Record:
    """Train, or go on training, and collect what the run found."""
    config = replace(SETTINGS[name], out=scratch)
    if (scratch / "checkpoints").is_dir():
        metadata = RunFolder(scratch).latest()[1]
        if metadata["config"] != json.loads(json.dumps(config.to_json())):
            raise InputError(f"{scratch} was begun with other settings: delete it")
        if metadata["step"] < config.steps:
            Trainer.resume(scratch).run(progress=False)
    else:
        shutil.rmtree(scratch, ignore_errors=True)  # stopped before its first checkpoint
        Trainer(config).run(progress=False)
    series = [line for line in RunFolder(scratch).metrics() if _is_kept(line)]
    result = {
        "command": _command(SETTINGS[name]),
        "settings": SETTINGS[name].to_json(),
        "series": [{k: v for k, v in line.items() if k != "seconds"} for line in series],
        "evaluation": evaluate(scratch, count=5000).to_json(),
        "best": RunFolder(scratch).latest()[1]["best"],
    }
    seconds = [line["seconds"] for line in series]
    return Record(json.loads(json.dumps(result)), _pictures(name, scratch), seconds)


def _command(config: Config) -> str:
    """The `r1lab train` that makes the same run."""
    default = Config()
    options = [
        _option(key.replace("_", "-"), value)
        for key, value in config.to_json().items()
        if value != getattr(default, key)
    ]
    return " ".join(["OMP_NUM_THREADS=1 r1lab train", *options])


def _option(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return " ".join([f"--{name}", *map(str, value if isinstance(value, tuple) else [value])])


def _is_kept(line: dict[str, Any]) -> bool:
    return "penalty_share" in line or any(key.startswith("frechet[") for key in line)


def _pictures(name: str, scratch: Path) -> dict[str, bytes]:
    """Samples at the end; of those that are shown also a strip with those of every snapshot."""
    pictures = {".webp": _webp(grid(sample(scratch, 36)))}
    if any(fnmatch(name, pattern) for pattern in FILMED):
        frames = [np.asarray(Image.open(path)) for path in sorted(scratch.glob("samples/step-*"))]
        side = 34 * 6 - 2  # the first six rows and columns
        strip = np.concatenate([frame[:side, :side] for frame in frames])
        pictures["-film.webp"] = _webp(strip)
    return pictures


def _webp(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "webp", quality=70, method=6)
    return buffer.getvalue()
