"""The other explorers' numbers are those of r1lab.theory, torch and r1lab.penalties, to 1e-9."""

import numpy as np
import pytest
import torch

from r1lab import losses, penalties
from r1lab.notebook.explorers import ContinuityExplorer, ManifoldExplorer, SpectrumExplorer
from r1lab.step import DiscriminatorStep
from r1lab.theory import divergences, dynamics
from r1lab.theory.dirac import DiracGAN
from r1lab.theory.solvable import LineGAN

EXACT = {"rtol": 1e-9, "atol": 1e-9}

# ---- Continuity ----


def known(pair: str, shift: float, smoothing: float):
    """Values and slopes of KL, JS, TV, W1 from r1lab.theory.divergences."""
    names = ("kl", "js", "total_variation", "w1")
    if pair == "intervals":
        values, width = divergences.collinear_segments(shift), 1e-6
        up, down = (divergences.collinear_segments(shift + s * width) for s in (1, -1))
        slopes = [(getattr(up, n) - getattr(down, n)) / (2 * width) for n in names[1:]]
        return [float(getattr(values, n)) for n in names], [np.nan, *slopes]
    spread = np.hypot(0.5, smoothing) if pair == "gaussians" else smoothing
    at = divergences.diracs(shift, spread), divergences.slopes(shift, spread)
    return [[float(getattr(d, n)) for n in names] for d in at]


@pytest.mark.parametrize("pair", ["points", "segments", "intervals", "gaussians"])
def test_divergences_and_slopes(javascript, pair):
    js = javascript(ContinuityExplorer)
    rng = np.random.default_rng(0)
    grid = [*rng.uniform(-3, 3, 60).tolist(), 0.0]
    for smoothing in (0.0, 0.05, 0.35, 1.0):
        # JSON has neither infinity nor nan: as words.
        function = """(js, pair, grid, s) => grid.map((t) =>
            Object.values(js.divergences(pair, t, s)).map((d) => [`${d.value}`, `${d.slope}`]))"""
        for shift, found in zip(grid, js(function, pair, grid, smoothing), strict=True):
            got = np.array([[float(x.replace("Infinity", "inf")) for x in row] for row in found]).T
            values, slopes = known(pair, shift, smoothing)
            np.testing.assert_allclose(got[0], values, **EXACT)
            if pair != "intervals" or shift != 0:  # a central difference does not see the corner
                np.testing.assert_allclose(got[1], slopes, **EXACT)


# ---- Spectrum ----


def rows(js, game: str, gamma: float, h: float, scheme: str):
    return js("(js, s) => js.rowsOf(s)", {"game": game, "gamma": gamma, "h": h, "scheme": scheme})


def as_complex(pairs) -> np.ndarray:
    return np.array(pairs) @ [1, 1j]


@pytest.mark.parametrize("scheme", ["simultaneous", "alternating"])
def test_eigenvalues_multipliers_and_step_limits_of_every_pair(javascript, scheme):
    js = javascript(SpectrumExplorer)
    rule = dynamics.Simultaneous() if scheme == "simultaneous" else dynamics.Alternating()
    for gamma in (0.0, 0.3, 1.0, 3.0):
        line = LineGAN(regularizer="r1", strength=gamma).blocks()
        dirac = {"θ, ψ": DiracGAN(regularizer="r1", strength=gamma).jacobian()}
        for name, blocks in (("line", line), ("dirac", dirac)):
            for row in rows(js, name, gamma, 0.7, scheme):
                block = blocks[row["name"][2:]]
                expected = dynamics.eigenvalues(block)
                np.testing.assert_allclose(as_complex(row["lambdas"]), expected, **EXACT)
                multipliers = dynamics.eigenvalues(rule.update_matrix(block, 0.7))
                np.testing.assert_allclose(as_complex(row["multipliers"]), multipliers, **EXACT)
                limit = dynamics.largest_stable_step(rule, block)
                np.testing.assert_allclose(row[scheme], limit, **EXACT)


def test_the_line_is_stable_up_to_its_tightest_pair(javascript):
    js = javascript(SpectrumExplorer)
    for gamma in (0.1, 0.3, 1.0, 2.5):
        for scheme, rule in (
            ("simultaneous", dynamics.Simultaneous()),
            ("alternating", dynamics.Alternating()),
        ):
            limit = js("(js, ...a) => js.gameLimit('line', ...a)", gamma, scheme)
            line = LineGAN(regularizer="r1", strength=gamma)
            jacobian = line.jacobian()
            for factor, most in ((0.999, 0), (1.001, 1)):
                matrix = rule.update_matrix(jacobian, factor * limit, line.split)
                # Two multipliers are one: the directions along the equilibria.
                assert (abs(np.linalg.eigvals(matrix)) > 1 + 1e-6).any() == bool(most)


