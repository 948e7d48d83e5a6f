"""A reader's hands on the GAN explorer: it shows what was trained."""

import re

import pytest

from hands import check_dragged_frames, explorer, words
from r1lab.notebook.explorers.gan import METHODS
from r1lab.theory.toy import PROBLEMS

NAME = "GANExplorer"
PAGE = "book/09-two-dimensional-experiments"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
PATIENCE = 120_000  # milliseconds for 2400 steps


def gan(opened):
    return explorer(opened, NAME, PATIENCE)


def steps_of(found) -> int:
    return int(re.search(r"After (\d+) steps", words(found))[1])


def sliced(found) -> float:
    return float(re.search(r"fakes and data is ([\d.]+)", words(found))[1])


def press(found, name: str) -> None:
    found.get_by_role("button", name=name).click()


def arrows(opened, label: str, presses: int) -> None:
    gan(opened).get_by_label(label, exact=True).focus()
    for _ in range(presses):
        opened.page.keyboard.press("ArrowRight")


# Wait until the slider shows more steps than these.
BEYOND = """([slider, least]) =>
  Number(slider.getAttribute('aria-valuetext').match(/\\d+/)[0]) > least"""


@pytest.mark.parametrize("origin", ["http", "file"])
def test_keys_and_mouse(visit, origin):
    with visit(PAGE, origin) as opened:
        found = gan(opened)
        assert "Nothing is trained yet" in words(found)
        start = sliced(found)
        arrows(opened, "steps", 20)
        assert steps_of(gan(opened)) == 400
        slider = found.get_by_label("steps", exact=True).element_handle()
        press(found, "Run")
        opened.page.wait_for_function(BEYOND, arg=[slider, 400])
        press(found, "Stop")
        reached = steps_of(gan(opened))
        assert reached > 400
        for player in ("discriminator", "discriminator", "generator"):
            press(gan(opened), f"Step {player}")
        assert f"{reached} steps, with 2 of D and 1 of G by hand" in words(gan(opened))
        press(found, "Back to start")
        assert sliced(gan(opened)) == start
        assert opened.problems == []


def test_touch(visit):
    with visit(PAGE, **PHONE) as opened:
        found = gan(opened)
        found.get_by_role("button", name="Step generator").tap()
        assert "0 of D and 1 of G by hand" in words(gan(opened))
        slider = found.get_by_label("steps", exact=True)
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        opened.page.touchscreen.tap(box["x"] + 0.1 * box["width"], box["y"] + box["height"] / 2)
        assert 100 < steps_of(gan(opened)) < 400
        found.get_by_label("penalty").select_option("wgan-gp")
        assert "norm one" in words(gan(opened))
        assert opened.problems == []


# Count the sentences that the read-out shows.
COUNT = """(shown) => {
  globalThis.said = 0;
  new MutationObserver(() => globalThis.said++).observe(shown, { childList: true });
}"""


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_r1_keeps_the_fakes_that_no_penalty_loses(visit, motion):
    """Run goes to the end; with motion unwanted no picture is drawn on the way."""
    ends = {}
    for method in ("none", "r1"):
        with visit(f"{PAGE}.html#{NAME}.method={method}", reduced_motion=motion) as opened:
            found = gan(opened)
            found.locator("[data-readout]").evaluate(COUNT)
            press(found, "Run")
            found.get_by_text("After 2400 steps").first.wait_for(timeout=PATIENCE)
            ends[method] = sliced(gan(opened))
            assert (opened.page.evaluate("said") > 20) == (motion == "no-preference")
    assert ends["none"] > 1
    assert ends["r1"] < 0.2


def test_run_at_the_end_starts_again(visit):
    with visit(f"{PAGE}.html#{NAME}.steps=2400", reduced_motion="reduce") as opened:
        found = gan(opened)
        assert steps_of(found) == 2400
        press(found, "Run")
        press(found, "Stop")
        assert steps_of(gan(opened)) < 2400


def test_sliders_and_menus_offer_what_python_accepts(visit):
    with visit(PAGE) as opened:
        found = gan(opened)
        for label, names in (("data", PROBLEMS), ("penalty", METHODS)):
            options = found.get_by_label(label, exact=True).locator("option")
            values = options.evaluate_all("all => all.map((o) => o.value)")
            assert sorted(values) == sorted(names)
        limits = "all => all.map((s) => [Number(s.min), Number(s.max)])"
        found = found.locator("input[type=range]").evaluate_all(limits)
        assert found == [[0, 2400], [0, 3], [0, 3], [0.02, 0.3], [1, 5]]


@pytest.mark.parametrize("origin", ["http", "file"])
def test_a_copied_address_replays_the_run(visit, origin):
    with visit(PAGE, origin) as opened:
        gan(opened).get_by_label("penalty").select_option("r1+r2")
        arrows(opened, "steps", 2)
        press(gan(opened), "Step discriminator")
        said = words(gan(opened))
        opened.page.wait_for_function("() => location.hash.includes('by_hand=40D')")
        fragment = opened.page.evaluate("location.hash")
    with visit(f"{PAGE}.html{fragment}", origin) as opened:
        assert words(gan(opened)) == said
        assert opened.problems == []


def test_nonsense_in_the_address_is_harmless(visit):
    bad = f"#{NAME}.by_hand=9Dx&{NAME}.steps=1e9,D&{NAME}.method=x&{NAME}.h=-1"
    with visit(f"{PAGE}.html{bad}") as opened:
        assert steps_of(gan(opened)) == 0
        assert opened.problems == []


@pytest.mark.timing
def test_script_time_of_a_dragged_frame(visit):
    # With something to train again and again.
    with visit(f"{PAGE}.html#{NAME}.method=r1&{NAME}.steps=600") as opened:
        check_dragged_frames(opened, gan(opened))
