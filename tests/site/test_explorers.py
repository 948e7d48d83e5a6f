"""A reader's hands on the explorers: keys, mouse, touch and links, against Python's numbers."""

import re
from urllib.parse import quote

import numpy as np
import pytest
import traitlets

from hands import explorer, numbers, words
from r1lab.notebook import explorers
from r1lab.theory import divergences
from r1lab.theory.dirac import DiracGAN

PAGE = "book/explorers"
NAMES = ["DiracExplorer", "ContinuityExplorer", "SpectrumExplorer", "ManifoldExplorer"]


@pytest.fixture(scope="module", params=["http", "file"])
def desktop(request, visit):
    with visit(PAGE, request.param) as opened:
        yield opened


PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def phone(visit):
    with visit(PAGE, **PHONE) as opened:
        yield opened


def set_by_keys(visit, found, label: str, presses: int) -> None:
    found.get_by_label(label, exact=True).focus()
    for _ in range(abs(presses)):
        visit.page.keyboard.press("ArrowRight" if presses > 0 else "ArrowLeft")


def drag(page, handle, right: float, up: float) -> None:
    """With the mouse, by so many pixels."""
    handle.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right / 2, y - up / 2, steps=3)
    page.mouse.move(x + right, y - up, steps=3)
    page.mouse.up()


def touch_drag(page, handle, right: float, up: float) -> None:
    """With a finger, by so many pixels."""
    client = page.context.new_cdp_session(page)
    handle.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(kind: str, share: float | None) -> None:
        points = [] if share is None else [{"x": x + share * right, "y": y - share * up}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0)
    for share in (0.25, 0.5, 0.75, 1):
        touch("touchMove", share)
    touch("touchEnd", None)


# ---- Python's numbers, however the state was reached ----


def test_keys_on_the_dirac_gan(desktop):
    found = explorer(desktop, "DiracExplorer")
    found.get_by_label("regulariser").select_option("r1")
    set_by_keys(desktop, found, "γ", 11)
    set_by_keys(desktop, found, "step size h", 10)
    gan = DiracGAN(regularizer="r1", strength=0.55)
    assert f"factor of {gan.spectral_radius(0.4):.4f}" in words(found)
    value = gan.eigenvalues()[0]
    assert f"{value.real:.3f} ± {value.imag:.3f} i" in words(found)
    assert desktop.problems == []


def expect_distances(found, loss: str, regularizer: str, strength: float, scheme: str, h: float):
    """The words give the distances of the run that starts where the handle is."""
    at = numbers(found.get_by_role("slider", name="Start").get_attribute("aria-valuetext"))
    path = DiracGAN(loss, regularizer, strength).run(tuple(at), h, 500, scheme)
    first, last = np.hypot(*path[0]), np.hypot(*path[-1])
    end = f"{last:#.4g}" if last >= 1e-4 else "below 0.0001"
    assert f"is {first:#.4g} at the start and {end} after 500 steps" in words(found)


def test_mouse_on_the_dirac_gan(desktop):
    found = explorer(desktop, "DiracExplorer")
    found.get_by_label("show me").select_option(label="spirals outwards (lemma 2.4)")
    drag(desktop.page, found.get_by_role("slider", name="Start"), -60, 30)
    expect_distances(found, "minimax", "none", 0.0, "simultaneous", 0.2)
    found.get_by_label("update", exact=True).select_option("alternating")
    expect_distances(found, "minimax", "none", 0.0, "alternating", 0.2)


def test_touch_on_the_dirac_gan(phone):
    found = explorer(phone, "DiracExplorer")
    handle = found.get_by_role("slider", name="Start")
    before = handle.get_attribute("aria-valuetext")
    touch_drag(phone.page, handle, -70, -50)
    assert handle.get_attribute("aria-valuetext") != before
    expect_distances(found, "minimax", "none", 0.0, "simultaneous", 0.2)


