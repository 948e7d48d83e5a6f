"""Recorded runs in the plane: the paper's problems with every method, and modes on a ring.

`plane/<problem>/<method>`: W1 to the data along training, ten seeds; the learning rate is the
better of two on a seed of its own. Every method has the same number of discriminator steps, so
that with five of them a step the generator has a fifth. `plane-weight/<problem>/<weight>`: WGAN-GP
with weaker penalties, `-5` with five discriminator steps. `plane-rate/two-gaussians/r1`: R1 at the
rate that it did not choose. `ring/<loss>/<penalty>`: how many of 32 modes are covered, five seeds.
Adam with betas (0, 0.9), batches of 128, float64.
"""

import math
from functools import partial
from pathlib import Path
from typing import Any

import torch

from r1lab.images.players import Noisy
from r1lab.theory import toy
from r1lab.theory.divergences import sample_wasserstein
from record import Record

__all__ = ["NAMES", "record"]

PROBLEMS = ("two-gaussians", "line", "circle", "four-lines")
METHODS: dict[str, dict[str, Any]] = {
    "none": {},
    "wgan-gp-1": {"loss": "wasserstein", "penalty": "wgan-gp", "gamma": 20.0},
    "wgan-gp-5": {"loss": "wasserstein", "penalty": "wgan-gp", "gamma": 20.0, "d_steps": 5},
    "r1": {"penalty": "r1", "gamma": 1.0},
    "r2": {"penalty": "r2", "gamma": 1.0},
    "r1+r2-relativistic": {"loss": "relativistic", "penalty": "r1+r2", "gamma": 0.5},
    "instance-noise": {"noise": math.sqrt(2.0)},
}
RATES = (5e-4, 2e-3)
D_STEPS, LOOKS, POINTS = 2000, 10, 500

_MODES = 32
_ANGLES = [2 * math.pi * k / _MODES for k in range(_MODES)]
RING = toy.Problem(
    "ring-32",
    tuple(toy.Piece(*[(2 * math.cos(a), 2 * math.sin(a))] * 2, thickness=0.02) for a in _ANGLES),
)
RING_STEPS, RING_SEEDS = 6000, 5
RINGS: dict[str, dict[str, Any]] = {
    f"ring/{loss}/{penalty}": {"loss": loss, "penalty": penalty, "gamma": gamma}
    for loss in ("non-saturating", "relativistic")
    for penalty, gamma in (("none", None), ("r1", 0.1), ("r1+r2", 0.05))
}
PLANES = {f"plane/{p}/{m}": settings for p in PROBLEMS for m, settings in METHODS.items()}
PLANES |= {f"plane-weight/line/{w:g}": METHODS["wgan-gp-1"] | {"gamma": 2 * w} for w in (1.0, 0.1)}
PLANES |= {f"plane-weight/{p}/0.1-5": METHODS["wgan-gp-5"] | {"gamma": 0.2} for p in PROBLEMS}
OTHER_RATES = {"plane-rate/two-gaussians/r1": RATES[0]}
PLANES |= {name: METHODS[name.split("/")[2]] for name in OTHER_RATES}
NAMES = (*PLANES, *RINGS)


def record(name: str, scratch: Path) -> Record:
    """All seeds of one problem and method."""
    if name in RINGS:
        seeds = [_ring(RINGS[name], seed) for seed in range(RING_SEEDS)]
        return Record({"settings": RINGS[name], "steps": RING_STEPS, "seeds": seeds}, {}, [])
    settings, problem = PLANES[name], name.split("/")[1]
    rates = (OTHER_RATES[name],) if name in OTHER_RATES else RATES
    tuned = {rate: _plane(problem, settings, 100, rate)[-1] for rate in rates}
    rate = min(tuned, key=lambda rate: math.inf if tuned[rate] is None else tuned[rate])
    found = [_plane(problem, settings, seed, rate) for seed in range(10)]
    result = {
        "settings": settings,
        "learning_rate": rate,
        "tuning": {f"{rate:g}": distance for rate, distance in tuned.items()},
        "d_steps": [D_STEPS * (k + 1) // LOOKS for k in range(LOOKS)],
        "w1": found,
    }
    return Record(result, {}, [])


def _plane(problem: str, settings: dict[str, Any], seed: int, rate: float) -> list[float | None]:
    """W1 of 500 samples to 500 points of the data, 10 times along a run; None once it diverged."""
    truth = toy.get(problem)
    generator, discriminator = toy.players(seed=seed)
    settings = dict(settings)
    steps = D_STEPS // settings.get("d_steps", 1)
    seen: torch.nn.Module = discriminator
    if "noise" in settings:
        seen = Noisy(discriminator, settings.pop("noise"), None)
    rng = torch.Generator().manual_seed(10_000 + seed)
    latents = torch.randn(POINTS, 16, generator=rng, dtype=torch.float64)
    real = truth.sample(POINTS, rng).numpy()
    distances: list[float | None] = []

    def look(step: int) -> None:
        if step % (steps // LOOKS) == 0:
            with torch.no_grad():
                fake = generator(latents)
            finite = bool(fake.isfinite().all())
            distances.append(sample_wasserstein(fake.numpy(), real) if finite else None)

    toy.train(
        truth, steps=steps, optimizer=_adam(rate), generator=generator, discriminator=seen,
        seed=seed, watch=look, **settings,
    )  # fmt: skip
    return distances


def _ring(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Modes covered by 2,500 samples, and those that are near no mode, along a run."""
    generator, discriminator = toy.players(hidden=32, seed=seed)
    rng = torch.Generator().manual_seed(10_000 + seed)
    latents = torch.randn(2500, 16, generator=rng, dtype=torch.float64)
    modes, good = [], []

    def look(step: int) -> None:
        if step % (RING_STEPS // 10) == 0:
            with torch.no_grad():
                fake = generator(latents)
            modes.append(RING.modes(fake))
            near = torch.stack([piece.distance(fake) for piece in RING.pieces]).amin(0)
            good.append(float((near < 0.1).double().mean()))

    toy.train(
        RING, steps=RING_STEPS, optimizer=_adam(1e-3), generator=generator,
        discriminator=discriminator, seed=seed, watch=look, **settings,
    )  # fmt: skip
    return {"modes": modes, "near_a_mode": good}


def _adam(rate: float) -> toy.MakeOptimizer:
    return partial(torch.optim.Adam, lr=rate, betas=(0.0, 0.9))
