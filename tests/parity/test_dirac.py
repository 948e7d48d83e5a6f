"""The Dirac explorer's numbers are those of r1lab.theory.dirac, on seeded grids, to 1e-9."""

import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import erfc, expit
from scipy.stats import norm

from r1lab.notebook.explorers import DiracExplorer
from r1lab.theory import dynamics
from r1lab.theory.dirac import DiracGAN
from r1lab.theory.dirac_terms import LOSSES, REGULARIZERS

EXACT = {"rtol": 1e-9, "atol": 1e-9}
STRENGTHS = {
    "none": (0.0,),
    "spectral-norm": (0.0,),
    "clip": (0.5, 1.0),
    "instance-noise": (0.0, 0.3, 1.0, 3.0),
}
GAMES = [
    DiracGAN(loss, regularizer, strength)
    for loss, regularizer in itertools.product(LOSSES, REGULARIZERS)
    for strength in STRENGTHS.get(regularizer, (0.0, 0.35, 1.0, 3.0))
]
SMOOTH = [
    game
    for game in GAMES
    if game.regularizer not in ("wgan-gp", "dragan", "clip", "spectral-norm")
    and game.loss != "hinge"
]


@pytest.fixture(scope="module")
def js(javascript):
    return javascript(DiracExplorer)


def options(game: DiracGAN) -> dict:
    return {"loss": game.loss, "regularizer": game.regularizer, "strength": game.strength}


def test_fields_of_the_whole_zoo(js):
    points = np.random.default_rng(0).uniform(-2.5, 2.5, (80, 2))
    function = "(js, all, z) => all.map((o) => z.map((p) => js.diracGame(o).field(...p)))"
    got = np.array(js(function, [options(game) for game in GAMES], points.tolist()))
    for game, computed in zip(GAMES, got, strict=True):
        expected = np.stack(game.field(*points.T), axis=1)
        np.testing.assert_allclose(computed, expected, **EXACT, err_msg=repr(game))


def noisy_field(game: DiracGAN, theta: float, psi: float) -> list[float]:
    """As DiracGAN.field, whose own nodes are too far apart for a steep discriminator."""
    b, width = np.linspace(-9, 9, 40_001, retstep=True)
    weights = width * norm.pdf(b)
    noise = game.strength * b * (2**0.5 if game.loss == "relativistic" else 1)
    fake = theta + noise
    sign = -1 if game.loss == "minimax" else 1
    v_psi = (fake * expit(-psi * fake)) @ weights
    if game.loss != "relativistic":
        v_psi += (noise * expit(-psi * noise)) @ weights
    return [-psi * (expit(sign * psi * fake) @ weights), v_psi]


@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "relativistic"])
def test_fields_under_noise_where_the_discriminator_is_steep(js, loss):
    rng = np.random.default_rng(3)
    function = "(js, o, z) => z.map((p) => js.diracGame(o).field(...p))"
    for sigma in (0.05, 1.0, 3.0):
        game = DiracGAN(loss, "instance-noise", sigma)
        steep = np.geomspace(5, 400, 15) / sigma * rng.choice([-1, 1], 15)
        points = np.column_stack([rng.normal(0, 3 * sigma, 15), steep])
        expected = [noisy_field(game, *point) for point in points]
        found = js(function, options(game), points.tolist())
        np.testing.assert_allclose(found, expected, **EXACT, err_msg=repr(game))


def test_a_path_ends_where_the_numbers_do(js):
    function = """(js, o, z, rule) =>
        js.pathFrom(js.diracGame(o), z, { dSteps: 1, count: 200, ...rule }).flat()"""
    for game, start in itertools.product(GAMES, [(2.2, 2.0), (2.2, 2.2)]):
        rules = [{"h": 2, "scheme": "alternating"}]
        if game in SMOOTH:
            rules.append({"h": 0.5, "scheme": "flow"})
        for rule in rules:
            assert np.isfinite(js(function, options(game), start, rule)).all(), game


def test_jacobians_and_where_there_are_none(js):
    function = "(js, all) => all.map((o) => js.diracGame(o).jacobian)"
    for game, got in zip(GAMES, js(function, [options(game) for game in GAMES]), strict=True):
        try:
            expected = game.jacobian()
        except ValueError:
            assert got is None, game
        else:
            np.testing.assert_allclose(got, expected, **EXACT, err_msg=repr(game))


