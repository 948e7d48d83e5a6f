"""The two players' training steps: loss and penalty in one module's forward.

One forward means one wrapper and one backward: under DistributedDataParallel a penalty that
reaches the parameters past the wrapper gives each rank different gradients, silently.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from torch.func import functional_call
from torch.nn.parallel import DistributedDataParallel

from r1lab import losses, penalties

__all__ = ["DiscriminatorStep", "GeneratorStep", "GeneratorTerms", "StepTerms", "accumulate"]


class StepTerms(NamedTuple):
    """What a discriminator step computed; call `.total.backward()`.

    total : 0-d, adversarial + penalty. adversarial, penalty : 0-d, their parts.
    real_logits, fake_logits : the discriminator's outputs on the two batches.
    """

    total: Tensor
    adversarial: Tensor
    penalty: Tensor
    real_logits: Tensor
    fake_logits: Tensor


class GeneratorTerms(NamedTuple):
    """What a generator step computed; call `.total.backward()`.

    total : 0-d, the loss. fake : the generated batch. fake_logits : the discriminator's outputs.
    """

    total: Tensor
    fake: Tensor
    fake_logits: Tensor


class DiscriminatorStep(nn.Module):
    """A discriminator's loss plus its gradient penalty, in one forward.

    The penalty's forward pass is shared with the loss wherever both look at the same batch. Wrap
    *this* module in DistributedDataParallel, not the discriminator. To change gamma during training
    assign another `penalty` (None for a lazy step without one; to `.module.penalty` of a DDP
    wrapper), or give it a 0-d tensor as gamma and fill that: nothing is compiled again.
    Class-conditional: both batches get the same `*args`, so make the fakes with the reals' labels.

    Parameters
    ----------
    discriminator : module (B, ...) -> logits, large on real data.
    loss : a name or object of `r1lab.losses`.
    penalty : an object of `r1lab.penalties` (`R1(gamma=10.0)`), or None.
    scaler : the GradScaler that will scale `total`, for float16: its scale also keeps the
        penalty's inner gradient from vanishing.

    Raises
    ------
    ValueError : an unknown loss, or a penalty's name without its strength.

    Source: Mescheder, Geiger & Nowozin 2018, section 4.1 (penalty in the discriminator's
    objective only).

    Examples
    --------
    >>> from r1lab import penalties
    >>> discriminator = torch.nn.Linear(2, 1)
    >>> step = DiscriminatorStep(discriminator, "non-saturating", penalties.R1(gamma=10.0))
    >>> real, fake = torch.randn(8, 2), torch.randn(8, 2)   # fakes made under torch.no_grad()
    >>> terms = step(real, fake)
    >>> terms.total.backward()
    >>> torch.allclose(terms.penalty, 5 * discriminator.weight.square().sum())
    True
    """

    def __init__(
        self,
        discriminator: nn.Module,
        loss: str | losses.Loss,
        penalty: penalties.Penalty | str | None,
        scaler: GradScaler | None = None,
    ) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.loss = losses.get(loss)
        self.penalty = penalties.get(penalty)
        self.scaler = scaler

    def forward(self, real: Tensor, fake: Tensor, *args: Any) -> StepTerms:
        """The step's terms on a real and a fake batch, each (B, ...); *args go to D after x."""
        terms = None
        if self.penalty is not None:
            # Above 2**15 the logits' own gradient would overflow float16.
            scale = 1.0 if self.scaler is None else min(self.scaler.get_scale(), 2.0**15)
            terms = self.penalty(self.discriminator, real, fake, args, scale)
        real_logits = terms.real_logits if terms else None
        fake_logits = terms.fake_logits if terms else None
        if real_logits is None:
            real_logits = self.discriminator(real, *args)
        if fake_logits is None:
            fake_logits = self.discriminator(fake, *args)
        adversarial = self.loss.discriminator(real_logits, fake_logits)
        penalty = terms.value if terms else adversarial.new_zeros(())
        return StepTerms(adversarial + penalty, adversarial, penalty, real_logits, fake_logits)


