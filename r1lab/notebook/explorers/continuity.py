"""The continuity explorer: two distributions slid apart, and what each divergence makes of it."""

import traitlets

from r1lab.notebook.explorers.base import Explorer, module_source

__all__ = ["ContinuityExplorer"]


class ContinuityExplorer(Explorer):
    """KL, JS, total variation and Wasserstein-1 against the shift of a pair, with their slopes.

    Parameters
    ----------
    pair : "points" and "segments" (parallel ones), `divergences.diracs`; "intervals",
        `divergences.collinear_segments`, which ignores the smoothing; "gaussians" of standard
        deviation 0.5.
    shift : of the fake distribution, -3 to 3.
    smoothing : standard deviation of the Gaussian noise added to both, 0 to 1.

    Raises
    ------
    traitlets.TraitError : a value out of range or an unknown name.

    Source: Arjovsky & Bottou 2017; Arjovsky, Chintala & Bottou 2017, example 1.

    Examples
    --------
    >>> ContinuityExplorer(pair="segments")
    ContinuityExplorer(pair='segments', shift=1.0, smoothing=0.0)
    """

    _esm = module_source("special", "continuity", "continuity_view")
    pair = traitlets.Enum(["points", "segments", "intervals", "gaussians"], "points").tag(sync=True)
    shift = traitlets.Float(1.0, min=-3.0, max=3.0).tag(sync=True)
    smoothing = traitlets.Float(0.0, min=0.0, max=1.0).tag(sync=True)
