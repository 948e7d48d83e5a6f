"""Files that are broken or unlike the others: what a report says, and what becomes of them."""

import io
import os
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from r1lab.images.data import inspect, load
from r1lab.images.data.decoding import Encoded, decode


def problems(report):
    """What is wrong, as {kind: {file: detail}}."""
    return {p.kind: dict(zip(p.files, p.details, strict=True)) for p in report.problems}


def test_problems_are_counted_named_and_survived(files, packed, refused):
    for i in range(5):
        files.image(f"good{i}.png", files.noise(8, 8, 3, seed=i))
    files.image("grey.png", files.noise(8, 8))
    files.image("wide.png", files.noise(8, 12, 3))
    noise = files.encoded(files.noise(64, 64, 3))
    files.raw("cut.png", noise[:4000])
    files.raw("empty.png", b"")
    files.raw("text.png", b"not an image")
    files.raw("jpeg.jpg", b"\xff\xd8\xff\xe0 no picture")
    data = packed()

    report = inspect(data, 8)
    found = problems(report)
    assert set(found) == {"unreadable", "size differs", "mode differs"}
    assert set(found["unreadable"]) == {"cut.png", "empty.png", "jpeg.jpg", "text.png"}
    assert "truncated" in found["unreadable"]["cut.png"]
    assert found["unreadable"]["text.png"] == "it is not an image"
    assert found["size differs"] == {"wide.png": "12 x 8"}
    assert found["mode differs"] == {"grey.png": "grey (L)"}
    assert report.sizes == {(8, 8): 6, (12, 8): 1}
    assert report.modes == {"RGB": 6, "L": 1}
    assert "4 of 11 images cannot be read:\n  cut.png: " in str(report)
    assert "1 of 7 images differs in size from the commonest, 8 x 8:\n  wide.png" in str(report)

    sentence = refused(data, size=8)
    for said in (
        "4 of 11",
        "cut.png",
        "and 1 more",
        "wide.png",
        "grey.png",
        "--on-problem continue",
    ):
        assert said in sentence
    assert f"`r1lab data {data}`" in sentence

    images = load(data, 8, on_problem="continue")
    assert torch.equal(images.images, report.images.images)
    assert images.images.shape == (7, 3, 8, 8)
    np.testing.assert_array_equal(images.images[0], files.noise(8, 8, 3, seed=0).transpose(2, 0, 1))
    np.testing.assert_array_equal(images.images[5], np.stack(3 * [files.noise(8, 8)]))
    np.testing.assert_array_equal(
        images.images[6], files.noise(8, 12, 3)[:, 2:10].transpose(2, 0, 1)
    )


def test_long_lists_are_cut(files, refused):
    for i in range(25):
        files.raw(f"{i:02d}.png", b"garbage")
    text = str(inspect(str(files.folder)))
    assert "  19.png: it is not an image\n  and 5 more" in text
    assert "20.png" not in text
    assert "25 of 25 images cannot be read" in refused(files.folder, on_problem="continue")
    assert "00.png" in refused(files.folder, on_problem="continue")


@pytest.mark.parametrize(
    ("modes", "odd"),
    [
        (("RGB", "RGB", "RGB"), None),
        (("L", "1", "L"), None),
        (("RGBA", "RGBA", "RGBA"), None),
        (("P", "P", "P"), None),
        (("RGB", "RGB", "L"), "grey (L)"),
        (("L", "L", "RGB"), "colour (RGB)"),
        (("RGB", "RGB", "P"), "palette (P)"),
        (("RGB", "RGB", "RGBA"), "colour with transparency (RGBA)"),
        (("L", "L", "LA"), "grey with transparency (LA)"),
    ],
)
def test_modes_of_one_group_are_alike(files, modes, odd):
    for i, mode in enumerate(modes):
        files.image(f"{i}.png", Image.new("RGB", (8, 8), (90, 90, 90)).convert(mode))
    report = inspect(str(files.folder), 8)
    assert problems(report) == ({} if odd is None else {"mode differs": {"2.png": odd}})
    assert report.images.shape[0] == (1 if set(modes) <= {"1", "L", "LA"} else 3)


