"""Chapter 2's own claims: singular pairs, shifts, the dual of W1, Lipschitz and gradients."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from r1lab.theory import divergences as dv

N = 6
# Masses that are zero or not small, so that a deficit of JS is one of the mathematics.
MASSES = st.lists(st.one_of(st.just(0.0), st.floats(0.05, 1)), min_size=N, max_size=N)


def measures(masses):
    p, q = (np.array(vector) for vector in masses)
    assume(p.sum() > 0 and q.sum() > 0)
    return p / p.sum(), q / q.sum()


@pytest.mark.claim("mutually-singular")
@settings(deadline=None)
@given(st.tuples(MASSES, MASSES))
def test_the_ceilings_are_reached_exactly_by_singular_pairs(masses):
    p, q = measures(masses)
    singular = not np.any((p > 0) & (q > 0))
    assert (dv.js(p, q) > np.log(2) - 1e-9) == singular
    assert (dv.total_variation(p, q) > 1 - 1e-9) == singular
    if singular:
        assert dv.kl(p, q) == dv.kl(q, p) == np.inf


@pytest.mark.claim("w1-of-a-shift")
@pytest.mark.parametrize("shift", [(0.6, 0.8), (-3.0, 4.0)])
def test_a_shifted_sample_is_as_far_as_the_shift(shift):
    sample = np.random.default_rng(0).exponential(size=(80, 2))
    length = np.hypot(*shift)
    assert dv.sample_wasserstein(sample, sample + shift) == pytest.approx(length, rel=1e-9)


@pytest.mark.claim("w1-dual")
@pytest.mark.parametrize("seed", range(3))
def test_w1_is_the_largest_gap_of_a_lipschitz_function(seed):
    """A linear program over functions of six points in the plane, against transport."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)) + 1
    points = np.concatenate([x, y])
    gains = np.repeat([1 / 3, -1 / 3], 3)
    pairs = [(i, j) for i in range(N) for j in range(N) if i != j]
    rows = np.array([np.eye(N)[i] - np.eye(N)[j] for i, j in pairs])
    bound = np.array([np.linalg.norm(points[i] - points[j]) for i, j in pairs])
    free = [(0, 0)] + [(None, None)] * (N - 1)  # a constant changes nothing
    best = linprog(-gains, A_ub=rows, b_ub=bound, bounds=free)
    assert -best.fun == pytest.approx(dv.sample_wasserstein(x, y), rel=1e-7)
    assert linprog(-gains, bounds=free).status == 3  # unbounded


def network(rng):
    """A smooth function of the plane and its gradient."""
    w, b, a = rng.normal(size=(8, 2)), rng.normal(size=8), rng.normal(size=8)
    return (
        lambda x: np.tanh(x @ w.T + b) @ a,
        lambda x: ((1 - np.tanh(x @ w.T + b) ** 2) * a) @ w,
    )


@pytest.mark.claim("lipschitz-iff-gradient")
@pytest.mark.parametrize("seed", range(5))
def test_on_a_convex_set_lipschitz_constant_and_largest_gradient_agree(seed):
    rng = np.random.default_rng(seed)
    f, gradient = network(rng)
    grid = np.stack(np.meshgrid(*[np.linspace(-2, 2, 201)] * 2), -1).reshape(-1, 2)
    norms = np.linalg.norm(gradient(grid), axis=1)
    x, y = rng.uniform(-2, 2, size=(2, 20_000, 2))
    quotients = np.abs(f(x) - f(y)) / np.linalg.norm(x - y, axis=1)
    # Every pair stays below the largest gradient; the grid misses it by under one per cent.
    assert quotients.max() <= 1.01 * norms.max()
    steepest = grid[norms.argmax()]
    step = 1e-6 * gradient(steepest) / norms.max()
    near = (f(steepest + step) - f(steepest - step)) / 2e-6
    assert near == pytest.approx(norms.max(), rel=1e-6)


@pytest.mark.claim("lipschitz-iff-gradient")
def test_on_a_cut_plane_a_small_gradient_does_not_bound_differences():
    point, eps = np.array([-1.5, 0.01]), 1e-6
    slopes = [
        (np.arctan2(*(point + e)[::-1]) - np.arctan2(*(point - e)[::-1])) / (2 * eps)
        for e in eps * np.eye(2)
    ]
    assert np.hypot(*slopes) == pytest.approx(1 / np.hypot(*point), rel=1e-6)
    jump = np.arctan2(0.01, -1.5) - np.arctan2(-0.01, -1.5)
    assert jump / 0.02 > 300


@pytest.mark.claim("js-slope-vanishes-at-both-ends")
@pytest.mark.parametrize("s", [0.3, 1.0])
def test_the_slope_of_js_is_below_its_bound_and_vanishes(s):
    r = np.linspace(0, 12, 1201)
    along = s * dv.slopes(s * r, s).js
    assert along[0] == 0
    # Far out both are below the quadrature's error.
    assert np.all(along <= np.sqrt(2 / np.pi) * np.exp(-(r**2) / 8) + 1e-13)
    assert np.all(along[1:800] > 0)
