"""Divergences on finite measures and samples: axioms, linear programs, closed forms."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from r1lab.theory import divergences as dv

N = 6
LOG2 = np.log(2)


def normalised(masses):
    masses = np.array(masses)
    if masses.sum() == 0:
        masses[0] = 1.0
    return masses / masses.sum()


# Zeros and tiny masses on purpose: they are where absolute continuity is decided.
MASS = st.one_of(st.just(0.0), st.floats(0, 1), st.floats(1e-300, 1e-200))
MEASURES = st.lists(MASS, min_size=N, max_size=N).map(normalised)
POINTS = st.lists(st.floats(-10, 10), min_size=N, max_size=N)


@settings(deadline=None)
@given(MEASURES, MEASURES, POINTS)
def test_divergences_are_not_negative_and_vanish_on_the_diagonal(p, q, points):
    for value in (
        dv.kl(p, q),
        dv.js(p, q),
        dv.total_variation(p, q),
        dv.wasserstein1(p, q, points),
    ):
        assert value >= -1e-14
    for value in (
        dv.kl(p, p),
        dv.js(p, p),
        dv.total_variation(p, p),
        dv.wasserstein1(p, p, points),
    ):
        assert abs(value) < 1e-14


@settings(deadline=None)
@given(MEASURES, MEASURES, POINTS)
def test_js_tv_and_w1_are_symmetric(p, q, points):
    assert dv.js(p, q) == pytest.approx(dv.js(q, p), abs=1e-14)
    assert dv.total_variation(p, q) == dv.total_variation(q, p)
    assert dv.wasserstein1(p, q, points) == pytest.approx(dv.wasserstein1(q, p, points), abs=1e-12)


@settings(deadline=None)
@given(MEASURES, MEASURES)
def test_js_is_at_most_log_two_and_pinsker_holds(p, q):
    assert dv.js(p, q) <= LOG2 + 1e-14
    assert dv.total_variation(p, q) <= 1 + 1e-14
    assert 2 * dv.total_variation(p, q) ** 2 <= dv.kl(p, q) + 1e-14


@pytest.mark.claim("kl-needs-absolute-continuity")
@settings(deadline=None)
@given(MEASURES, MEASURES)
def test_kl_is_infinite_exactly_without_absolute_continuity(p, q):
    by_hand = not any(a > 0 and b == 0 for a, b in zip(p, q, strict=True))
    assert dv.is_absolutely_continuous(p, q) == by_hand
    # Subnormal ratios overflow: a mass below 1e-300 of the other's counts as none here.
    if np.all((p == 0) | (q == 0) | (q > 1e-300)):
        assert np.isfinite(dv.kl(p, q)) == by_hand


@settings(deadline=None)
@given(MEASURES, MEASURES, MEASURES, POINTS)
def test_w1_satisfies_the_triangle_inequality(p, q, r, points):
    direct = dv.wasserstein1(p, r, points)
    assert direct <= dv.wasserstein1(p, q, points) + dv.wasserstein1(q, r, points) + 1e-12


@pytest.mark.claim("w1-is-transport")
@settings(max_examples=20, deadline=None)
@given(MEASURES, MEASURES, POINTS)
def test_w1_solves_the_transport_problem(p, q, points):
    x = np.array(points)
    rows = np.kron(np.eye(N), np.ones(N)), np.kron(np.ones(N), np.eye(N))
    cost = np.abs(x[:, None] - x[None, :]).ravel()
    plan = linprog(cost, A_eq=np.concatenate(rows), b_eq=np.concatenate([p, q]))
    assert dv.wasserstein1(p, q, points) == pytest.approx(plan.fun, abs=1e-6)


def test_finite_measures_by_hand():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
    assert dv.kl(p, q) == pytest.approx(LOG2, abs=1e-15)
    assert dv.kl(q, p) == np.inf
    assert dv.total_variation(p, q) == 0.5
    assert dv.wasserstein1(p, q, [0, 1, 3]) == pytest.approx(1.25)
    expected = 0.5 * np.log(4 / 3) + (0.5 * np.log(2 / 3) + 0.5 * LOG2) / 2
    assert dv.js(p, q) == pytest.approx(expected, abs=1e-15)


@pytest.mark.claim("gan-value-at-the-optimal-discriminator")
@settings(deadline=None)
@given(MEASURES, MEASURES)
def test_the_value_of_the_optimal_discriminator_is_js(real, fake):
    logits = dv.optimal_logits(real, fake)
    with np.errstate(invalid="ignore"):
        gains = real * -np.logaddexp(0, -logits), fake * -np.logaddexp(0, logits)
    value = sum(
        np.nansum(np.where(mass > 0, g, 0)) for g, mass in zip(gains, (real, fake), strict=True)
    )
    assert value == pytest.approx(-2 * LOG2 + 2 * dv.js(real, fake), abs=1e-12)


def test_no_other_discriminator_does_better():
    rng = np.random.default_rng(0)
    real, fake = (normalised(rng.random(N)) for _ in range(2))
    best = dv.optimal_logits(real, fake)

    def value(d):
        return -(real * np.logaddexp(0, -d) + fake * np.logaddexp(0, d)).sum()

    assert all(value(best + 0.1 * rng.normal(size=N)) < value(best) for _ in range(50))


def test_exact_transport_on_samples():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=40), rng.normal(size=40) + 1
    for order in (1, 2):
        on_the_line = np.mean(np.abs(np.sort(x) - np.sort(y)) ** order) ** (1 / order)
        exact = dv.sample_wasserstein(x[:, None], y[:, None], order)
        assert exact == pytest.approx(on_the_line, rel=1e-10)
        sliced = dv.sliced_wasserstein(x[:, None], y[:, None], order)
        assert sliced == pytest.approx(on_the_line, rel=1e-10)
    weights = np.full(40, 1 / 40), np.zeros(40)
    p, q = np.concatenate(weights), np.concatenate(weights[::-1])
    w1 = dv.wasserstein1(p, q, np.concatenate([x, y]))
    assert dv.sample_wasserstein(x[:, None], y[:, None]) == pytest.approx(w1, rel=1e-10)


def test_exact_transport_solves_the_assignment_problem():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 3))
    cost = np.linalg.norm(x[:, None] - y[None], axis=2)
    rows, columns = linear_sum_assignment(cost)
    assert dv.sample_wasserstein(x, y) == pytest.approx(cost[rows, columns].mean(), rel=1e-10)


def test_sliced_transport_of_a_shift():
    """Under a shift t each line sees |<t, direction>|; its square has mean |t|^2 / d."""
    x = np.random.default_rng(4).normal(size=(50, 3))
    shift = np.array([0.0, 3.0, 4.0])
    sliced = dv.sliced_wasserstein(x, x + shift, order=2, projections=4000, seed=1)
    assert sliced == pytest.approx(5 / np.sqrt(3), rel=0.03)
    again = dv.sliced_wasserstein(x, x + shift, order=2, projections=4000, seed=1)
    other = dv.sliced_wasserstein(x, x + shift, order=2, projections=4000, seed=2)
    assert sliced == again != other


HALVES = [0.5, 0.5]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dv.kl([1.0], HALVES), "vectors of one length"),
        (lambda: dv.kl([0.6, 0.6], HALVES), "p must be a probability vector"),
        (lambda: dv.js(HALVES, [1.5, -0.5]), "q must be a probability vector"),
        (lambda: dv.js([np.nan, 1.0], HALVES), "p must be a probability vector"),
        (lambda: dv.wasserstein1(HALVES, HALVES, [0, 1, 2]), "points must be 2 finite numbers"),
        (lambda: dv.sample_wasserstein([0.0, 1.0], [0.0]), "must be non-empty arrays"),
        (
            lambda: dv.sliced_wasserstein(np.ones((3, 2)), np.ones((3, 1))),
            "must be non-empty arrays",
        ),
        (lambda: dv.sample_wasserstein([[0.0]], [[1.0]], order=0.5), "order must be at least 1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_without_pot_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match=r"pip install r1lab\[images\]"):
        dv.sample_wasserstein([[0.0]], [[1.0]])


@pytest.mark.parametrize("module", ["divergences", "dynamics", "dirac"])
def test_theory_imports_neither_torch_nor_scipy_nor_pot(module):
    code = (
        f"import sys; import r1lab.theory.{module}; "
        "sys.exit(bool({'torch', 'scipy', 'ot'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("distance", [dv.sample_wasserstein, dv.sliced_wasserstein])
def test_samples_that_are_not_finite_are_refused(distance):
    with pytest.raises(ValueError, match="must be finite"):
        distance([[0.0], [np.nan]], [[1.0], [2.0]])