def test_palette_pictures_become_colour(files):
    colour = Image.new("RGB", (32, 32), (10, 200, 30))
    files.image("b.gif", colour.convert("P", palette=Image.Palette.ADAPTIVE))
    assert load(str(files.folder)).images[0, :, 5, 5].tolist() == [10, 200, 30]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_transparent_parts_are_white(files, mode):
    image = Image.new("RGBA", (8, 8), (60, 60, 60, 255))
    image.paste((0, 0, 0, 0), (0, 0, 4, 8))
    if mode in ("RGBA", "LA"):
        files.image("a.png", image.convert(mode))
    else:
        opaque = image.convert("RGB").convert(mode, palette=Image.Palette.ADAPTIVE)
        clear = opaque.getpixel((0, 0))
        files.image("a.png", opaque, transparency=clear)
    images = load(str(files.folder), 8).images[0]
    assert images.shape[0] == (1 if mode == "LA" else 3)
    assert (images[:, :, :4] == 255).all()
    assert (images[:, :, 4:] == 60).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(files, orientation):
    pixels = files.noise(8, 12)
    # Where EXIF says that row 0 and column 0 are (TIFF 6.0, tag 274).
    upright = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.T,
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].T,
        8: np.rot90(pixels),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    files.image("a.png", pixels, exif=exif)
    report = inspect(str(files.folder), 8)
    height, width = upright.shape
    assert report.sizes == {(width, height): 1}
    square = upright[2:10] if height > width else upright[:, 2:10]
    np.testing.assert_array_equal(report.images.images[0, 0], square)


def test_sixteen_bits_are_refused_not_clipped(files, refused):
    files.image("deep.png", np.full((8, 8), 40000, np.uint16))
    assert "deep.png" in refused(files.folder)
    assert "8 bits" in problems(inspect(str(files.folder)))["unreadable"]["deep.png"]


