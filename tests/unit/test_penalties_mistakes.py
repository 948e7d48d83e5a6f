"""Mistakes in calls of penalties and steps are named at the call."""

import pytest
import torch
from torch import nn

from r1lab import penalties
from r1lab.step import DiscriminatorStep


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: penalties.r1(nn.Flatten(), x, torch.ones(2)), ValueError, "a 0-d tensor, not"),
        (lambda x: penalties.r1(nn.Flatten(), x, "10"), TypeError, "a 0-d tensor, not str"),
        (lambda x: penalties.r1(nn.Flatten(), x, 1.0, args=x), TypeError, "args must be a tuple"),
        (lambda x: penalties.r1(lambda x: x.long(), x, 1.0), ValueError, "real logits, not"),
        (
            lambda x: penalties.wgan_gp(nn.Flatten(), x, x, generator=nn.Linear(1, 1)),
            TypeError,
            "must be a torch.Generator, the source of random numbers, not Linear",
        ),
        (lambda x: penalties.R1(1.0, "func"), ValueError, 'must be "autograd" or "functional"'),
        (
            lambda x: DiscriminatorStep(nn.Flatten(), "hinge", 10.0),
            TypeError,
            "a name or an object",
        ),
        (lambda x: penalties.get(penalties.R1), TypeError, "a name or an object"),
        (lambda x: penalties.get(penalties.r1), TypeError, "a name or an object"),
        (lambda x: penalties.get(penalties.R1(1.0), 2.0), ValueError, "its own strength"),
    ],
)
def test_mistakes_are_named_at_the_call(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.ones(2, 3))
