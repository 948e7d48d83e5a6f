"""The Dirac-GAN explorer: step size and gamma move eigenvalues and trajectory."""

import traitlets

from r1lab.notebook.explorers.base import Explorer, module_source

__all__ = ["DiracExplorer"]


class DiracExplorer(Explorer):
    """Simultaneous training of the minimax Dirac-GAN with R1, to be played with.

    Parameters
    ----------
    h : step size of both players, 0.02 to 2.
    gamma : strength of R1 in paper units, 0 to 3.

    Examples
    --------
    >>> explorer = DiracExplorer(h=0.2, gamma=0.3)
    >>> explorer
    DiracExplorer(gamma=0.3, h=0.2)
    """

    _esm = module_source("dirac")
    h = traitlets.Float(0.2, min=0.02, max=2.0).tag(sync=True)
    gamma = traitlets.Float(0.0, min=0.0, max=3.0).tag(sync=True)
