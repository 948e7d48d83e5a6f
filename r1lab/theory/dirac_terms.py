"""What a Dirac-GAN is made of: its losses and regularisers, one entry of a table each.

Paper sign: D(x) = psi x is large on generated samples, data are at 0, the fake at theta.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOSSES", "REGULARIZERS", "Loss", "Regularizer"]

Array = NDArray[np.float64]
Scalar = Callable[[Array], Array]
Pair = tuple[Array, Array]


def _sigmoid(t: Array) -> Array:
    return 0.5 * (1 + np.tanh(t / 2))  # no overflow, unlike 1 / (1 + exp(-t))


def _sigmoid_slope(t: Array) -> Array:
    return _sigmoid(t) * _sigmoid(-t)


def _step_at_one(t: Array) -> Array:
    return (t < 1).astype(float)


class Loss(NamedTuple):
    """D ascends d(psi theta), G descends g(psi theta): the derivatives of d and g.

    The loss on a real x is d(-psi x); it matters under instance noise only. `paired`: d and g
    are of the difference D(fake) - D(real), as in relativistic losses.
    """

    d1: Scalar
    d2: Scalar
    g1: Scalar
    g2: Scalar
    paired: bool = False


_MINIMAX_D = (lambda t: _sigmoid(-t), lambda t: -_sigmoid_slope(t))
_LINEAR = (np.ones_like, np.zeros_like)

LOSSES: dict[str, Loss] = {
    "minimax": Loss(*_MINIMAX_D, *_MINIMAX_D),
    "non-saturating": Loss(*_MINIMAX_D, _sigmoid, _sigmoid_slope),
    "wasserstein": Loss(*_LINEAR, *_LINEAR),
    "least-squares": Loss(
        lambda t: 1 - t, lambda t: -np.ones_like(t), lambda t: 1 + t, np.ones_like
    ),
    "hinge": Loss(_step_at_one, np.zeros_like, *_LINEAR),
    "relativistic": Loss(*_MINIMAX_D, _sigmoid, _sigmoid_slope, paired=True),
}


class Regularizer(NamedTuple):
    """How a regulariser changes the field, its Jacobian at (0, 0), and the loop.

    field : (loss, theta, psi, strength, center) -> (v_theta, v_psi).
    jacobian : (loss, strength, center) -> (2, 2); a ValueError where it does not exist.
    has_strength : whether the strength enters field and Jacobian.
    linear : whether the strength is a factor, so that it can be applied lazily.
    """

    field: Callable[[Loss, Array, Array, float, float], Pair]
    jacobian: Callable[[Loss, float, float], Array]
    has_strength: bool = True
    linear: bool = True


def _plain_field(loss: Loss, theta: Array, psi: Array, strength: float, center: float) -> Pair:
    t = psi * theta
    return -psi * loss.g1(t), theta * loss.d1(t)


def _plain_jacobian(loss: Loss, strength: float, center: float) -> Array:
    zero = np.zeros(())
    return np.array([[0.0, -float(loss.g1(zero))], [float(loss.d1(zero)), 0.0]])


def _penalty(slope: Callable[[Array, Array, float, float], Array], damping: float) -> Regularizer:
    """A penalty with derivative slope(theta, psi, strength, center), damping * strength * psi
    near 0 where it is smooth."""

    def field(loss: Loss, theta: Array, psi: Array, strength: float, center: float) -> Pair:
        v_theta, v_psi = _plain_field(loss, theta, psi, strength, center)
        return v_theta, v_psi - slope(theta, psi, strength, center)

    def jacobian(loss: Loss, strength: float, center: float) -> Array:
        return _plain_jacobian(loss, strength, center) - np.diag([0.0, damping * strength])

    return Regularizer(field, jacobian)


def _roth_slope(theta: Array, psi: Array, gamma: float, center: float) -> Array:
    """Of gamma/2 psi^2 [(1 - phi(real))^2 + phi(fake)^2], phi = sigmoid of the code-sign logit.

    Roth et al. 2017; the weights are differentiated too.
    """
    phi = _sigmoid(-psi * theta)
    return gamma * psi * (0.25 + phi**2) - gamma * psi**2 * theta * phi**2 * (1 - phi)


def _one_centered_slope(theta: Array, psi: Array, weight: float, center: float) -> Array:
    # D is linear, so that every point of WGAN-GP's segment and of DRAGAN's cloud counts alike.
    return 2 * weight * (np.abs(psi) - center) * np.sign(psi)


def _one_centered() -> Regularizer:
    smooth = _penalty(_one_centered_slope, damping=2)

    def jacobian(loss: Loss, weight: float, center: float) -> Array:
        if weight * center > 0:
            raise ValueError(
                "the field of a penalty (|psi| - center)^2 jumps across psi = 0, so it has no "
                "Jacobian at the equilibrium: look at run() instead, or use center=0"
            )
        return smooth.jacobian(loss, weight, center)

    return smooth._replace(jacobian=jacobian)


def _consensus_field(loss: Loss, theta: Array, psi: Array, gamma: float, center: float) -> Pair:
    t = psi * theta
    v_theta, v_psi = _plain_field(loss, theta, psi, gamma, center)
    by_theta = -(psi**2) * loss.g2(t), loss.d1(t) + t * loss.d2(t)  # columns of v'
    by_psi = -loss.g1(t) - t * loss.g2(t), theta**2 * loss.d2(t)
    return (
        v_theta - gamma * (by_theta[0] * v_theta + by_theta[1] * v_psi),
        v_psi - gamma * (by_psi[0] * v_theta + by_psi[1] * v_psi),
    )


def _consensus_jacobian(loss: Loss, gamma: float, center: float) -> Array:
    plain = _plain_jacobian(loss, gamma, center)
    return plain - gamma * plain.T @ plain


# Expectations over a standard normal variable. On a smooth integrand the trapezoidal rule is as
# accurate as Gauss-Hermite, and it stays so for steep sigmoids: 1e-9 at |psi| sigma = 18.
_NODES = np.linspace(-8.5, 8.5, 341)
_WEIGHTS = np.exp(-(_NODES**2) / 2) * (_NODES[1] - _NODES[0]) / np.sqrt(2 * np.pi)


def _noisy_field(loss: Loss, theta: Array, psi: Array, sigma: float, center: float) -> Pair:
    """Noise sigma a on the real and sigma b on the fake sample, a and b standard normal."""
    if loss is LOSSES["hinge"]:
        fake, real = (_noisy_hinge_slope(x, psi, sigma) for x in (theta, np.zeros_like(theta)))
        return -psi, fake + real
    # A pair differs by theta + sigma (b - a), noise of standard deviation sqrt(2) sigma.
    noise = _NODES * sigma * (np.sqrt(2) if loss.paired else 1)
    fake_x = theta[..., np.newaxis] + noise
    t = psi[..., np.newaxis] * fake_x
    v_theta, v_psi = -psi * (loss.g1(t) @ _WEIGHTS), (fake_x * loss.d1(t)) @ _WEIGHTS
    if not loss.paired:
        v_psi = v_psi + (noise * loss.d1(psi[..., np.newaxis] * noise)) @ _WEIGHTS
    return v_theta, v_psi


def _noisy_hinge_slope(x: Array, psi: Array, sigma: float) -> Array:
    """E[(x + sigma b) 1(psi (x + sigma b) < 1)]: quadrature would stumble over the jump."""
    from scipy.special import ndtr

    slope = np.abs(psi) * sigma
    inside = slope > 0
    # Distance of the kink in standard deviations of the logit; beyond 40 nothing changes.
    z = np.clip((1 - psi * x) / np.where(inside, slope, 1), -40, 40)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    smooth = x * ndtr(z) - np.sign(psi) * sigma * density
    return np.where(inside, smooth, x * _step_at_one(psi * x))


def _noisy_jacobian(loss: Loss, sigma: float, center: float) -> Array:
    damping = -2 * sigma**2 * float(loss.d2(np.zeros(())))
    return _plain_jacobian(loss, sigma, center) - np.diag([0.0, damping])


def _normalized_field(loss: Loss, theta: Array, psi: Array, strength: float, center: float) -> Pair:
    direction = np.sign(psi)  # spectral normalisation leaves D(x) = sign(psi) x
    return -direction * loss.g1(direction * theta), np.zeros_like(theta)


def _normalized_jacobian(loss: Loss, strength: float, center: float) -> Array:
    raise ValueError(
        "spectral-norm leaves D(x) = sign(psi) x, for which (0, 0) is no equilibrium and has no "
        "Jacobian: look at run() instead"
    )


_R1 = _penalty(lambda theta, psi, gamma, center: gamma * psi, damping=1)
_ONE_CENTERED = _one_centered()

REGULARIZERS: dict[str, Regularizer] = {
    "none": Regularizer(_plain_field, _plain_jacobian, has_strength=False, linear=False),
    "r1": _R1,
    "r2": _R1,  # the same function: D has one slope everywhere
    "r1+r2": _penalty(lambda theta, psi, gamma, center: 2 * gamma * psi, damping=2),
    "wgan-gp": _ONE_CENTERED,
    "dragan": _ONE_CENTERED,
    "instance-noise": Regularizer(_noisy_field, _noisy_jacobian, linear=False),
    "consensus": Regularizer(_consensus_field, _consensus_jacobian),
    "clip": Regularizer(_plain_field, _plain_jacobian, has_strength=False, linear=False),
    "spectral-norm": Regularizer(_normalized_field, _normalized_jacobian, False, linear=False),
    "roth": _penalty(_roth_slope, damping=0.5),
}
