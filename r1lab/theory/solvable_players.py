"""The players of `r1lab.theory.solvable.LineGAN` as torch modules, and a batch to put them on.

Code sign: the discriminator returns -D_paper, so that with the losses of `r1lab.losses` the
parameters follow the same field, v = (-grad_theta loss_G, -grad_psi loss_D). Eigenvalues are
stable with *negative real part*.

>>> from r1lab.theory.solvable import LineGAN
>>> from r1lab.theory.spectra import GameJacobian
>>> gan = LineGAN(regularizer="r1", strength=0.3)
>>> J = GameJacobian(*players(gan), *batch(gan), loss="minimax", penalty="r1", gamma=0.3)
>>> bool(abs(J.to_dense() - gan.jacobian()).max() < 1e-12)
True
"""

import math

import torch
from torch import Tensor, nn

from r1lab.theory.solvable import LineGAN

__all__ = ["LineGenerator", "QuadraticDiscriminator", "batch", "players"]


class LineGenerator(nn.Module):
    """The generator of a `LineGAN`: (B, 2) latents to (B, 2) points, (B, 3) with a thickness.

    Parameters
    ----------
    theta : (5,) or, for a free matrix, (6,) tensor of parameters, see `LineGAN.names`.
    thickness : factor of the third latent, which is added off the line.

    Examples
    --------
    >>> LineGenerator(torch.tensor([2.0, 0.0, 1.0, 0.5, 0.0]))(torch.tensor([[1.0, 9.0]])).tolist()
    [[3.0, 1.0]]
    """

    def __init__(self, theta: Tensor, thickness: float = 0.0) -> None:
        super().__init__()
        self.theta, self.thickness = nn.Parameter(theta), thickness

    def forward(self, latents: Tensor) -> Tensor:
        """The points in the plane of latents (B, 2), or (B, 3) with a thickness."""
        z = latents[:, :2]
        if len(self.theta) == 6:
            points = z @ self.theta[:4].view(2, 2).T + self.theta[4:]
        else:
            b, t, d = self.theta[2:]
            r = z @ self.theta[:2]
            points = torch.stack([r + b, t * r + d], dim=1)
        if not self.thickness:
            return points
        return points + self.thickness * latents[:, 2:] * points.new_tensor([0.0, 1.0])


class QuadraticDiscriminator(nn.Module):
    """The discriminator of a `LineGAN` in the code sign: (B, 2) points to (B,) logits -D.

    Parameters
    ----------
    psi : (6,) tensor of parameters, or (5,) without the bend psi5.
    scale : s of the centred feature x1^2 - s^2.

    Examples
    --------
    >>> psi = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0, 2.0])
    >>> QuadraticDiscriminator(psi, 1.0)(torch.tensor([[5.0, 3.0]])).tolist()
    [-19.0]
    """

    def __init__(self, psi: Tensor, scale: float) -> None:
        super().__init__()
        self.psi, self.scale = nn.Parameter(psi), scale

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B,) of points x, (B, 2); large on real data."""
        x1, x2 = x.unbind(1)
        features = [torch.ones_like(x1), x1, x2, x1**2 - self.scale**2, x1 * x2, x2**2]
        return -torch.stack(features[: len(self.psi)], dim=1) @ self.psi


def players(
    gan: LineGAN, angle: float = 0.0, bend: float = 0.0
) -> tuple[LineGenerator, QuadraticDiscriminator]:
    """Generator and discriminator at an equilibrium, float64.

    Parameters
    ----------
    gan : the game.
    angle, bend : as `LineGAN.equilibrium`, which says what it raises.

    Examples
    --------
    >>> players(LineGAN())[0].theta.tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0]
    """
    theta, psi = torch.from_numpy(gan.equilibrium(angle, bend)).split(list(gan.split))
    return LineGenerator(theta, gan.thickness), QuadraticDiscriminator(psi, gan.scale)


def batch(gan: LineGAN) -> tuple[Tensor, Tensor]:
    """Real points and latents, float64, with all moments of the population up to order five.

    At the equilibria with psi = 0 the Jacobian needs moments up to four: that of this batch is
    that of the population, of 12 points (72 with a thickness) and to rounding.

    Parameters
    ----------
    gan : the game.

    Examples
    --------
    >>> [tuple(part.shape) for part in batch(LineGAN())]
    [(12, 2), (12, 2)]
    """
    # Half of the mass at 0, half on a hexagon of radius 2: E r^2 = 2, E r^4 = 8.
    angles = torch.arange(6, dtype=torch.float64) * (math.pi / 3)
    hexagon = 2 * torch.stack([angles.cos(), angles.sin()], dim=1)
    z = torch.cat([hexagon, torch.zeros_like(hexagon)])
    if gan.thickness:
        # A sixth each at +-sqrt 3, the rest at 0: E n^2 = 1, E n^4 = 3.
        n = torch.tensor([3**0.5, -(3**0.5), 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
        z = torch.cat([z.repeat_interleave(6, 0), n.repeat(len(z))[:, None]], dim=1)
    off = gan.thickness * z[:, 2] if gan.thickness else torch.zeros_like(z[:, 0])
    return torch.stack([gan.scale * z[:, 0], off], dim=1), z
