"""Two-dimensional problems for GANs, small players, and a trainer that fits on a screen.

The problems are those of Mescheder, Geiger & Nowozin 2018, section 5.1 (two Gaussians here), and
the ring of eight Gaussians of Mescheder, Nowozin & Geiger 2017; sizes are this module's own.

>>> problem = get("eight-gaussians")
>>> run = train(problem, penalty="r1", gamma=1.0, steps=3)
>>> run.fake.shape, problem.modes(problem.sample(1000))
(torch.Size([1000, 2]), 8)
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from r1lab import losses, penalties
from r1lab.step import DiscriminatorStep, GeneratorStep
from r1lab.theory.divergences import sample_wasserstein

__all__ = ["PLAIN_STEPS", "PROBLEMS", "Piece", "Problem", "Run", "get", "players", "train"]

Point = tuple[float, float]
MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
#: Gradient descent without momentum: what makes an optimiser from parameters.
PLAIN_STEPS: MakeOptimizer = partial(torch.optim.SGD, lr=0.05)


@dataclass(frozen=True)
class Piece:
    """A part of a distribution: a segment, an arc of the unit circle, or a point, with thickness.

    Parameters
    ----------
    start, end : ends of the segment; equal for a point. For an arc: (angle, radius).
    thickness : standard deviation of Gaussian noise around it.
    arc : True if start and end are polar, in radians.

    Examples
    --------
    >>> Piece((0.0, 0.0), (1.0, 0.0)).distance(torch.tensor([[0.5, 2.0], [2.0, 0.0]]))
    tensor([2., 1.])
    """

    start: Point
    end: Point
    thickness: float = 0.0
    arc: bool = False

    def at(self, position: Tensor) -> Tensor:
        """(n,) positions in [0, 1] to (n, 2) points, without the noise.

        Parameters
        ----------
        position : 0 at the start, 1 at the end.

        Examples
        --------
        >>> Piece((0.0, 0.0), (2.0, 0.0)).at(torch.tensor([0.25]))
        tensor([[0.5000, 0.0000]])
        """
        start, end = position.new_tensor(self.start), position.new_tensor(self.end)
        points = start + position[:, None] * (end - start)
        if not self.arc:
            return points
        angle, radius = points.unbind(1)
        return radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)

    def distance(self, x: Tensor) -> Tensor:
        """(n, 2) points to (n,) distances from the piece without its noise; arcs as circles.

        Parameters
        ----------
        x : the points.
        """
        if self.arc:
            return (x.norm(dim=1) - self.start[1]).abs()
        start, end = x.new_tensor(self.start), x.new_tensor(self.end)
        along = end - start
        position = ((x - start) @ along / along.square().sum().clamp(min=1e-30)).clamp(0, 1)
        return (x - start - position[:, None] * along).norm(dim=1)


@dataclass(frozen=True)
class Problem:
    """A distribution in the plane: a mixture, with equal weights, of pieces.

    Parameters
    ----------
    name : the name that `get` takes.
    pieces : its parts, the modes that `modes` counts.

    Examples
    --------
    >>> get("two-gaussians").sample(3).shape
    torch.Size([3, 2])
    """

    name: str
    pieces: tuple[Piece, ...]

    def sample(
        self, n: int, seed: int | torch.Generator = 0, dtype: torch.dtype = torch.float64
    ) -> Tensor:
        """n independent points, (n, 2).

        Parameters
        ----------
        n : how many, positive.
        seed : a number, or a torch.Generator, which moves on.
        dtype : of the points; the draws are the same in every type.

        Raises
        ------
        ValueError : n below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        rng = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
        # Drawn in float64 whatever the dtype, so that a seed means one sample.
        position = torch.rand(n, generator=rng, dtype=torch.float64)
        noise = torch.randn(n, 2, generator=rng, dtype=torch.float64)
        which = torch.randint(len(self.pieces), (n,), generator=rng)
        clean = torch.stack([piece.at(position) for piece in self.pieces])
        thickness = noise.new_tensor([piece.thickness for piece in self.pieces])
        points = clean[which, torch.arange(n)] + thickness[which, None] * noise
        return points.to(dtype)

    def modes(self, x: Tensor, radius: float | None = None, share: float = 0.25) -> int:
        """How many pieces a sample (n, 2) covers.

        Parameters
        ----------
        x : the sample.
        radius : a point counts for a piece within this distance; by default three times the
            piece's thickness, but at least 0.1.
        share : a piece is covered by this share of the points it would get from the truth.

        Examples
        --------
        >>> get("eight-gaussians").modes(torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
        1
        """
        needed = share * len(x) / len(self.pieces)
        reach = [radius or max(3 * piece.thickness, 0.1) for piece in self.pieces]
        near = [piece.distance(x) <= r for piece, r in zip(self.pieces, reach, strict=True)]
        return sum(int(hits.sum()) >= needed for hits in near)


