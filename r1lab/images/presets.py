"""Named settings, each with the source of its gamma (in paper units)."""

from dataclasses import dataclass
from typing import Any

from r1lab.images.config import Config
from r1lab.images.errors import InputError

__all__ = ["PRESETS", "PresetSettings", "preset"]


@dataclass(frozen=True)
class PresetSettings:
    """Settings that differ from the defaults, and where they come from.

    Attributes
    ----------
    settings : fields of `Config`. source : of gamma. run_here : False for settings that nobody
        has run in this repository, because their data could not be had.
    """

    settings: dict[str, Any]
    source: str
    run_here: bool = False


PRESETS: dict[str, PresetSettings] = {
    "mnist-5k": PresetSettings(
        {"data": "mnist-5k"},
        "gamma 10, not tuned",
        run_here=True,
    ),
    "fashion-mnist-32": PresetSettings(
        {"data": "fashion-mnist", "steps": 3000, "snapshot_every": 500},
        "gamma 10, not tuned",
        run_here=True,
    ),
    "cifar10-32": PresetSettings(
        {
            "data": "hf:uoft-cs/cifar10",
            "width": 64,
            "latent_dim": 128,
            "gamma": 0.01,
            "flips": True,
            "steps": 200_000,
            "ema_half_life": 500_000,
            "snapshot_every": 5000,
        },
        "gamma 0.01 of the cifar configuration of StyleGAN2-ADA (Karras et al. 2020)",
    ),
    "celeba-64": PresetSettings(
        {
            "data": "hf:flwrlabs/celeba",
            "size": 64,
            "width": 64,
            "latent_dim": 256,
            "gamma": 20.0,
            "flips": True,
            "optimizer": "rmsprop",
            "lr": 1e-4,
            "steps": 300_000,
            "ema_half_life": 44_000,
            "snapshot_every": 5000,
        },
        "the R1 authors' code: its reg_param 10 lacks the one half, so gamma 20; RMSprop 1e-4",
    ),
    "ffhq-256": PresetSettings(
        {
            "data": "hf:merkol/ffhq-256",
            "size": 256,
            "width": 64,
            "latent_dim": 256,
            "gamma": 150.0,
            "gamma_end": 15.0,
            "penalty": "r1+r2",
            "loss": "relativistic",
            "flips": True,
            "batch": 256,
            "lr": 2e-4,
            "precision": "bf16",
            "steps": 100_000,
            "ema_half_life": 500_000,
            "snapshot_every": 2000,
        },
        "gamma 150 to 15 with R1 + R2 and the relativistic loss: R3GAN (Huang et al. 2024)",
    ),
}


def preset(name: str) -> Config:
    """The settings of a preset.

    Raises
    ------
    InputError : an unknown name.

    Examples
    --------
    >>> preset("celeba-64").gamma
    20.0
    """
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}: use one of {', '.join(PRESETS)}")
    return Config(preset=name, **PRESETS[name].settings)  # type: ignore[arg-type]
