"""How close fakes are to reals: all distances at once, or the Fréchet distance alone."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor

from r1lab.images.errors import InputError
from r1lab.images.metrics import distances
from r1lab.images.metrics.base import Features, check_images, extract
from r1lab.images.metrics.features import default_features, get

__all__ = ["Evaluation", "Reference", "evaluate", "frechet_distance"]

_MOST_COMPARED = 5000  # pairwise distances need memory and time O(N^2)


@dataclass(frozen=True)
class Evaluation:
    """What was measured between fakes and reals; prints as a table.

    Distances in different features, or from different counts, cannot be compared.

    Examples
    --------
    >>> black = torch.zeros(8, 1, 32, 32, dtype=torch.uint8)
    >>> print(evaluate(black + 255, black, "pixels-8x8"))
    8 fakes, 8 reals             value                 features
    Fréchet distance             768                   pixels-8x8
    kernel distance              16 ± 0                pixels-8x8
    sliced Wasserstein distance  2                     pixels
    precision                    0.000                 pixels-8x8
    recall                       0.000                 pixels-8x8
    density                      0.000                 pixels-8x8
    coverage                     0.000                 pixels-8x8
    """

    features: str
    """Name of the features of all measures but the sliced Wasserstein distance."""

    count: int
    """Fakes."""

    real_count: int
    """Reals."""

    frechet: float
    """Squared Fréchet distance, of all images; lower is better; biased upwards by few images."""

    kernel: float
    """Unbiased squared MMD with a cubic kernel; lower is better, 0 the best on average."""

    kernel_std: float
    """Its standard deviation over subsets."""

    sliced_wasserstein: float
    """Sliced 2-Wasserstein distance of the pixels themselves, in [-1, 1]; lower is better."""

    precision: float
    """Share of fakes that look like reals."""

    recall: float
    """Share of reals that the fakes could be taken for."""

    density: float
    """As precision, but less moved by outliers among the reals; may exceed 1."""

    coverage: float
    """As recall, but less moved by outliers among the fakes."""

    def to_json(self) -> dict[str, Any]:
        """All fields, as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """What `to_json` gave, as an object.

        Parameters
        ----------
        record : its fields.

        Raises
        ------
        InputError : fields are missing, or there are others.

        Examples
        --------
        >>> black = torch.zeros(8, 1, 32, 32, dtype=torch.uint8)
        >>> found = evaluate(black, black, "pixels-8x8")
        >>> Evaluation.from_json(found.to_json()) == found
        True
        """
        names = {field.name for field in fields(cls)}
        if set(record) != names:
            raise InputError(
                f"not an evaluation of r1lab: its fields are {', '.join(sorted(record))}"
            )
        return cls(**record)

    def __str__(self) -> str:
        spread = f"{self.kernel:.4g} ± {self.kernel_std:.2g}"
        rows = [
            (f"{self.count} fakes, {self.real_count} reals", "value", "features"),
            ("Fréchet distance", f"{self.frechet:.4g}", self.features),
            ("kernel distance", spread, self.features),
            ("sliced Wasserstein distance", f"{self.sliced_wasserstein:.4g}", "pixels"),
            *(
                (name, f"{getattr(self, name):.3f}", self.features)
                for name in ("precision", "recall", "density", "coverage")
            ),
        ]
        return "\n".join(f"{name:<27}  {value:<20}  {space}" for name, value, space in rows)


class Reference:
    """Real images and their features, computed once: for many evaluations of changing fakes.

    Parameters
    ----------
    real : (N, C, S, S) uint8, on the device where features are to be computed.
    features : a name that `features.get` takes, or the object; by default what
        `default_features` names.

    Raises
    ------
    InputError : images that are not uint8, not square or not for these features; too few.

    Examples
    --------
    >>> from r1lab import images
    >>> real = images.load("photos-32").images[:200]
    >>> reference = Reference(real)
    >>> reference.frechet(255 - real) > reference.frechet(real.flip(3))
    True
    """

    def __init__(self, real: Tensor, features: str | Features | None = None) -> None:
        check_images(real, "the reals")
        _, channels, height, width = real.shape
        if features is None:
            features = default_features((channels, height, width))
        self.features = get(features) if isinstance(features, str) else features
        self.real = real
        self.real_features = extract(self.features, real)

    def frechet(self, fake: Tensor) -> float:
        """The squared Fréchet distance alone, in seconds for thousands of small images.

        Parameters
        ----------
        fake : (N, C, S, S) uint8, as the reals.
        """
        return distances.frechet(self._fake_features(fake), self.real_features)

    def evaluate(self, fake: Tensor, seed: int = 0) -> Evaluation:
        """All measures.

        The Fréchet and the kernel distance take all images. The others take as many fakes as
        reals: a random choice, where there are more of one, or more than 5000.

        Parameters
        ----------
        fake : (N, C, S, S) uint8, as the reals.
        seed : of the choice and of random directions.
        """
        fake_features = self._fake_features(fake)
        distances.check_counts(fake, self.real)
        count = min(len(fake), len(self.real), _MOST_COMPARED)
        of_fakes, of_reals = (_choice(len(x), count, seed) for x in (fake, self.real))
        scores = distances.manifold_scores(fake_features[of_fakes], self.real_features[of_reals])
        mean, deviation = distances.kernel(fake_features, self.real_features, seed)
        return Evaluation(
            features=self.features.name,
            count=len(fake),
            real_count=len(self.real),
            frechet=distances.frechet(fake_features, self.real_features),
            kernel=mean,
            kernel_std=deviation,
            sliced_wasserstein=distances.sliced(fake[of_fakes], self.real[of_reals], seed),
            **scores._asdict(),
        )

    def _fake_features(self, fake: Tensor) -> Tensor:
        check_images(fake, "the fakes")
        if fake.shape[1:] != self.real.shape[1:]:
            raise InputError(
                f"the fakes are of shape {tuple(fake.shape[1:])} and the reals of "
                f"{tuple(self.real.shape[1:])}: they must be alike"
            )
        return extract(self.features, fake)


def evaluate(
    fake: Tensor, real: Tensor, features: str | Features | None = None, seed: int = 0
) -> Evaluation:
    """All measures between fakes and reals; `Reference` does it many times for the same reals.

    Parameters
    ----------
    fake, real : (N, C, S, S) and (M, C, S, S) uint8; at least 7 of each.
    features : a name that `features.get` takes, or the object; by default what
        `default_features` names.
    seed : of random subsets and directions; keep it where evaluations are compared.

    Raises
    ------
    InputError : images that are not uint8, not square, not alike or not for these features; too
        few; features that this machine does not have.

    Examples
    --------
    >>> from r1lab import images
    >>> photos = images.load("photos-32").images
    >>> evaluate(photos[:500], photos[500:1000]).features
    'pixels-8x8'
    """
    return Reference(real, features).evaluate(fake, seed)


def frechet_distance(fake: Tensor, real: Tensor, features: str | Features | None = None) -> float:
    """The squared Fréchet distance in named features; arguments and errors as of `evaluate`.

    Examples
    --------
    >>> black = torch.zeros(8, 1, 32, 32, dtype=torch.uint8)
    >>> frechet_distance(black + 255, black, "pixels-8x8")   # 192 features, each moved by 2
    768.0
    """
    return Reference(real, features).frechet(fake)


def _choice(total: int, count: int, seed: int) -> Tensor:
    """`count` of `total` indices, at random; the same ones for the same arguments."""
    return torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:count]
