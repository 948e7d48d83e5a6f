"""How fast a linearised update rule converges, and up to which step size.

Public as `r1lab.theory.dynamics`. Eigenvalues of a Jacobian are stable with negative real part,
multipliers of an update matrix with modulus below one.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r1lab.theory.rule_base import Rule, Split
from r1lab.theory.rules import Simultaneous

__all__ = ["eigenvalues", "largest_stable_step", "spectral_radius"]


def eigenvalues(matrix: ArrayLike) -> NDArray[np.complex128]:
    """The eigenvalues of a real matrix, in closed form where it is 2 x 2.

    Parameters
    ----------
    matrix : (n, n). A Jacobian of v is stable with negative real parts, an update matrix with
        moduli below one.

    Returns
    -------
    (n,) complex array. For n = 2 the larger real part first, exact also where both coincide;
    a general solver keeps half the digits there.

    Examples
    --------
    >>> eigenvalues([[0.0, -1.0], [1.0, -2.0]])
    array([-1.+0.j, -1.+0.j])
    """
    matrix = np.asarray(matrix, float)
    if matrix.shape != (2, 2):
        return np.linalg.eigvals(matrix).astype(complex)
    half_trace = (matrix[0, 0] + matrix[1, 1]) / 2
    half_difference = (matrix[0, 0] - matrix[1, 1]) / 2
    root = np.sqrt(complex(half_difference**2 + matrix[0, 1] * matrix[1, 0]))
    return np.array([half_trace + root, half_trace - root])


def spectral_radius(matrix: ArrayLike) -> float:
    """The largest modulus of an eigenvalue: of an update matrix, the error's factor per update.

    Parameters
    ----------
    matrix : (n, n); an update matrix is stable with radius below one.

    Examples
    --------
    >>> spectral_radius([[0.5, -0.5], [0.5, 0.5]]) ** 2
    0.5000000000000001
    """
    return float(abs(eigenvalues(matrix)).max())


def largest_stable_step(rule: Rule, jacobian: ArrayLike, split: Split = (1, 1)) -> float:
    """The step size up to which a rule's update matrix has spectral radius below one.

    Parameters
    ----------
    rule : an update rule of `r1lab.theory.dynamics`.
    jacobian : (n, n), of v at the equilibrium.
    split : as in `Game`.

    Returns
    -------
    The first h at which the radius reaches one; 0.0 where no small step contracts, infinity
    where all do.

    Raises
    ------
    ValueError : as `Rule.update_matrix`.

    Source: Mescheder, Nowozin & Geiger 2017: for simultaneous steps 2 |Re lambda| / |lambda|^2,
    the smallest over the eigenvalues lambda. Other rules: scan and bisection.

    Examples
    --------
    >>> largest_stable_step(Simultaneous(), [[0.0, -1.0], [1.0, -1.0]])
    1.0
    """
    if isinstance(rule, Simultaneous):  # |1 + h lambda| < 1, each player's step size in lambda
        added = rule.update_matrix(jacobian, 1.0, split)
        values = eigenvalues(added - np.eye(len(added)))
        stable = values.real.max() < 0
        return float((-2 * values.real / abs(values) ** 2).min()) if stable else 0.0

    def radius(h: float) -> float:
        return spectral_radius(rule.update_matrix(jacobian, h, split))

    values = eigenvalues(jacobian)
    size = abs(values).max()
    if size == 0:  # then v is zero along some direction, in which no rule moves
        return 0.0
    unit = 1 / size
    # Where the flow has no damping, a rule may still have some of its own, of second order in h.
    if values.real.max() * unit > -1e-12 and radius(0.02 * unit) > 1 - 1e-9:
        return 0.0
    grid = np.geomspace(1e-5, 1e3, 4096) * unit  # the first exit is where h |lambda| is about 1
    first = next((i for i, h in enumerate(grid) if radius(h) >= 1), None)
    if first is None:
        return np.inf
    low, high = (float(grid[first - 1]) if first else 0.0), float(grid[first])
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if radius(middle) < 1 else (low, middle)
    return low