def test_eigenvalues_and_multipliers(js):
    rng = np.random.default_rng(1)
    rules = [("simultaneous", 1), *(("alternating", n) for n in (1, 2, 5))]
    function = """(js, J, h, scheme, n) =>
        [js.eigenvalues(J), js.eigenvalues(js.updateMatrix(J, h, scheme, n))]"""
    for game in SMOOTH[:: len(SMOOTH) // 16]:
        for (scheme, n), h in zip(rules, rng.uniform(0.02, 2, 4), strict=True):
            matrix = game.update_matrix(h, scheme, n)
            got = np.array(js(function, game.jacobian().tolist(), h, scheme, n))
            expected = np.array([game.eigenvalues(), dynamics.eigenvalues(matrix)])
            np.testing.assert_allclose(got[..., 0] + 1j * got[..., 1], expected, **EXACT)


@pytest.mark.parametrize("scheme", ["simultaneous", "alternating"])
def test_runs_of_500_steps(js, scheme):
    function = """(js, o, z, h, scheme, dSteps) =>
        js.pathFrom(js.diracGame(o), z, { h, scheme, dSteps, count: 500 })"""
    rng = np.random.default_rng(2)
    for game in GAMES[::7]:
        start, n = rng.uniform(-1.5, 1.5, 2), 3 if scheme == "alternating" else 1
        path = np.array(js(function, options(game), start.tolist(), 0.05, scheme, n))
        expected = game.run(tuple(start), 0.05, 500, scheme, n)[: len(path)]
        close = np.abs(path - expected) <= 1e-9 * (1 + np.abs(expected))
        # A field that jumps turns the last bit of a sign into another branch of the path.
        smooth = game in SMOOTH
        assert close.all() if smooth else close[:40].all(), game


def test_flows(js):
    function = """(js, o, z) =>
        js.pathFrom(js.diracGame(o), z, { h: 0.5, scheme: 'flow', count: 200 })"""
    times = np.arange(201) * 0.5
    for game in SMOOTH[:: len(SMOOTH) // 20]:
        path = js(function, options(game), [1.0, 0.7])
        # Tighter than DiracGAN.flow, whose own error reaches 1.4e-9 where R2 is strong.
        exact = solve_ivp(
            lambda t, z, game=game: np.array(game.field(*z)),
            (0, 100),
            (1.0, 0.7),
            "DOP853",
            times,
            rtol=1e-13,
            atol=1e-15,
        )
        np.testing.assert_allclose(path, exact.y.T, **EXACT, err_msg=repr(game))


def test_the_error_function(js):
    x = np.linspace(-6, 12, 721)
    np.testing.assert_allclose(js("(js, x) => x.map(js.erfc)", x.tolist()), erfc(x), rtol=1e-12)


# ---- The presets reproduce what they are named after ----


@pytest.fixture(scope="module")
def presets(js):
    found = js("(js) => js.PRESETS.map(({ name, traits }) => [name, traits])")
    return {name: DiracExplorer(**traits) for name, traits in found}


def end_of(explorer: DiracExplorer) -> float:
    """The last distance over the first, after 500 steps or at time 100."""
    start = (explorer.theta, explorer.psi)
    if explorer.scheme == "flow":
        end = explorer.game().flow(start, 100.0)
    else:
        end = explorer.game().run(start, explorer.h, 500, explorer.scheme, explorer.d_steps)[-1]
    return float(np.hypot(*end) / np.hypot(*start))


def test_lemmas_about_the_unregularised_game(presets):
    on_axis = presets["only rotates (lemma 2.2)"].game().eigenvalues()
    np.testing.assert_allclose(on_axis, [0.5j, -0.5j], atol=1e-12)
    assert abs(end_of(presets["circles forever (lemma 2.3)"]) - 1) < 1e-8
    assert end_of(presets["spirals outwards (lemma 2.4)"]) > 2
    # The averaged law: r(100) = (1/2 + 100/8)^(-1/2), from r(0) = sqrt 2.
    sublinear = end_of(presets["non-saturating: ever more slowly"])
    assert abs(sublinear * 2**0.5 - 13**-0.5) < 2e-3
    stays = presets["alternating: neither in nor out (lemma 2.5)"]
    assert abs(stays.game().spectral_radius(stays.h, "alternating") - 1) < 1e-9
    leaves = presets["steps too long: leaves (lemma 2.5)"]
    assert leaves.game().spectral_radius(leaves.h, "alternating", leaves.d_steps) > 1.2
    assert leaves.game().spectral_radius(1.7, "alternating", 5) < 1 + 1e-9


def test_lemmas_about_the_cures(presets):
    for name in ("WGAN, clipped: never rests (lemma 3.1)", "WGAN-GP: never rests (lemma 3.1)"):
        assert end_of(presets[name]) > 0.3, name
    for name in ("instance noise: comes to rest (lemma 3.2)", "R1: comes to rest (lemma 3.3)"):
        assert presets[name].game().eigenvalues().real.max() < -0.1, name
        assert end_of(presets[name]) < 1e-4, name
