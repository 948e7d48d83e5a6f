"""The manifold explorer: what "orthogonal to the data manifold" means, and why it matters."""

import traitlets

from r1lab.notebook.explorers.base import Explorer, module_source

__all__ = ["ManifoldExplorer"]


class ManifoldExplorer(Explorer):
    """A small discriminator on data along a curve, trained in the page without and with R1.

    It first learns (200 steps) from fakes above the curve. Then the generator is perfect, the
    fakes are the data, and `steps` more follow: gradient descent with rate 0.1 on all 48 points,
    16 tanh units, non-saturating loss.

    Parameters
    ----------
    gamma : strength of R1 in paper units, 0 to 2, in the right-hand picture.
    steps : training steps since the generator became perfect, 0 to 400.
    probe : the point of the curve whose gradient is split, -1 (left end) to 1.
    seed : of the initial weights, 0 to 9.

    Raises
    ------
    traitlets.TraitError : a value out of range.

    Source: Mescheder, Geiger & Nowozin 2018, section 4.1.

    Examples
    --------
    >>> ManifoldExplorer(steps=200)
    ManifoldExplorer(gamma=0.5, probe=-0.4, seed=0, steps=200)
    """

    _esm = module_source("random", "mlp", "contours", "manifold", "manifold_view")
    gamma = traitlets.Float(0.5, min=0.0, max=2.0).tag(sync=True)
    steps = traitlets.Int(0, min=0, max=400).tag(sync=True)
    probe = traitlets.Float(-0.4, min=-1.0, max=1.0).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=9).tag(sync=True)
