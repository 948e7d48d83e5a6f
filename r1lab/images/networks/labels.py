"""Class-conditional networks: a label beside the latents, and a logit for each class."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

__all__ = ["Conditioned", "select"]


class Conditioned(nn.Module):
    """Latents with a class embedding beside them; without classes, the latents as they are.

    The embedding has the length of a typical latent, sqrt(latent_dim), so that both count alike.
    Source: the authors' code for Mescheder, Geiger & Nowozin 2018 (where its length is 1).

    Parameters
    ----------
    latent_dim : dimension of latents and embedding.
    classes : number of classes, 0 for none.

    Attributes
    ----------
    width : dimension of the output, latent_dim or twice that.

    Raises
    ------
    ValueError : labels without classes, or classes without labels.

    Examples
    --------
    >>> Conditioned(8, classes=10)(torch.zeros(2, 8), torch.tensor([0, 9])).shape
    torch.Size([2, 16])
    """

    def __init__(self, latent_dim: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, latent_dim) if classes else None
        self.width = latent_dim * (2 if classes else 1)

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """(B, latent_dim) and (B,) labels or None to (B, width)."""
        if (self.embedding is None) != (labels is None):
            raise ValueError("class-conditional networks need labels, and others take none")
        if self.embedding is None or labels is None:
            return latents
        embedded = normalize(self.embedding(labels), dim=1) * latents.shape[1] ** 0.5
        return torch.cat([latents, embedded], dim=1)


def select(logits: Tensor, labels: Tensor | None) -> Tensor:
    """Each sample's logit for its own label: (B, K) and (B,) to (B,); (B, 1) needs no labels.

    Raises
    ------
    ValueError : labels where there is one logit, or none where there are several.

    Examples
    --------
    >>> select(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0]))
    tensor([2., 3.])
    """
    if (logits.shape[1] == 1) != (labels is None):
        raise ValueError("class-conditional networks need labels, and others take none")
    return logits.squeeze(1) if labels is None else logits.gather(1, labels[:, None]).squeeze(1)
