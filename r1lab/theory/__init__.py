"""The theory as functions: what the chapters claim, computed.

All modules import NumPy and are imported on use. `solvable_players`, `spectra` and `toy` import
torch, and `spectra` SciPy, at once; the others need SciPy for some functions, and no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "dirac",
        "divergences",
        "dynamics",
        "solvable",
        "solvable_players",
        "spectra",
        "toy",
    ],
)
