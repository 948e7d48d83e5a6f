"""How far the samples of a run are from its data, measured while it trains."""

from typing import TYPE_CHECKING

from r1lab.images import metrics
from r1lab.images.config import Config
from r1lab.images.data import Images
from r1lab.images.draws import EVALUATION, batch_indices
from r1lab.images.errors import Diverged, InputError
from r1lab.images.pictures import to_bytes
from r1lab.images.sampling import sample

if TYPE_CHECKING:
    from r1lab.images.trainer import Trainer

__all__ = ["Yardstick"]

_COUNT = 5000  # images on either side


class Yardstick:
    """The Fréchet distance of a trainer's samples from its data; remembers the best.

    Parameters
    ----------
    images : the data, of which 5,000 are compared, the same for all runs. config : of the run.

    Attributes
    ----------
    best : the smallest distance so far, or None.

    Raises
    ------
    InputError : fewer than two images.
    """

    def __init__(self, images: Images, config: Config) -> None:
        if len(images) < 2:
            raise InputError("a distance needs at least 2 images: train without --evaluate-every")
        features = metrics.default_features(images.shape)
        chosen = batch_indices(0, 0, min(_COUNT, len(images)), len(images))  # for runs of any seed
        self._reference = metrics.Reference(images.images[chosen], features)
        self._name = f"frechet[{features}]"
        self._seed = config.seed
        self.best: float | None = None

    def measure(self, trainer: "Trainer") -> dict[str, float]:
        """The distance now, under the name of its features.

        Raises
        ------
        Diverged : samples that are not finite.
        """
        fakes = sample(trainer, _COUNT, self._seed, stream=EVALUATION)
        if not fakes.isfinite().all():
            raise Diverged(f"the samples are not finite any more at step {trainer.step}")
        distance = self._reference.frechet(to_bytes(fakes))
        self.best = distance if self.best is None else min(distance, self.best)
        return {self._name: distance}
