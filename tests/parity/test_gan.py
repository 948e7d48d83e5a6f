"""The GAN explorer's gradients, training and measures are torch's, r1lab's and scipy's."""

import math

import numpy as np
import pytest
import torch
import traitlets
from scipy.stats import wasserstein_distance
from torch import nn

from r1lab import losses, penalties
from r1lab.notebook.explorers import GANExplorer
from r1lab.step import DiscriminatorStep, GeneratorStep
from r1lab.theory import toy

EXACT = {"rtol": 1e-9, "atol": 1e-9}
BATCH = 64
METHODS = ["none", "wgan-gp", "r1", "r1+r2"]
STRENGTH = 0.7


class Random:
    """mulberry32, and Box and Muller's transform."""

    def __init__(self, seed: int) -> None:
        self.state = seed + 0x9E3779B9

    def uniform(self) -> float:
        self.state = (self.state + 0x6D2B79F5) % 2**32
        t = (self.state ^ self.state >> 15) * (1 | self.state) % 2**32
        t = (t + (t ^ t >> 7) * (61 | t)) % 2**32 ^ t
        return ((t ^ t >> 14) + 0.5) / 2**32

    def normal(self) -> float:
        radius = math.sqrt(-2 * math.log(self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())

    def latents(self, n: int = BATCH) -> torch.Tensor:
        drawn = [[self.normal(), self.normal()] for _ in range(n)]
        return torch.tensor(drawn, dtype=torch.float64)

    def real(self, problem: toy.Problem, n: int = BATCH) -> torch.Tensor:
        points = []
        for _ in range(n):
            piece = problem.pieces[int(self.uniform() * len(problem.pieces))]
            at = piece.at(torch.tensor([self.uniform()], dtype=torch.float64))
            noise = torch.tensor([self.normal(), self.normal()], dtype=torch.float64)
            points.append(at[0] + piece.thickness * noise)
        return torch.stack(points)


def network(outputs: int, rng: Random) -> nn.Sequential:
    """2-16-16-outputs with tanh; He-normal weights drawn input by input, no biases."""
    widths = [(2, 16), (16, 16), (16, outputs)]
    layers = [nn.Linear(before, after, dtype=torch.float64) for before, after in widths]
    for layer in layers:
        drawn = [rng.normal() for _ in range(layer.weight.numel())]
        weight = torch.tensor(drawn, dtype=torch.float64).view(layer.in_features, -1).T
        layer.weight.data = weight * math.sqrt(2 / layer.in_features)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])


def flat(player: nn.Sequential, grad: bool = False) -> np.ndarray:
    linear = [layer for layer in player if isinstance(layer, nn.Linear)]
    tensors = [t for layer in linear for t in (layer.weight, layer.bias)]
    values = [t.grad if grad else t.detach() for t in tensors]
    return torch.cat([value.t().flatten() for value in values]).numpy()


class Between:
    """WGAN-GP at given points: interpolates of a batch with itself are the batch."""

    def __init__(self, weight: float) -> None:
        self.penalty, self.points = penalties.WGANGP(weight), torch.empty(0)

    def __call__(self, discriminator, real, fake, args=(), scale=1.0):
        return self.penalty(discriminator, self.points, self.points, args, scale)


def penalty_of(method: str):
    return Between(STRENGTH) if method == "wgan-gp" else penalties.get(method, STRENGTH)


def loss_of(method: str) -> losses.Loss:
    return losses.WASSERSTEIN if method == "wgan-gp" else losses.NON_SATURATING


def train(problem: str, method: str, steps: int, d_steps: int, seed: int, moves: str = ""):
    """Whole steps, then single moves; the players, by torch."""
    rng = Random(seed)
    generator, discriminator = network(2, rng), network(1, rng)
    penalty = penalty_of(method)
    d_step = DiscriminatorStep(discriminator, loss_of(method), penalty)
    g_step = GeneratorStep(generator, discriminator, loss_of(method))
    for letter in (("G" + d_steps * "D") * steps) + moves:
        player = generator if letter == "G" else discriminator
        player.zero_grad()
        if letter == "G":
            g_step(rng.latents()).total.backward()
        else:
            real = rng.real(toy.get(problem))
            fake = generator(rng.latents()).detach()
            share = torch.tensor([[rng.uniform()] for _ in range(BATCH)], dtype=torch.float64)
            if isinstance(penalty, Between):
                penalty.points = share * real + (1 - share) * fake
            d_step(real, fake).total.backward()
        with torch.no_grad():
            for parameter in player.parameters():
                parameter -= 0.1 * parameter.grad
    return generator, discriminator


RUN = """(js, settings, steps, byHand) => {
  const run = js.makeRun(settings, js.makeMeasure(settings.problem));
  for (const goal of steps) run.until({ steps: goal, byHand: js.parseMoves(byHand) });
  return [run.state.g, run.state.d].map((p) => Array.from(p));
}"""


def settings(problem: str, method: str, d_steps: int, seed: int) -> dict:
    strength = {"strength": STRENGTH, "h": 0.1, "dSteps": d_steps, "seed": seed}
    return {"problem": problem, "method": method, **strength}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("problem", "d_steps"), [("eight-gaussians", 1), ("circle", 2)])
