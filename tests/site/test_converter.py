"""A reader's hands on the gamma converter: what it says is what r1lab.gamma says."""

import re

import pytest
import traitlets

from r1lab.gamma import CONVENTIONS, convert_gamma, stylegan_heuristic
from r1lab.notebook.explorers import GammaConverter

NAME = "GammaConverter"
PAGE = "book/11-training-image-gans"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def converter(opened):
    found = opened.page.locator(f".anywidget-static[data-name={NAME}]")
    found.scroll_into_view_if_needed()
    found.locator("[data-readout]").wait_for()
    return found


def words(found) -> str:
    return found.locator("[data-readout]").inner_text().replace("\u202f", "")


def four(value: float, digits: int = 4) -> str:
    """As the page writes numbers between 0.0001 and a million."""
    return f"{float(f'{value:.{digits}g}'):.7f}".rstrip("0").rstrip(".")


@pytest.mark.parametrize("origin", ["http", "file"])
def test_a_code_base_and_a_field(visit, origin):
    with visit(PAGE, origin) as opened:
        found = converter(opened)
        gamma = convert_gamma(10, "gan_stability")
        assert f"is γ = {four(gamma)} in paper units" in words(found)
        found.get_by_label("I have").select_option("mmgen_pixel")
        for label, value in (("strength v", "600"), ("resolution", "64"), ("every k steps", "8")):
            found.get_by_label(label, exact=True).fill(value)
        gamma = convert_gamma(600, "mmgen_pixel", shape=(3, 64, 64), interval=8)
        assert f"is γ = {four(gamma)} in paper units" in words(found)
        found.get_by_label("batch", exact=True).fill("100")
        assert f"in batches of 100, {four(stylegan_heuristic(64, 100))}." in words(found)
        found.get_by_label("I want").select_option("lucidrains")
        wanted = convert_gamma(600, "mmgen_pixel", "lucidrains", shape=(3, 64, 64), interval=8)
        assert f"write {four(wanted, 7)}." in words(found)
        assert f"= {four(wanted, 7)} in" in found.locator(".r1-result").inner_text()
        assert opened.problems == []


def test_keys(visit):
    with visit(PAGE) as opened:
        found = converter(opened)
        found.get_by_label("strength v", exact=True).focus()
        opened.page.keyboard.press("ArrowUp")
        opened.page.keyboard.press("ArrowUp")
        assert f"γ = {four(convert_gamma(12, 'gan_stability'))}" in words(found)


def test_swap_is_off_where_it_would_change_gamma(visit):
    state = {"source": "mmgen_pixel", "target": "batch_sum", "resolution": 1024, "batch": 512}
    fragment = "&".join(f"{NAME}.{trait}={value}" for trait, value in state.items())
    with visit(f"{PAGE}.html#{fragment}") as opened:
        found = converter(opened)
        swap = found.get_by_role("button", name="Swap")
        assert swap.is_disabled()
        assert swap.get_attribute("title") == "A strength may be 0.000001 to 1000000."
        found.get_by_label("strength v", exact=True).fill("1000000")
        gamma = words(found).partition(" is γ = ")[2].partition(" in paper")[0]
        swap.click()
        assert f" is γ = {gamma} in paper units" in words(found)
        assert swap.get_attribute("title") == ""


def test_touch(visit):
    with visit(PAGE, **PHONE) as opened:
        found = converter(opened)
        found.get_by_role("button", name="Swap").tap()
        assert words(found).startswith("20 in the paper (and r1lab) is γ = 20 in paper units.")
        assert "write 10." in words(found)
        assert opened.problems == []


@pytest.mark.parametrize(
    ("label", "value", "hint"),
    [
        ("resolution", "3", "4 to 1024"),
        ("batch", "1.5", "whole number"),
        ("strength v", "-1", "to"),
    ],
)
def test_what_python_refuses_stays_in_the_field(visit, label, value, hint):
    with visit(PAGE) as opened:
        found = converter(opened)
        before, field = words(found), found.get_by_label(label, exact=True)
        was = field.input_value()
        field.fill(value)
        assert hint in found.get_by_role("alert").filter(has_text=re.compile(".")).inner_text()
        assert words(found) == before
        opened.page.keyboard.press("Tab")
        assert field.input_value() == was
        assert found.get_by_role("alert").filter(has_text=re.compile(".")).count() == 0


def test_fields_and_menus_offer_what_python_accepts(visit):
    traits = GammaConverter().traits(sync=True)
    numbers = [t for t in traits.values() if getattr(t, "min", None) is not None]
    known = [(t.min, t.max, isinstance(t, traitlets.Int)) for t in numbers]
    with visit(PAGE) as opened:
        found = converter(opened)
        for menu in found.locator("select").all():
            options = menu.locator("option").evaluate_all("all => all.map((o) => o.value)")
            assert sorted(options) == sorted(CONVENTIONS)
        fields = found.locator("input").evaluate_all(
            "all => all.map((f) => [Number(f.min), Number(f.max), f.step === '1'])"
        )
        assert sorted(map(tuple, fields)) == sorted(known)


@pytest.mark.parametrize("origin", ["http", "file"])
def test_a_copied_address_restores_it_and_nonsense_is_harmless(visit, origin):
    with visit(PAGE, origin) as opened:
        found = converter(opened)
        found.get_by_label("I want").select_option("apt")
        found.get_by_label("noise σ", exact=True).fill("0.3")
        said = words(found)
        opened.page.wait_for_function("() => location.hash.includes('sigma=0.3')")
        fragment = opened.page.evaluate("location.hash")
    with visit(f"{PAGE}.html{fragment}", origin) as opened:
        assert words(converter(opened)) == said
    for no in ("no", "toString"):
        bad = f"{NAME}.source={no}&{NAME}.value=-1&{NAME}.batch=2.4"
        with visit(f"{PAGE}.html#{bad}", origin) as opened:
            assert words(converter(opened)).startswith("0.000001 in the paper")
            assert "in batches of 2," in words(converter(opened))
            assert opened.problems == []
