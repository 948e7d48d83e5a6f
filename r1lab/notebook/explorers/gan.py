"""A GAN in the page: both players trained in JavaScript, with exact gradient penalties."""

import re

import traitlets

from r1lab.notebook.explorers.base import Explorer, module_source
from r1lab.theory.toy import PROBLEMS

__all__ = ["GANExplorer"]

METHODS = ("none", "wgan-gp", "r1", "r1+r2")
_STEPS = 2400
_MOVES = re.compile(r"(\d+[DG]+( +\d+[DG]+)*)?", re.ASCII)


class GANExplorer(Explorer):
    """A small GAN in the plane, trained in the page; the same settings replay the same run.

    Both players have two hidden layers of 16 tanh units, the generator two latents. A step is
    one of the generator, then `d_steps` of the discriminator, all plain gradient descent on
    batches of 64, as `r1lab.theory.toy.train` goes about it.

    Parameters
    ----------
    problem : a name of `r1lab.theory.toy.PROBLEMS`.
    method : "none", "r1" and "r1+r2" have the non-saturating loss, "wgan-gp" Wasserstein's.
    gamma : strength of "r1" and "r1+r2" in paper units, 0 to 3.
    weight : of "wgan-gp", in weight (||grad_x D|| - 1)^2, 0 to 3.
    h : step size of both players, 0.02 to 0.3.
    d_steps : discriminator steps after each generator step, 1 to 5.
    steps : how far it is trained, 0 to 2400.
    by_hand : single steps on the way: "240DDG" is two of the discriminator and one of the
        generator after 240 steps; several such groups are separated by spaces.
    seed : of weights, data and latents, 0 to 9.

    Raises
    ------
    traitlets.TraitError : a value out of range, an unknown name, moves in another form.

    Source: Mescheder, Geiger & Nowozin 2018, section 5.1, for problems and methods.

    Examples
    --------
    >>> GANExplorer(method="r1", steps=400).steps
    400
    """

    _esm = module_source(
        "random", "mlp", "contours", "gan_train", "gan_measure", "gan_run", "gan", "gan_view"
    )
    problem = traitlets.Enum(list(PROBLEMS), "eight-gaussians").tag(sync=True)
    method = traitlets.Enum(list(METHODS), "none").tag(sync=True)
    gamma = traitlets.Float(0.5, min=0.0, max=3.0).tag(sync=True)
    weight = traitlets.Float(1.0, min=0.0, max=3.0).tag(sync=True)
    h = traitlets.Float(0.1, min=0.02, max=0.3).tag(sync=True)
    d_steps = traitlets.Int(1, min=1, max=5).tag(sync=True)
    steps = traitlets.Int(0, min=0, max=_STEPS).tag(sync=True)
    by_hand = traitlets.Unicode("").tag(sync=True)
    seed = traitlets.Int(0, min=0, max=9).tag(sync=True)

    @traitlets.validate("by_hand")
    def _check_moves(self, proposal: traitlets.Bunch) -> str:
        moves = proposal["value"]
        if not _MOVES.fullmatch(moves) or any(int(n) > _STEPS for n in re.findall(r"\d+", moves)):
            raise traitlets.TraitError(
                f"by_hand must be moves like '240DDG 300G', at steps up to {_STEPS}, not {moves!r}"
            )
        return moves
