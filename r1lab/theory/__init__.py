"""The theory as functions: what the chapters claim, computed. Imports NumPy; SciPy on use."""

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
