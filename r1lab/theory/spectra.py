"""The spectrum of any two-player game of torch modules: its Jacobian as a SciPy operator.

Conventions: both players minimise a loss of `r1lab.losses` (code sign: D large on real data) and
follow v(theta, psi) = (-grad_theta loss_G, -grad_psi (loss_D + penalty)). J is the Jacobian of v,
the penalty's third derivatives included; its eigenvalues are stable with *negative real part*.
Nothing is detached inside v: v_psi depends on theta through the fakes and the interpolates.

>>> from r1lab.theory import toy
>>> generator, discriminator = toy.players(latents=2, hidden=4, depth=1)
>>> real, latents = toy.get("line").sample(64), torch.randn(64, 2, dtype=torch.float64)
>>> J = GameJacobian(generator, discriminator, real, latents, penalty="r1", gamma=1.0)
>>> J
GameJacobian(22 + 17 parameters, loss='non-saturating', penalty=R1, batch of 64, torch.float64)
>>> J.eigenvalues(k=4)
Spectrum(4 values, which='LM', residuals <= 1e-08)
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from torch import Tensor, nn

from r1lab import losses, penalties
from r1lab.theory.arnoldi import NotConverged, Spectrum, eigenpairs
from r1lab.theory.game_field import GameField

__all__ = ["GameJacobian", "NotConverged", "PathAngle", "Spectrum", "eigenpairs", "path_angle"]

Array = NDArray[Any]
Player = Literal["theta", "psi"]
Scheme = Literal["simultaneous", "alternating"]


class GameJacobian(LinearOperator):  # type: ignore[misc]
    """The Jacobian of a GAN's regularised gradient field, as a `scipy` LinearOperator.

    `J @ x` is forward mode over the backward passes of a training step, `J.T @ x` one more
    backward pass through them. Stable is negative real part of the eigenvalues.

    Parameters
    ----------
    generator, discriminator : modules in float32 or float64 whose samples do not interact.
    real, latents : (B, ...) batches of the same dtype and size, one fixed sample of each. All four
        are copied: later training does not change J.
    loss : a name or object of `r1lab.losses`.
    penalty, gamma : as `penalties.get`: a name with gamma in paper units, an object, or None.
    chunk : samples in memory at a time, None for all. The result is the same.
    seed : of the noise of random penalties, drawn once; their own `generator` is not used. (It
        covers torch.rand, torch.randn and their _like forms, in penalties of one's own, too.)

    Attributes
    ----------
    shape, dtype : (n, n), float32 or float64.
    sizes : numbers of parameters of the generator and of the discriminator, n in all.
    point : (n,), the parameters. The generator comes first, each player in the order of its
        `named_parameters()`; frozen ones are constants.

    Raises
    ------
    TypeError : parameters of several types, batches of another type or on another device.
    ValueError : batches of two sizes; BatchNorm, dropout or spectral norm in training mode; a
        penalty that looks at the batch as a whole (DRAGAN) with chunk < B; an unknown name; a
        name without its strength, or an object with one.

    Warns
    -----
    UserWarning : piecewise linear activations, poolings or losses: automatic differentiation
        drops the jumps of their slopes.

    Source: Mescheder, Nowozin & Geiger 2017; Mescheder, Geiger & Nowozin 2018, equation 3.

    Examples
    --------
    The Dirac-GAN, D_code(x) = -psi x: eigenvalues +- i f'(0) without a penalty.

    >>> class Point(nn.Linear):
    ...     def forward(self, z):
    ...         return self.weight * torch.ones_like(z)
    >>> generator, discriminator = (Point(1, 1, False).double(), nn.Linear(1, 1, False).double())
    >>> _ = [nn.init.zeros_(p.weight) for p in (generator, discriminator)]
    >>> real = latents = torch.zeros(1, 1, dtype=torch.float64)
    >>> J = GameJacobian(generator, discriminator, real, latents, loss="minimax")
    >>> J.eigenvalues().values.imag
    array([ 0.5, -0.5])
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        real: Tensor,
        latents: Tensor,
        *,
        loss: str | losses.Loss = "non-saturating",
        penalty: str | penalties.Penalty | None = None,
        gamma: float | None = None,
        chunk: int | None = 128,
        seed: int = 0,
    ) -> None:
        loss, penalty = losses.get(loss), penalties.get(penalty, gamma)
        self._field = GameField(generator, discriminator, real, latents, loss, penalty, chunk, seed)
        self.sizes = (len(self._field.theta), len(self._field.psi))
        self.point = np.concatenate([self._field.theta.cpu(), self._field.psi.cpu()])
        super().__init__(self.point.dtype, 2 * (sum(self.sizes),))
        self._description = (
            f"{self.sizes[0]} + {self.sizes[1]} parameters, loss={loss.name!r}, "
            f"penalty={None if penalty is None else type(penalty).__name__}, "
            f"batch of {len(real)}, {self._field.theta.dtype}"
        )

    def __repr__(self) -> str:
        return f"GameJacobian({self._description})"

    def field(self, point: ArrayLike | None = None) -> Array:
        """v at a parameter vector, (n,) -> (n,); at `point` by default.

        Raises
        ------
        ValueError : a vector of another length.

        Examples
        --------
        >>> one = torch.zeros(1, 1)
        >>> GameJacobian(nn.Linear(1, 1), nn.Linear(1, 1), one, one).field().shape
        (4,)
        """
        vector = self._tensor(self.point if point is None else np.asarray(point))
        return self._field.value(*vector.split(list(self.sizes))).cpu().numpy()

    def named(self, vector: ArrayLike) -> dict[str, Array]:
        """A vector (an eigenvector, say) by parameters, "generator.<name>", "discriminator.<name>".

        Raises
        ------
        ValueError : a vector of another length.

        Examples
        --------
        >>> one = torch.zeros(1, 1)
        >>> J = GameJacobian(nn.Linear(1, 1), nn.Linear(1, 1), one, one)
        >>> list(J.named(J.point))[:2]
        ['generator.weight', 'generator.bias']
        """
        vector = self._checked(np.asarray(vector))
        named, start = {}, 0
        for player, shapes in zip(("generator", "discriminator"), self._field.shapes, strict=True):
            for name, shape in shapes.items():
                piece = vector[start : start + shape.numel()]
                named[f"{player}.{name}"] = piece.reshape(tuple(shape))
                start += shape.numel()
        return named

    def vector(self, named: Mapping[str, ArrayLike]) -> Array:
        """The inverse of `named`: one vector from arrays by parameter.

        Raises
        ------
        ValueError : names that are missing or too many.

        Examples
        --------
        >>> one = torch.zeros(1, 1)
        >>> J = GameJacobian(nn.Linear(1, 1), nn.Linear(1, 1), one, one)
        >>> bool((J.vector(J.named(J.point)) == J.point).all())
        True
        """
        names = list(self.named(self.point))
        if set(named) != set(names):
            raise ValueError(f"the names must be {', '.join(names)}, not {', '.join(named)}")
        return self._checked(np.concatenate([np.ravel(named[name]) for name in names]))

    def to_dense(self) -> Array:
        """J as an (n, n) array, by batched backward passes; for some thousands of parameters.

        Examples
        --------
        >>> one = torch.zeros(1, 1)
        >>> J = GameJacobian(nn.Linear(1, 1), nn.Linear(1, 1), one, one)
        >>> bool(abs(J.to_dense() @ J.point - J @ J.point).max() < 1e-6)
        True
        """
        return self._field.dense().cpu().numpy()

    def block(self, rows: Player, columns: Player) -> LinearOperator:
        """The derivative of one player's part of v with respect to one player's parameters.

        Parameters
        ----------
        rows, columns : "theta" (generator) or "psi" (discriminator).

        Returns
        -------
        LinearOperator of shape (size of rows, size of columns), with `to_dense`.

        Raises
        ------
        ValueError : another name.

        Examples
        --------
        >>> one = torch.zeros(1, 1)
        >>> J = GameJacobian(nn.Linear(1, 1, False), nn.Linear(1, 1), one, one)
        >>> J.block("theta", "psi").shape
        (1, 2)
        """
        return _Block(self, self._part(rows), self._part(columns))

    def update(self, h: float, scheme: Scheme = "simultaneous") -> LinearOperator:
        """The linearised training step z + h v(z), stable with eigenvalues of modulus below one.

        Parameters
        ----------
        h : step size of both players, positive.
        scheme : "simultaneous", I + h J; or "alternating", (I + h J_D)(I + h J_G), the generator
            first: the derivative of such a step at an equilibrium.

        Raises
        ------
        ValueError : another scheme, a step size that is not positive and finite.

        Source: Mescheder, Geiger & Nowozin 2018, lemmas 2.4 and 2.5.

        Examples
        --------
        >>> one = torch.zeros(1, 1)
        >>> J = GameJacobian(nn.Linear(1, 1), nn.Linear(1, 1), one, one)
        >>> J.update(0.1, "alternating").shape
        (4, 4)
        """
        if scheme not in ("simultaneous", "alternating"):
            raise ValueError(f'scheme must be "simultaneous" or "alternating", not {scheme!r}')
        if not 0 < h < np.inf:
            raise ValueError(f"the step size h must be positive and finite, not {h}")
        return _Update(self, h, scheme)

    def eigenvalues(
        self,
        k: int = 20,
        which: str = "LM",
        *,
        tol: float | None = None,
        ncv: int | None = None,
        max_products: int = 20_000,
        seed: int = 0,
    ) -> Spectrum:
        """k eigenvalues of J with residuals; stable is negative real part.

        Parameters, Raises : as `eigenpairs`. "LR" seldom converges on trained GANs, whose
        eigenvalues pile up at zero.
        """
        return eigenpairs(self, k, which, tol=tol, ncv=ncv, max_products=max_products, seed=seed)

    def _matvec(self, x: Array) -> Array:
        return self._product(self._field.times, x)

    def _rmatvec(self, x: Array) -> Array:
        return self._product(self._field.transposed_times, x)

    def _product(self, times: Any, x: Array) -> Array:
        x = x.reshape(-1)
        if np.iscomplexobj(x):
            return self._product(times, x.real) + 1j * self._product(times, x.imag)
        return times(self._tensor(x)).cpu().numpy()

    def _part(self, player: Player) -> slice:
        if player not in ("theta", "psi"):
            raise ValueError(f'a block is of "theta" and "psi", not {player!r}')
        return slice(0, self.sizes[0]) if player == "theta" else slice(self.sizes[0], None)

    def _checked(self, vector: Array) -> Array:
        if vector.shape != self.point.shape:
            raise ValueError(
                f"a parameter vector must have shape {self.point.shape}, not {vector.shape}"
            )
        return vector

    def _tensor(self, vector: Array) -> Tensor:
        like = self._field.theta
        vector = np.array(self._checked(vector), self.dtype)
        return torch.from_numpy(vector).to(like.device)


