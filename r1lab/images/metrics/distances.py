"""Distances between two sets of vectors or images, each the work of a known library."""

import io
import warnings
from contextlib import redirect_stdout
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from r1lab.images.errors import InputError
from r1lab.images.pictures import to_unit_range

# torchmetrics, POT and prdc are imported where they are used: each takes seconds.

__all__ = ["ManifoldScores", "check_counts", "frechet", "kernel", "manifold_scores", "sliced"]

_NEIGHBOURS = 5  # k of precision, recall, density and coverage
_SUBSETS, _SUBSET_SIZE = 100, 1000  # of the kernel distance, as is usual
_PROJECTIONS = 256
_AT_ONCE = 64  # images in memory at once, as floats


class ManifoldScores(NamedTuple):
    """Precision, recall, density and coverage.

    Attributes
    ----------
    precision : share of fakes that lie in the balls around reals. recall : share of reals that lie
        in the balls around fakes. density : mean number of real balls around a fake, over k; may
        exceed 1. coverage : share of reals whose ball has a fake in it. A ball reaches from a
        vector to its k-th neighbour of the same set.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def frechet(fake: Tensor, real: Tensor) -> float:
    """The squared Fréchet distance between the Gaussians with the means and covariances of both.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), from sample moments. Both sets being finite, it
    is biased upwards, the more the fewer vectors and the more features there are: compare values
    at the same counts only.

    Source: Heusel et al. 2017, equation (6).

    Parameters
    ----------
    fake, real : (N, d) and (M, d) float64.

    Raises
    ------
    InputError : fewer than 2 vectors.

    Examples
    --------
    >>> x = torch.randn(100, 4, dtype=torch.float64)
    >>> round(frechet(x + 1, x), 6)   # |(1, 1, 1, 1)|^2
    4.0
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    check_counts(fake, real, 2, "the Fréchet distance needs")
    # Of this process alone: the others may be training and not here to be waited for.
    metric = FrechetInceptionDistance(_Given(fake.shape[1]), sync_on_compute=False)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return metric.compute().item()


def kernel(fake: Tensor, real: Tensor, seed: int = 0) -> tuple[float, float]:
    """The kernel distance: the unbiased squared MMD with the kernel (x.y / d + 1)^3.

    Its mean and its standard deviation over 100 random subsets of at most 1000 vectors; one
    subset and 0 where that is all there are. Around 0, also below it, for two samples of one
    distribution, whatever their number.

    Source: Bińkowski et al. 2018, "Demystifying MMD GANs".

    Parameters
    ----------
    fake, real : (N, d) and (M, d) float64.
    seed : of the subsets; the global random state is left alone.

    Raises
    ------
    InputError : fewer than 2 vectors.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [0.0]], dtype=torch.float64)
    >>> kernel(x + 1, x)   # k is 8 and 1 within, 1 across
    (7.0, 0.0)
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    check_counts(fake, real, 2, "the kernel distance needs")
    size = min(_SUBSET_SIZE, len(fake), len(real))
    subsets = 1 if size == len(fake) == len(real) else _SUBSETS
    with warnings.catch_warnings():
        # It warns each time that it keeps all features in memory: they are here already.
        warnings.filterwarnings("ignore", message=".*will save all extracted features")
        metric = KernelInceptionDistance(_Given(fake.shape[1]), subsets, subset_size=size)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which reseeds GPUs
        mean, deviation = metric.compute()
    return mean.item(), deviation.item()


def manifold_scores(fake: Tensor, real: Tensor) -> ManifoldScores:
    """Precision, recall, density and coverage with k = 5 neighbours; costs O(N^2).

    Source: Kynkäänniemi et al. 2019 (precision, recall); Naeem et al. 2020 (density, coverage).

    Parameters
    ----------
    fake, real : (N, d) and (M, d) float64.

    Raises
    ------
    InputError : fewer than 7 vectors.

    Examples
    --------
    >>> x = torch.randn(100, 4, dtype=torch.float64)
    >>> manifold_scores(x + 100, x)
    ManifoldScores(precision=0.0, recall=0.0, density=0.0, coverage=0.0)
    """
    from joblib import parallel_config
    from prdc import compute_prdc

    check_counts(fake, real)
    # It prints the two counts, and asks for eight threads, with which scikit-learn 1.9 loses the
    # process's warning filters.
    with redirect_stdout(io.StringIO()), parallel_config(backend="sequential"):
        scores = compute_prdc(real.float().numpy(), fake.float().numpy(), _NEIGHBOURS)
    return ManifoldScores(**{name: float(score) for name, score in scores.items()})


def sliced(fake: Tensor, real: Tensor, seed: int = 0) -> float:
    """The sliced 2-Wasserstein distance of images, as vectors of pixels in [-1, 1].

    The root of the mean of W2^2 over 256 random directions. It is in units of a pixel: where all
    pixels of all images are moved by c, it is close to |c|, for any size of image. The random
    directions move it by some 4 %, but alike in all evaluations with one seed and image size.

    Source: Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of measures".

    Parameters
    ----------
    fake, real : (N, C, S, S) uint8; as many fakes as reals.
    seed : of the directions.

    Raises
    ------
    InputError : not as many fakes as reals.

    Examples
    --------
    >>> black = torch.zeros(10, 1, 32, 32, dtype=torch.uint8)
    >>> sliced(black, black)
    0.0
    """
    import ot

    if len(fake) != len(real):
        raise InputError(
            "the sliced Wasserstein distance needs as many fakes as reals, "
            f"not {len(fake)} and {len(real)}"
        )
    pixels = fake.shape[1:].numel()
    directions = ot.sliced.get_random_projections(pixels, _PROJECTIONS, seed % 2**32)
    squares = ot.wasserstein_1d(_projected(fake, directions), _projected(real, directions), p=2)
    return float(np.sqrt(squares.mean()))


def check_counts(
    fake: Tensor,
    real: Tensor,
    least: int = _NEIGHBOURS + 2,
    what: str = "precision and recall need",
) -> None:
    """Raise an InputError where there are fewer fakes or reals than this.

    Examples
    --------
    >>> check_counts(torch.zeros(9, 4), torch.zeros(1, 4), 2, "this needs")
    Traceback (most recent call last):
    r1lab.images.errors.InputError: this needs at least 2 fakes and as many reals, not 9 and 1
    """
    if min(len(fake), len(real)) < least:
        raise InputError(
            f"{what} at least {least} fakes and as many reals, not {len(fake)} and {len(real)}"
        )


def _projected(images: Tensor, directions: np.ndarray) -> np.ndarray:
    """(N, directions) float64; in float32 until then, because large images are long vectors."""
    matrix = torch.from_numpy(directions).float()
    floats = (to_unit_range(part.cpu(), dtype=torch.float32) for part in images.split(_AT_ONCE))
    return torch.cat([part.flatten(1) @ matrix for part in floats]).double().numpy()


class _Given(nn.Module):
    """The features of features: for a metric of torchmetrics, which wants a network."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features
