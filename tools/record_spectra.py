"""Recorded spectra: a small smooth pair on Fashion-MNIST, along training with and without R1.

At each checkpoint the game's Jacobian on one fixed batch, in float64: the eigenvalues of largest
modulus and of largest imaginary part, once with R1 and once without, at the same weights.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from r1lab.images import Config, InputError, RunFolder, Trainer, game_jacobian
from r1lab.theory.spectra import NotConverged
from record import Record

__all__ = ["NAMES", "record"]

GAMMA, IMAGES, K, TOLERANCE = 10.0, 128, 8, 1e-6
LOOKS = (50, 200, 600, 1200)
TRAINED: dict[str, dict[str, Any]] = {
    "spectra/with-r1": {"penalty": "r1", "gamma": GAMMA},
    # A strength of zero: no friction in training, and R1 can be switched on for the spectrum.
    "spectra/without": {"penalty": "r1", "gamma": 0.0},
}
NAMES = tuple(TRAINED)


def record(name: str, scratch: Path) -> Record:
    """Train from look to look; a resumed run is bit for bit the uninterrupted one."""
    config = Config(
        data="fashion-mnist", width=4, latent_dim=16, activation="silu", snapshot_every=10**6,
        out=scratch, **TRAINED[name],
    )  # fmt: skip
    looks = []
    for step in LOOKS:
        done = scratch / f"look-{step}.json"
        if not done.exists():
            _train_to(step, config, scratch)
            done.write_text(json.dumps(_look(scratch)))
        looks.append(json.loads(done.read_text()))
    settings = {k: v for k, v in config.to_json().items() if v != getattr(Config(), k)}
    result = {"settings": settings, "images": IMAGES, "gamma": GAMMA, "looks": looks}
    return Record(json.loads(json.dumps(result)), {}, [])


def _train_to(step: int, config: Config, scratch: Path) -> None:
    if not (scratch / "checkpoints").is_dir():
        Trainer(replace(config, steps=step)).run(progress=False)
        return
    now = RunFolder(scratch).latest()[1]["step"]
    if now > step:
        raise InputError(f"{scratch} is at step {now}, past the look at {step}: delete it")
    if now < step:
        Trainer.resume(scratch, step).run(progress=False)


def _look(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"step": RunFolder(run).latest()[1]["step"]}
    for gamma in (GAMMA, 0.0):
        jacobian = game_jacobian(run, IMAGES, gamma)
        found["parameters"] = list(jacobian.sizes)
        for which in ("LM", "LI"):
            try:
                spectrum = jacobian.eigenvalues(K, which, tol=TOLERANCE)
            except NotConverged as error:
                found[f"gamma {gamma:g}, {which}"] = {"refused": str(error)}
                continue
            found[f"gamma {gamma:g}, {which}"] = {
                "real": spectrum.values.real.tolist(),
                "imaginary": spectrum.values.imag.tolist(),
                "largest_residual": float(spectrum.residuals.max()),
                "products": spectrum.products,
            }
    return found