def _points(points: Iterable[Point], thickness: float) -> tuple[Piece, ...]:
    return tuple(Piece(point, point, thickness) for point in points)


_RING = [
    (2 * math.cos(math.pi * corner / 4), 2 * math.sin(math.pi * corner / 4)) for corner in range(8)
]
_CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0))

#: The problems by the names that `get` takes.
PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        Problem("two-gaussians", _points(((-1.0, 0.0), (1.0, 0.0)), thickness=0.2)),
        Problem("line", (Piece((-1.0, 0.0), (1.0, 0.0)),)),
        Problem("circle", (Piece((0.0, 1.0), (2 * math.pi, 1.0), arc=True),)),
        Problem("four-lines", tuple(Piece(*ends) for ends in pairwise(_CORNERS))),
        Problem("eight-gaussians", _points(_RING, thickness=0.05)),
    )
}


def get(name: str) -> Problem:
    """The problem with this name.

    Parameters
    ----------
    name : "two-gaussians", "line" (a segment), "circle", "four-lines" (the sides of a square),
        "eight-gaussians" (a ring of radius 2).

    Raises
    ------
    ValueError : an unknown name.

    Examples
    --------
    >>> get("line").sample(5)[:, 1].abs().max().item()
    0.0
    """
    if name not in PROBLEMS:
        raise ValueError(f"unknown problem {name!r}: use one of {', '.join(PROBLEMS)}")
    return PROBLEMS[name]


def players(
    latents: int = 16,
    hidden: int = 16,
    depth: int = 4,
    activation: Callable[[], nn.Module] = nn.Softplus,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> tuple[nn.Sequential, nn.Sequential]:
    """A generator (B, latents) -> (B, 2) and a discriminator (B, 2) -> (B, 1), logits.

    Parameters
    ----------
    latents : dimension of the generator's input.
    hidden, depth : width and number of the hidden layers of both. The defaults have 1,122 and
        881 parameters, as the eight-Gaussian players of Mescheder, Nowozin & Geiger 2017.
    activation : makes a module; the default is smooth, as spectra want it.
    seed : of the weights, He-normal; torch's global random state is left alone.
    dtype : of the weights.

    Examples
    --------
    >>> [sum(p.numel() for p in player.parameters()) for player in players()]
    [1122, 881]
    """
    rng = torch.Generator().manual_seed(seed)

    def network(inputs: int, outputs: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        widths = [inputs] + depth * [hidden]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), activation()]
        return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    with torch.random.fork_rng(devices=[]):  # nn.Linear draws weights that are replaced
        made = network(latents, 2), network(2, 1)
    for player in made:
        for name, parameter in player.named_parameters():
            if name.endswith("weight"):
                nn.init.kaiming_normal_(parameter, generator=rng)
            else:
                nn.init.zeros_(parameter)
    return made[0].to(dtype), made[1].to(dtype)