class _Block(LinearOperator):  # type: ignore[misc]
    """Some rows and columns of J."""

    def __init__(self, jacobian: GameJacobian, rows: slice, columns: slice) -> None:
        n = jacobian.shape[0]
        self._jacobian, self._rows, self._columns = jacobian, rows, columns
        super().__init__(jacobian.dtype, tuple(len(range(n)[part]) for part in (rows, columns)))

    def _matvec(self, x: Array) -> Array:
        return (self._jacobian @ self._padded(x, self._columns))[self._rows]

    def _rmatvec(self, x: Array) -> Array:
        return (self._jacobian.T @ self._padded(x, self._rows))[self._columns]

    def _padded(self, x: Array, part: slice) -> Array:
        padded = np.zeros(self._jacobian.shape[0], x.dtype)
        padded[part] = x.reshape(-1)
        return padded

    def to_dense(self) -> Array:
        """The block as an array."""
        return self._jacobian.to_dense()[self._rows, self._columns]


class _Update(LinearOperator):  # type: ignore[misc]
    """The moves of a linearised step, one after the other: each adds h J x to its coordinates."""

    def __init__(self, jacobian: GameJacobian, h: float, scheme: Scheme) -> None:
        g = jacobian.sizes[0]
        self._jacobian, self._h = jacobian, h
        simultaneous, alternating = [slice(None)], [slice(0, g), slice(g, None)]
        self._moves = simultaneous if scheme == "simultaneous" else alternating
        super().__init__(jacobian.dtype, jacobian.shape)

    def _matvec(self, x: Array) -> Array:
        x = np.array(x.reshape(-1))
        for own in self._moves:
            x[own] += self._h * (self._jacobian @ x)[own]
        return x

    def _rmatvec(self, x: Array) -> Array:
        x = np.array(x.reshape(-1))
        for own in reversed(self._moves):
            moved = np.zeros_like(x)
            moved[own] = x[own]
            x += self._h * (self._jacobian.T @ moved)
        return x

    def to_dense(self) -> Array:
        """The update as an array."""
        jacobian = self._jacobian.to_dense()
        update = np.eye(len(jacobian), dtype=jacobian.dtype)
        for own in self._moves:
            update[own] += self._h * jacobian[own] @ update
        return update


