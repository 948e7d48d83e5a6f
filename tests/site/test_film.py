"""A reader's hands on the training film: its pictures and numbers are those of the records."""

import re

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from browser import SITE
from hands import explorer, words
from r1lab.notebook import records
from r1lab.notebook.explorers.film import METHODS

NAME = "TrainingFilm"
PAGE = "book/10-wgan-gp-versus-r1"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
SHOWN = ["none", "r1", "wgan-gp-1"]
KB = 1000


def film(opened):
    return explorer(opened, NAME)


def frame_of(found) -> int:
    return int(re.search(r"frame (\d+) of 12", words(found))[1])


def fetched(opened) -> list[str]:
    """The films that the page has asked for, by method."""
    films = {r.url.rpartition("/")[2] for r in opened.responses if "/films/" in r.url}
    return sorted(films)


def known(method: str, frame: int) -> list[float]:
    """Fréchet distance, squared slope and share in per cent, as the record has them."""
    found = []
    record = records.read(f"images/{method}/0")[f"images/{method}/0"]
    for key in (records.FRECHET, "real_gradient", "penalty_share"):
        images, values = records.against(record, key)
        until = values[images <= 9600 * frame]
        found.append(float(until[-1]) if len(until) else np.nan)
    return found


def expect_records(found, methods: list[str]) -> None:
    """Each picture's three numbers are the record's, to the digits that are shown."""
    for figure, method in zip(found.locator(".r1-film > figure").all(), methods, strict=False):
        texts = figure.locator("dd").all_inner_texts()
        at = known(method, frame_of(found))
        assert texts[0] == f"{at[0]:.1f}"
        if np.isnan(at[1]):
            assert texts[1:] == ["–", "–"]
            continue
        assert float(texts[1]) == float(f"{at[1]:.2g}")
        assert texts[2] == f"{100 * at[2]:.0f} %"
        assert texts[0] in words(found)
        assert texts[1] in words(found)


@pytest.mark.parametrize("origin", ["http", "file"])
def test_keys(visit, origin):
    with visit(PAGE, origin) as opened:
        found = film(opened)
        expect_records(found, SHOWN)
        found.get_by_label("real images seen").focus()
        for press in range(1, 12):
            opened.page.keyboard.press("ArrowLeft")
            assert frame_of(film(opened)) == 12 - press
            expect_records(found, SHOWN)
        found.get_by_label("method, right").select_option("wgan-gp-5")
        expect_records(film(opened), ["none", "r1", "wgan-gp-5"])
        assert opened.problems == []


def test_eigenvalues_stand_below_the_film(visit):
    found = records.read("spectra/without")["spectra/without"]["result"]["looks"]
    (look,) = (look for look in found if look["step"] == 600)  # the last before 48,000 images
    seen = {
        (round(re, 6), round(abs(im), 6))
        for which in ("LM", "LI")
        for part in [look[f"gamma 0, {which}"]]
        for re, im in zip(part["real"], part["imaginary"], strict=True)
    }
    with visit(f"{PAGE}.html#{NAME}.frame=5") as opened:
        plot = film(opened).get_by_role("group", name="smaller pair, trained without")
        assert plot.locator("circle").count() == sum(1 + (im > 0) for _, im in seen)
        assert "the eigenvalue that turns fastest" in words(film(opened))
        assert opened.problems == []


# The mean grey of each of the 36 images of a canvas, row by row.
GREYS = """(canvas) => {
  const context = canvas.getContext('2d');
  const mean = (i, j) => {
    const { data } = context.getImageData(102 * j, 102 * i, 96, 96);
    return data.filter((_, k) => k % 4 === 0).reduce((sum, v) => sum + v, 0) / (96 * 96);
  };
  return [...Array(36).keys()].map((k) => mean(Math.floor(k / 6), k % 6));
}"""


@pytest.mark.parametrize("frame", [1, 7, 12])
def test_pictures_are_the_recorded_ones(visit, frame):
    with visit(f"{PAGE}.html#{NAME}.frame={frame}") as opened:
        found = film(opened)
        for canvas, method in zip(found.locator("canvas").all(), SHOWN, strict=True):
            path = records.film_path(f"images/{method}/0")
            strip = np.asarray(Image.open(path).convert("L"), float)
            picture = strip[202 * (frame - 1) : 202 * frame]
            tiles = [
                picture[34 * i : 34 * i + 32, 34 * j : 34 * j + 32] for i, j in np.ndindex(6, 6)
            ]
            np.testing.assert_allclose(
                opened.page.evaluate(GREYS, canvas.element_handle()),
                [tile.mean() for tile in tiles],
                atol=2.5,  # the last frame was compressed once more
            )