class GeneratorStep(nn.Module):
    """A generator's loss in one forward that leaves the discriminator's weights out of the graph.

    The discriminator is used with detached parameters, so its weights get no gradient and none is
    computed. It is no submodule: wrap *this* module in DistributedDataParallel, and only the
    generator is wrapped. A discriminator that FSDP2 shares out is gathered in each call: apply
    `r1lab.distributed.shard` to its `DiscriminatorStep` first.

    Parameters
    ----------
    generator : module (B, ...) latents -> samples.
    discriminator : module of samples -> logits, large on real data.
    loss : a name or object of `r1lab.losses`.

    Raises
    ------
    ValueError : an unknown loss; the relativistic loss without `real` in the call; in the call,
        parameters that FSDP2 shares out from outside the discriminator.

    Examples
    --------
    >>> generator, discriminator = nn.Linear(3, 2), nn.Linear(2, 1)
    >>> GeneratorStep(generator, discriminator, "hinge")(torch.randn(8, 3)).total.backward()
    >>> generator.weight.grad is not None, discriminator.weight.grad
    (True, None)
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, loss: str | losses.Loss
    ) -> None:
        super().__init__()
        self.generator = generator
        self._discriminator = (discriminator,)  # a tuple hides it from parameters()
        self.loss = losses.get(loss)

    def forward(self, latents: Tensor, *args: Any, real: Tensor | None = None) -> GeneratorTerms:
        """The step's terms on a batch of latents; *args go to both players, after z and x.

        `real` is used by the relativistic loss only, which pairs the two batches.
        """
        (discriminator,) = self._discriminator
        weights = _constants(discriminator)
        fake = self.generator(latents, *args)
        fake_logits = functional_call(discriminator, weights, (fake, *args))
        real_logits = None
        if real is not None and self.loss.pairs:
            with torch.no_grad():  # no generator in it
                real_logits = discriminator(real, *args)
        return GeneratorTerms(self.loss.generator(fake_logits, real_logits), fake, fake_logits)


def accumulate(
    step: nn.Module,
    real: Tensor,
    fake: Tensor,
    *args: Any,
    parts: int,
) -> StepTerms:
    """Forward and backward of a discriminator step in `parts` equal parts of the batch.

    The gradients that it adds to the parameters are those of the whole batch; the memory is that of
    one part. (Not where samples see each other: BatchNorm, DRAGAN's noise scale. Random penalties
    draw other points.) Under DistributedDataParallel or FSDP2 only the last part is synchronised.
    The step's scaler, if it has one, scales each backward.

    Parameters
    ----------
    step : a `DiscriminatorStep`, wrapped (compiled, in DistributedDataParallel) or not.
    real, fake : (B, ...) batches; B a multiple of `parts`.
    *args : further arguments of the discriminator; tensors with B rows are split, too.
    parts : number of parts.

    Returns
    -------
    The terms of the whole batch, detached.

    Raises
    ------
    TypeError : a step in which there is no `DiscriminatorStep`.
    ValueError : a batch that cannot be split into equal parts.

    Examples
    --------
    >>> step = DiscriminatorStep(nn.Linear(2, 1), "hinge", penalties.R1(gamma=1.0))
    >>> accumulate(step, torch.randn(8, 2), torch.randn(8, 2), parts=4).real_logits.shape
    torch.Size([8, 1])
    """
    batch = len(real)
    if parts < 1 or batch % parts or len(fake) != batch:
        raise ValueError(
            f"real and fake must have one batch size, a multiple of parts={parts}, "
            f"not {batch} and {len(fake)}"
        )
    scaler = _unwrapped(step).scaler
    split = [_split(arg, parts, batch) for arg in (real, fake, *args)]
    done = []
    for number, part in enumerate(zip(*split, strict=True), start=1):
        with _unsynchronised(step) if number < parts else nullcontext():
            terms = step(*part)
            total = terms.total / parts
            (total if scaler is None else scaler.scale(total)).backward()
        done.append(StepTerms(*(term.detach() for term in terms)))
    means = (torch.stack(values).mean() for values in list(zip(*done, strict=True))[:3])
    logits = (torch.cat(values) for values in list(zip(*done, strict=True))[3:])
    return StepTerms(*means, *logits)


def _constants(discriminator: nn.Module) -> dict[str, Tensor]:
    """The parameters without their graph; those that FSDP2 shares out are gathered before."""
    for module in discriminator.modules():
        if isinstance(module, FSDPModule):
            module.unshard()
    weights = {name: value.detach() for name, value in discriminator.named_parameters()}
    if shards := [name for name, weight in weights.items() if isinstance(weight, DTensor)]:
        raise ValueError(
            f"the discriminator's {shards[0]} is a shard that only a module around the "
            "discriminator can gather: apply r1lab.distributed.shard to its DiscriminatorStep"
        )
    return weights


def _unwrapped(step: nn.Module) -> DiscriminatorStep:
    """The step in its wrappers, each of which holds the next as a submodule."""
    inner = step.modules() if isinstance(step, nn.Module) else ()
    for module in inner:
        if isinstance(module, DiscriminatorStep):
            return module
    raise TypeError(f"step must be a DiscriminatorStep, wrapped or not, not {type(step).__name__}")


def _split(arg: Any, parts: int, batch: int) -> tuple:
    is_batch = isinstance(arg, Tensor) and arg.shape[:1] == (batch,)
    return arg.chunk(parts) if is_batch else (arg,) * parts


@contextmanager
def _unsynchronised(step: nn.Module) -> Iterator[None]:
    """Keep gradients on this rank; nothing to do for a module that is not wrapped."""
    with ExitStack() as wrappers:
        for module in step.modules():
            if isinstance(module, DistributedDataParallel):
                wrappers.enter_context(module.no_sync())
            elif isinstance(module, FSDPModule):
                module.set_requires_gradient_sync(False, recurse=False)
                wrappers.callback(module.set_requires_gradient_sync, True, recurse=False)
        yield
