"""The Dirac-GAN: the smallest GAN that shows why training circles, and what stops it.

Data are a point mass at 0, the generator a point mass at theta, the discriminator the line
D(x) = psi x. Source: Mescheder, Geiger & Nowozin 2018, definition 2.1.

Sign: the paper's. D is large on *generated* samples; D ascends, G descends
L(theta, psi) = f(psi theta) + f(0), f(t) = -log(1 + e^-t). `r1lab.losses` has the code sign, D
large on real: the mirror image, D_code(x) = -psi x.
Eigenvalues are of v = (-grad_theta L, +grad_psi L): stable is *negative real part*.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r1lab.theory import dynamics
from r1lab.theory.dirac_terms import LOSSES, REGULARIZERS, Regularizer

__all__ = ["DiracGAN", "Scheme"]

#: An order of the two players' moves, or any rule of `r1lab.theory.dynamics`.
Scheme = Literal["simultaneous", "alternating"] | dynamics.Rule
Array = NDArray[np.float64]


@dataclass(frozen=True)
class DiracGAN:
    """A Dirac-GAN with its loss and regulariser: field, spectrum, updates.

    Parameters
    ----------
    loss : "minimax", "non-saturating", "wasserstein", "hinge", "relativistic" (on this game the
        non-saturating field), or "least-squares" (targets real +1, fake -1, generator +1).
    regularizer : its name; what `strength` is, depends on it:

        - "none", "spectral-norm" (D(x) = sign(psi) x): ignored.
        - "r1", "r2": gamma in (gamma/2) psi^2, one function here. "r1+r2": gamma psi^2.
        - "wgan-gp", "dragan": the weight in weight (|psi| - center)^2 = gamma / 2.
        - "instance-noise": sigma, the standard deviation of the noise on real and fake samples.
        - "consensus": gamma in v - gamma grad (1/2 ||v||^2).
        - "roth": gamma in the JS-regulariser of Roth et al. 2017, as strong as R1 with half.
        - "clip": the bound on |psi|, applied after each step of the discriminator.
    strength : not negative, for "clip" positive.
    center : the slope that "wgan-gp" and "dragan" ask for, not negative.

    Raises
    ------
    ValueError : an unknown loss or regularizer; a strength or center out of range.

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
        _check_name("loss", self.loss, LOSSES)
        _check_name("regularizer", self.regularizer, REGULARIZERS)
        for name in ("strength", "center"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} must be finite and not negative, not {value}")
        if self.regularizer == "clip" and self.strength == 0:
            raise ValueError('the strength of "clip" is the bound on |psi|: it must be positive')

    def field(self, theta: ArrayLike, psi: ArrayLike) -> tuple[Array, Array]:
        """The gradient vector field v = (-grad_theta L, +grad_psi L), regulariser included.

        Clipping is not in the field: it follows a step, see `run`.

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
        field = REGULARIZERS[self.regularizer].field
        return field(LOSSES[self.loss], theta, psi, self.strength, self.center)

    def game(self) -> dynamics.Game:
        """The field as a `dynamics.Game` on z = (theta, psi), with clipping as its projection.

        Examples
        --------
        >>> from r1lab.theory.dynamics import Adam
        >>> Adam().run(DiracGAN().game(), (1.0, 1.0), h=0.1, steps=1)[-1].round(6)
        array([0.9, 1.1])
        """

        def field(z: Array) -> Array:
            return np.array(self.field(z[0], z[1]))

        def clip(psi: Array) -> Array:
            return np.clip(psi, -self.strength, self.strength)

        return dynamics.Game(field, project=clip if self.regularizer == "clip" else None)

    def jacobian(self) -> Array:
        """The Jacobian of the field at the equilibrium (0, 0).

        Returns
        -------
        (2, 2) array, rows and columns in the order (theta, psi). Inside its bound "clip" does
        nothing: its Jacobian is the one without.

        Raises
        ------
        ValueError : "wgan-gp" and "dragan" with center > 0, whose field jumps across psi = 0;
            "spectral-norm", for which (0, 0) is no equilibrium.

        Source: Mescheder, Geiger & Nowozin 2018, lemmas 2.2, 3.2 and 3.3.

        Examples
        --------
        >>> DiracGAN(regularizer="r1", strength=0.3).jacobian()
        array([[ 0. , -0.5],
               [ 0.5, -0.3]])
        """
        jacobian = REGULARIZERS[self.regularizer].jacobian
        return jacobian(LOSSES[self.loss], self.strength, self.center)

    def eigenvalues(self) -> NDArray[np.complex128]:
        """The eigenvalues of `jacobian`; stable is negative real part.

        Returns
        -------
        (2,) complex array, the eigenvalue with the larger real part first.

        Raises
        ------
        ValueError : as `jacobian`.

        Source: as `jacobian`; R1: -gamma/2 +- sqrt(gamma^2/4 - f'(0)^2).

        Examples
        --------
        >>> DiracGAN().eigenvalues()
        array([0.+0.5j, 0.-0.5j])
        """
        return dynamics.eigenvalues(self.jacobian())

    def update_matrix(
        self, h: float, scheme: Scheme = "simultaneous", d_steps: int = 1, g_steps: int = 1
    ) -> Array:
        """The linearisation at (0, 0) of one update with step size h.

        Parameters
        ----------
        h : step size of both players, positive.
        scheme : "simultaneous"; "alternating": g_steps of the generator, then d_steps of the
            discriminator; or any rule of `r1lab.theory.dynamics`.

        Returns
        -------
        (2, 2) array in the order (theta, psi), larger for a rule with memory, see
        `dynamics.Rule.update_matrix`; stable is spectral radius below one.

        Raises
        ------
        ValueError : as `jacobian`; an unknown scheme; a step size or a number of steps that is
            not positive; more than one step except with "alternating"; RMSprop and Adam.

        Source: Mescheder, Geiger & Nowozin 2018, lemmas 2.4 and 2.5.

        Examples
        --------
        >>> DiracGAN("wasserstein").update_matrix(0.5, "alternating")
        array([[ 1.  , -0.5 ],
               [ 0.5 ,  0.75]])
        """
        return _rule(scheme, d_steps, g_steps).update_matrix(self.jacobian(), h)

    def lazy_update_matrix(
        self,
        h: float,
        interval: int,
        scheme: Scheme = "simultaneous",
        d_steps: int = 1,
        g_steps: int = 1,
    ) -> Array:
        """The linearisation of a cycle of lazy regularisation: interval - 1 plain updates, then
        one with `interval` times the strength.

        Parameters
        ----------
        interval : updates in a cycle, at least 1.
        h, scheme, d_steps, g_steps : as `update_matrix`.

        Returns
        -------
        A matrix as `update_matrix`, for the whole cycle: its radius to the power 1 / interval is
        the error's factor per update.

        Raises
        ------
        ValueError : as `update_matrix`; a regularizer whose strength is not a factor.

        Source: Karras et al. 2020 (StyleGAN2), section 3.1.

        Examples
        --------
        >>> # Too lazy: 16 h gamma is far above 2.
        >>> matrix = DiracGAN(regularizer="r1", strength=1.0).lazy_update_matrix(0.2, 16)
        >>> round(dynamics.spectral_radius(matrix) ** (1 / 16), 6)
        1.03591
        """
        if not REGULARIZERS[self.regularizer].linear:
            raise ValueError(
                f"regularizer {self.regularizer!r} cannot be applied lazily: its strength is not "
                f"a factor; use one of {_names(lambda r: r.linear)}"
            )
        if interval < 1:
            raise ValueError(f"interval must be at least 1, not {interval}")
        plain = replace(self, strength=0.0).update_matrix(h, scheme, d_steps, g_steps)
        heavy = replace(self, strength=interval * self.strength)
        matrix = heavy.update_matrix(h, scheme, d_steps, g_steps)
        return matrix @ np.linalg.matrix_power(plain, interval - 1)

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
        return dynamics.spectral_radius(self.update_matrix(h, scheme, d_steps, g_steps))

    def largest_stable_step(
        self, scheme: Scheme = "simultaneous", d_steps: int = 1, g_steps: int = 1
    ) -> float:
        """The step size up to which `update_matrix` is a contraction (spectral radius below one).

        Parameters, Raises : as `update_matrix`.

        Returns
        -------
        The first h at which the radius reaches one; 0.0 where no small step contracts, infinity
        where all do.

        Examples
        --------
        >>> round(DiracGAN(regularizer="r1", strength=0.3).largest_stable_step(), 6)
        1.2
        >>> DiracGAN().largest_stable_step()
        0.0
        """
        return dynamics.largest_stable_step(_rule(scheme, d_steps, g_steps), self.jacobian())

    def optimal_strength(
        self, h: float, scheme: Scheme = "simultaneous", d_steps: int = 1, g_steps: int = 1
    ) -> float:
        """The strength with the smallest `spectral_radius` for this h; the own one is ignored.

        Parameters : as `update_matrix`.

        Returns
        -------
        The best strength up to 1e2 / min(h, 1), by a scan and golden sections: full precision at
        a double eigenvalue, half the digits at a smooth minimum; 0.0 where no strength helps.

        Raises
        ------
        ValueError : as `update_matrix`; a regularizer without a strength in its Jacobian.

        Examples
        --------
        >>> round(DiracGAN(regularizer="r1").optimal_strength(0.2, "alternating"), 10)
        0.95
        """
        if not REGULARIZERS[self.regularizer].has_strength:
            raise ValueError(
                f"regularizer {self.regularizer!r} has no strength to choose: "
                f"use one of {_names(lambda r: r.has_strength)}"
            )

        def radius(strength: float) -> float:
            gan = replace(self, strength=float(strength))
            return gan.spectral_radius(h, scheme, d_steps, g_steps)

        grid = np.geomspace(1e-4, 1e2 / min(h, 1.0), 1024)
        best = int(np.argmin([radius(strength) for strength in grid]))
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
        golden = (5**0.5 - 1) / 2
        # By hand: SciPy's bounded search stops at half the digits, and the minimum is a cusp.
        for _ in range(80):
            left, right = high - golden * (high - low), low + golden * (high - low)
            low, high = (low, right) if radius(left) < radius(right) else (left, high)
        return low if radius(low) < radius(0.0) else 0.0

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
        h, scheme, d_steps, g_steps : as `update_matrix`, RMSprop and Adam included.
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
        return _rule(scheme, d_steps, g_steps).run(self.game(), start, h, steps)

    def flow(self, start: tuple[float, float], t: ArrayLike) -> Array:
        """The integral curve of the field from `start`: training in continuous time.

        Parameters
        ----------
        start : (theta, psi) at time 0.
        t : times, a number or an increasing array, not negative.

        Returns
        -------
        (2,) for a number, (len(t), 2) for an array.

        Raises
        ------
        ValueError : as `dynamics.flow`; "clip", which acts after a step.

        Source: Mescheder, Geiger & Nowozin 2018, lemma 2.3.

        Examples
        --------
        >>> DiracGAN("wasserstein").flow((1.0, 0.0), np.pi).round(8) + 0.0
        array([-1.,  0.])
        """
        if self.regularizer == "clip":
            raise ValueError("clip acts after a step, so it has no flow: look at run() instead")
        if self.regularizer not in ("wgan-gp", "dragan"):
            return dynamics.flow(self.game().field, start, t)
        # weight (|psi| - center)^2 is R1 with gamma = 2 weight, and a slope that jumps at 0.
        smooth = replace(self, regularizer="r1", strength=2 * self.strength).game().field
        jump = np.array([0.0, 2 * self.strength * self.center])
        return dynamics.flow_with_jump(lambda z, side: smooth(z) + side * jump, 1, start, t)


def _rule(scheme: Scheme, d_steps: int, g_steps: int) -> dynamics.Rule:
    if scheme == "alternating":
        return dynamics.Alternating(d_steps=d_steps, g_steps=g_steps)
    if (d_steps, g_steps) != (1, 1):
        raise ValueError(
            "d_steps and g_steps belong to the alternating scheme: use "
            'scheme="alternating", or set them on the rule'
        )
    if isinstance(scheme, dynamics.Rule):
        return scheme
    _check_name("scheme", scheme, ("simultaneous", "alternating"))
    return dynamics.Simultaneous()


def _names(has: Callable[[Regularizer], bool]) -> str:
    return ", ".join(name for name, regularizer in REGULARIZERS.items() if has(regularizer))


def _check_name(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ValueError(f"unknown {kind} {name!r}: use one of {', '.join(known)}")
