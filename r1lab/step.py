"""The two players' training steps: loss and penalty in one module's forward.

One forward means one wrapper and one backward: under DistributedDataParallel a penalty that
reaches the parameters past the wrapper gives each rank different gradients, silently.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.distributed.fsdp import FSDPModule
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
    generator is wrapped.

    Parameters
    ----------
    generator : module (B, ...) latents -> samples.
    discriminator : module of samples -> logits, large on real data.
    loss : a name or object of `r1lab.losses`.

    Raises
    ------
    ValueError : an unknown loss; the relativistic loss without `real` in the call.

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
        weights = {name: value.detach() for name, value in discriminator.named_parameters()}
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
    step : a `DiscriminatorStep`, wrapped or not.
    real, fake : (B, ...) batches; B a multiple of `parts`.
    *args : further arguments of the discriminator; tensors with B rows are split, too.
    parts : number of parts.

    Returns
    -------
    The terms of the whole batch, detached.

    Raises
    ------
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
    own = step.module if isinstance(step, DistributedDataParallel) else step
    scaler = own.scaler if isinstance(own, DiscriminatorStep) else None
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


def _split(arg: Any, parts: int, batch: int) -> tuple:
    is_batch = isinstance(arg, Tensor) and arg.shape[:1] == (batch,)
    return arg.chunk(parts) if is_batch else (arg,) * parts


@contextmanager
def _unsynchronised(step: nn.Module) -> Iterator[None]:
    """Keep gradients on this rank; nothing to do for a module that is not wrapped."""
    if isinstance(step, DistributedDataParallel):
        with step.no_sync():
            yield
    elif isinstance(step, FSDPModule):
        step.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            step.set_requires_gradient_sync(True)
    else:
        yield
