"""A GAN that can be solved by hand: data on a line in the plane, affine G, quadratic D.

Data (u, 0), u ~ N(0, s^2). Generator, latents z ~ N(0, I_2): r = a1 z1 + a2 z2, G(z) = (r + b,
t r + d): scale |a| and mean b along the line, tilt t and offset d off it. Discriminator
D(x) = psi0 + psi1 x1 + psi2 x2 + psi3 (x1^2 - s^2) + psi4 x1 x2 + psi5 x2^2.
The equilibria are M_G x M_D: |a| = s, b = t = d = 0 (a circle), psi0 = ... = psi4 = 0, psi5 free.

Sign: the paper's. D is large on *generated* samples, v = (-grad_theta L, +grad_psi L).
Eigenvalues are stable with *negative real part*.
NumPy only; `r1lab.theory.solvable_players` has the same game for torch.

>>> LineGAN(regularizer="r1", strength=0.3).eigenvalues().round(6)[-2:]
array([-0.641742+0.j, -1.558258+0.j])
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r1lab.theory import dynamics

__all__ = ["LineGAN"]

Array = NDArray[np.float64]

_NODES = 24  # Gauss-Hermite, a dimension
_SIGNS = {"minimax": 1, "non-saturating": -1, "wasserstein": 0}
_REGULARIZERS = {"none": (0, 0), "r1": (1, 0), "r2": (0, 1), "r1+r2": (1, 1)}  # on real, on fake


@dataclass(frozen=True)
class LineGAN:
    """The line GAN: its exact population field, equilibria, Jacobian and spectrum.

    A point is theta = (a1, a2, b, t, d) followed by psi0..psi5, see `names`.

    Parameters
    ----------
    loss : "minimax", "non-saturating" or "wasserstein".
    regularizer : "none", "r1", "r2" or "r1+r2".
    strength : gamma, not negative.
    scale : s, the standard deviation of the data along the line, positive.
    thickness : eps, that of fixed extra noise off the line, on data and fakes.
    bend : False leaves x2^2 out of D, and psi5 out of the point.
    free_matrix : True gives the generator all of G(z) = A z + m, theta = (A11, A12, A21, A22,
        m1, m2): there assumption III(ii) of theorem 4.1 fails.

    Raises
    ------
    ValueError : an unknown loss or regularizer, a number out of range.

    Source: assumptions and theorem of Mescheder, Geiger & Nowozin 2018, section 4; the model is
    this book's.

    Examples
    --------
    >>> LineGAN().names
    ('a1', 'a2', 'b', 't', 'd', 'psi0', 'psi1', 'psi2', 'psi3', 'psi4', 'psi5')
    """

    loss: str = "minimax"
    regularizer: str = "none"
    strength: float = 0.0
    scale: float = 1.0
    thickness: float = 0.0
    bend: bool = True
    free_matrix: bool = False

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("loss", self.loss, _SIGNS),
            ("regularizer", self.regularizer, _REGULARIZERS),
        ):
            if name not in known:
                raise ValueError(f"unknown {kind} {name!r}: use one of {', '.join(known)}")
        for name in ("strength", "thickness"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(
                    f"{name} must be finite and not negative, not {getattr(self, name)}"
                )
        if not 0 < self.scale < np.inf:
            raise ValueError(f"scale must be finite and positive, not {self.scale}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the coordinates, the generator's first."""
        matrix = ("A11", "A12", "A21", "A22", "m1", "m2")
        theta = matrix if self.free_matrix else ("a1", "a2", "b", "t", "d")
        return (*theta, *(f"psi{i}" for i in range(self._features)))

    @property
    def split(self) -> tuple[int, int]:
        """The numbers of parameters of the generator and of the discriminator.

        Examples
        --------
        >>> LineGAN(bend=False).split
        (5, 5)
        """
        return (6 if self.free_matrix else 5), self._features

    def equilibrium(self, angle: float = 0.0, bend: float = 0.0) -> Array:
        """The point of M_G x M_D with a = s (cos angle, sin angle) and psi5 = bend.

        Raises
        ------
        ValueError : a bend where there is none: a thick line, or bend=False.

        Examples
        --------
        >>> LineGAN(scale=2.0).equilibrium().tolist()
        [2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        """
        if bend and (self.thickness or not self.bend):
            raise ValueError("psi5 is zero at the equilibria of a thick line, or without psi5")
        z = np.zeros(sum(self.split))
        z[:2] = self.scale * np.cos(angle), self.scale * np.sin(angle)
        if bend:
            z[-1] = bend
        return z

    def field(self, z: ArrayLike) -> Array:
        """v at a point, (n,) -> (n,), expectations by Gauss-Hermite quadrature.

        The error is below 1e-11 while no coordinate is further than 0.2 from an equilibrium, and
        about 1e-6 at 0.5.

        Raises
        ------
        ValueError : a point of another length.

        Examples
        --------
        The offset d drives psi2, and psi2 drives d back: circles.

        >>> gan = LineGAN("wasserstein")
        >>> z = gan.equilibrium()
        >>> z[gan.names.index("d")] = 0.1
        >>> gan.field(z).round(12).tolist()[gan.names.index("psi2")]
        0.1
        """
        z = np.asarray(z)
        if z.shape != (len(self.names),):
            raise ValueError(f"a point must have shape ({len(self.names)},), not {z.shape}")
        theta, psi = z[: self.split[0]], z[self.split[0] :]
        matrix, mean = self._affine(theta)
        latents, noise, weights = self._quadrature
        fake = latents @ matrix.T + mean + noise
        gradient = self._slopes(fake) @ psi  # (points, 2): grad_x D
        pull = weights * self._f1(self._values(fake) @ psi, generator=True)
        v_matrix, v_mean = -(gradient.T * pull) @ latents, -(gradient.T @ pull)
        return np.concatenate([self._chain(theta, v_matrix, v_mean), self._ascent(psi, fake)])

    def jacobian(self, z: ArrayLike | None = None) -> Array:
        """The Jacobian of `field`, (n, n), exact to rounding; at `equilibrium()` by default.

        Examples
        --------
        >>> gan = LineGAN(regularizer="r1", strength=0.3)
        >>> pair = [gan.names.index("d"), gan.names.index("psi2")]
        >>> gan.jacobian()[np.ix_(pair, pair)].round(12) + 0.0
        array([[ 0. , -0.5],
               [ 0.5, -0.3]])
        """
        z = self.equilibrium() if z is None else np.asarray(z, float)
        # Complex steps: the field is analytic, and nothing cancels, so tiny steps are exact.
        steps = 1e-30j * np.eye(len(z))
        return np.stack([self.field(z + step).imag for step in steps], axis=1) / 1e-30

    def eigenvalues(self, z: ArrayLike | None = None) -> NDArray[np.complex128]:
        """The eigenvalues of `jacobian`, largest real part first; stable is negative real part.

        Those of tangent directions of M_G and M_D are zero.

        Examples
        --------
        >>> int((abs(LineGAN().eigenvalues()) < 1e-12).sum())   # a turned; psi5
        2
        """
        values = np.linalg.eigvals(self.jacobian(z)).astype(complex)
        return values[np.lexsort((-values.imag, -values.real.round(12)))]

    def blocks(self, bend: float = 0.0) -> dict[str, Array]:
        """The Jacobian at an equilibrium in closed form, block by block; tangent zeros left out.

        The line generator only. "spread" is (rho, psi3), rho along a; "mean" (b, psi1);
        "offset" (d, psi2), the Dirac-GAN; "tilt" (t, psi4); "constant" psi0, with a thickness
        (psi0, psi5).

        Parameters
        ----------
        bend : psi5 at the equilibrium; only "offset" and "tilt" depend on it.

        Raises
        ------
        ValueError : a free matrix; a bend as in `equilibrium`.

        Examples
        --------
        >>> LineGAN(regularizer="r1", strength=0.3).blocks()["offset"] + 0.0
        array([[ 0. , -0.5],
               [ 0.5, -0.3]])
        """
        if self.free_matrix:
            raise ValueError("blocks are those of the line generator: use jacobian()")
        self.equilibrium(bend=bend)  # refuses a bend that does not exist
        k, mu = self._constants
        s2, e2 = self.scale**2, self.thickness**2
        on_real, on_fake = _REGULARIZERS[self.regularizer]
        gamma = self.strength * (on_real + on_fake)
        # R2 looks at fakes: moving them off the line, where D is bent, changes its gradient.
        lower = k - 2 * self.strength * on_fake * bend
        energy = -2 * k * bend
        offset = np.array([[energy, -k], [lower, -gamma - 2 * mu * e2]])
        tilt = np.array([[energy, -k], [lower, -gamma * (1 + e2 / s2) - 2 * mu * e2]]) * s2
        mean = np.array([[0.0, -k], [k, -2 * mu * s2 - gamma]])
        push = 2 * self.scale * k
        spread = np.array([[0.0, -push], [push, -4 * mu * s2**2 - 4 * gamma * s2]])
        constant = -2 * mu * np.array([[1.0, e2], [e2, 3 * e2**2]])
        constant[1, 1] -= 4 * gamma * e2
        size = 2 if self.thickness and self.bend else 1
        blocks = {"mean": mean, "offset": offset, "tilt": tilt, "spread": spread}
        return blocks | {"constant": constant[:size, :size]}

    def game(self) -> dynamics.Game:
        """The game for the update rules of `dynamics`.

        Examples
        --------
        >>> gan = LineGAN(regularizer="r1", strength=0.3)
        >>> dynamics.Simultaneous().run(gan.game(), gan.equilibrium(), h=0.2, steps=3).shape
        (4, 11)
        """
        return dynamics.Game(self.field, self.split)

    def distance(self, z: ArrayLike) -> float:
        """How far a point is from M_G x M_D, in the coordinates of the line generator.

        Examples
        --------
        >>> LineGAN().distance(LineGAN().equilibrium(angle=1.0, bend=3.0)) < 1e-15
        True
        """
        z = np.asarray(z, float)
        if self.free_matrix:
            raise ValueError("distances are those of the line generator")
        off = z[2 : 5 + (5 if self.thickness == 0 else self._features)]
        return float(np.hypot(np.hypot(z[0], z[1]) - self.scale, np.linalg.norm(off)))

    @property
    def _features(self) -> int:
        return 6 if self.bend else 5

    @property
    def _constants(self) -> tuple[float, float]:
        """f'(0) and -f''(0)."""
        return (1.0, 0.0) if self.loss == "wasserstein" else (0.5, 0.25)

    @cached_property
    def _quadrature(self) -> tuple[Array, Array, Array]:
        """Latents (m, 2), noise (m, 2) and weights (m,) of Gauss-Hermite quadrature."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        weights = weights / weights.sum()
        # Without thickness there is nothing to integrate in the third direction.
        third, third_weights = (nodes, weights) if self.thickness else (np.zeros(1), np.ones(1))
        grid = np.stack(np.meshgrid(nodes, nodes, third, indexing="ij"), axis=-1).reshape(-1, 3)
        product = np.einsum("i,j,k->ijk", weights, weights, third_weights).ravel()
        noise = np.outer(grid[:, 2], [0.0, self.thickness])
        return grid[:, :2], noise, product

    @cached_property
    def _real(self) -> Array:
        latents, noise, _ = self._quadrature
        return np.outer(latents[:, 0], [self.scale, 0.0]) + noise

    def _affine(self, theta: Array) -> tuple[Array, Array]:
        if self.free_matrix:
            return theta[:4].reshape(2, 2), theta[4:]
        a, b, t, d = theta[:2], theta[2], theta[3], theta[4]
        return np.stack([a, t * a]), np.stack([b, d])

    def _chain(self, theta: Array, matrix: Array, mean: Array) -> Array:
        """The field of theta from that of the affine map (by the chain rule)."""
        if self.free_matrix:
            return np.concatenate([matrix.ravel(), mean])
        a, t = theta[:2], theta[3]
        return np.concatenate([matrix[0] + t * matrix[1], [mean[0], matrix[1] @ a, mean[1]]])

    def _ascent(self, psi: Array, fake: Array) -> Array:
        """The discriminator's part of the field."""
        weights = self._quadrature[2]
        total = np.zeros(psi.shape, np.result_type(psi, fake))
        for sign, x in ((1, fake), (-1, self._real)):
            values = self._values(x)
            total = total + sign * (weights * self._f1(sign * (values @ psi))) @ values
        for count, x in zip(_REGULARIZERS[self.regularizer], (self._real, fake), strict=True):
            slopes = self._slopes(x)
            gradient = slopes @ psi
            total = total - count * self.strength * np.einsum("m,mij,mi", weights, slopes, gradient)
        return total

    def _f1(self, t: Array, generator: bool = False) -> Array:
        """f', of the discriminator's objective or of the generator's."""
        sign = _SIGNS[self.loss]
        if sign == 0:
            return np.ones_like(t)
        # f is -log(1 + e^-t), and the non-saturating generator descends -f(-t).
        return 0.5 * (1 - np.tanh((sign if generator else 1) * t / 2))

    def _values(self, x: Array) -> Array:
        """(m, 2) points to (m, features)."""
        x1, x2 = x.T
        values = [np.ones_like(x1), x1, x2, x1**2 - self.scale**2, x1 * x2, x2**2]
        return np.stack(values[: self._features], axis=1)

    def _slopes(self, x: Array) -> Array:
        """(m, 2) points to (m, 2, features): the gradients of the features in x."""
        x1, x2 = x.T
        zero, one = np.zeros_like(x1), np.ones_like(x1)
        slopes = [[zero, one, zero, 2 * x1, x2, zero], [zero, zero, one, zero, x1, 2 * x2]]
        return np.stack([np.stack(row[: self._features], axis=1) for row in slopes], axis=1)