class PathAngle(NamedTuple):
    """What the field does along a segment: positions, cosines, norms, each (m,)."""

    alphas: Array
    cosines: Array
    norms: Array


def path_angle(
    game: GameJacobian, start: ArrayLike, end: ArrayLike, alphas: Sequence[float] | None = None
) -> PathAngle:
    """The cosine between v and the direction of a segment, and the norm of v, along it.

    A sign change from + to - at the end is attraction, a bump is rotation around it.

    Parameters
    ----------
    game : a GameJacobian; its players' parameters give the meaning of the vectors.
    start, end : (n,) parameter vectors, such as two checkpoints' `point`.
    alphas : positions, 0 at start and 1 at end; 61 from -0.1 to 1.1 by default.

    Raises
    ------
    ValueError : vectors of another length, or a segment of length zero.

    Source: Berard et al. 2020, section 4.1.

    Examples
    --------
    >>> one = torch.ones(1, 1)
    >>> game = GameJacobian(nn.Linear(1, 1), nn.Linear(1, 1), one, one)
    >>> path_angle(game, game.point, game.point + game.field(), [0.0]).cosines.round(4)
    array([1.], dtype=float32)
    """
    first, last = (game._checked(np.asarray(point)) for point in (start, end))
    direction, length = last - first, np.linalg.norm(last - first)
    if length == 0:
        raise ValueError("start and end must differ")
    steps = np.linspace(-0.1, 1.1, 61) if alphas is None else np.asarray(alphas, float)
    fields = np.array([game.field(first + alpha * direction) for alpha in steps])
    norms = np.linalg.norm(fields, axis=1)
    # A field that vanishes points nowhere: cosine 0.
    cosines = fields @ direction / (np.where(norms > 0, norms, 1) * length)
    return PathAngle(steps, cosines, norms)
