"""Networks: shapes, independence of samples, classes, costs; and pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from r1lab.images import metrics
from r1lab.images.config import Config
from r1lab.images.errors import InputError
from r1lab.images.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    Discriminator,
    Generator,
    cost,
    pair,
)
from r1lab.images.pictures import grid, to_bytes, to_unit_range, write_film

PAIRS = ("residual", "dcgan")


@pytest.mark.parametrize("kind", [Discriminator, DCGANDiscriminator])
def test_discriminators_do_not_couple_samples(kind):
    discriminator = kind(3, 32, 4)
    x = torch.randn(5, 3, 32, 32)
    torch.testing.assert_close(
        discriminator(x), torch.cat([discriminator(one[None]) for one in x]), rtol=1e-4, atol=1e-5
    )
    assert not any("Norm" in type(module).__name__ for module in discriminator.modules())


@pytest.mark.parametrize("name", ["residual", "dcgan"])
@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_network_shapes(name, size):
    generator, discriminator = pair(name, (1, size, size), latent_dim=8, width=2)
    images = generator(torch.randn(2, 8))
    assert images.shape == (2, 1, size, size)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (2,)


@pytest.mark.parametrize("name", ["residual", "dcgan"])
def test_a_class_chooses_its_embedding_and_its_logit(name):
    torch.manual_seed(0)
    options = {"latent_dim": 8, "width": 4, "classes": 3}
    generator, discriminator = pair(name, (1, 16, 16), **options)
    generator.eval()
    z, labels = torch.randn(1, 8).expand(3, 8), torch.arange(3)
    images = generator(z, labels)
    assert (images[0] - images[1]).abs().max() > 1e-3  # the same latents, another class
    every = discriminator.to_logit  # all logits of the first image, one after the other
    seen = []
    every.register_forward_hook(lambda _, __, out: seen.append(out[0]))
    chosen = discriminator(images[:1].expand(3, -1, -1, -1), labels)
    torch.testing.assert_close(chosen, seen[0], rtol=1e-4, atol=1e-5)
    for network, x in ((generator, z), (discriminator, images)):
        with pytest.raises(ValueError, match="need labels"):
            network(x)
    with pytest.raises(ValueError, match="need labels"):
        pair(name, (1, 16, 16), latent_dim=8, width=4)[0](z, labels)


def test_flops_are_those_of_a_count_by_hand():
    """DCGAN's discriminator at 16 pixels, width 4: two 4x4 convolutions of stride 2, a linear."""
    discriminator = DCGANDiscriminator(channels=3, size=16, width=4)
    found = cost(discriminator, torch.zeros(1, 3, 16, 16))
    first, second, linear = 8 * 8 * 4 * 3 * 16, 4 * 4 * 8 * 4 * 16, 8 * 4 * 4
    assert found.flops == 2 * (first + second + linear)
    assert found.parameters == (4 * 3 * 16 + 4) + (8 * 4 * 16 + 8) + (linear + 1)
    generator = DCGANGenerator(latent_dim=8, channels=3, size=16, width=4)
    statistics = {name: value.clone() for name, value in generator.named_buffers()}
    cost(generator, torch.zeros(1, 8))
    assert generator.training
    assert all(torch.equal(value, statistics[name]) for name, value in generator.named_buffers())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "vit"}, "unknown network 'vit': use one of residual, dcgan"),
        ({"activation": "relu6"}, "unknown activation 'relu6'"),
        ({"shape": (1, 48, 48)}, "size must be 16, 32, 64, 128 or 256 pixels, not 48"),
    ],
)
def test_unknown_networks_are_one_sentence(arguments, sentence):
    settings = {"name": "residual", "shape": (1, 16, 16), "latent_dim": 8, "width": 4}
    with pytest.raises(InputError, match=sentence):
        pair(**{**settings, **arguments})


@pytest.mark.parametrize("name", ["residual", "dcgan"])
def test_smooth_activation_reaches_every_layer(name):
    for network in pair(name, (1, 16, 16), latent_dim=8, width=2, activation="softplus"):
        kinds = [type(module) for module in network.modules()]
        assert torch.nn.LeakyReLU not in kinds
        assert torch.nn.Softplus in kinds


def test_initial_signal_neither_fades_nor_explodes():
    torch.manual_seed(0)
    images = Generator(64, 1, 32, 16)(torch.randn(64, 64))
    assert 0.3 < images.std(0).mean() < 0.9  # the latents are seen, and tanh is not saturated


def test_grid_layout():
    images = torch.full((3, 1, 4, 6), -1.0)
    images[1] = 1.0
    images[2] = 0.0
    picture = grid(images, columns=2)
    assert picture.shape == (4 + 2 + 4, 6 + 2 + 6, 3)
    assert picture.dtype == np.uint8
    assert (picture[:4, :6] == 0).all()
    assert (picture[:4, 8:] == 255).all()
    assert (picture[6:, :6] == 128).all()
    assert (picture[4:6] == 255).all()
    assert (picture[:, 6:8] == 255).all()
    assert (picture[6:, 8:] == 255).all()  # the place of a fourth image


def test_grid_keeps_channels_apart():
    image = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1)
    assert grid(image)[0, 0].tolist() == [255, 128, 0]


def test_bytes_and_floats_are_inverse():
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(to_bytes(to_unit_range(pixels)), pixels)
    both = to_unit_range(pixels.expand(2, 1, 16, 16), torch.tensor([True, False]))
    np.testing.assert_array_equal(both[0, 0].numpy(), both[1, 0].numpy()[:, ::-1])


def test_film_has_every_picture_and_rests_on_the_last(tmp_path):
    pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in (0, 100, 200)]
    for name in ("film.gif", "film.webp"):
        write_film(tmp_path / name, pictures, milliseconds=50)
        with Image.open(tmp_path / name) as film:
            assert film.n_frames == 3
            film.seek(2)
            film.load()
            assert abs(int(np.asarray(film.convert("L")).mean()) - 200) < 5
    for path in ("film.mp4", "film"):
        with pytest.raises(InputError, match=r"ends in \.webp or \.gif"):
            write_film(Path(path), pictures)


@pytest.mark.parametrize("size", [8, 48, 512])
def test_settings_and_networks_refuse_the_same_sizes_alike(size):
    makers = [
        lambda: Config(size=size),
        *(lambda name=name: pair(name, (1, size, size), latent_dim=8, width=2) for name in PAIRS),
    ]
    said = set()
    for make in makers:
        with pytest.raises(InputError) as refused:
            make()
        said.add(str(refused.value))
    assert said == {f"size must be 16, 32, 64, 128 or 256 pixels, not {size}"}


def test_features_see_float32_whatever_the_default_is():
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    expected = (np.arange(256, dtype=np.float32) / np.float32(127.5) - 1).reshape(1, 1, 16, 16)
    torch.set_default_dtype(torch.float64)
    try:
        assert to_unit_range(pixels).dtype == torch.float64
        np.testing.assert_array_equal(to_unit_range(pixels, dtype=torch.float32), expected)
        assert metrics.features.get("pixels-8x8")(pixels).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)
