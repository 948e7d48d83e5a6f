"""Pairs with known divergences: closed forms against quadrature, grids and golden numbers."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import sqrtm
from scipy.special import erf
from scipy.stats import norm

from r1lab.theory import divergences as dv

LOG2 = np.log(2)


def normalised(masses):
    return masses / masses.sum()


def integrals(density0, density1, low, high, points=None):
    """KL both ways, JS, TV and squared Hellinger of two densities, by SciPy's quadrature."""
    p, q = density0, density1

    def kl(a, b):
        if a > 0:
            return a * np.log(a / b) if b > 0 else np.inf
        return 0.0

    integrands = (
        lambda x: kl(p(x), q(x)),
        lambda x: kl(q(x), p(x)),
        lambda x: (kl(p(x), (p(x) + q(x)) / 2) + kl(q(x), (p(x) + q(x)) / 2)) / 2,
        lambda x: abs(p(x) - q(x)) / 2,
        lambda x: (np.sqrt(p(x)) - np.sqrt(q(x))) ** 2 / 2,
    )
    options = {"epsabs": 1e-13, "epsrel": 1e-12, "limit": 400, "points": points}
    return [quad(f, low, high, **options)[0] for f in integrands]


@pytest.mark.claim("smoothed-diracs")
@pytest.mark.parametrize(("shift", "smoothing"), [(0.5, 1.0), (2.0, 0.7), (-1.3, 2.0)])
def test_smoothed_diracs_against_quadrature(shift, smoothing):
    pair = dv.diracs(shift, smoothing)
    middle, half = shift / 2, abs(shift) / 2 + 9 * smoothing
    numeric = integrals(
        norm(0, smoothing).pdf, norm(shift, smoothing).pdf, middle - half, middle + half, [middle]
    )
    np.testing.assert_allclose(pair[:5], numeric, atol=1e-10)
    assert pair.w1 == abs(shift)


@pytest.mark.claim("smoothed-diracs")
def test_golden_js_of_smoothed_diracs():
    r = np.array([0.1, 0.5, 1, 2, 4, 8])
    golden = [0.001248440, 0.030311301, 0.111421482, 0.336830820, 0.632720194, 0.693053645]
    for s in (1.0, 0.3):
        np.testing.assert_allclose(dv.diracs(s * r, s).js, golden, atol=6e-10)
    small = np.array([0.01, 0.02])
    expansion = small**2 / 8 - small**4 / 64
    np.testing.assert_allclose(dv.diracs(small, 1.0).js, expansion, atol=1e-12)


@pytest.mark.claim("smoothed-diracs")
def test_golden_slopes_of_js():
    slope = dv.slopes(np.array([1.0, 2.0, 4.0, 8.0]), 1.0).js
    np.testing.assert_allclose(slope, (0.198986, 0.224800, 0.068597, 0.000196), atol=6e-7)
    assert dv.slopes(1.65, 1.0).js == pytest.approx(0.23365, abs=6e-6)
    r = np.linspace(1.5, 1.8, 3001)
    along = dv.slopes(r, 1.0).js
    assert along.max() == pytest.approx(0.23366, abs=6e-6)
    assert r[along.argmax()] == pytest.approx(1.636, abs=5e-4)
    assert dv.slopes(np.array([1e-3, 30.0]), 1.0).js.max() < 3e-4


@pytest.mark.parametrize("shift", [-2.0, 0.4, 1.7])
def test_slopes_are_derivatives(shift):
    eps, smoothing = 1e-3, 0.6
    t = shift + eps * np.array([1, -1, 2, -2])
    up, down, up2, down2 = np.array(dv.diracs(t, smoothing)).T
    numeric = (8 * (up - down) - (up2 - down2)) / (12 * eps)
    np.testing.assert_allclose(dv.slopes(shift, smoothing), numeric, atol=1e-9)


def test_slopes_at_zero_and_without_smoothing():
    at_zero = dv.slopes(0.0, 1.0)
    assert at_zero.kl == at_zero.js == at_zero.squared_hellinger == 0
    assert np.isnan(at_zero.total_variation)
    assert np.isnan(at_zero.w1)
    sharp = dv.slopes(np.array([-1.0, 0.0, 2.0]))
    np.testing.assert_array_equal(sharp.js, (0, np.nan, 0))
    np.testing.assert_array_equal(sharp.w1, (-1, np.nan, 1))
    assert np.isnan(sharp.kl).all()