@pytest.mark.parametrize("origin", ["http", "file"])
def test_nothing_is_fetched_before_it_is_wanted(visit, origin):
    with visit(PAGE, origin) as opened:
        found = film(opened)
        assert fetched(opened) == []
        pictures = [r for r in opened.responses if r.request.resource_type == "image"]
        bytes_of = sum(len(r.body()) for r in pictures if r.url.startswith(("http", "file")))
        page = BeautifulSoup((SITE / f"{PAGE}.html").read_text(encoding="utf-8"), "html.parser")
        data = [tag.get_text() for tag in page.select("script[type$='widget-state+json']")]
        assert bytes_of + sum(map(len, data)) <= 400 * KB
        found.get_by_role("button", name="Play").click()
        opened.page.wait_for_function(BEYOND, arg=[found.element_handle(), 2])
        assert fetched(opened) == sorted(f"{method}.webp" for method in SHOWN)
        assert opened.problems == []


# Wait for a frame between this one and the last.
BEYOND = """([explorer, least]) => {
  const shown = explorer.querySelector('[data-readout]').textContent.match(/frame (\\d+)/)[1];
  return Number(shown) >= least && Number(shown) < 12;
}"""


def test_play_stops_by_hand_and_at_the_end(visit):
    with visit(f"{PAGE}.html#{NAME}.frame=9") as opened:
        found = film(opened)
        found.get_by_role("button", name="Play").click()
        opened.page.wait_for_function(BEYOND, arg=[found.element_handle(), 10])
        found.get_by_role("button", name="Stop").click()
        at = frame_of(found)
        opened.page.wait_for_timeout(900)
        assert frame_of(found) == at
        found.get_by_role("button", name="Play").click()
        found.get_by_text("frame 12 of 12").first.wait_for()
        found.get_by_role("button", name="Play").wait_for()
        expect_records(found, SHOWN)


def test_where_motion_is_unwanted_a_press_is_a_frame(visit):
    with visit(PAGE, reduced_motion="reduce") as opened:
        found = film(opened)
        for frame in (1, 2):
            found.get_by_role("button", name="Next frame").click()
            assert frame_of(found) == frame
        opened.page.wait_for_timeout(900)
        assert frame_of(found) == 2


def test_a_phone_shows_and_fetches_two(visit):
    with visit(PAGE, **PHONE) as opened:
        found = film(opened)
        shown = found.locator(".r1-film > figure:visible")
        assert shown.count() == 2
        slider = found.get_by_label("real images seen")
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        opened.page.touchscreen.tap(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2)
        assert 3 <= frame_of(film(opened)) <= 5
        expect_records(found, SHOWN[:2])
        assert fetched(opened) == ["none.webp", "r1.webp"]
        assert "WGAN-GP" not in words(found)
        found.get_by_label("method, left").select_option("instance-noise")
        expect_records(film(opened), ["instance-noise", "r1"])
        assert opened.problems == []


def test_a_copied_address_and_nonsense_in_it(visit):
    with visit(PAGE) as opened:
        film(opened).get_by_label("method, middle").select_option("r1+r2-relativistic")
        film(opened).get_by_label("real images seen").press("ArrowLeft")
        opened.page.wait_for_function("() => location.hash.includes('frame=11')")
        said, fragment = words(film(opened)), opened.page.evaluate("location.hash")
    with visit(f"{PAGE}.html{fragment}") as opened:
        assert words(film(opened)) == said
        expect_records(film(opened), ["none", "r1+r2-relativistic", "wgan-gp-1"])
    with visit(f"{PAGE}.html#{NAME}.frame=99&{NAME}.first=x") as opened:
        assert frame_of(film(opened)) == 12
        assert opened.problems == []


@pytest.mark.parametrize("again", ["frame", "Play"])
def test_a_film_that_does_not_come_is_named_and_asked_for_again(visit, again):
    with visit(PAGE) as opened:
        opened.page.route("**/films/none.webp", lambda route: route.abort())
        found = film(opened)
        found.get_by_label("real images seen").press("ArrowLeft")
        lost = film(opened).get_by_role("img", name=SORRY)
        assert lost.count() == 1
        assert found.get_by_text(SORRY).is_visible()
        assert not any(opened.page.evaluate(GREYS, lost.element_handle()))
        expect_records(film(opened), SHOWN)
        opened.page.unroute("**/films/none.webp")
        if again == "Play":
            found.get_by_role("button", name="Play").click()
        else:
            found.get_by_label("real images seen").press("ArrowLeft")
        lost.wait_for(state="detached")
        assert not found.get_by_text(SORRY).is_visible()
        canvas = film(opened).locator("canvas").first
        assert all(opened.page.evaluate(GREYS, canvas.element_handle()))


SORRY = "The pictures could not be loaded."


def test_half_a_frame_in_the_address_is_rounded(visit):
    with visit(f"{PAGE}.html#{NAME}.frame=1.5") as opened:
        assert frame_of(film(opened)) == 2
        assert opened.problems == []


def test_slider_and_menus_offer_what_python_accepts(visit):
    with visit(PAGE) as opened:
        for menu in film(opened).locator("select").all():
            options = menu.locator("option").evaluate_all("all => all.map((o) => o.value)")
            assert sorted(options) == sorted(METHODS)
        limits = film(opened).locator("input").evaluate_all("all => all.map((s) => [s.min, s.max])")
        assert limits == [["1", "12"]]
