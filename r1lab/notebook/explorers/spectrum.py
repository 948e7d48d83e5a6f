"""The spectrum explorer: gamma moves the eigenvalues, h decides whether steps can follow them."""

import traitlets

from r1lab.notebook.explorers.base import Explorer, module_source

__all__ = ["SpectrumExplorer"]


class SpectrumExplorer(Explorer):
    """Eigenvalues and multipliers under R1 with the logistic loss, and the stable steps.

    Parameters
    ----------
    game : "dirac", the Dirac-GAN, or "line", `r1lab.theory.solvable.LineGAN` with scale 1, whose
        zero eigenvalues (equilibria next to each other) are left out.
    gamma : strength of R1 in paper units, 0 to 3.
    h : step size of both players, 0.02 to 4.
    scheme : "simultaneous" or "alternating", one step of each player.

    Raises
    ------
    traitlets.TraitError : a value out of range or an unknown name.

    Source: Mescheder, Nowozin & Geiger 2017 (the bound from |Im/Re|); Mescheder, Geiger &
    Nowozin 2018, lemma 3.3.

    Examples
    --------
    >>> SpectrumExplorer(gamma=0.3)
    SpectrumExplorer(game='dirac', gamma=0.3, h=0.2, scheme='simultaneous')
    """

    _esm = module_source("linear", "spectrum")
    game = traitlets.Enum(["dirac", "line"], "dirac").tag(sync=True)
    gamma = traitlets.Float(0.3, min=0.0, max=3.0).tag(sync=True)
    h = traitlets.Float(0.2, min=0.02, max=4.0).tag(sync=True)
    scheme = traitlets.Enum(["simultaneous", "alternating"], "simultaneous").tag(sync=True)