def test_published_bound_from_the_ratio(javascript):
    """Mescheder, Nowozin & Geiger 2017: h < (2/|Re|) / (1 + (Im/Re)^2)."""
    js = javascript(SpectrumExplorer)
    for gamma in (0.1, 0.3, 0.7):
        (row,) = rows(js, "dirac", gamma, 0.2, "simultaneous")
        bound = 2 / abs(row["lambdas"][0][0]) / (1 + row["ratio"] ** 2)
        assert row["simultaneous"] == pytest.approx(bound, rel=1e-12)


# ---- Manifold ----


class Network(torch.nn.Module):
    """D(x) = c + a . tanh(W x + b), from the explorer's flat parameters."""

    def __init__(self, flat):
        super().__init__()
        w0, w1, b, a, c = torch.tensor(flat, dtype=torch.float64).split([16, 16, 16, 16, 1])
        parts = {"w": torch.stack([w0, w1], dim=1), "b": b, "a": a, "c": c}
        for name, value in parts.items():
            self.register_parameter(name, torch.nn.Parameter(value.clone()))

    def forward(self, x):
        return torch.tanh(x @ self.w.T + self.b) @ self.a + self.c

    def flat(self, grad: bool = False) -> np.ndarray:
        w, b, a, c = (p.grad if grad else p.detach() for p in self.parameters())
        return torch.cat([w[:, 0], w[:, 1], b, a, c]).numpy()


def network_and_points(js, seed: int):
    flat = js("(js, seed) => Array.from(js.freshNetwork(seed))", seed)
    real, fake = (torch.tensor(p, dtype=torch.float64) for p in js("(js) => [js.DATA, js.ABOVE]"))
    return Network(flat), flat, real, fake


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradient_of_loss_and_penalty(javascript, gamma):
    js = javascript(ManifoldExplorer)
    for seed in range(3):
        network, flat, real, fake = network_and_points(js, seed)
        step = DiscriminatorStep(network, losses.NON_SATURATING, penalties.R1(gamma=gamma))
        step(real, fake).total.backward()
        function = "(js, p, gamma) => Array.from(js.lossGradient(p, js.DATA, js.ABOVE, gamma))"
        np.testing.assert_allclose(js(function, flat, gamma), network.flat(grad=True), **EXACT)


def test_training_is_plain_gradient_descent(javascript):
    js = javascript(ManifoldExplorer)
    network, _, real, fake = network_and_points(js, 4)
    for fakes, gamma, steps in ((fake, 0.0, 40), (real, 1.0, 60)):
        step = DiscriminatorStep(network, losses.NON_SATURATING, penalties.R1(gamma=gamma))
        sgd = torch.optim.SGD(network.parameters(), lr=0.1)
        for _ in range(steps):
            sgd.zero_grad()
            step(real, fakes).total.backward()
            sgd.step()
    function = """(js) => {
      let p = js.freshNetwork(4);
      for (let k = 0; k < 40; k++) p = js.descend(p, js.DATA, js.ABOVE, 0);
      for (let k = 0; k < 60; k++) p = js.descend(p, js.DATA, js.DATA, 1);
      return Array.from(p);
    }"""
    np.testing.assert_allclose(js(function), network.flat(), **EXACT)


def test_gradient_is_split_along_and_across_the_curve(javascript):
    js = javascript(ManifoldExplorer)
    network, flat, *_ = network_and_points(js, 1)
    for t in (-0.9, 0.0, 0.37):
        at = torch.tensor(js("(js, t) => js.curve(t)", t), dtype=torch.float64)
        # The direction of the curve by central differences.
        ahead, behind = (np.array(js("(js, t) => js.curve(t)", t + s)) for s in (1e-6, -1e-6))
        along = (ahead - behind) / np.linalg.norm(ahead - behind)
        x = at[None].requires_grad_()
        (gradient,) = torch.autograd.grad(network(x).sum(), x)
        found = js("(js, p, t) => js.split(p, t)", flat, t)
        slopes = gradient[0].numpy() @ np.array([along, [-along[1], along[0]]]).T
        np.testing.assert_allclose([found["along"], found["across"]], slopes, atol=1e-8)
        assert found["value"] == pytest.approx(network(x).item(), abs=1e-12)