def test_steps_by_hand_move_one_player_each(desktop):
    found = explorer(desktop, "DiracExplorer")
    found.get_by_label("show me").select_option(label="spirals outwards (lemma 2.4)")
    last = "e => [...e.querySelectorAll('.r1-tall path')].pop().getAttribute('d')"
    for button, moved in (("Step generator", (1, 0)), ("Step discriminator", (0, 1))):
        found.get_by_role("button", name="Back to start").click()
        found.get_by_role("button", name=button).click()
        (x0, y0), (x1, y1) = np.reshape(numbers(found.evaluate(last)), (2, 2))
        assert (abs(x1 - x0) > 1, abs(y1 - y0) > 1) == tuple(map(bool, moved)), button


def test_run_walks_the_path_or_jumps_where_motion_is_unwanted(visit):
    ends = {}
    for motion in ("no-preference", "reduce"):
        with visit(PAGE, reduced_motion=motion) as opened:
            found = explorer(opened, "DiracExplorer")
            found.get_by_role("button", name="Run").click()
            points = "e => [...e.querySelectorAll('.r1-tall path')].pop().getAttribute('d').length"
            ends[motion] = found.evaluate(points)
            opened.page.wait_for_timeout(200)
            assert (found.evaluate(points) > ends[motion]) == (motion == "no-preference")
    assert ends["reduce"] > 5 * ends["no-preference"]


def test_methods_without_a_jacobian_say_so(desktop):
    found = explorer(desktop, "DiracExplorer")
    found.get_by_label("show me").select_option(label="WGAN-GP: never rests (lemma 3.1)")
    assert "there is no Jacobian" in words(found)
    assert found.get_by_text("no Jacobian here").count() == 2


def expect_divergences(found, shift: float, smoothing: float) -> None:
    at, slope = divergences.diracs(shift, smoothing), divergences.slopes(shift, smoothing)
    names = ("kl", "js", "total_variation", "w1")
    rows = [numbers(row) for row in found.locator("tbody tr").all_inner_texts()]
    for row, wanted in zip(rows, (at, slope), strict=True):
        np.testing.assert_allclose(row, [getattr(wanted, n) for n in names], atol=6e-4)


def test_keys_and_mouse_on_continuity(desktop):
    found = explorer(desktop, "ContinuityExplorer")
    set_by_keys(desktop, found, "smoothing", 10)
    expect_divergences(found, 1.0, 0.5)
    drag(desktop.page, found.get_by_role("slider", name="Shift of"), -150, 0)
    shift = numbers(found.get_by_role("slider", name="Shift of").get_attribute("aria-valuetext"))[0]
    assert shift < -0.3
    found.get_by_label("distributions").select_option("segments")
    expect_divergences(found, shift, 0.5)


def test_touch_on_continuity(phone):
    found = explorer(phone, "ContinuityExplorer")
    touch_drag(phone.page, found.get_by_role("slider", name="Shift of"), 60, 0)
    shift = numbers(found.get_by_role("slider", name="Shift of").get_attribute("aria-valuetext"))[0]
    assert shift > 1.5
    assert f"At a shift of {shift:.2f} they share no point: KL is infinite" in words(found)


def expect_limits(found) -> None:
    h, gamma = numbers(
        found.get_by_role("slider", name="Step size and γ").get_attribute("aria-valuetext")
    )
    gan = DiracGAN(regularizer="r1", strength=gamma)
    limits = [gan.largest_stable_step(scheme) for scheme in ("simultaneous", "alternating")]
    cells = found.locator("tbody td").all_inner_texts()
    np.testing.assert_allclose([float(cell) for cell in cells[-2:]], limits, atol=6e-4)
    assert f"modulus {gan.spectral_radius(h):.4f}" in words(found)


def test_keys_mouse_and_touch_on_the_spectrum(desktop, phone):
    found = explorer(desktop, "SpectrumExplorer")
    expect_limits(found)
    set_by_keys(desktop, found, "R1 γ", 4)
    expect_limits(found)
    drag(desktop.page, found.get_by_role("slider", name="Step size and γ"), 120, 20)
    expect_limits(found)
    found = explorer(phone, "SpectrumExplorer")
    touch_drag(phone.page, found.get_by_role("slider", name="Step size and γ"), 40, 30)
    expect_limits(found)


