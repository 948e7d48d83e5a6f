"""The Dirac-GAN: the smallest GAN that shows why training circles, and what stops it.

Data are a point mass at 0, the generator a point mass at theta, the discriminator the line
D(x) = psi x. Source: Mescheder, Geiger & Nowozin 2018, definition 2.1.

Sign: the paper's. D is large on *generated* samples; D ascends, G descends
L(theta, psi) = f(psi theta) + f(0), f(t) = -log(1 + e^-t). `r1lab.losses` has the code sign, D
large on real: the mirror image, D_code(x) = -psi x.
Eigenvalues are of v = (-grad_theta L, +grad_psi L): stable is *negative real part*.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["DiracGAN", "Scheme"]

Scheme = Literal["simultaneous", "alternating"]
Array = NDArray[np.float64]


def _sigmoid(t: Array) -> Array:
    return 0.5 * (1 + np.tanh(t / 2))  # no overflow, unlike 1 / (1 + exp(-t))


# D ascends d(psi theta), G descends g(psi theta); a loss is the pair of derivatives (d', g').
_LOSSES: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "minimax": (lambda t: _sigmoid(-t), lambda t: _sigmoid(-t)),
    "non-saturating": (lambda t: _sigmoid(-t), _sigmoid),
    "wasserstein": (np.ones_like, np.ones_like),
}
_REGULARIZERS = ("none", "r1", "wgan-gp")


@dataclass(frozen=True)
class DiracGAN:
    """A Dirac-GAN with its loss and regulariser: field, spectrum, updates.

    Parameters
    ----------
    loss : "minimax", "non-saturating" or "wasserstein".
    regularizer : "none"; "r1": (strength/2) psi^2, strength = gamma; "wgan-gp":
        strength (|psi| - center)^2, strength = the penalty's weight = gamma / 2.
    strength : not negative, in the units just said; ignored by "none".
    center : the slope that "wgan-gp" asks for, not negative.

    Raises
    ------
    ValueError : an unknown loss or regularizer; a negative or non-finite strength or center.

    Source: Mescheder, Geiger & Nowozin 2018, sections 2 and 3.

    Examples
    --------
    >>> DiracGAN(regularizer="r1", strength=2.0).eigenvalues().round(4)
    array([-0.134+0.j, -1.866+0.j])
    """

    loss: str = "minimax"
    regularizer: str = "none"
    strength: float = 0.0
    center: float = 1.0

    def __post_init__(self) -> None:
        _check_name("loss", self.loss, _LOSSES)
        _check_name("regularizer", self.regularizer, _REGULARIZERS)
        for name in ("strength", "center"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} must be finite and not negative, not {value}")

    def field(self, theta: ArrayLike, psi: ArrayLike) -> tuple[Array, Array]:
        """The gradient vector field v = (-grad_theta L, +grad_psi L), regulariser included.

        Parameters
        ----------
        theta, psi : generator and discriminator parameter, arrays of shapes that broadcast.

        Returns
        -------
        v_theta, v_psi : arrays of the broadcast shape.

        Examples
        --------
        >>> v_theta, v_psi = DiracGAN("wasserstein").field(1.0, 0.5)
        >>> float(v_theta), float(v_psi)
        (-0.5, 1.0)
        """
        theta, psi = np.broadcast_arrays(np.asarray(theta, float), np.asarray(psi, float))
        d_prime, g_prime = _LOSSES[self.loss]
        t = psi * theta
        return -psi * g_prime(t), theta * d_prime(t) - self._penalty_slope(psi)

    def jacobian(self) -> Array:
        """The Jacobian of the field at the equilibrium (0, 0).

        Returns
        -------
        (2, 2) array, rows and columns in the order (theta, psi).

        Raises
        ------
        ValueError : "wgan-gp" with center > 0, whose field jumps across psi = 0.

        Source: Mescheder, Geiger & Nowozin 2018, lemmas 2.2 and 3.3.

        Examples
        --------
        >>> DiracGAN(regularizer="r1", strength=0.3).jacobian()
        array([[ 0. , -0.5],
               [ 0.5, -0.3]])
        """
        d_prime, g_prime = _LOSSES[self.loss]
        zero = np.zeros(())
        damping = {"none": 0.0, "r1": self.strength, "wgan-gp": 2 * self.strength}[self.regularizer]
        if self.regularizer == "wgan-gp" and self.strength * self.center > 0:
            raise ValueError(
                "the wgan-gp field jumps across psi = 0, so it has no Jacobian at the "
                "equilibrium: look at run() instead, or use center=0"
            )
        return np.array([[0.0, -float(g_prime(zero))], [float(d_prime(zero)), -damping]])

    def eigenvalues(self) -> NDArray[np.complex128]:
        """The eigenvalues of `jacobian`; stable is negative real part.

        Returns
        -------
        (2,) complex array, the eigenvalue with the larger real part first.

        Raises
        ------
        ValueError : as `jacobian`.

        Source: Mescheder, Geiger & Nowozin 2018, lemmas 2.2 and 3.3: -gamma/2 +-
        sqrt(gamma^2/4 - f'(0)^2).

        Examples
        --------
        >>> DiracGAN().eigenvalues()
        array([0.+0.5j, 0.-0.5j])
        """
        return _eigenvalues_2x2(self.jacobian())

    def update_matrix(
        self, h: float, scheme: Scheme = "simultaneous", d_steps: int = 1, g_steps: int = 1
    ) -> Array:
        """The linearisation at (0, 0) of one update with step size h.

        Parameters
        ----------
        h : step size of both players, positive.
        scheme : "simultaneous", or "alternating": g_steps of the generator, then d_steps of
            the discriminator.

        Returns
        -------
        (2, 2) array in the order (theta, psi); stable is spectral radius below one.

        Raises
        ------
        ValueError : as `jacobian`; an unknown scheme; a step size or a number of steps that is
            not positive; more than one step with "simultaneous".

        Source: Mescheder, Geiger & Nowozin 2018, lemmas 2.4 and 2.5.

        Examples
        --------
        >>> DiracGAN("wasserstein").update_matrix(0.5, "alternating")
        array([[ 1.  , -0.5 ],
               [ 0.5 ,  0.75]])
        """
        _check_scheme(h, scheme, d_steps, g_steps)
        step = h * self.jacobian()
        if scheme == "simultaneous":
            return np.eye(2) + step
        generator, discriminator = np.eye(2), np.eye(2)
        generator[0] += step[0]
        discriminator[1] += step[1]
        matrix_power = np.linalg.matrix_power
        return matrix_power(discriminator, d_steps) @ matrix_power(generator, g_steps)

    def spectral_radius(
        self, h: float, scheme: Scheme = "simultaneous", d_steps: int = 1, g_steps: int = 1
    ) -> float:
        """The largest modulus of an eigenvalue of `update_matrix`: the error's factor per update.

        Parameters, Raises : as `update_matrix`.

        Examples
        --------
        >>> round(DiracGAN(regularizer="r1", strength=1.0).spectral_radius(0.2), 12)
        0.9
        """
        return float(abs(_eigenvalues_2x2(self.update_matrix(h, scheme, d_steps, g_steps))).max())

    def largest_stable_step(
        self, scheme: Scheme = "simultaneous", d_steps: int = 1, g_steps: int = 1
    ) -> float:
        """The step size up to which `update_matrix` is a contraction (spectral radius below one).

        Parameters, Raises : as `update_matrix`.

        Returns
        -------
        The first h at which the radius reaches one; 0.0 where no step size contracts.

        Examples
        --------
        >>> round(DiracGAN(regularizer="r1", strength=0.3).largest_stable_step(), 6)
        1.2
        >>> DiracGAN().largest_stable_step()
        0.0
        """
        _check_scheme(1.0, scheme, d_steps, g_steps)
        eigenvalues = self.eigenvalues()
        if eigenvalues.real.max() >= 0:
            return 0.0
        if scheme == "simultaneous":  # |1 + h lambda| < 1
            return float((-2 * eigenvalues.real / abs(eigenvalues) ** 2).min())
        longest = -2 / eigenvalues.real.max()  # beyond it the discriminator alone overshoots

        def margin(h: float) -> float:
            return _contraction_margin(self.update_matrix(h, scheme, d_steps, g_steps))

        grid = np.linspace(0, longest, 4097)[1:]
        first = int(np.argmax([margin(h) <= 0 for h in grid]))
        low, high = (float(grid[first - 1]) if first else 0.0), float(grid[first])
        for _ in range(60):  # bisection
            middle = (low + high) / 2
            low, high = (middle, high) if margin(middle) > 0 else (low, middle)
        return low

    def run(
        self,
        start: tuple[float, float] = (1.0, 1.0),
        h: float = 0.2,
        steps: int = 500,
        scheme: Scheme = "simultaneous",
        d_steps: int = 1,
        g_steps: int = 1,
    ) -> Array:
        """The trajectory of training from `start`.

        Parameters
        ----------
        start : (theta, psi).
        h, scheme, d_steps, g_steps : as `update_matrix`.
        steps : number of updates.

        Returns
        -------
        (steps + 1, 2) array of (theta, psi), the start first.

        Raises
        ------
        ValueError : as `update_matrix`, except that no Jacobian is needed; negative steps.

        Examples
        --------
        >>> DiracGAN("wasserstein").run(h=0.5, steps=2).tolist()
        [[1.0, 1.0], [0.5, 1.5], [-0.25, 1.75]]
        """
        _check_scheme(h, scheme, d_steps, g_steps)
        if steps < 0:
            raise ValueError(f"steps must not be negative, not {steps}")
        path = np.empty((steps + 1, 2))
        theta, psi = float(start[0]), float(start[1])
        path[0] = theta, psi
        for k in range(1, steps + 1):
            if scheme == "simultaneous":
                v_theta, v_psi = self.field(theta, psi)
                theta, psi = theta + h * float(v_theta), psi + h * float(v_psi)
            else:
                for _ in range(g_steps):
                    theta += h * float(self.field(theta, psi)[0])
                for _ in range(d_steps):
                    psi += h * float(self.field(theta, psi)[1])
            path[k] = theta, psi
        return path

    def _penalty_slope(self, psi: Array) -> Array:
        if self.regularizer == "r1":
            return self.strength * psi
        if self.regularizer == "wgan-gp":
            return 2 * self.strength * (np.abs(psi) - self.center) * np.sign(psi)
        return np.zeros_like(psi)


def _eigenvalues_2x2(matrix: Array) -> NDArray[np.complex128]:
    # Closed form: exact at double eigenvalues, where a general solver keeps half the digits.
    half_trace = (matrix[0, 0] + matrix[1, 1]) / 2
    half_difference = (matrix[0, 0] - matrix[1, 1]) / 2
    root = np.sqrt(complex(half_difference**2 + matrix[0, 1] * matrix[1, 0]))
    return np.array([half_trace + root, half_trace - root])


def _contraction_margin(matrix: Array) -> float:
    """Positive iff both eigenvalues are inside the unit circle (Jury's conditions)."""
    determinant = matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]
    trace = matrix[0, 0] + matrix[1, 1]
    return float(min(1 - determinant, 1 + determinant - abs(trace)))


def _check_name(kind: str, name: str, known) -> None:
    if name not in known:
        raise ValueError(f"unknown {kind} {name!r}: use one of {', '.join(known)}")


def _check_scheme(h: float, scheme: str, d_steps: int, g_steps: int) -> None:
    _check_name("scheme", scheme, ("simultaneous", "alternating"))
    if not 0 < h < np.inf:
        raise ValueError(f"the step size h must be positive and finite, not {h}")
    if d_steps < 1 or g_steps < 1:
        raise ValueError(f"d_steps and g_steps must be at least 1, not {d_steps} and {g_steps}")
    if scheme == "simultaneous" and (d_steps, g_steps) != (1, 1):
        raise ValueError(
            "d_steps and g_steps belong to the alternating scheme: "
            'a simultaneous update moves both players once; use scheme="alternating"'
        )
