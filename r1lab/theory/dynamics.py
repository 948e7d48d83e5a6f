"""Dynamics on any vector field: update rules, their stability, the flow, consensus, averages.

A game is a field v and the coordinates of its two players, generator first; both follow +v.

>>> import numpy as np
>>> from r1lab.theory import dynamics
>>> game = dynamics.Game(lambda z: np.array([-z[1], z[0]]), split=(1, 1))   # a rotation
>>> end = {rule: rule.run(game, (1.0, 0.0), h=0.2, steps=100)[-1]
...        for rule in (dynamics.Simultaneous(), dynamics.Extragradient())}
>>> [round(float(np.linalg.norm(z)), 3) for z in end.values()]
[7.107, 0.141]

Eigenvalues: those of a Jacobian of v are stable with negative real part, those of a rule's
`update_matrix` with modulus below one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from r1lab.theory.rule_base import Array, Game, Rule, Split, VectorField
from r1lab.theory.rules import (
    Adam,
    Alternating,
    Extragradient,
    Implicit,
    Momentum,
    Optimistic,
    RMSprop,
    Simultaneous,
)
from r1lab.theory.stability import eigenvalues, largest_stable_step, spectral_radius

__all__ = [
    "Adam",
    "Alternating",
    "Extragradient",
    "Game",
    "Implicit",
    "Momentum",
    "Optimistic",
    "RMSprop",
    "Rule",
    "Simultaneous",
    "Split",
    "VectorField",
    "consensus",
    "eigenvalues",
    "flow",
    "flow_with_jump",
    "largest_stable_step",
    "spectral_radius",
    "time_average",
]


def flow(field: VectorField, start: ArrayLike, t: ArrayLike) -> Array:
    """The integral curve of dz/dt = v(z) from `start`, at the times t.

    Parameters
    ----------
    field : v, (n,) -> (n,), continuous: see `flow_with_jump` for one that is not.
    start : (n,) array, the point at time 0.
    t : times, a number or an increasing array, not negative.

    Returns
    -------
    (n,) for a number, (len(t), n) for an array; SciPy's DOP853 with relative tolerance 1e-11.

    Raises
    ------
    ValueError : times that are negative or not increasing; a solver that gives up.

    Source: Mescheder, Geiger & Nowozin 2018, section 2 (continuous-time training).

    Examples
    --------
    >>> flow(lambda z: np.array([-z[1], z[0]]), (1.0, 0.0), np.pi).round(8) + 0.0
    array([-1.,  0.])
    """
    times = _times(t)
    solution = _solve(field, 0.0, np.asarray(start, float), times)
    return solution.y.T if np.ndim(t) else solution.y[:, -1]


def flow_with_jump(
    field: Callable[[Array, float], Array], coordinate: int, start: ArrayLike, t: ArrayLike
) -> Array:
    """The integral curve of a field that jumps where one coordinate of z changes its sign.

    Parameters
    ----------
    field : (z, side) -> (n,), the field on the side +1.0 or -1.0, smooth up to the boundary and
        a little beyond: it must use `side`, not the sign of the coordinate.
    coordinate : index of the coordinate that is zero on the boundary.
    start, t : as `flow`. A start on the boundary leaves along the mean of both fields.

    Returns
    -------
    As `flow`. A curve that cannot cross stays where it met the boundary.

    Raises
    ------
    ValueError : as `flow`.

    Source: the field of WGAN-GP on the Dirac-GAN; the crossing rule is Filippov's (1988).

    Examples
    --------
    >>> v = lambda z, side: np.array([-z[1], z[0] + 0.3 * side])
    >>> flow_with_jump(v, 1, (1.0, 0.0), [1.0, 10.0]).round(4).tolist()
    [[0.4024, 1.0939], [-2.3011, -1.6865]]
    """
    times, z, now = _times(t), np.asarray(start, float), 0.0
    outward = (field(z, 1.0) + field(z, -1.0))[coordinate]
    side = float(np.sign(z[coordinate]) or np.sign(outward))
    path = np.tile(z, (len(times), 1))
    done = int(times[0] == 0)
    while done < len(times) and side != 0:
        solution = _on_one_side(field, coordinate, side, now, z, times[done:])
        reached = len(solution.t)
        if reached:
            path[done : done + reached] = solution.y.T
            done += reached
        if done == len(times):
            break
        now, z = solution.t_events[0][-1], solution.y_events[0][-1].copy()
        z[coordinate] = 0.0
        path[done:] = z
        # It crosses where the other side's field carries on, unless its own side's field rests
        # there: then it was only the solver's error that brought it over.
        own, other = field(z, side), field(z, -side)
        rests = np.abs(own).max() <= 1e-7 * np.abs(own - other).max()
        crosses = -side * other[coordinate] > 0 and not rests
        side = -side if crosses else 0.0
    return path if np.ndim(t) else path[-1]


def consensus(
    field: VectorField,
    gamma: float,
    transposed_product: Callable[[Array, Array], Array] | None = None,
) -> VectorField:
    """Consensus optimisation as a change of the field: v - gamma * grad (1/2 ||v||^2).

    Parameters
    ----------
    field : v, (n,) -> (n,).
    gamma : strength, not negative.
    transposed_product : (z, u) -> J(z)^T u, exact. None for central differences of
        1/2 ||v||^2, 2 n evaluations of v a call, with an error of about 1e-10.

    Returns
    -------
    The new field, (n,) -> (n,); at an equilibrium its Jacobian is J - gamma J^T J.

    Raises
    ------
    ValueError : a gamma that is negative or not finite.

    Source: Mescheder, Nowozin & Geiger 2017; both coefficients are 1 (the authors'
    later Dirac code has 1/2 in one of them).

    Examples
    --------
    >>> matrix = np.array([[0.0, -0.5], [0.5, 0.0]])
    >>> v = consensus(lambda z: matrix @ z, 0.4, lambda z, u: matrix.T @ u)
    >>> v(np.array([1.0, 0.0]))
    array([-0.1,  0.5])
    """
    if not 0 <= gamma < np.inf:
        raise ValueError(f"gamma must be finite and not negative, not {gamma}")

    def numerical(z: Array, _: Array) -> Array:
        # Cube root of the machine precision: the best step for central differences.
        widths = 6e-6 * (1 + np.abs(z))
        shifts = np.diag(widths)
        energies = [
            [np.sum(field(z + sign * shift) ** 2) / 2 for sign in (1, -1)] for shift in shifts
        ]
        return np.array([(up - down) for up, down in energies]) / (2 * widths)

    product = transposed_product or numerical

    def transformed(z: Array) -> Array:
        v = field(z)
        return v - gamma * product(z, v)

    return transformed


def time_average(path: ArrayLike, t: ArrayLike | None = None) -> Array:
    """The average of a trajectory up to each of its times.

    Parameters
    ----------
    path : (T, n), from a rule's `run` or from `flow`.
    t : (T,) increasing times of a flow, for the integral (1 / (t - t[0])) int z dt by the
        trapezoidal rule. None for updates: the mean of all points so far.

    Returns
    -------
    (T, n) array; the first row is the first point.

    Raises
    ------
    ValueError : times that do not fit the path or do not increase.

    Examples
    --------
    >>> time_average([[0.0], [2.0], [4.0]]).ravel()
    array([0., 1., 2.])
    """
    path = np.asarray(path, float)
    if t is None:
        return np.cumsum(path, axis=0) / np.arange(1, len(path) + 1)[:, np.newaxis]
    times = np.asarray(t, float)
    if times.shape != path.shape[:1] or np.any(np.diff(times) <= 0):
        raise ValueError(f"t must be {len(path)} increasing times, one for each point of the path")
    widths = np.diff(times)[:, np.newaxis]
    integral = np.cumsum((path[1:] + path[:-1]) / 2 * widths, axis=0)
    return np.concatenate([path[:1], integral / (times[1:] - times[0])[:, np.newaxis]])


def _times(t: ArrayLike) -> Array:
    times = np.atleast_1d(np.asarray(t, float))
    if times.ndim != 1 or times.size == 0 or times[0] < 0 or np.any(np.diff(times) <= 0):
        raise ValueError("t must be a time or an increasing array of times, none negative")
    return times


def _solve(field: VectorField, now: float, z: Array, times: Array, event: Any = None) -> Any:
    from scipy.integrate import solve_ivp

    solution = solve_ivp(
        lambda _, z: field(z),
        (now, times[-1]),
        z,
        method="DOP853",
        t_eval=times,
        events=event,
        rtol=1e-11,
        atol=1e-13,
    )
    if not solution.success:
        raise ValueError(f"the flow could not be followed to t = {times[-1]}: {solution.message}")
    return solution


def _on_one_side(
    field: Callable[[Array, float], Array],
    coordinate: int,
    side: float,
    now: float,
    z: Array,
    times: Array,
) -> Any:
    def boundary(_: float, z: Array) -> float:
        return z[coordinate]

    boundary.terminal, boundary.direction = True, -side  # type: ignore[attr-defined]
    return _solve(lambda z: field(z, side), now, z, times, boundary)