def test_ten_steps_are_those_of_torch(javascript, method, problem, d_steps):
    js = javascript(GANExplorer)
    found = js(RUN, settings(problem, method, d_steps, 3), [10], "")
    for player, parameters in zip(train(problem, method, 10, d_steps, 3), found, strict=True):
        np.testing.assert_allclose(parameters, flat(player), **EXACT)


def test_moves_by_hand_are_those_of_torch(javascript):
    js = javascript(GANExplorer)
    found = js(RUN, settings("line", "r1", 1, 0), [4], "4DDG")
    for player, parameters in zip(train("line", "r1", 4, 1, 0, "DDG"), found, strict=True):
        np.testing.assert_allclose(parameters, flat(player), **EXACT)


def test_a_run_is_the_same_however_it_was_reached(javascript):
    js = javascript(GANExplorer)
    setting = settings("two-gaussians", "wgan-gp", 1, 2)
    straight = js(RUN, setting, [55], "30DG 55D")
    for way in ([10, 30, 31, 55], [70, 55], [55, 3, 40, 55]):
        assert js(RUN, setting, way, "30DG 55D") == straight


def gradient(js, method: str, strength: float, points: str, d, real, fake, between):
    function = f"""(js, method, strength, d, real, fake, between) => Array.from(
      js.discriminatorGradient({{ ...js.methodOf(method, strength), {points} }},
        Float64Array.from(d), real, fake, between))"""
    batches = [batch.tolist() for batch in (real, fake, between)]
    return np.array(js(function, method, strength, list(d), *batches))


NO_LOSS = "real: () => 0, fake: () => 0"


@pytest.mark.parametrize("seed", [0, 1])
def test_the_gradients_of_the_penalties_alone(javascript, seed):
    js, rng = javascript(GANExplorer), Random(seed)
    discriminator = network(1, rng)
    for layer in discriminator[::2]:  # biases too
        layer.bias.data = torch.tensor([rng.normal() for _ in layer.bias], dtype=torch.float64)
    real, fake, between = rng.real(toy.get("circle"), 32), rng.latents(32), rng.latents(32)
    for method, value in (
        ("r1", lambda: penalties.r1(discriminator, real, 3.0)),
        ("r1+r2", lambda: penalties.R1R2(3.0)(discriminator, real, fake).value),
        ("wgan-gp", lambda: penalties.wgan_gp(discriminator, between, between, 3.0)),
    ):
        discriminator.zero_grad()
        value().backward()
        found = gradient(js, method, 3.0, NO_LOSS, flat(discriminator), real, fake, between)
        # A penalty does not see the last bias, which has no gradient then.
        discriminator[-1].bias.grad = torch.zeros(1, dtype=torch.float64)
        np.testing.assert_allclose(found, flat(discriminator, grad=True), rtol=0, atol=1e-10)


# ---- Measures ----


@pytest.mark.parametrize("problem", list(toy.PROBLEMS))
def test_sliced_distance_modes_and_norms(javascript, problem):
    js = javascript(GANExplorer)
    function = """(js, problem) => {
      const measure = js.makeMeasure(problem);
      const state = js.startOf(1);
      const { fakes, norms, distance } = measure.of(state);
      const covered = js.piecesCovered(measure.pieces, fakes);
      const own = js.piecesCovered(measure.pieces, measure.data);
      return [measure.data, fakes, norms, distance, covered, own, Array.from(state.d)];
    }"""
    data, fakes, norms, distance, covered, own, _ = js(function, problem)
    directions = np.array(js("(js) => js.DIRECTIONS"))
    known = [wasserstein_distance(np.array(data) @ u, np.array(fakes) @ u) for u in directions]
    assert distance == pytest.approx(np.mean(known), abs=1e-12)
    truth = toy.get(problem)
    assert covered == truth.modes(torch.tensor(fakes))
    assert own == truth.modes(torch.tensor(data)) == len(truth.pieces)
    rng = Random(1)
    _, discriminator = network(2, rng), network(1, rng)
    x = torch.tensor(data, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(discriminator(x).sum(), x)
    np.testing.assert_allclose(norms, slopes.norm(dim=1), **EXACT)


def test_the_data_spread_evenly_have_the_moments_of_the_problem(javascript):
    js = javascript(GANExplorer)
    for name, problem in toy.PROBLEMS.items():
        data = np.array(js("(js, problem) => js.makeMeasure(problem).data", name))
        drawn = problem.sample(40_000).numpy()
        np.testing.assert_allclose(data.mean(0), drawn.mean(0), atol=0.03)
        np.testing.assert_allclose(data.var(0), drawn.var(0), atol=0.03)


@pytest.mark.parametrize("moves", ["nonsense; 9999D -3G", "9999D", "3X"])
def test_moves_by_hand_that_no_page_writes_are_refused(moves):
    with pytest.raises(traitlets.TraitError, match="by_hand must be moves like"):
        GANExplorer(by_hand=moves)
