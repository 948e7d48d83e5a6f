"""What a gradient penalty costs: time and memory of one discriminator step, as ratios in one run.

    python benchmarks/discriminator_step.py [--batch 64] [--width 32] [--rounds 15] [--threads 2]

Each method runs in turn, round after round, so that a busy machine slows all alike; the table has
the median over rounds, relative to the step without a penalty. The arithmetic of exact R1 is 1.5:
a step without it is real + fake, forward and backward; R1 adds one more backward on the real half
and its derivative. Memory is what autograd keeps for the backward, counted by saved-tensor hooks
(which torch.func and compiled steps do not have).
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from r1lab import losses, penalties
from r1lab.gamma import LazyR1
from r1lab.images.networks import Discriminator, in_channels_last
from r1lab.step import DiscriminatorStep

Step = Callable[[int], Tensor]
LOSS = losses.NON_SATURATING


def textbook(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Step:
    """R1 as most code has it: a second forward pass on the real batch."""

    def step(_: int) -> Tensor:
        adversarial = LOSS.discriminator(discriminator(real), discriminator(fake))
        x = real.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
        return adversarial + 5 * gradient.float().square().flatten(1).sum(1).mean()

    return step


def lazy(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Step:
    """R1 in one step of sixteen."""
    schedule = LazyR1(10.0, 16)
    with_r1 = DiscriminatorStep(discriminator, LOSS, penalties.R1(schedule.at(0)))
    without = DiscriminatorStep(discriminator, LOSS, None)
    return lambda number: (with_r1 if schedule.at(number) else without)(real, fake).total


def methods(
    discriminator: nn.Module, real: Tensor, fake: Tensor, compile_too: bool
) -> dict[str, Step]:
    """Every method as a function of the step's number that returns the loss."""

    def shipped(penalty: penalties.Penalty | None) -> Step:
        step = DiscriminatorStep(discriminator, LOSS, penalty)
        return lambda _: step(real, fake).total

    steps = {
        "no penalty": shipped(None),
        "R1, textbook": textbook(discriminator, real, fake),
        "R1": shipped(penalties.R1(10.0)),
        "R1, functional": shipped(penalties.R1(10.0, "functional")),
        "R1 + R2": shipped(penalties.R1R2(10.0)),
        "WGAN-GP": shipped(penalties.WGANGP(10.0)),
        "approximate R1": shipped(penalties.ApproximateR1(10.0, sigma=0.03)),
        "R1, lazy 16": lazy(discriminator, real, fake),
    }
    if compile_too:
        step = DiscriminatorStep(discriminator, LOSS, penalties.R1(10.0, "functional"))
        compiled = torch.compile(step, fullgraph=True)
        plain = torch.compile(DiscriminatorStep(discriminator, LOSS, None), fullgraph=True)
        steps["no penalty, compiled"] = lambda _: plain(real, fake).total
        steps["R1, compiled"] = lambda _: compiled(real, fake).total
    return steps


def eager(name: str) -> bool:
    """Whether saved-tensor hooks see this method."""
    return "functional" not in name and "compiled" not in name


def saved_bytes(step: Step) -> int:
    """Bytes that autograd keeps between forward and backward, each storage once."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        step(0)
    return sum(storages.values())


def measure(steps: dict[str, Step], discriminator: nn.Module, rounds: int) -> dict[str, float]:
    """Median seconds of one forward and backward of each method."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            repeats = 16 if "lazy" in name else 1
            for k in range(repeats):
                discriminator.zero_grad()
                step(k).backward()
            if number:  # the first round warms up, and compiles
                seconds[name].append((time.perf_counter() - began) / repeats)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    """Print one table for each precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="also under torch.compile")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    discriminator = in_channels_last(Discriminator(channels=3, size=32, width=options.width))
    real, fake = torch.rand(2, options.batch, 3, 32, 32) * 2 - 1
    base = None
    for precision in ("fp32", "bf16"):
        autocast = torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext()
        with autocast:
            steps = methods(discriminator, real, fake, options.compile)
            seconds = measure(steps, discriminator, options.rounds)
            saved = {name: saved_bytes(steps[name]) for name in steps if eager(name)}
        base = base or seconds["no penalty"]
        milliseconds = seconds["no penalty"] * 1e3
        print(f"\n{precision}, batch {options.batch}: no penalty {milliseconds:.0f} ms")
        print(f"{'':22s} time   memory   of fp32")
        for name, value in seconds.items():
            memory = f"{saved[name] / saved['no penalty']:6.2f}" if name in saved else "     -"
            ratio = value / seconds["no penalty"]
            print(f"{name:22s} {ratio:4.2f}   {memory}   {value / base:7.2f}")


if __name__ == "__main__":
    main()
