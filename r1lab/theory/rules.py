"""The update rules: plain gradient steps, momentum, look-ahead, implicit, RMSprop, Adam.

A rule is a small frozen object; `Rule` says what they share. Public as `r1lab.theory.dynamics`.
Eigenvalues of update matrices are multipliers: stable is modulus below one.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from r1lab.theory.rule_base import Array, Game, Rule, Split

__all__ = [
    "Adam",
    "Alternating",
    "Extragradient",
    "Implicit",
    "Momentum",
    "Optimistic",
    "RMSprop",
    "Simultaneous",
]

Move = Callable[[Array, Array, float], Array]  # (a player's rows, its part of v, step) -> rows


@dataclass(frozen=True)
class _Order(Rule):
    """Who moves when; as a rule of its own, plain gradient steps in that order."""

    time_scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.time_scale < np.inf:
            raise ValueError(f"time_scale must be positive and finite, not {self.time_scale}")

    @abstractmethod
    def _turns(self) -> Iterator[tuple[int, ...]]:
        """Players (0 generator, 1 discriminator) that move on the same value of v, in order."""

    def _sweep(self, game: Game, state: Array, h: float, move: Move) -> Array:
        state = state.copy()
        for turn in self._turns():
            v = game.field(state[0])
            for player in turn:
                own = game.players[player]
                rate = h * self.time_scale if player else h
                state[:, own] = move(state[:, own], v[own], rate)
                if player and game.project is not None:
                    state[0, own] = game.project(state[0, own])
        return state

    def _step(self, game: Game, state: Array, h: float) -> Array:
        return self._sweep(game, state, h, lambda rows, v, rate: rows + rate * v)


@dataclass(frozen=True)
class Simultaneous(_Order):
    """SimGD: both players move on the same v, z + h v(z).

    Parameters
    ----------
    time_scale : the discriminator's step size is time_scale * h (TTUR).

    Raises
    ------
    ValueError : a time_scale that is not positive and finite.

    Source: Mescheder, Geiger & Nowozin 2018, lemma 2.4; Heusel et al. 2017 (two time scales).

    Examples
    --------
    >>> Simultaneous(time_scale=4).update_matrix([[0.0, -1.0], [1.0, 0.0]], h=0.5)
    array([[ 1. , -0.5],
           [ 2. ,  1. ]])
    """

    def _turns(self) -> Iterator[tuple[int, ...]]:
        yield (0, 1)


@dataclass(frozen=True)
class Alternating(_Order):
    """AltGD: g_steps of the generator, then d_steps of the discriminator, each on a fresh v.

    Parameters
    ----------
    time_scale : the discriminator's step size is time_scale * h.
    d_steps, g_steps : steps of each player in one update, at least 1.

    Raises
    ------
    ValueError : a number of steps below 1; a time_scale that is not positive and finite.

    Source: Mescheder, Geiger & Nowozin 2018, lemma 2.5.

    Examples
    --------
    >>> Alternating(d_steps=2).update_matrix([[0.0, -1.0], [1.0, 0.0]], h=0.5)
    array([[ 1. , -0.5],
           [ 1. ,  0.5]])
    """

    d_steps: int = 1
    g_steps: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.d_steps < 1 or self.g_steps < 1:
            raise ValueError(
                f"d_steps and g_steps must be at least 1, not {self.d_steps} and {self.g_steps}"
            )

    def _turns(self) -> Iterator[tuple[int, ...]]:
        yield from [(0,)] * self.g_steps + [(1,)] * self.d_steps


@dataclass(frozen=True)
class Momentum(Rule):
    """Heavy ball: velocity <- beta velocity + h v(z), z <- z + velocity; beta may be negative.

    Parameters
    ----------
    beta : momentum, between -1 and 1.
    order : `Simultaneous` or `Alternating`, with their settings.

    Raises
    ------
    ValueError : beta outside (-1, 1).

    Source: Polyak 1964; negative momentum in games: Gidel et al. 2019.

    Examples
    --------
    Negative momentum stabilises alternating steps on a rotation:

    >>> matrix = Momentum(-0.5, Alternating()).update_matrix([[0.0, -0.5], [0.5, 0.0]], h=0.2)
    >>> round(float(abs(np.linalg.eigvals(matrix)).max()), 6)
    0.998518
    """

    beta: float
    order: Simultaneous | Alternating = field(default_factory=Simultaneous)
    memory: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check_fraction("beta", self.beta, -1)

    def _step(self, game: Game, state: Array, h: float) -> Array:
        def move(rows: Array, v: Array, rate: float) -> Array:
            velocity = self.beta * rows[1] + rate * v
            return np.stack([rows[0] + velocity, velocity])

        return self.order._sweep(game, state, h, move)


@dataclass(frozen=True)
class Extragradient(Rule):
    """Look ahead, then step from the old point: z + h v(z + h v(z)).

    Source: Korpelevich 1976; on a rotation it contracts for h |lambda| < 1.

    Examples
    --------
    >>> Extragradient().update_matrix([[0.0, -1.0], [1.0, 0.0]], h=0.5)
    array([[ 0.75, -0.5 ],
           [ 0.5 ,  0.75]])
    """

    def _step(self, game: Game, state: Array, h: float) -> Array:
        ahead = _projected(game, state[0] + h * game.field(state[0]))
        return _projected(game, state[0] + h * game.field(ahead))[np.newaxis]


@dataclass(frozen=True)
class Optimistic(Rule):
    """The last change of v once more: z + 2 h v(z) - h v(z_previous).

    Source: Daskalakis et al. 2018; on a rotation it contracts for h |lambda| < 1 / sqrt(3).

    Examples
    --------
    >>> Optimistic().update_matrix([[0.0, -1.0], [1.0, 0.0]], h=0.5)
    array([[ 1. , -1. ,  0. ,  0.5],
           [ 1. ,  1. , -0.5,  0. ],
           [ 1. ,  0. ,  0. ,  0. ],
           [ 0. ,  1. ,  0. ,  0. ]])
    """

    memory: ClassVar[int] = 1

    def start(self, z: ArrayLike) -> Array:
        """The state before the first update: z, and z as its own predecessor, (2, n).

        Examples
        --------
        >>> Optimistic().start([1.0, 2.0]).tolist()
        [[1.0, 2.0], [1.0, 2.0]]
        """
        return np.stack([np.asarray(z, float)] * 2)

    def _step(self, game: Game, state: Array, h: float) -> Array:
        z, previous = state
        ahead = z + 2 * h * game.field(z) - h * game.field(previous)
        return np.stack([_projected(game, ahead), z])


@dataclass(frozen=True)
class Implicit(Rule):
    """The proximal (backward Euler) step: the z_new that solves z_new = z + h v(z_new).

    Raises
    ------
    ValueError : where SciPy's solver finds no solution near z.

    Source: Rockafellar 1976; multipliers 1 / (1 - h lambda), a contraction for every h.

    Examples
    --------
    >>> Implicit().run(Game(lambda z: -z), [1.0, 1.0], h=1.0, steps=1)[-1].round(12).tolist()
    [0.5, 0.5]
    """

    def update_matrix(self, jacobian: ArrayLike, h: float, split: Split = (1, 1)) -> Array:
        """(I - h jacobian)^-1, as `Rule.update_matrix`; stable is spectral radius below one.

        Examples
        --------
        >>> Implicit().update_matrix([[0.0, -1.0], [1.0, 0.0]], h=1.0).tolist()
        [[0.5, -0.5], [0.5, 0.5]]
        """
        explicit = Simultaneous().update_matrix(jacobian, h, split)
        return np.asarray(np.linalg.inv(2 * np.eye(len(explicit)) - explicit), float)

    def _step(self, game: Game, state: Array, h: float) -> Array:
        from scipy.optimize import root

        def residual(ahead: Array) -> Array:
            return ahead - state[0] - h * game.field(ahead)

        ahead = root(residual, state[0] + h * game.field(state[0]), tol=1e-14).x
        # The solver's own verdict is about progress: at full precision it can only complain.
        if np.abs(residual(ahead)).max() > 1e-10 * (1 + np.abs(state[0]).max()):
            raise ValueError(f"no solution of z = {state[0]} + h v(z) was found: use a smaller h")
        return _projected(game, ahead)[np.newaxis]


@dataclass(frozen=True)
class _Adaptive(Rule):
    def update_matrix(self, jacobian: ArrayLike, h: float, split: Split = (1, 1)) -> Array:
        """Always raises ValueError: the rule has no derivative at an equilibrium."""
        raise ValueError(
            f"{type(self).__name__} divides by the square root of a running square, which has no "
            "derivative at an equilibrium, where v = 0: look at run() instead"
        )


@dataclass(frozen=True)
class RMSprop(_Adaptive):
    """RMSprop as in torch: z + h v / (sqrt(running square of v) + eps).

    Parameters
    ----------
    alpha : forgetting factor of the running square, in [0, 1).
    eps : positive.
    order : `Simultaneous` or `Alternating`, with their settings.

    Raises
    ------
    ValueError : alpha or eps out of range; `update_matrix`, always.

    Source: Tieleman & Hinton 2012.

    Examples
    --------
    >>> path = RMSprop(alpha=0.75).run(Game(lambda z: -z), [1.0, 4.0], h=0.1, steps=1)
    >>> path[-1].round(6).tolist()
    [0.8, 3.8]
    """

    alpha: float = 0.99
    eps: float = 1e-8
    order: Simultaneous | Alternating = field(default_factory=Alternating)
    memory: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check_fraction("alpha", self.alpha, 0)
        _check_positive("eps", self.eps)

    def _step(self, game: Game, state: Array, h: float) -> Array:
        def move(rows: Array, v: Array, rate: float) -> Array:
            square = self.alpha * rows[1] + (1 - self.alpha) * v**2
            return np.stack([rows[0] + rate * v / (np.sqrt(square) + self.eps), square])

        return self.order._sweep(game, state, h, move)


@dataclass(frozen=True)
class Adam(_Adaptive):
    """Adam as in torch, with bias correction; each player counts its own steps.

    Parameters
    ----------
    beta1, beta2 : forgetting factors of the running mean and square, in [0, 1).
    eps : positive.
    order : `Simultaneous` or `Alternating`, with their settings.

    Raises
    ------
    ValueError : a factor or eps out of range; `update_matrix`, always.

    Source: Kingma & Ba 2015, algorithm 1.

    Examples
    --------
    The first step has length h in every coordinate:

    >>> Adam().run(Game(lambda z: -z), [1.0, 4.0], h=0.1, steps=1)[-1].round(6).tolist()
    [0.9, 3.9]
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    order: Simultaneous | Alternating = field(default_factory=Alternating)
    memory: ClassVar[int] = 3

    def __post_init__(self) -> None:
        _check_fraction("beta1", self.beta1, 0)
        _check_fraction("beta2", self.beta2, 0)
        _check_positive("eps", self.eps)

    def _step(self, game: Game, state: Array, h: float) -> Array:
        def move(rows: Array, v: Array, rate: float) -> Array:
            mean = self.beta1 * rows[1] + (1 - self.beta1) * v
            square = self.beta2 * rows[2] + (1 - self.beta2) * v**2
            count = rows[3] + 1
            unbiased_mean = mean / (1 - self.beta1**count)
            unbiased_square = square / (1 - self.beta2**count)
            z = rows[0] + rate * unbiased_mean / (np.sqrt(unbiased_square) + self.eps)
            return np.stack([z, mean, square, count])

        return self.order._sweep(game, state, h, move)


def _projected(game: Game, z: Array) -> Array:
    if game.project is not None:
        own = game.players[1]
        z[own] = game.project(z[own])
    return z


def _check_fraction(name: str, value: float, lowest: int) -> None:
    # -1 itself is excluded: there the heavy ball never settles.
    if not (lowest <= value < 1 and value != -1):
        interval = "(-1, 1)" if lowest < 0 else "[0, 1)"
        raise ValueError(f"{name} must be in {interval}, not {value}")


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be positive and finite, not {value}")
