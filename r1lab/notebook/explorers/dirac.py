"""The Dirac-GAN explorer: loss, regulariser, update rule and start move path and eigenvalues."""

import traitlets

from r1lab.notebook.explorers.base import Explorer, module_source
from r1lab.theory.dirac import DiracGAN
from r1lab.theory.dirac_terms import LOSSES, REGULARIZERS

__all__ = ["DiracExplorer"]

# The trait that is a regulariser's strength; what is not here has none.
_STRENGTH = {
    **dict.fromkeys(("r1", "r2", "r1+r2", "consensus", "roth"), "gamma"),
    **dict.fromkeys(("wgan-gp", "dragan"), "weight"),
    "instance-noise": "sigma",
    "clip": "bound",
}


class DiracExplorer(Explorer):
    """The whole zoo of Dirac-GANs, to be played with: 500 updates, or the flow for a time of 100.

    Parameters
    ----------
    loss, regularizer : the names of `r1lab.theory.dirac.DiracGAN`.
    gamma : strength of "r1", "r2", "r1+r2", "consensus" and "roth", in paper units, 0 to 3.
    weight : of "wgan-gp" and "dragan", in weight (|psi| - 1)^2, 0 to 3.
    sigma : of "instance-noise", the standard deviation, 0 to 3.
    bound : of "clip", on |psi|, 0.1 to 2.
    scheme : "simultaneous", "alternating" or "flow".
    h : step size of both players, 0.02 to 2.
    d_steps : discriminator steps in an alternating update, 1 to 5.
    theta, psi : where training starts, -2.2 to 2.2.

    Raises
    ------
    traitlets.TraitError : a value out of range or an unknown name.

    Source: Mescheder, Geiger & Nowozin 2018, sections 2 and 3.

    Examples
    --------
    >>> explorer = DiracExplorer(regularizer="r1", gamma=0.3)
    >>> explorer.h = 0.4
    >>> explorer.game().spectral_radius(explorer.h).__round__(4)
    0.9592
    """

    _esm = module_source("linear", "special", "zoo", "dirac_presets", "dirac", "dirac_view")
    loss = traitlets.Enum(list(LOSSES), "minimax").tag(sync=True)
    regularizer = traitlets.Enum(list(REGULARIZERS), "r1").tag(sync=True)
    gamma = traitlets.Float(0.0, min=0.0, max=3.0).tag(sync=True)
    weight = traitlets.Float(0.35, min=0.0, max=3.0).tag(sync=True)
    sigma = traitlets.Float(0.8, min=0.0, max=3.0).tag(sync=True)
    bound = traitlets.Float(1.0, min=0.1, max=2.0).tag(sync=True)
    scheme = traitlets.Enum(["simultaneous", "alternating", "flow"], "simultaneous").tag(sync=True)
    h = traitlets.Float(0.2, min=0.02, max=2.0).tag(sync=True)
    d_steps = traitlets.Int(1, min=1, max=5).tag(sync=True)
    theta = traitlets.Float(1.0, min=-2.2, max=2.2).tag(sync=True)
    psi = traitlets.Float(1.0, min=-2.2, max=2.2).tag(sync=True)

    def game(self) -> DiracGAN:
        """The game that the figure shows.

        Examples
        --------
        >>> DiracExplorer(regularizer="instance-noise", sigma=2.0).game()
        DiracGAN(loss='minimax', regularizer='instance-noise', strength=2.0, center=1.0)
        """
        trait = _STRENGTH.get(self.regularizer)
        return DiracGAN(self.loss, self.regularizer, getattr(self, trait) if trait else 0.0)
