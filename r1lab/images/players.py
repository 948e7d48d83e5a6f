"""The two players of a run: networks, optimisers, and the generator's moving average."""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim.swa_utils import get_ema_multi_avg_fn

from r1lab import losses
from r1lab.images import checkpoints
from r1lab.images.config import Config
from r1lab.images.data.text import one_line
from r1lab.images.draws import NOISE, WEIGHTS, stream_seed
from r1lab.images.errors import InputError
from r1lab.images.networks import in_channels_last, pair_of
from r1lab.images.schedule import learning_rate_at, penalty_at
from r1lab.step import DiscriminatorStep, GeneratorStep

__all__ = ["Noisy", "Players"]

_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Noisy(nn.Module):
    """A discriminator that sees its input through fresh Gaussian noise: instance noise.

    Source: Mescheder, Geiger & Nowozin 2018, section 3.2: noise on real *and* generated samples.

    Parameters
    ----------
    discriminator : the module. sigma : standard deviation. noise : the random generator.

    Examples
    --------
    >>> Noisy(nn.Linear(2, 1), 0.1, torch.Generator())(torch.zeros(3, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(
        self, discriminator: nn.Module, sigma: float, noise: torch.Generator | None
    ) -> None:
        super().__init__()
        self.discriminator, self.sigma, self.noise = discriminator, sigma, noise

    def forward(self, x: Tensor, *args: Tensor) -> Tensor:
        """(B, ...) samples to the discriminator's logits."""
        drawn = torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=self.noise)
        return self.discriminator(x + self.sigma * drawn, *args)


class Players:
    """Generator, discriminator and all that their training changes.

    Parameters
    ----------
    config : the run's settings; the same ones give the same weights.
    shape : (C, S, S) of one image.
    device : where they live.
    classes : number of classes, 0 for networks without labels.
    wrap : makes one module train on several processes; called on either player's step.

    Attributes
    ----------
    generator, discriminator : the networks. ema : the generator's moving average, which makes the
        samples. discriminator_step, generator_step : the players' losses, wrapped and compiled.
    generator_optimizer, discriminator_optimizer : of the same kind. scaler : of float16 gradients;
        it does nothing in other precisions. loss : of `r1lab.losses`. penalty : its last value,
        0-d; of a lazy one divided by its interval.

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
        classes: int = 0,
        wrap: Callable[[nn.Module], nn.Module] = lambda module: module,
    ) -> None:
        self.config, self.device = config, device
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            # Not torch.manual_seed, which reseeds GPUs: the weights are drawn on the CPU.
            torch.default_generator.manual_seed(stream_seed(config.seed, WEIGHTS))
            self.generator, self.discriminator = pair_of(config, shape, classes)
        for network in (self.generator, self.discriminator):
            in_channels_last(network.to(device))
        self.ema = copy.deepcopy(self.generator).requires_grad_(False).eval()
        decay = 0.5 ** (config.batch / config.ema_half_life)
        self._average = get_ema_multi_avg_fn(decay)
        self.noise = None if device.type == "meta" else torch.Generator(device)
        self.scaler = GradScaler(device.type, enabled=config.precision == "fp16")
        self.loss = losses.get(config.loss)
        self.penalty = torch.zeros((), device=device)
        self._own_steps(wrap)
        self.generator_optimizer = _optimizer(self.generator, config)
        self.discriminator_optimizer = _optimizer(self.discriminator, config)

    def _own_steps(self, wrap: Callable[[nn.Module], nn.Module]) -> None:
        c, seen = self.config, self.discriminator
        if c.instance_noise:
            seen = Noisy(seen, c.instance_noise, self.noise)
        scaler = self.scaler if self.scaler.is_enabled() else None
        self._inner = DiscriminatorStep(seen, self.loss, None, scaler)
        steps = [wrap(self._inner), wrap(GeneratorStep(self.generator, seen, self.loss))]
        if c.compile:
            steps = [torch.compile(step) for step in steps]  # type: ignore[misc]
        self.discriminator_step, self.generator_step = steps

    def begin(self, step: int, rank: int = 0) -> None:
        """Set what depends on the step: learning rates, penalty, and this process's noise."""
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate_at(self.config, step)
        self._inner.penalty = penalty_at(self.config, step, self.noise)
        if self.noise is not None:
            self.noise.manual_seed(stream_seed(self.config.seed, NOISE, step, rank))

    def autocast(self) -> AbstractContextManager[object]:
        """The precision of the forward passes, as a context."""
        half = _HALF.get(self.config.precision)
        return nullcontext() if half is None else torch.autocast(self.device.type, half)

    def descend(self, total: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """One step of an optimiser down the gradient of its player's loss."""
        optimizer.zero_grad()
        self.scaler.scale(total).backward()
        self.scaler.step(optimizer)
        self.scaler.update()

    def remember(self, penalty: Tensor) -> None:
        """Keep the value of a penalty that this step computed."""
        if self._inner.penalty is not None:
            self.penalty = penalty.detach() / self.config.lazy

    def update_average(self) -> None:
        """Move the average towards the generator; of its buffers, too (BatchNorm's statistics)."""
        with torch.no_grad():
            averaged, current = (
                [*g.parameters(), *(b for b in g.buffers() if b.is_floating_point())]
                for g in (self.ema, self.generator)
            )
            self._average(averaged, current, 0)
            for ours, theirs in zip(self.ema.buffers(), self.generator.buffers(), strict=True):
                if not ours.is_floating_point():  # BatchNorm's counter
                    ours.copy_(theirs)

    def tensors(self) -> dict[str, Tensor]:
        """All that training changes, by name, for a checkpoint."""
        parts = {name: module.state_dict() for name, module in self._modules().items()}
        for name, optimizer in self._optimizers().items():
            parts[name] = checkpoints.optimizer_tensors(optimizer)
        named = {
            name: tensor
            for prefix, part in parts.items()
            for name, tensor in checkpoints.prefixed(prefix, part).items()
        }
        return {**named, "penalty": self.penalty}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` gave.

        Raises
        ------
        InputError : tensors that do not fit these networks.
        """
        try:
            for name, module in self._modules().items():
                module.load_state_dict(checkpoints.under(name, tensors))
            for name, optimizer in self._optimizers().items():
                checkpoints.load_optimizer(optimizer, checkpoints.under(name, tensors))
            self.penalty = tensors["penalty"].to(self.device)
        except (KeyError, IndexError, RuntimeError, ValueError) as error:
            told = one_line(error)[:200]
            raise InputError(f"the checkpoint does not fit its settings: {told}") from error

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


def _optimizer(network: nn.Module, config: Config) -> torch.optim.Optimizer:
    momentum, square = config.betas
    parameters = network.parameters()
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, config.lr, config.betas)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, config.lr, square, momentum=momentum)
        case "sgd":
            return torch.optim.SGD(parameters, config.lr, momentum)
