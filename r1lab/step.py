"""The discriminator's training step: loss and penalty in one module's forward.

One forward means one wrapper and one backward: under DistributedDataParallel a penalty that
reaches the parameters past the wrapper gives each rank different gradients, silently.
"""

from typing import Any, NamedTuple

from torch import Tensor, nn

from r1lab import losses, penalties

__all__ = ["DiscriminatorStep", "StepTerms"]


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


class DiscriminatorStep(nn.Module):
    """A discriminator's loss plus its gradient penalty, in one forward.

    The penalty's forward pass is shared with the loss wherever both look at the same batch. Wrap
    *this* module in DistributedDataParallel, not the discriminator.

    Parameters
    ----------
    discriminator : module (B, ...) -> logits, large on real data.
    loss : a name or object of `r1lab.losses`.
    penalty : an object of `r1lab.penalties` (`R1(gamma=10.0)`), or None.

    Raises
    ------
    ValueError : an unknown loss, or a penalty's name without its strength.

    Source: Mescheder, Geiger & Nowozin 2018, section 4.1 (penalty in the discriminator's
    objective only).

    Examples
    --------
    >>> import torch
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
    ) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.loss = losses.get(loss)
        self.penalty = penalties.get(penalty)

    def forward(self, real: Tensor, fake: Tensor, *args: Any) -> StepTerms:
        """The step's terms on a real and a fake batch, each (B, ...); *args go to D after x."""
        terms = None
        if self.penalty is not None:
            terms = self.penalty(self.discriminator, real, fake, args)
        real_logits = terms.real_logits if terms else None
        fake_logits = terms.fake_logits if terms else None
        if real_logits is None:
            real_logits = self.discriminator(real, *args)
        if fake_logits is None:
            fake_logits = self.discriminator(fake, *args)
        adversarial = self.loss.discriminator(real_logits, fake_logits)
        penalty = terms.value if terms else adversarial.new_zeros(())
        return StepTerms(adversarial + penalty, adversarial, penalty, real_logits, fake_logits)
