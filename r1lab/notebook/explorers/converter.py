"""The gamma converter: the same penalty strength in the units of two code bases."""

import traitlets

from r1lab.gamma import CONVENTIONS
from r1lab.notebook.explorers.base import Explorer, module_source

__all__ = ["GammaConverter"]


class GammaConverter(Explorer):
    """What a strength of R1 in one code base is in another, in paper units, and by rule of thumb.

    The page computes what `r1lab.gamma.convert_gamma` and `stylegan_heuristic` do.

    Parameters
    ----------
    value : the strength in `source`'s units, 1e-6 to 1e6.
    source, target : names in `r1lab.gamma.CONVENTIONS`.
    channels, resolution : of the square images, in pixels; batch : images per step.
    interval : steps from one lazy penalty to the next.
    sigma : standard deviation of the noise of finite differences.

    Raises
    ------
    traitlets.TraitError : a value out of range or an unknown name.

    Source: the code bases named in the errata, and Karras et al. 2020 for the rule of thumb.

    Examples
    --------
    >>> GammaConverter(source="lucidrains", interval=4).value
    10.0
    """

    _esm = module_source("conventions", "converter")
    value = traitlets.Float(10.0, min=1e-6, max=1e6).tag(sync=True)
    source = traitlets.Enum(list(CONVENTIONS), "gan_stability").tag(sync=True)
    target = traitlets.Enum(list(CONVENTIONS), "paper").tag(sync=True)
    channels = traitlets.Int(3, min=1, max=4).tag(sync=True)
    resolution = traitlets.Int(256, min=4, max=1024).tag(sync=True)
    batch = traitlets.Int(32, min=1, max=4096).tag(sync=True)
    interval = traitlets.Int(1, min=1, max=64).tag(sync=True)
    sigma = traitlets.Float(0.01, min=1e-4, max=1.0).tag(sync=True)
