"""The explorers at their edges: odd keys, paths that leave, and links with any number."""

import re

from hands import explorer, numbers, words

PAGE = "book/explorers"


def dirac(**traits) -> str:
    return "&".join(f"DiracExplorer.{trait}={value}" for trait, value in traits.items())


def press(visit, found, label: str, way: int) -> None:
    found.get_by_label(label, exact=True).focus()
    visit.page.keyboard.press("ArrowRight" if way > 0 else "ArrowLeft")


def test_the_main_button_and_keys_without_modifiers_move_a_handle(visit):
    with visit(PAGE) as opened:
        found, mouse = explorer(opened, "ContinuityExplorer"), opened.page.mouse
        handle = found.get_by_role("slider", name="Shift of")
        said = [handle.get_attribute("aria-valuetext")]
        box = handle.bounding_box()
        mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        mouse.down(button="right")
        mouse.move(box["x"] + 90, box["y"])
        mouse.up(button="right")
        alt = """e => e.dispatchEvent(
            new KeyboardEvent("keydown", { key: "ArrowLeft", altKey: true, cancelable: true }))"""
        assert handle.evaluate(alt), "the browser's own key was swallowed"
        said.append(handle.get_attribute("aria-valuetext"))
        assert said[0] == said[1]
        handle.focus()
        for key, shift in (("Home", -3), ("ArrowUp", -2.95), ("PageUp", -2.45), ("End", 3)):
            opened.page.keyboard.press(key)
            assert numbers(handle.get_attribute("aria-valuetext")) == [shift], key


def test_a_handle_keeps_to_the_sliders_grid(visit):
    with visit(PAGE) as opened:
        found = explorer(opened, "SpectrumExplorer")
        handle = found.get_by_role("slider", name="Step size and γ")
        handle.focus()
        before = handle.get_attribute("aria-valuetext")
        for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"):
            opened.page.keyboard.press(key)
        assert handle.get_attribute("aria-valuetext") == before


def test_run_ends_where_the_path_leaves(visit):
    link = dirac(loss="least-squares", regularizer="none", h=1, psi=2)
    with visit(f"{PAGE}.html#{link}") as opened:
        found = explorer(opened, "DiracExplorer")
        assert re.search(
            r"after \d+ steps?; from there it leaves the picture for good", words(found)
        )
        run = found.locator(".r1-buttons button").first
        for _ in range(2):  # and starts again
            run.click()
            found.get_by_role("button", name="Run", exact=True).wait_for(timeout=3000)
            assert "You are at θ" in words(found)
        assert opened.problems == []


def test_a_walk_is_told_and_starts_again_at_its_end(visit):
    with visit(PAGE, reduced_motion="reduce") as opened:
        found = explorer(opened, "DiracExplorer")
        spoken = found.locator("output")
        assert spoken.inner_text().replace("−", "-") == words(found)
        told = []
        for button in ("Step generator", "Step discriminator", "Run", "Run"):
            found.get_by_role("button", name=button).click()
            told.append(words(found)[words(found).index("You are at") :])
            assert "the distance to the centre is" in told[-1]
        assert len(set(told)) == 4  # the last one without the two steps by hand
        opened.page.wait_for_timeout(800)
        assert spoken.inner_text().replace("−", "-") == told[-1]


def test_a_link_brings_only_what_python_accepts(visit):
    bad = dirac(theta="1e300", psi=2.2, d_steps=1.4, h=0.025, scheme="alternating")
    bad += "&ManifoldExplorer.steps=100.5&ManifoldExplorer.probe=1e9&ManifoldExplorer.seed=-3.7"
    with visit(f"{PAGE}.html#{bad}") as opened:
        found = explorer(opened, "DiracExplorer")
        start = found.get_by_role("slider", name="Start")
        assert numbers(start.get_attribute("aria-valuetext")) == [2.2, 2.2]
        assert found.get_by_label("D steps").input_value() == "1"
        h = found.get_by_label("step size h")
        assert (h.input_value(), h.get_attribute("aria-valuetext")) == (
            "0.025",
            "step size h = 0.025",
        )
        for presses, value in ((1, "0.04"), (-1, "0.02")):  # from there on its grid
            press(opened, found, "step size h", presses)
            assert h.input_value() == value
        found = explorer(opened, "ManifoldExplorer")
        assert found.get_by_text("seed = 0").count() == 1
        probe = found.get_by_role("slider", name="Point of the data, without R1")
        assert numbers(probe.get_attribute("aria-valuetext")) == [1]
        press(opened, found, "steps", -1)
        assert words(explorer(opened, "ManifoldExplorer")).startswith(
            "At the open point, 100 steps"
        )
        assert opened.problems == []


def test_a_path_that_overflows_is_drawn(visit):
    link = dirac(loss="least-squares", regularizer="instance-noise", sigma=3, scheme="flow")
    with visit(f"{PAGE}.html#{link}&DiracExplorer.theta=2.2&DiracExplorer.psi=2.2") as opened:
        assert "at time 100" in words(explorer(opened, "DiracExplorer"))
        assert opened.problems == []
