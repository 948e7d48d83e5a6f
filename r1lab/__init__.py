"""The public face of r1lab: gradient penalties, GAN losses, and the theory behind them.

Submodules load on first use, so that the NumPy-only theory imports without torch.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("r1lab")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "distributed",
        "doctor",
        "gamma",
        "images",
        "losses",
        "monitor",
        "notebook",
        "penalties",
        "step",
        "theory",
    ],
)