def test_print_colours_become_screen_colours(files):
    files.image("a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=100)
    files.image("b.jpg", Image.new("CMYK", (16, 16), (255, 0, 0, 0)), quality=100)
    report = inspect(str(files.folder), 16)
    assert (report.modes, report.problems) == ({"CMYK": 2}, ())
    expected = torch.tensor([[255, 0, 0], [0, 255, 255]])
    assert (report.images.images[:, :, 8, 8].int() - expected).abs().max() <= 4


def test_animation_gives_its_first_frame(files):
    frames = [Image.new("L", (8, 8), grey) for grey in (50, 250)]
    files.image("a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert (load(str(files.folder), 8).images == 50).all()


def test_names_of_any_bytes(files, refused):
    for name in (b"two\nlines.png", b"no utf \xff.png", "한글 ‮.png".encode()):
        files.image(name, files.noise(8, 8))
    assert len(load(str(files.folder), 8)) == 3
    for path in files.folder.iterdir():
        path.write_bytes(b"garbage")
    sentence = refused(files.folder, size=8)
    for said in (r"two\nlines.png", r"no utf \udcff.png", "한글"):
        assert said in sentence
    assert str(inspect(str(files.folder), 8)).encode()


def test_folder_with_a_strange_name_gets_a_plain_one(tmp_path, files):
    folder = tmp_path / "a\nb \udcff"
    files.folder.rename(folder)
    files.folder = folder
    files.image("a.png", files.noise(8, 8))
    assert load(str(folder), 8).name == "a-b"


def test_hidden_files_are_left_out(files, packed):
    picture = files.noise(8, 8)
    files.image("a.png", picture)
    for name in ("._a.png", ".cache/b.png", ".ipynb_checkpoints/a.png", "__MACOSX/._a.png"):
        files.image(name, picture)
    files.image("__MACOSX/b.png", picture)
    assert len(load(packed(), 8)) == 1


def test_links_in_circles_end(files):
    files.image("a/1.png", files.noise(8, 8))
    files.image("b/2.png", files.noise(8, 8))
    (files.folder / "a" / "up").symlink_to(files.folder)
    (files.folder / "b" / "self").symlink_to(files.folder / "b")
    images = load(str(files.folder), 8)
    assert len(images) == 2
    assert images.classes == ("a", "b")


def test_what_is_no_file_is_reported(files):
    files.image("a.png", files.noise(8, 8))
    (files.folder / "gone.png").symlink_to("nowhere")
    os.mkfifo(files.folder / "pipe.png")  # opening it would wait for ever
    (files.folder / "folder.png").mkdir()
    unreadable = problems(inspect(str(files.folder), 8))["unreadable"]
    assert unreadable == {
        "gone.png": "No such file or directory",
        "pipe.png": "it is not a regular file",
    }


def test_folder_that_cannot_be_listed_is_reported(files, monkeypatch):
    files.image("a.png", files.noise(8, 8))
    files.image("private/b.png", files.noise(8, 8))
    scandir = os.scandir

    def deny(path):
        if os.fspath(path).endswith("private"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)  # root may list all
    found = problems(inspect(str(files.folder), 8))
    assert found == {"unreadable": {"private": "the folder cannot be read"}}


@pytest.mark.parametrize("side", [11, 20])  # Pillow warns, then refuses
def test_decompression_bombs_are_not_decoded(files, monkeypatch, side):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    files.image("a.png", files.noise(8, 8))
    files.image("bomb.png", files.noise(side, side))
    found = problems(inspect(str(files.folder), 8))
    assert list(found["unreadable"]) == ["bomb.png"]
    assert "bomb" in found["unreadable"]["bomb.png"]


def test_large_member_of_a_zip_is_not_unpacked(files, monkeypatch):
    good = files.encoded(files.noise(8, 8))
    path = files.zip("a.zip", {"a.png": good, "bomb.png": good + bytes(5000)})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    found = problems(inspect(str(path), 8))
    assert "more than an image has" in found["unreadable"]["bomb.png"]


def test_only_formats_of_photographs_are_opened(files):
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"
    files.raw("program.png", eps)  # Pillow would start Ghostscript
    found = problems(inspect(str(files.folder), 8))
    assert found["unreadable"] == {"program.png": "it is not an image"}


def test_folder_and_zip_without_images_say_what_they_need(files, packed, refused):
    files.raw("notes.txt", b"none")
    assert "no images in" in refused(packed())
    assert ".png" in refused(packed())


def test_broken_zips_are_refused_by_name(files, refused):
    good = files.zip("good.zip", {"a.png": files.encoded(files.noise(64, 64))}).read_bytes()
    for content in (b"", b"no zip", good[:-30]):
        path = files.raw("a.zip", content)
        assert f"cannot read {path} as a zip" in refused(path)


def test_damaged_member_is_reported(files):
    path = files.zip("a.zip", {n: files.encoded(files.noise(64, 64)) for n in ("a.png", "b.png")})
    content = bytearray(path.read_bytes())
    content[1000:1010] = bytes(10)  # inside a.png
    path.write_bytes(content)
    assert list(problems(inspect(str(path)))["unreadable"]) == ["a.png"]
    assert len(load(str(path), on_problem="continue")) == 1


def test_encrypted_zip_is_refused_by_name(files, refused):
    path = files.zip("a.zip", {"a.png": files.encoded(files.noise(8, 8))})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        directory = archive.start_dir
    content[6] |= 1  # the flags of the member, and of its entry in the directory
    content[directory + 8] |= 1
    path.write_bytes(content)
    assert f"{path} is encrypted" in refused(path)


@settings(max_examples=200, deadline=None)
@given(
    suffix=st.sampled_from([".png", ".jpg", ".gif", ".webp", ".bmp", ".ppm"]),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=5),
    kept=st.floats(0, 1),
)
def test_damaged_pictures_are_read_or_have_a_reason(suffix, changes, kept):
    pixels = np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, Image.registered_extensions()[suffix])
    content = bytearray(buffer.getvalue())
    for position, value in changes:
        content[int(position * len(content))] = value
    content = content[: int(kept * len(content))]
    decoded = decode(Encoded("a", lambda: io.BytesIO(content)), 8)
    if decoded.pixels is None:
        assert decoded.reason and "\n" not in decoded.reason
    else:
        assert decoded.pixels.shape[1:] == (8, 8) and decoded.pixels.shape[0] in (1, 3)
