"""Real image GANs that you can train: data, networks, a trainer with checkpoints, samples.

>>> from r1lab import images
>>> trainer = images.Trainer(images.Config(data="mnist-5k", steps=300))   # doctest: +SKIP
>>> folder = trainer.run(progress=False)                                   # doctest: +SKIP
>>> picture = images.grid(images.sample(trainer, count=64, seed=0))        # doctest: +SKIP
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["Config"],
        "evaluation": ["evaluate"],
        "data": ["load"],
        "errors": ["Diverged", "InputError", "Interrupted"],
        "networks": ["Discriminator", "Generator", "pair"],
        "pictures": ["grid"],
        "presets": ["preset"],
        "runs": ["RunFolder"],
        "sampling": ["Networks", "interpolate", "load_networks", "sample"],
        "spectrum": ["game_jacobian"],
        "trainer": ["Trainer"],
    },
)