@pytest.mark.claim("parallel-segments")
def test_disjoint_supports_saturate_everything_but_w1():
    t = np.array([-1.0, 0.0, 1e-9, 1.0])
    for pair in (dv.diracs(t), dv.parallel_segments(t)):
        np.testing.assert_array_equal(pair.kl, (np.inf, 0, np.inf, np.inf))
        np.testing.assert_array_equal(pair.reverse_kl, pair.kl)
        np.testing.assert_array_equal(pair.js, (LOG2, 0, LOG2, LOG2))
        np.testing.assert_array_equal(pair.total_variation, (1, 0, 1, 1))
        np.testing.assert_array_equal(pair.squared_hellinger, (1, 0, 1, 1))
        np.testing.assert_array_equal(pair.w1, np.abs(t))


@pytest.mark.claim("parallel-segments")
def test_smoothed_parallel_segments_on_a_grid_in_the_plane():
    """Segments [0, 1] x {0} and [0, 1] x {t}, both with Gaussian noise s in both directions."""
    t, s = 0.5, 0.4
    edges_x, edges_y = np.linspace(-3, 4, 141), np.linspace(-3.5, 4, 751)
    x, y = (edges_x[1:] + edges_x[:-1]) / 2, (edges_y[1:] + edges_y[:-1]) / 2
    along = norm.cdf(x / s) - norm.cdf((x - 1) / s)
    p, q = (normalised(np.outer(along, norm.pdf(y, c, s)).ravel()) for c in (0, t))
    pair = dv.parallel_segments(t, s)
    numeric = dv.kl(p, q), dv.kl(q, p), dv.js(p, q), dv.total_variation(p, q)
    np.testing.assert_allclose(pair[:4], numeric, atol=2e-5)


@pytest.mark.claim("collinear-segments")
@pytest.mark.parametrize("t", [0.25, 0.9, 1.0, 3.0, -0.25])
def test_collinear_segments(t):
    grid = np.arange(-3, 4.5, 0.05) + 0.025
    p, q = (normalised(((grid > a) & (grid < a + 1)).astype(float)) for a in (0, t))
    pair = dv.collinear_segments(t)
    assert pair.kl == pair.reverse_kl == dv.kl(p, q) == dv.kl(q, p) == np.inf
    overlap = min(abs(t), 1)
    np.testing.assert_allclose(pair.js, overlap * LOG2, atol=1e-15)
    np.testing.assert_allclose(pair.total_variation, overlap, atol=1e-15)
    np.testing.assert_allclose(dv.js(p, q), pair.js, atol=1e-12)
    np.testing.assert_allclose(dv.total_variation(p, q), pair.total_variation, atol=1e-12)
    np.testing.assert_allclose(1 - np.sqrt(p * q).sum(), pair.squared_hellinger, atol=1e-12)
    np.testing.assert_allclose(dv.wasserstein1(p, q, grid), pair.w1, atol=1e-12)
    np.testing.assert_array_equal(dv.collinear_segments(0.0), np.zeros(6))


@pytest.mark.claim("nested-uniforms")
@pytest.mark.parametrize("w", [1.5, 4.0])
def test_nested_uniforms(w):
    def uniform(width):
        return lambda x: float(0 <= x <= width) / width

    pair = dv.nested_uniforms(w)
    inside = integrals(uniform(1), uniform(w), 0, 1)
    outside = integrals(uniform(1), uniform(w), 1, w)
    assert pair.kl == pytest.approx(inside[0], abs=1e-12)
    assert pair.kl == pytest.approx(np.log(w), abs=1e-15)
    assert pair.reverse_kl == np.inf
    np.testing.assert_allclose(pair[2:5], np.add(inside[2:], outside[2:]), atol=1e-10)
    assert pair.total_variation == pytest.approx(1 - 1 / w)
    transport, _ = quad(lambda u: abs(u - u * w), 0, 1)
    assert pair.w1 == pytest.approx(transport) == (w - 1) / 2
    np.testing.assert_allclose(dv.nested_uniforms(1.0), np.zeros(6), atol=1e-15)


def covariance(rng, n):
    root = rng.normal(size=(n, n))
    return root @ root.T + 0.2 * np.eye(n)


