"""Divergences between distributions: finite measures, samples, and pairs with a known answer.

Logarithms are natural: KL and JS are in nats. JS is at most log 2, total variation (half the L1
distance) and squared Hellinger (1 - int sqrt(p q)) at most 1; W1 and W2 are in units of x.

>>> from r1lab.theory import divergences
>>> pair = divergences.parallel_segments(0.01)        # supports that do not meet
>>> float(pair.kl), round(float(pair.js), 6), float(pair.w1)
(inf, 0.693147, 0.01)
"""

from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r1lab.theory.known_pairs import (
    Divergences,
    collinear_segments,
    diracs,
    gaussian_kl,
    gaussian_w2,
    nested_uniforms,
    parallel_segments,
    slopes,
)

__all__ = [
    "Divergences",
    "collinear_segments",
    "diracs",
    "gaussian_kl",
    "gaussian_w2",
    "is_absolutely_continuous",
    "js",
    "kl",
    "nested_uniforms",
    "optimal_logits",
    "parallel_segments",
    "sample_wasserstein",
    "sliced_wasserstein",
    "slopes",
    "total_variation",
    "wasserstein1",
]

Array = NDArray[np.float64]


def is_absolutely_continuous(p: ArrayLike, q: ArrayLike) -> bool:
    """Whether p << q: every point without mass under q has none under p.

    Parameters
    ----------
    p, q : (n,) probability vectors on one support.

    Raises
    ------
    ValueError : vectors of two shapes, negative entries, or a sum other than one.

    Examples
    --------
    >>> is_absolutely_continuous([1, 0], [0.5, 0.5]), is_absolutely_continuous([0.5, 0.5], [1, 0])
    (True, False)
    """
    p, q = _probabilities(p, q)
    return bool(np.all(p[q == 0] == 0))


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """The Kullback-Leibler divergence KL(p || q) in nats; infinite unless p << q.

    Parameters, Raises : as `is_absolutely_continuous`.

    Examples
    --------
    >>> round(kl([1, 0], [0.5, 0.5]), 6), kl([0.5, 0.5], [1, 0])
    (0.693147, inf)
    """
    from scipy.special import kl_div

    p, q = _probabilities(p, q)
    return float(kl_div(p, q).sum())


def js(p: ArrayLike, q: ArrayLike) -> float:
    """The Jensen-Shannon divergence in nats, 1/2 KL(p || m) + 1/2 KL(q || m), m = (p + q) / 2.

    Parameters, Raises : as `is_absolutely_continuous`.

    Source: Goodfellow et al. 2014, theorem 1: the GAN value at the optimal D is -log 4 + 2 JS.

    Examples
    --------
    >>> round(js([1, 0], [0, 1]), 6)  # log 2, the largest value
    0.693147
    """
    from scipy.special import kl_div

    p, q = _probabilities(p, q)
    # Twice everything, so that the smallest positive mass is not halved to zero.
    return float((kl_div(2 * p, p + q) + kl_div(2 * q, p + q)).sum() / 4)


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """The total variation distance, 1/2 sum |p - q|: the largest difference on any event.

    Parameters, Raises : as `is_absolutely_continuous`.

    Examples
    --------
    >>> total_variation([1, 0], [0.5, 0.5])
    0.5
    """
    p, q = _probabilities(p, q)
    return float(np.abs(p - q).sum() / 2)


def wasserstein1(p: ArrayLike, q: ArrayLike, points: ArrayLike) -> float:
    """The Wasserstein-1 (earth mover's) distance of two measures on points of the real line.

    Parameters
    ----------
    p, q : (n,) probability vectors.
    points : (n,) real support points, in any order.

    Raises
    ------
    ValueError : as `is_absolutely_continuous`; points of another shape or not finite.

    Examples
    --------
    >>> wasserstein1([1, 0], [0, 1], points=[0.0, 3.0])
    3.0
    """
    from scipy.stats import wasserstein_distance

    p, q = _probabilities(p, q)
    points = np.asarray(points, float)
    if points.shape != p.shape or not np.isfinite(points).all():
        raise ValueError(
            f"points must be {p.size} finite numbers, one for each probability: use "
            "sample_wasserstein for points in the plane"
        )
    return float(wasserstein_distance(points, points, p, q))