def test_the_slope_across_the_data_vanishes_with_r1_only(desktop, phone):
    for opened in (desktop, phone):
        found = explorer(opened, "ManifoldExplorer")
        handle = found.get_by_role("slider", name="Point of the data, without R1")
        before = handle.get_attribute("aria-valuetext")
        (touch_drag if opened is phone else drag)(opened.page, handle, 30, 0)
        assert handle.get_attribute("aria-valuetext") != before
        found.get_by_label("steps", exact=True).fill("200")
        found = explorer(opened, "ManifoldExplorer")
        text = words(found)
        across = [float(n) for n in re.findall(r"([\d.]+) across the data", text)]
        assert across[0] > 1
        assert across[1] < 0.02 * across[0]
        assert opened.problems == []


def test_sliders_and_menus_offer_what_python_accepts(desktop):
    offers_what_python_accepts(desktop, NAMES)


def offers_what_python_accepts(desktop, names: list[str]) -> None:
    for name in names:
        traits = getattr(explorers, name)().traits(sync=True)
        enums = [t.values for t in traits.values() if isinstance(t, traitlets.Enum)]
        bounds = [(t.min, t.max) for t in traits.values() if hasattr(t, "min")]
        found = explorer(desktop, name)
        for menu in found.locator("select").all():
            offered = menu.locator("option").evaluate_all("all => all.map((o) => o.value)")
            # The lemmas are no trait: "-1", "0", "1", ...
            assert sorted(offered) in map(sorted, enums) or offered[0] == "-1"
        for slider in found.locator("input[type=range]").all():
            limits = slider.evaluate("s => [Number(s.min), Number(s.max)]")
            assert tuple(limits) in bounds, slider.get_attribute("aria-label")


# ---- Links ----


@pytest.mark.parametrize("origin", ["http", "file"])
def test_a_copied_address_restores_every_explorer(visit, origin):
    with visit(PAGE, origin) as opened:
        found = explorer(opened, "DiracExplorer")
        found.get_by_label("regulariser").select_option("r1+r2")
        set_by_keys(opened, found, "step size h", 3)
        set_by_keys(opened, explorer(opened, "ContinuityExplorer"), "shift t", -7)
        set_by_keys(opened, explorer(opened, "SpectrumExplorer"), "R1 γ", 2)
        set_by_keys(opened, explorer(opened, "ManifoldExplorer"), "steps", 6)
        said = [words(explorer(opened, name)) for name in NAMES]
        opened.page.wait_for_function("() => location.hash.includes('ManifoldExplorer')")
        fragment = opened.page.evaluate("location.hash")
        assert opened.problems == []
    assert "DiracExplorer.h=0.26&DiracExplorer.regularizer=r1%2Br2" in fragment
    with visit(f"{PAGE}.html{fragment}", origin) as opened:
        assert [words(explorer(opened, name)) for name in NAMES] == said
        assert opened.problems == []


def test_nonsense_in_the_address_is_harmless(visit):
    bad = "#DiracExplorer.h=1e99&DiracExplorer.loss=" + quote("<b>no</b>")
    bad += "&SpectrumExplorer.gamma=x&ContinuityExplorer.pair=none&ManifoldExplorer.seed=-3"
    with visit(f"{PAGE}.html{bad}") as opened:
        found = explorer(opened, "DiracExplorer")
        assert found.get_by_label("step size h").input_value() == "2"
        assert found.get_by_label("loss", exact=True).input_value() == "minimax"
        for name in NAMES:
            assert words(explorer(opened, name))
        assert opened.problems == []


def test_an_anchor_leaves_the_explorers_alone_and_the_address_too(visit):
    with visit(f"{PAGE}.html#explorer-spectrum") as opened:
        explorer(opened, "SpectrumExplorer")
        opened.page.wait_for_timeout(400)
        assert opened.page.evaluate("location.hash") == "#explorer-spectrum"


def test_pictures_do_not_appear_beside_the_figure(desktop):
    pictures = desktop.page.locator("article img[src*=explorers]")
    assert pictures.count() == 0
