"""What a game and an update rule are: the protocol behind `r1lab.theory.dynamics`.

A rule's state is an array (1 + memory, n): row 0 is the point z, the other rows are what the
rule remembers (velocities, the previous point, running squares).

Eigenvalues of update matrices are *multipliers*: stable is modulus below one. They come from
the Jacobian of v = (-grad_theta L, +grad_psi L), where stable is negative real part.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Array", "Game", "Rule", "Split", "VectorField"]

Array = NDArray[np.float64]
#: A function (n,) -> (n,).
VectorField = Callable[[Array], Array]
#: Whose coordinates are whose: two sizes, or two sets of indices; see `Game`.
Split = tuple[int, int] | tuple[Sequence[int], Sequence[int]]


@dataclass(frozen=True)
class Game:
    """A vector field whose coordinates belong to two players, the generator first.

    Parameters
    ----------
    field : v, a function (n,) -> (n,) that both players follow: z moves along +v(z).
    split : sizes (n_g, n_d) of consecutive blocks, or two index sets that share out 0..n-1.
    project : applied to the discriminator's coordinates after each of its moves, (n_d,) ->
        (n_d,); weight clipping is one. None for no projection.

    Raises
    ------
    ValueError : a split that is neither.

    Examples
    --------
    >>> from r1lab.theory.dynamics import Simultaneous
    >>> game = Game(lambda z: np.array([-z[1], z[0]]), split=(1, 1))
    >>> Simultaneous().run(game, (1.0, 0.0), h=0.5, steps=1).tolist()
    [[1.0, 0.0], [1.0, 0.5]]
    """

    field: VectorField
    split: Split = (1, 1)
    project: VectorField | None = None

    def __post_init__(self) -> None:
        self.players  # noqa: B018 - a bad split is reported here, not at the first step

    @cached_property
    def players(self) -> tuple[slice | Array, slice | Array]:
        """The indices of the generator's and of the discriminator's coordinates."""
        try:
            first, second = self.split
            if isinstance(first, int) and isinstance(second, int) and min(first, second) > 0:
                return slice(0, first), slice(first, first + second)
            sets = [np.array(indices, int) for indices in (first, second)]
            together = np.concatenate(sets)
            if all(s.size for s in sets) and np.all(np.sort(together) == np.arange(together.size)):
                return sets[0], sets[1]
        except (TypeError, ValueError):
            pass
        raise ValueError(
            "split must be two positive sizes, such as (2, 3), or two index sets that share out "
            f"0..n-1, such as ([0, 2], [1]), not {self.split!r}"
        )

    @cached_property
    def size(self) -> int:
        """n, the number of coordinates of both players."""
        return sum(own if isinstance(own, int) else len(own) for own in self.split)


@dataclass(frozen=True)
class Rule(ABC):
    """What all update rules share: `start`, `step`, `run` and `update_matrix`.

    Examples
    --------
    >>> from r1lab.theory.dynamics import Momentum
    >>> isinstance(Momentum(0.9), Rule)
    True
    """

    memory: ClassVar[int] = 0

    def start(self, z: ArrayLike) -> Array:
        """The state before the first update: the point z, with nothing to remember.

        Returns
        -------
        (1 + memory, n) array.

        Examples
        --------
        >>> from r1lab.theory.dynamics import Momentum
        >>> Momentum(0.9).start([1.0, 2.0]).tolist()
        [[1.0, 2.0], [0.0, 0.0]]
        """
        z = np.asarray(z, float)
        state = np.zeros((1 + self.memory, *z.shape))
        state[0] = z
        return state

    def step(self, game: Game, state: Array, h: float) -> Array:
        """The state after one update with step size h; the argument stays as it is.

        Parameters
        ----------
        game : the field and its players.
        state : (1 + memory, n), from `start` or an earlier step.
        h : step size, positive.

        Raises
        ------
        ValueError : a step size that is not positive and finite.

        Examples
        --------
        >>> from r1lab.theory.dynamics import Alternating
        >>> game = Game(lambda z: np.array([-z[1], z[0]]))
        >>> Alternating().step(game, Alternating().start([1.0, 1.0]), 0.5).tolist()
        [[0.5, 1.25]]
        """
        if not 0 < h < np.inf:
            raise ValueError(f"the step size h must be positive and finite, not {h}")
        return self._step(game, state, h)

    def run(self, game: Game, start: ArrayLike, h: float, steps: int) -> Array:
        """The trajectory of the point z from `start`.

        Parameters
        ----------
        game, h : as `step`.
        start : (n,) array.
        steps : number of updates.

        Returns
        -------
        (steps + 1, n) array, the start first.

        Raises
        ------
        ValueError : as `step`; a start of the wrong shape; negative steps.

        Examples
        --------
        >>> from r1lab.theory.dynamics import Extragradient
        >>> Extragradient().run(Game(lambda z: -z), [1.0, 1.0], h=0.5, steps=1)[-1].tolist()
        [0.75, 0.75]
        """
        state = self.start(start)
        if state.shape[1:] != (game.size,):
            raise ValueError(f"start must have shape ({game.size},), not {state.shape[1:]}")
        if steps < 0:
            raise ValueError(f"steps must not be negative, not {steps}")
        path = np.empty((steps + 1, game.size))
        path[0] = state[0]
        for k in range(1, steps + 1):
            state = self.step(game, state, h)
            path[k] = state[0]
        return path

    def update_matrix(self, jacobian: ArrayLike, h: float, split: Split = (1, 1)) -> Array:
        """The derivative of one `step` at an equilibrium in the interior of any projection.

        Parameters
        ----------
        jacobian : (n, n), of the field at the equilibrium.
        h : step size, positive.
        split : as in `Game`.

        Returns
        -------
        (m, m) array, m = (1 + memory) n, on the flattened state; stable is spectral radius
        below one.

        Raises
        ------
        ValueError : as `step`; a Jacobian of another shape; RMSprop and Adam, which have none.

        Examples
        --------
        >>> from r1lab.theory.dynamics import Extragradient
        >>> Extragradient().update_matrix([[0.0, -1.0], [1.0, 0.0]], h=0.5)
        array([[ 0.75, -0.5 ],
               [ 0.5 ,  0.75]])
        """
        jacobian = np.asarray(jacobian, float)
        # Every rule is a composition of sums and v, so on a linear field it is linear: by the
        # chain rule its derivative is what it does to the unit vectors there, all at once.
        linear = Game(lambda z: jacobian @ z, split)
        if jacobian.shape != (linear.size, linear.size):
            raise ValueError(
                f"the split {split} needs a Jacobian of shape ({linear.size}, {linear.size}), "
                f"not {jacobian.shape}"
            )
        m = (1 + self.memory) * linear.size
        return self.step(linear, np.eye(m).reshape(1 + self.memory, linear.size, m), h).reshape(
            m, m
        )

    @abstractmethod
    def _step(self, game: Game, state: Array, h: float) -> Array: ...
