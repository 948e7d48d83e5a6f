"""Images per second of the trainer's full step against a textbook loop, and where the time goes.

    python benchmarks/training_step.py [--width 16] [--batch 64] [--rounds 12] [--threads 2]
        [--device cuda] [--json FILE]

Both train the same networks with R1 in the same process, round after round in turn, so that a busy
machine slows both alike; medians. A full step is data, discriminator, generator and average.
The textbook loop is what tutorials have: a DataLoader, a second forward pass for R1, gradients of
the discriminator's weights also in the generator's step, an average one parameter at a time.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, TensorDataset

from r1lab.images import Config
from r1lab.images.batches import Batches
from r1lab.images.data import Images
from r1lab.images.networks import pair
from r1lab.images.players import Players
from r1lab.images.trainer import training_step

Steps = Callable[[], None]
GAMMA = 10.0
TEXTBOOK = "textbook loop, fp32"


def images(count: int = 4096) -> Images:
    """Random bytes: what they show does not matter for time."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
    return Images("noise", pixels)


def textbook(config: Config, data: Images, device: torch.device) -> Steps:
    """The loop of a tutorial, with its own networks of the same kind."""
    generator, discriminator = (
        network.to(device)
        for network in pair(
            "residual", data.shape, latent_dim=config.latent_dim, width=config.width
        )
    )
    average = {name: value.clone() for name, value in generator.state_dict().items()}
    g_adam = torch.optim.Adam(generator.parameters(), config.lr, config.betas)
    d_adam = torch.optim.Adam(discriminator.parameters(), config.lr, config.betas)
    batches = endless(data, config.batch)

    def step() -> None:
        real = next(batches).to(device)
        fake = generator(torch.randn(len(real), config.latent_dim, device=device)).detach()
        loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
        x = real.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
        loss = loss + GAMMA / 2 * gradient.square().sum((1, 2, 3)).mean()
        d_adam.zero_grad()
        loss.backward()
        d_adam.step()

        fake = generator(torch.randn(len(real), config.latent_dim, device=device))
        loss = softplus(-discriminator(fake)).mean()
        g_adam.zero_grad()
        loss.backward()
        g_adam.step()
        with torch.no_grad():
            for name, value in generator.state_dict().items():
                average[name].lerp_(value, 0.01)

    return step


def endless(data: Images, batch: int) -> Iterator[Tensor]:
    """Shuffled batches of floats in [-1, 1]."""
    floats = TensorDataset(data.images.float() / 127.5 - 1)
    while True:
        for (real,) in DataLoader(floats, batch, shuffle=True, drop_last=True):
            yield real


def trainer(
    config: Config,
    data: Images,
    device: torch.device,
    parts: dict[str, list[float]] | None = None,
) -> Steps:
    """The trainer's own step; `parts` collects the seconds of its stages."""
    players, batches = Players(config, data.shape, device), Batches(data, config, device)
    if parts is not None:
        split(players, batches, parts)
    numbered = iter(enumerate(batches.stream(range(10**6))))

    def step() -> None:
        count, batch = next(numbered)
        players.begin(count)
        training_step(players, batch)

    return step


def split(players: Players, batches: Batches, parts: dict[str, list[float]]) -> None:
    """Time the stages: whatever passes between two ends belongs to the stage that ended."""

    def timed(owner: object, name: str, stage: str) -> None:
        inner = getattr(owner, name)

        def run(*args: object, **further: object) -> object:
            began = time.perf_counter()
            result = inner(*args, **further)
            parts.setdefault(stage, []).append(time.perf_counter() - began)
            return result

        setattr(owner, name, run)

    timed(batches, "at", "data")
    timed(players.generator, "forward", "generator forward (two)")
    timed(players.discriminator_step, "forward", "discriminator: loss and R1, forward")
    timed(players.generator_step, "forward", "generator step, forward")
    timed(players, "descend", "backward and Adam (two)")
    timed(players, "update_average", "average")


def seconds(
    steps: dict[str, Steps], rounds: int, repeats: int, device: torch.device
) -> dict[str, float]:
    """Median seconds of one step of each."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    found: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            for _ in range(repeats):
                step()
            wait()
            if number:  # the first round warms up
                found[name].append((time.perf_counter() - began) / repeats)
    return {name: statistics.median(values) for name, values in found.items()}


def contestants(base: Config, data: Images, device: torch.device) -> dict[str, Steps]:
    """All steps to be timed, by name."""
    steps = {TEXTBOOK: textbook(base, data, device)}
    variants = {"fp32": {}, "bf16": {"precision": "bf16"}, "fp32, lazy 16": {"lazy": 16}}
    if device.type == "cuda":
        variants["fp16"] = {"precision": "fp16"}
        variants["bf16, compiled"] = {"precision": "bf16", "compile": True}
    for name, settings in variants.items():
        steps[f"r1lab, {name}"] = trainer(replace(base, **settings), data, device)
    return steps


def machine(device: torch.device, threads: int) -> str:
    """What the numbers belong to."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    has = "with" if torch.cpu._is_avx512_bf16_supported() else "without"
    return f"a CPU {has} bf16 instructions, {threads} threads"


def main() -> None:
    """Print images per second, ratios to the textbook loop, and the split of the fp32 step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the numbers there, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device, data = torch.device(options.device), images()
    base = Config(width=options.width, batch=options.batch, gamma=GAMMA)
    steps = contestants(base, data, device)
    found = seconds(steps, options.rounds, options.repeats, device)
    where = machine(device, options.threads)
    print(f"width {options.width}, batch {options.batch}, on {where}\n")
    print(f"{'':24s}  ms/step   images/s   x textbook")
    for name, value in found.items():
        ratio = found[TEXTBOOK] / value
        print(f"{name:24s} {value * 1e3:8.1f} {options.batch / value:10.0f} {ratio:11.2f}")
    if options.json:
        rates = {name: options.batch / value for name, value in found.items()}
        numbers = {"device": where, "torch": torch.__version__, "images per second": rates}
        options.json.write_text(json.dumps({**vars(options), **numbers}, indent=1, default=str))
    if device.type == "cpu":  # elsewhere the stages overlap
        parts: dict[str, list[float]] = {}
        step = {"split": trainer(base, data, device, parts)}
        seconds(step, options.rounds, options.repeats, device)
        print("\nThe fp32 step:")
        runs = options.repeats * (options.rounds + 1)
        for stage, values in parts.items():
            print(f"{stage:38s} {sum(values) / runs * 1e3:6.1f} ms")


if __name__ == "__main__":
    main()