@dataclass(frozen=True)
class Run:
    """What `train` made.

    Attributes
    ----------
    problem : what was learnt.
    generator, discriminator : the players after the last step.
    fake : (1000, 2), a sample of the trained generator.

    Examples
    --------
    >>> run = train(get("line"), penalty="r1", gamma=1.0, steps=2)
    >>> run.modes(), 0.1 < run.wasserstein() < 10   # hardly begun
    (0, True)
    """

    problem: Problem
    generator: nn.Module
    discriminator: nn.Module
    fake: Tensor

    def wasserstein(self) -> float:
        """W1 between `fake` and as many points of the problem, in its units; needs POT.

        A perfect generator has a positive value, too, up to 0.1: both samples are finite. After
        a training that diverged to infinity it is infinite.

        Raises
        ------
        ImportError : POT is not installed.
        """
        if not self.fake.isfinite().all():
            return math.inf
        real = self.problem.sample(len(self.fake), seed=1)
        return sample_wasserstein(self.fake.double().numpy(), real.numpy())

    def modes(self) -> int:
        """How many pieces of the problem `fake` covers, see `Problem.modes`."""
        return self.problem.modes(self.fake)


def train(
    problem: Problem,
    *,
    loss: str | losses.Loss = "non-saturating",
    penalty: str | penalties.Penalty | None = None,
    gamma: float | None = None,
    steps: int = 1000,
    d_steps: int = 1,
    optimizer: MakeOptimizer = PLAIN_STEPS,
    batch: int = 128,
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    seed: int = 0,
    watch: Callable[[int], None] | None = None,
) -> Run:
    """Train a GAN on a problem, alternating, the generator first.

    Parameters
    ----------
    loss : a name or object of `r1lab.losses`.
    penalty, gamma : as `penalties.get`: a name with gamma in paper units, an object, or None.
    steps, batch : number of generator steps, samples in a step of either player.
    d_steps : discriminator steps after each generator step.
    optimizer : parameters -> optimizer, for each player; `PLAIN_STEPS` (gradient descent, 0.05)
        by default. Faster: `partial(torch.optim.Adam, lr=2e-3, betas=(0.0, 0.9))`.
    generator, discriminator : trained in place; `players(seed=seed)` by default. Latents are
        N(0, I), as many as the generator's first layer has inputs.
    seed : of data, latents, the default players, and penalties without a generator of their own.
    watch : called with the number of steps done after each; it must draw no random numbers.

    Raises
    ------
    ValueError : an unknown loss or penalty, a penalty's name without its strength, one player
        without the other, fewer than one discriminator step.

    Examples
    --------
    >>> train(get("circle"), loss="wasserstein", penalty="wgan-gp", gamma=1.0, steps=1).modes()
    0
    """
    if (generator is None) != (discriminator is None):
        raise ValueError("give both players or neither")
    if generator is None or discriminator is None:
        generator, discriminator = players(seed=seed)
    if d_steps < 1:
        raise ValueError(f"d_steps must be at least 1, not {d_steps}")
    d_step = DiscriminatorStep(discriminator, loss, penalties.get(penalty, gamma))
    g_step = GeneratorStep(generator, discriminator, loss)
    d_optimizer, g_optimizer = (optimizer(p.parameters()) for p in (discriminator, generator))
    rng = torch.Generator().manual_seed(seed)
    first = next(generator.parameters())

    def latents(n: int) -> Tensor:
        return torch.randn(n, first.shape[1], generator=rng, dtype=torch.float64).to(first.dtype)

    with torch.random.fork_rng(devices=[]):
        # For random penalties; torch.manual_seed would reseed the caller's GPUs.
        torch.default_generator.manual_seed(seed)
        for step in range(steps):
            real = problem.sample(batch, rng, first.dtype)
            _move(g_optimizer, g_step(latents(batch), real=real).total)
            for number in range(d_steps):
                if number:
                    real = problem.sample(batch, rng, first.dtype)
                with torch.no_grad():
                    fake = generator(latents(batch))
                _move(d_optimizer, d_step(real, fake).total)
            if watch is not None:
                watch(step + 1)
    with torch.no_grad():
        fake = generator(latents(1000))
    return Run(problem, generator, discriminator, fake)


def _move(optimizer: Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
