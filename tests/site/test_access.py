"""For every reader: axe-core on every page, light and dark, and no text without contrast."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser import pages

# WCAG 2.0 to 2.2, levels A and AA; colour contrast is among them.
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
}
# The theme's own search dialog is hidden until it is asked for, and axe sees nothing there.
SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "origin"), [*((name, "http") for name in pages()), ("book/explorers", "file")]
)
def test_axe_finds_nothing_serious(visit, name, origin, scheme):
    with visit(name, origin, color_scheme=scheme) as opened:
        assert opened.page.evaluate("document.documentElement.dataset.theme") == scheme
        found = Axe().run(opened.page, options=RULES).response["violations"]
        serious = [
            (violation["id"], node["target"], node["failureSummary"])
            for violation in found
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]
        assert serious == []


def test_names_in_the_drawings_have_contrast(visit):
    """What axe does not look at: text in SVG, against the page."""
    for scheme in ("light", "dark"):
        with visit("book/explorers", color_scheme=scheme) as opened:
            colours = opened.page.evaluate(
                """() => [...document.querySelectorAll('.r1-explorer svg text')]
                    .map((e) => getComputedStyle(e).fill)"""
            )
            ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert len(colours) > 40
            assert min(contrast(colour, ground) for colour in set(colours)) > 4.5


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of the relative luminances of two colours "rgb(r, g, b)"."""

    def luminance(colour: str) -> float:
        parts = colour[colour.index("(") + 1 : -1].split(",")[:3]
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (float(part) / 255 for part in parts)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
