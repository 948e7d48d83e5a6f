"""How good generated images are: distances to real ones, each with the name of its features.

A Fréchet distance says nothing without the features that it was measured in, and those here are
not those of the published FIDs unless they are "inception-v3". `Evaluation` keeps the name.

>>> from r1lab import images
>>> from r1lab.images import metrics
>>> photos = images.load("photos-32").images                  # (N, C, S, S) uint8
>>> reference = metrics.Reference(photos[:1000])              # the features of the reals, once
>>> reference.features.name
'pixels-8x8'
>>> good, bad = photos[1000:2000], 255 - photos[1000:2000]
>>> reference.frechet(good) < reference.frechet(bad)
True
>>> reference.evaluate(good).sliced_wasserstein < reference.evaluate(bad).sliced_wasserstein
True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules={"distances", "features"},
    submod_attrs={
        "base": ["Features"],
        "evaluation": ["Evaluation", "Reference", "evaluate", "frechet_distance"],
        "features": ["default_features"],
    },
)
