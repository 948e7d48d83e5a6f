"""Pairs of distributions whose divergences are known: Diracs, segments, intervals, Gaussians.

They show why the support matters: two Diracs, or two parallel segments, at distance t have
JS = log 2 and KL = infinity for every t > 0. Gaussian smoothing makes all of them smooth in t.
Public as `r1lab.theory.divergences`, which has the conventions.
Source: Arjovsky & Bottou 2017; Arjovsky, Chintala & Bottou 2017, example 1 (parallel lines).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Divergences",
    "collinear_segments",
    "diracs",
    "gaussian_kl",
    "gaussian_w2",
    "nested_uniforms",
    "parallel_segments",
    "slopes",
]

Array = NDArray[np.float64]


class Divergences(NamedTuple):
    """The divergences of one pair of distributions, or their derivatives, as arrays.

    Examples
    --------
    >>> Divergences(*np.arange(6.0))._fields
    ('kl', 'reverse_kl', 'js', 'total_variation', 'squared_hellinger', 'w1')
    """

    kl: Array
    reverse_kl: Array
    js: Array
    total_variation: Array
    squared_hellinger: Array
    w1: Array


def diracs(shift: ArrayLike, smoothing: float = 0.0) -> Divergences:
    """Between a Dirac at 0 and one at `shift`, or N(0, s^2) and N(shift, s^2) with smoothing s.

    Parameters
    ----------
    shift : distance t, a number or array, of either sign.
    smoothing : standard deviation s of the Gaussian noise added to both, not negative.

    Returns
    -------
    Divergences of arrays of the shape of `shift`. Closed forms in r = t / s, except for JS, by
    quadrature, to 1e-14: KL = r^2 / 2, TV = erf(r / sqrt 8), H^2 = 1 - exp(-r^2 / 8), W1 = |t|.

    Raises
    ------
    ValueError : a smoothing that is negative or not finite.

    Source: Arjovsky & Bottou 2017, section 3 (noise that makes the divergences informative).

    Examples
    --------
    >>> float(diracs(1.0).js / np.log(2)), round(float(diracs(1.0, smoothing=1.0).js), 9)
    (1.0, 0.111421482)
    """
    from scipy.special import erf

    t = np.asarray(shift, float)
    _check_smoothing(smoothing)
    if smoothing == 0:
        apart = (t != 0).astype(float)
        infinite = np.where(t == 0, 0.0, np.inf)
        return Divergences(infinite, infinite, apart * np.log(2), apart, apart, np.abs(t))
    r = np.abs(t) / smoothing
    x, weights = _normal_quadrature()
    log_ratio = r[..., np.newaxis] * x - (r**2)[..., np.newaxis] / 2  # log q / p at x ~ p
    js_value = np.log(2) - np.logaddexp(0, log_ratio) @ weights
    hellinger = -np.expm1(-(r**2) / 8)
    return Divergences(r**2 / 2, r**2 / 2, js_value, erf(r / np.sqrt(8)), hellinger, np.abs(t))


def parallel_segments(shift: ArrayLike, smoothing: float = 0.0) -> Divergences:
    """Between two uniform parallel segments facing each other at distance `shift`.

    Along the segments the two are equal, across them they are two Diracs, and smoothing with
    noise in the plane acts on both factors: the numbers are those of `diracs`, for any length.

    Parameters, Returns, Raises : as `diracs`.

    Source: Arjovsky, Chintala & Bottou 2017, example 1.

    Examples
    --------
    >>> float(parallel_segments(0.01).total_variation), float(parallel_segments(0.01).w1)
    (1.0, 0.01)
    """
    return diracs(shift, smoothing)


def slopes(shift: ArrayLike, smoothing: float = 0.0) -> Divergences:
    """The derivatives of `diracs` (and `parallel_segments`) with respect to the shift.

    This is the signal that a generator gets from each divergence. JS has its largest slope,
    0.2337 / s, at t = 1.636 s and none at both ends; the slope of W1 is 1 everywhere.

    Parameters, Raises : as `diracs`.

    Returns
    -------
    Divergences of arrays of the shape of `shift`. Without smoothing: nan where there is no
    derivative (for KL everywhere), 0 where the divergence is constant.

    Examples
    --------
    >>> far = slopes(8.0, smoothing=1.0)
    >>> round(float(far.js), 6), float(far.w1)
    (0.000196, 1.0)
    """
    t = np.asarray(shift, float)
    _check_smoothing(smoothing)
    if smoothing == 0:
        constant = np.where(t == 0, np.nan, 0.0)
        nowhere = np.full_like(t, np.nan)
        w1 = np.where(t == 0, np.nan, np.sign(t))
        return Divergences(nowhere, nowhere, constant, constant, constant, w1)
    r = np.abs(t) / smoothing
    x, weights = _normal_quadrature()
    log_ratio = r[..., np.newaxis] * x - (r**2)[..., np.newaxis] / 2
    share = 0.5 * (1 + np.tanh(log_ratio / 2))  # q / (p + q)
    by_r = (
        r,
        r,
        (share * (r[..., np.newaxis] - x)) @ weights,
        np.exp(-(r**2) / 8) / np.sqrt(2 * np.pi),
        r / 4 * np.exp(-(r**2) / 8),
    )
    kl_slope, reverse, js_slope, tv_slope, hellinger = (np.sign(t) / smoothing * s for s in by_r)
    # TV and W1 have a corner at t = 0.
    corner = np.where(t == 0, np.nan, 1.0)
    return Divergences(
        kl_slope, reverse, js_slope, tv_slope * corner, hellinger, np.sign(t) * corner
    )


def collinear_segments(shift: ArrayLike) -> Divergences:
    """Between the uniform distributions on [0, 1] and on [shift, 1 + shift].

    Parameters
    ----------
    shift : a number or array, of either sign.

    Returns
    -------
    Divergences of arrays of the shape of `shift`: the overlap makes JS and TV informative, KL
    stays infinite both ways for every shift but 0.

    Examples
    --------
    >>> float(collinear_segments(0.5).total_variation), float(collinear_segments(0.5).kl)
    (0.5, inf)
    """
    distance = np.abs(np.asarray(shift, float))
    apart = np.minimum(distance, 1)
    infinite = np.where(distance == 0, 0.0, np.inf)
    return Divergences(infinite, infinite, apart * np.log(2), apart, apart, distance)


def nested_uniforms(width: ArrayLike) -> Divergences:
    """Between p = U[0, 1] and q = U[0, width], which is wider: p << q, but not q << p.

    Parameters
    ----------
    width : a number or array, at least 1.

    Returns
    -------
    Divergences of arrays of the shape of `width`: KL(p || q) = log width, the reverse infinite.

    Raises
    ------
    ValueError : a width below 1.

    Examples
    --------
    >>> pair = nested_uniforms(2.0)
    >>> round(float(pair.kl), 6), float(pair.reverse_kl), float(pair.w1)
    (0.693147, inf, 0.5)
    """
    w = np.asarray(width, float)
    if not np.all(w >= 1):
        raise ValueError(f"width must be at least 1, not {w}")
    js_value = np.log(2) + np.log(w) / 2 - (1 + 1 / w) * np.log1p(w) / 2
    reverse = np.where(w == 1, 0.0, np.inf)
    return Divergences(np.log(w), reverse, js_value, 1 - 1 / w, 1 - 1 / np.sqrt(w), (w - 1) / 2)


def gaussian_kl(
    mean0: ArrayLike, cov0: ArrayLike, mean1: ArrayLike, cov1: ArrayLike, smoothing: float = 0.0
) -> float:
    """KL(N(mean0, cov0) || N(mean1, cov1)) in nats; infinite unless absolutely continuous.

    Parameters
    ----------
    mean0, mean1 : (n,), or numbers.
    cov0, cov1 : (n, n) symmetric positive semidefinite, singular ones included, or numbers.
    smoothing : s, for both covariances plus s^2 times the identity.

    Raises
    ------
    ValueError : shapes that do not fit, a matrix that is no covariance, a negative smoothing.

    Examples
    --------
    >>> gaussian_kl(0, 1, 1, 1)
    0.5
    >>> line = [[1.0, 0.0], [0.0, 0.0]]
    >>> gaussian_kl([0, 0], line, [0, 1], line), gaussian_kl([0, 0], line, [0, 1], line, 0.5)
    (inf, 2.0)
    """
    shift, (cov0, cov1) = _gaussians(mean0, cov0, mean1, cov1, smoothing)
    values, vectors = np.linalg.eigh(cov1)
    regular = values > 1e-12 * max(values[-1], np.trace(cov0))
    inside, outside = vectors[:, regular], vectors[:, ~regular]
    own = inside.T @ cov0 @ inside
    spreads = np.linalg.eigvalsh(own)
    # Both live on the same affine subspace, or the divergence is infinite.
    leak = np.abs(outside.T @ shift).sum() + np.abs(outside.T @ cov0).sum()
    flat = np.any(spreads <= 1e-12 * spreads.sum())
    if flat or leak > 1e-12 * (np.abs(shift).sum() + np.trace(cov0)):
        return float("inf")
    scaled, moved = own / values[regular], (inside.T @ shift) ** 2 / values[regular]
    log_ratio = np.log(values[regular]).sum() - np.log(spreads).sum()
    return float((np.trace(scaled) - regular.sum() + moved.sum() + log_ratio) / 2)


def gaussian_w2(
    mean0: ArrayLike, cov0: ArrayLike, mean1: ArrayLike, cov1: ArrayLike, smoothing: float = 0.0
) -> float:
    """The Wasserstein-2 distance of N(mean0, cov0) and N(mean1, cov1), not squared.

    Parameters, Raises : as `gaussian_kl`.

    Source: Dowson & Landau 1982; squared, with means and covariances of features, it is the FID.

    Examples
    --------
    >>> gaussian_w2([0, 0], np.eye(2), [3, 4], np.eye(2)), gaussian_w2(0, 1, 0, 9)
    (5.0, 2.0)
    """
    shift, covariances = _gaussians(mean0, cov0, mean1, cov1, smoothing)
    roots = []
    for covariance in covariances:
        values, vectors = np.linalg.eigh(covariance)
        roots.append((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
    # tr (S1^1/2 S0 S1^1/2)^1/2 is the sum of the singular values of S0^1/2 S1^1/2.
    cross = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    squared = shift @ shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * cross
    return float(np.sqrt(max(squared, 0.0)))


def _normal_quadrature() -> tuple[Array, Array]:
    # The trapezoidal rule converges exponentially on analytic integrands with Gaussian tails.
    x = np.linspace(-12, 12, 1201)
    return x, np.exp(-(x**2) / 2) * (x[1] - x[0]) / np.sqrt(2 * np.pi)


def _check_smoothing(smoothing: float) -> None:
    if not 0 <= smoothing < np.inf:
        raise ValueError(f"smoothing must be finite and not negative, not {smoothing}")


def _gaussians(
    mean0: ArrayLike, cov0: ArrayLike, mean1: ArrayLike, cov1: ArrayLike, smoothing: float
) -> tuple[Array, list[Array]]:
    """The difference of the means (n,) and the smoothed covariances (n, n), checked."""
    _check_smoothing(smoothing)
    means = [np.atleast_1d(np.asarray(mean, float)) for mean in (mean0, mean1)]
    covariances = [np.atleast_2d(np.asarray(cov, float)) for cov in (cov0, cov1)]
    n = means[0].size
    if any(m.shape != (n,) for m in means) or any(c.shape != (n, n) for c in covariances):
        raise ValueError("means must have shape (n,) and covariances (n, n), with one n")
    for cov in covariances:
        size = 1e-10 * np.abs(cov).max()
        if np.abs(cov - cov.T).max() > size or np.linalg.eigvalsh(cov)[0] < -size:
            raise ValueError("a covariance must be symmetric and positive semidefinite")
    return means[1] - means[0], [cov + smoothing**2 * np.eye(n) for cov in covariances]