def optimal_logits(real: ArrayLike, fake: ArrayLike) -> Array:
    """The optimal discriminator of the logistic GAN, log p_real - log p_fake, large on real data.

    Parameters
    ----------
    real, fake : (n,) probability vectors on one support.

    Returns
    -------
    (n,) logits in the code sign: +-inf where only one has mass, nan where neither has.

    Raises
    ------
    ValueError : as `is_absolutely_continuous`.

    Source: Goodfellow et al. 2014, proposition 1 (there as the probability sigmoid(logit)).

    Examples
    --------
    >>> optimal_logits([0.5, 0.5, 0], [0.5, 0, 0.5])
    array([  0.,  inf, -inf])
    """
    real, fake = _probabilities(real, fake)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(real) - np.log(fake)


def sample_wasserstein(x: ArrayLike, y: ArrayLike, order: float = 1) -> float:
    """The exact Wasserstein distance of two samples, each point with equal mass.

    Parameters
    ----------
    x, y : (m, d) and (n, d) points; cost ||x_i - y_j||^order, the result is its 1/order power.
    order : 1 or more.

    Raises
    ------
    ImportError : POT is not installed.
    ValueError : samples that are not two non-empty finite arrays of one dimension d; an order
        below 1.

    Source: POT's `ot.emd2` (network simplex, about cubic in the number of points).

    Examples
    --------
    >>> sample_wasserstein([[0.0, 0.0], [1.0, 0.0]], [[1.0, 2.0], [0.0, 2.0]])
    2.0
    """
    ot = _pot()
    x, y = _samples(x, y, order)
    cost = ot.dist(x, y, metric="euclidean") ** order
    return float(ot.emd2([], [], cost, numItermax=10_000_000)) ** (1 / order)


def sliced_wasserstein(
    x: ArrayLike, y: ArrayLike, order: float = 1, projections: int = 128, seed: int = 0
) -> float:
    """The sliced Wasserstein distance of two samples: a mean over random lines.

    Parameters
    ----------
    x, y, order : as `sample_wasserstein`; the mean is of the order-th powers.
    projections : number of random directions.
    seed : of the directions.

    Raises
    ------
    ImportError, ValueError : as `sample_wasserstein`.

    Source: Bonneel et al. 2015; POT's `ot.sliced_wasserstein_distance`.

    Examples
    --------
    >>> round(sliced_wasserstein([[0.0], [1.0]], [[2.0], [3.0]]), 12)
    2.0
    """
    ot = _pot()
    x, y = _samples(x, y, order)
    distance = ot.sliced_wasserstein_distance(x, y, n_projections=projections, p=order, seed=seed)
    return float(distance)


def _probabilities(p: ArrayLike, q: ArrayLike) -> tuple[Array, Array]:
    p, q = np.asarray(p, float), np.asarray(q, float)
    if p.ndim != 1 or p.shape != q.shape:
        raise ValueError(f"p and q must be vectors of one length, not {p.shape} and {q.shape}")
    for name, vector in (("p", p), ("q", q)):
        if not np.all(vector >= 0) or not abs(vector.sum() - 1) < 1e-8:
            raise ValueError(f"{name} must be a probability vector: not negative, of sum 1")
    return p, q


def _samples(x: ArrayLike, y: ArrayLike, order: float) -> tuple[Array, Array]:
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not (x.size and y.size):
        raise ValueError(
            f"x and y must be non-empty arrays (m, d) and (n, d), not {x.shape} and {y.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(
            "x and y must be finite: POT would give a distance of 0 where they are not"
        )
    if not 1 <= order < np.inf:
        raise ValueError(f"order must be at least 1 and finite, not {order}")
    return x, y


def _pot() -> ModuleType:
    try:
        import ot
    except ImportError as error:
        raise ImportError(
            "optimal transport of samples needs POT: pip install r1lab[images]"
        ) from error
    return ot