@pytest.mark.claim("gaussians")
def test_gaussian_kl_by_its_formula_and_by_quadrature():
    rng = np.random.default_rng(0)
    m0, m1, s0, s1 = rng.normal(size=3), rng.normal(size=3), covariance(rng, 3), covariance(rng, 3)
    inverse = np.linalg.inv(s1)
    formula = (
        np.trace(inverse @ s0)
        - 3
        + (m1 - m0) @ inverse @ (m1 - m0)
        + np.log(np.linalg.det(s1) / np.linalg.det(s0))
    ) / 2
    assert dv.gaussian_kl(m0, s0, m1, s1) == pytest.approx(formula, rel=1e-11)
    noise = 0.49 * np.eye(3)
    smoothed = dv.gaussian_kl(m0, s0 + noise, m1, s1 + noise)
    assert dv.gaussian_kl(m0, s0, m1, s1, smoothing=0.7) == pytest.approx(smoothed, rel=1e-12)
    numeric = integrals(norm(0.3, 0.8).pdf, norm(-0.5, 1.1).pdf, -7, 7)[0]
    assert dv.gaussian_kl(0.3, 0.64, -0.5, 1.21) == pytest.approx(numeric, abs=1e-10)


@pytest.mark.claim("gaussians")
def test_gaussians_at_one_distance_are_smoothed_diracs():
    for t, s in ((0.7, 1.0), (2.0, 0.3)):
        assert dv.gaussian_kl(0, 0, t, 0, smoothing=s) == pytest.approx(t**2 / s**2 / 2)
        assert dv.gaussian_kl(0, 0, t, 0, smoothing=s) == pytest.approx(float(dv.diracs(t, s).kl))
        assert dv.gaussian_w2(0, 0, t, 0, smoothing=s) == pytest.approx(t, abs=1e-7)
        assert dv.diracs(t, s).total_variation == pytest.approx(erf(t / s / 2 / np.sqrt(2)))


@pytest.mark.claim("gaussians")
def test_gaussian_kl_of_degenerate_covariances():
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    line, wide = (turn @ np.diag([v, 0.0]) @ turn.T for v in (1.0, 4.0))
    along, across = turn[:, 0], turn[:, 1]
    zero = np.zeros(2)
    expected = dv.gaussian_kl(0, 1, 0.3, 4)
    assert dv.gaussian_kl(zero, line, 0.3 * along, wide) == pytest.approx(expected, abs=1e-10)
    assert dv.gaussian_kl(zero, line, 1e-3 * across, line) == np.inf
    assert dv.gaussian_kl(zero, line, zero, np.eye(2)) == np.inf
    assert dv.gaussian_kl(zero, np.eye(2), zero, line) == np.inf
    assert dv.gaussian_kl(zero, line, zero, np.diag([1.0, 0.0])) == np.inf
    assert dv.gaussian_kl(0, 0, 0, 0) == 0.0
    assert dv.gaussian_kl(0, 0, 1, 0) == np.inf


@pytest.mark.claim("gaussians")
def test_gaussian_w2_by_matrix_square_roots():
    rng = np.random.default_rng(1)
    m0, m1, s0, s1 = rng.normal(size=4), rng.normal(size=4), covariance(rng, 4), covariance(rng, 4)
    root = sqrtm(s1)
    cross = np.trace(sqrtm(root @ s0 @ root)).real
    squared = (m0 - m1) @ (m0 - m1) + np.trace(s0) + np.trace(s1) - 2 * cross
    assert dv.gaussian_w2(m0, s0, m1, s1) == pytest.approx(np.sqrt(squared), rel=1e-11)
    # In one dimension: the distance of (mean, standard deviation); Diracs included.
    assert dv.gaussian_w2(1, 4, 4, 36) == pytest.approx(5, rel=1e-14)
    assert dv.gaussian_w2(0, 0, 3, 0) == 3
    line = np.diag([1.0, 0.0])
    assert dv.gaussian_w2([0, 0], line, [0, 2], line) == pytest.approx(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dv.diracs(1.0, -1.0), "smoothing must be finite and not negative"),
        (lambda: dv.slopes(1.0, np.nan), "smoothing must be finite and not negative"),
        (lambda: dv.nested_uniforms(0.5), "width must be at least 1"),
        (lambda: dv.gaussian_kl([0, 0], 1, 0, 1), "means must have shape"),
        (lambda: dv.gaussian_w2(0, -1, 0, 1), "symmetric and positive semidefinite"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
