"""The two players of a run: networks, optimisers, and the generator's moving average."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from r1lab import losses, penalties
from r1lab.images import checkpoints
from r1lab.images.config import Config
from r1lab.images.draws import WEIGHTS, stream_seed
from r1lab.images.networks import Discriminator, Generator, in_channels_last
from r1lab.step import DiscriminatorStep, GeneratorStep

__all__ = ["Players", "make_penalty"]


class Players:
    """Generator, discriminator and all that their training changes.

    Parameters
    ----------
    config : the run's settings; the same ones give the same weights.
    shape : (C, S, S) of one image.
    device : where they live.
    penalty_noise : the random generator, on `device`, of the penalty's interpolates.

    Attributes
    ----------
    generator, discriminator : the networks.
    discriminator_step : the discriminator with its loss and penalty.
    generator_step : the generator with its loss.
    ema : the generator's exponential moving average; `ema(latents)` makes the samples.
    generator_optimizer, discriminator_optimizer : Adam.
    loss : of `r1lab.losses`.

    Examples
    --------
    >>> config = Config(size=16, width=4, latent_dim=8)
    >>> players = Players(config, (1, 16, 16), torch.device("cpu"))
    >>> players.ema(torch.zeros(2, 8)).shape
    torch.Size([2, 1, 16, 16])
    """

    def __init__(
        self,
        config: Config,
        shape: tuple[int, int, int],
        device: torch.device,
        penalty_noise: torch.Generator | None = None,
    ) -> None:
        channels, size, _ = shape
        with torch.random.fork_rng():  # the caller's random numbers stay as they are
            torch.manual_seed(stream_seed(config.seed, WEIGHTS))
            self.generator = Generator(config.latent_dim, channels, size, config.width)
            self.discriminator = Discriminator(channels, size, config.width)
        for network in (self.generator, self.discriminator):
            in_channels_last(network.to(device))
        decay = 0.5 ** (config.batch / config.ema_half_life)
        self.ema = AveragedModel(
            self.generator, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True
        )
        self.loss = losses.get(config.loss)
        self.discriminator_step = DiscriminatorStep(
            self.discriminator, self.loss, make_penalty(config, penalty_noise)
        )
        self.generator_step = GeneratorStep(self.generator, self.discriminator, self.loss)
        self.generator_optimizer = _adam(self.generator, config)
        self.discriminator_optimizer = _adam(self.discriminator, config)

    def tensors(self) -> dict[str, Tensor]:
        """All that training changes, by name, for a checkpoint."""
        parts = {name: module.state_dict() for name, module in self._modules().items()}
        for name, optimizer in self._optimizers().items():
            parts[name] = checkpoints.optimizer_tensors(optimizer)
        return {
            name: tensor
            for prefix, part in parts.items()
            for name, tensor in checkpoints.prefixed(prefix, part).items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` gave."""
        for name, module in self._modules().items():
            module.load_state_dict(checkpoints.under(name, tensors))
        for name, optimizer in self._optimizers().items():
            checkpoints.load_optimizer(optimizer, checkpoints.under(name, tensors))

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "ema": self.ema,
        }

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }


def make_penalty(config: Config, noise: torch.Generator | None = None) -> penalties.Penalty | None:
    """The penalty that the settings ask for, with gamma in its own units.

    Examples
    --------
    >>> make_penalty(Config(penalty="wgan-gp", gamma=20.0)).weight
    10.0
    """
    if config.penalty == "wgan-gp":
        return penalties.WGANGP(weight=config.gamma / 2, generator=noise)
    return penalties.get(config.penalty, config.gamma)


def _adam(network: nn.Module, config: Config) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), config.lr, config.betas)
