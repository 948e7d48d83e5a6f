"""Time and memory of one product with a game's Jacobian, at the size of a DCGAN.

    python benchmarks/jacobian.py                      # 1.7 million parameters, 1,000 images
    python benchmarks/jacobian.py --images 100 --width 16

Each row is a process of its own, so that its peak memory is its own. "retained graph" is the usual
formulation: gradients of the whole batch with create_graph=True, the graph kept, one more backward
pass for each J.T @ v. Run it on an idle machine.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

from r1lab import losses, penalties
from r1lab.step import DiscriminatorStep
from r1lab.theory import toy
from r1lab.theory.spectra import GameJacobian

LATENTS = 96
Product = Callable[[], object]


def dcgan(width: int) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator for 32x32 images, smooth, without normalisation."""
    torch.manual_seed(0)

    def half(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 4, 2, 1), nn.Softplus()]

    def double(before: int, after: int) -> list[nn.Module]:
        return [nn.Softplus(), nn.ConvTranspose2d(before, after, 4, 2, 1)]

    widths = width, 2 * width, 4 * width
    generator = nn.Sequential(
        nn.Linear(LATENTS, widths[2] * 16),
        nn.Unflatten(1, (widths[2], 4, 4)),
        *double(widths[2], widths[1]),
        *double(widths[1], widths[0]),
        *double(widths[0], 3),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        *half(3, widths[0]),
        *half(widths[0], widths[1]),
        *half(widths[1], widths[2]),
        nn.Flatten(),
        nn.Linear(widths[2] * 16, 1),
    )
    return generator, discriminator


def peak() -> float:
    """The largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def chunked(product: str, args: argparse.Namespace) -> Product:
    """J @ v or J.T @ v by GameJacobian."""
    J = GameJacobian(*dcgan(args.width), *batches(args), penalty="r1", gamma=1.0, chunk=args.chunk)
    v = np.random.default_rng(0).standard_normal(J.shape[0]).astype(J.dtype)
    return (lambda: J @ v) if product == "J @ v" else (lambda: J.T @ v)


def retained(args: argparse.Namespace) -> Product:
    """J.T @ v from the retained graph of the whole batch's gradients."""
    generator, discriminator = dcgan(args.width)
    real, latents = batches(args)
    step = DiscriminatorStep(discriminator, losses.NON_SATURATING, penalties.R1(1.0))
    terms = step(real, generator(latents))
    theta, psi = list(generator.parameters()), list(discriminator.parameters())
    loss = losses.NON_SATURATING.generator(terms.fake_logits)
    field = [
        -g
        for loss, own in ((loss, theta), (terms.total, psi))
        for g in torch.autograd.grad(loss, own, create_graph=True)
    ]
    v = [torch.randn_like(g) for g in field]
    return lambda: torch.autograd.grad(field, theta + psi, v, retain_graph=True, allow_unused=True)


def batches(args: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Noise for images, and latents: what they show does not matter here."""
    rng = torch.Generator().manual_seed(0)
    real = torch.rand(args.images, 3, 32, 32, generator=rng) * 2 - 1
    return real, torch.randn(args.images, LATENTS, generator=rng)


def dense() -> tuple[float, int]:
    """Seconds of the dense Jacobian of the eight-Gaussian players, and its size."""
    problem = toy.get("eight-gaussians")
    latents = torch.randn(512, 16, dtype=torch.float64)
    J = GameJacobian(*toy.players(), problem.sample(512), latents, penalty="r1", gamma=1.0)
    start = time.perf_counter()
    n = len(J.to_dense())
    return time.perf_counter() - start, n


def measure(row: str, args: argparse.Namespace) -> dict[str, float]:
    """One row of the table, in this process."""
    torch.set_num_threads(args.threads)
    if row == "dense":
        seconds, n = dense()
        return {"seconds": seconds, "peak": peak(), "n": n}
    before = peak()
    start = time.perf_counter()
    product = retained(args) if row == "retained graph" else chunked(row, args)
    setup = time.perf_counter() - start
    product()  # warm
    times = []
    for _ in range(args.repeat):
        start = time.perf_counter()
        product()
        times.append(time.perf_counter() - start)
    return {"seconds": median(times), "peak": peak(), "before": before, "setup": setup}


def main() -> None:
    """Run the rows one after the other and print the ratios."""
    parser = argparse.ArgumentParser(description="A product with a game's Jacobian")
    for name, default in (("images", 1000), ("width", 64), ("chunk", 50), ("repeat", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--row", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        print(json.dumps(measure(args.row, args)))
        return
    command = [sys.executable, __file__, *sys.argv[1:], "--row"]
    rows = {
        row: json.loads(subprocess.run([*command, row], check=True, stdout=subprocess.PIPE).stdout)
        for row in ("J @ v", "J.T @ v", "retained graph", "dense")
    }
    count = sum(p.numel() for player in dcgan(args.width) for p in player.parameters())
    print(f"{count:,} parameters, {args.images} images, chunks of {args.chunk}, R1, float32")
    base = rows["retained graph"]
    print(f"{'':16}{'s/product':>10}{'ratio':>7}{'peak MiB':>10}{'ratio':>7}{'set-up s':>10}")
    for name in ("J @ v", "J.T @ v", "retained graph"):
        row = rows[name]
        time_ratio, memory_ratio = row["seconds"] / base["seconds"], row["peak"] / base["peak"]
        print(
            f"{name:16}{row['seconds']:10.2f}{time_ratio:7.2f}{row['peak']:10.0f}"
            f"{memory_ratio:7.2f}{row['setup']:10.2f}"
        )
    print(f"of which {base['before']:.0f} MiB before anything was built (Python, torch)")
    row = rows["dense"]
    print(f"dense {row['n']:,} x {row['n']:,}, eight Gaussians: {row['seconds']:.1f} s")


if __name__ == "__main__":
    main()
