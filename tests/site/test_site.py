"""What a reader sees: every page of the built book in a real browser, without any network.

Opening a page is what costs: each is opened twice, and a worker has all tests of a page.
"""

import gzip
import re
from itertools import product
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

from browser import SITE, pages

PAGES = [*pages(), "genindex"]
TRANSPARENT = "rgba(0, 0, 0, 0)"
AXE = Axe().axe_script
# WCAG 2.0 to 2.2, levels A and AA.
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NO_CONTRAST = {"color-contrast": {"enabled": False}}
# axe measures the contrast of each text anew, which takes seconds. It depends on these alone, so
# that one text of each kind will do. Formulas have the text's colour, and are thousands of nodes.
THIN_OUT = """() => {
  document.querySelectorAll('mjx-container').forEach((e) => e.remove());
  const seen = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim()) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const kind = [color, fontSize, fontWeight];
    for (let e = element; e; e = e.parentElement) {
      const { opacity, backgroundColor, backgroundImage } = getComputedStyle(e);
      kind.push(opacity, backgroundColor, backgroundImage);
    }
    const known = seen.size;
    if (seen.add(kind.join()).size > known) element.dataset.distinct = '';
  }
}"""


WIDE = {"color_scheme": "light"}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "color_scheme": "dark",
}


@pytest.fixture(scope="module", params=list(product(PAGES, ("http", "file"))), ids="-".join)
def opened(request, visit):
    """Each page from a server in a wide light window, and from disk on a dark phone."""
    name, origin = request.param
    with visit(name, origin, **(WIDE if origin == "http" else PHONE)) as page:
        yield page


def test_page_loads_without_a_complaint(opened):
    assert opened.problems == []


def test_maths_is_typeset(opened):
    article = opened.page.locator("article")
    assert article.locator("mjx-container").count() >= article.locator(".math").count()
    assert article.locator("mjx-merror, [data-mjx-error]").count() == 0


def test_pictures_load_and_are_described(opened):
    pictures = opened.page.locator("article img").evaluate_all(
        "images => images.map(i => ({ width: i.naturalWidth, alt: i.alt, src: i.src }))"
    )
    for picture in pictures:
        assert picture["width"] > 0, picture
        # Without an alt text Sphinx writes the file's name there.
        assert picture["alt"].strip(), picture
        assert Path(picture["src"]).name not in picture["alt"], picture


def test_explorers_draw_and_answer_the_keyboard(opened):
    for explorer in opened.page.locator(".anywidget-static").all():
        assert explorer.get_attribute("data-state") == "ready", explorer.inner_text()
        drawn = "e => e instanceof SVGElement ? e.childElementCount : e.width * e.height"
        sizes = explorer.locator("svg, canvas").evaluate_all(f"all => all.map({drawn})")
        assert sizes
        assert min(sizes) > 0
        readout = explorer.locator("output, [data-readout]")
        for slider in explorer.locator("input[type=range]:visible").all():
            before = readout.all_inner_texts()
            slider.focus()
            at_end = slider.evaluate("s => s.value === s.max")
            for _ in range(5):
                opened.page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
            explorer.locator("[aria-busy=true]").wait_for(state="detached")
            assert readout.all_inner_texts() != before
    assert opened.problems == []


def test_a_whole_page_stays_under_two_megabytes(opened):
    bodies = {r.url: r for r in opened.responses if r.url.startswith("http") and r.status == 200}
    sizes = {url: len(gzip.compress(response.body())) for url, response in bodies.items()}
    assert len(sizes) > 5 or opened.origin.startswith("file:")
    assert sum(sizes.values()) <= 2_000_000, sizes


def test_no_page_needs_a_sideways_scroll(opened):
    window = opened.page.viewport_size["width"]
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= window


def test_pictures_and_explorers_sit_on_the_page_without_plates(opened):
    styles = opened.page.locator("article :is(.cell_output img, .anywidget-static)").evaluate_all(
        """elements => elements.flatMap((e) => [e, e.closest('.output')].filter(Boolean))
            .map((e) => { const s = getComputedStyle(e); return [s.backgroundColor, s.filter]; })"""
    )
    assert all(style == [TRANSPARENT, "none"] for style in styles), styles


def test_axe_finds_nothing_serious(opened):
    """Comes last: it thins the page out."""
    page = opened.page
    scheme = "light" if opened.origin.startswith("http") else "dark"
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.evaluate(AXE)
    page.evaluate(THIN_OUT)
    contrast = {"runOnly": ["color-contrast"]}
    assert serious(page, {"include": [["[data-distinct]"]]}, contrast) == []
    rest = {"runOnly": {"type": "tag", "values": LEVELS}, "rules": NO_CONTRAST}
    assert serious(page, None, rest) == []


def serious(page, where, options) -> list[tuple[str, ...]]:
    """What axe-core calls serious or critical: the rule, where, and why."""
    run = "([where, options]) => axe.run(where ?? document, options)"
    report = page.evaluate(run, [where, options | {"resultTypes": ["violations"]}])
    return [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in report["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def test_front_door_leads_to_the_first_page(visit):
    with visit(PAGES[-1]) as opened:
        opened.page.goto(opened.page.url.removesuffix(f"{PAGES[-1]}.html"))
        opened.page.wait_for_url(f"**/{PAGES[0]}.html")
        assert opened.problems == []


@pytest.mark.parametrize("origin", ["http", "file"])
def test_search_finds_the_subject(visit, origin):
    with visit("search", origin) as opened:
        opened.page.goto(f"{opened.page.url}?q=discriminator")
        opened.page.locator("#search-results li a").first.wait_for(timeout=10_000)


@pytest.mark.parametrize(
    "path", sorted(SITE.rglob("*.html")), ids=lambda path: str(path.relative_to(SITE))
)
def test_no_page_names_a_foreign_script_style_or_picture(path):
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    named = [
        tag.get("src") or tag.get("href")
        for tag in page.select("script, link:not([rel=canonical]), img, iframe")
    ]
    assert [url for url in named if url and re.match(r"(https?:)?//", url)] == []
    # Widget state is data, not code.
    scripts = [tag.get_text() for tag in page.select("script:not([type])")]
    assert not any("https://" in script for script in scripts)
