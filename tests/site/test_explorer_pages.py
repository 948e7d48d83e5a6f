"""Every explorer of every page: soon ready, quick to follow, and a picture without JavaScript."""

import pytest
from bs4 import BeautifulSoup

from browser import SITE, pages
from hands import check_dragged_frames, explorer

PAGE = "book/explorers"
NAMES = ["DiracExplorer", "ContinuityExplorer", "SpectrumExplorer", "ManifoldExplorer"]
WITH_EXPLORERS = [
    name
    for name in pages()
    if (file := SITE / f"{name}.html").exists() and "widget-view+json" in file.read_text()
]
# Noise on a discriminator that gets ever steeper, six evaluations an update.
STEEP = "&".join(
    f"DiracExplorer.{trait}"
    for trait in (
        "loss=non-saturating",
        "regularizer=instance-noise",
        "sigma=3",
        "scheme=alternating",
        "d_steps=5",
        "h=2",
    )
)

# ---- Speed ----


@pytest.mark.timing
@pytest.mark.parametrize("origin", ["http", "file"])
@pytest.mark.parametrize("name", WITH_EXPLORERS)
def test_ready_within_a_second_of_scrolling_to_it(visit, name, origin):
    with visit(name, origin, settled=False) as opened:
        for place in range(opened.page.locator(".anywidget-static").count()):
            waited = opened.page.evaluate(READY, place)
            assert waited < 1000, (name, place, waited)


READY = """async (place) => {
  const explorer = document.querySelectorAll('.anywidget-static')[place];
  const began = performance.now();
  explorer.scrollIntoView({ behavior: 'instant' });
  while (!explorer.dataset.state) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""


@pytest.mark.timing
@pytest.mark.parametrize("state", [*NAMES, STEEP])
def test_script_time_of_a_dragged_frame(visit, state):
    with visit(f"{PAGE}.html#{state}") as opened:
        check_dragged_frames(opened, explorer(opened, state.split(".")[0]))


# ---- Without JavaScript ----


def test_each_explorer_has_one_picture_without_javascript(chromium, origins):
    browser = chromium("--blink-settings=scriptEnabled=false")
    for name in WITH_EXPLORERS:
        soup = BeautifulSoup((SITE / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        views = len(soup.select("script[type$='widget-view+json']"))
        page = browser.new_page()
        page.goto(f"{origins['http']}/{name}.html")
        shown = page.locator("noscript img")
        assert shown.count() == views
        for picture in shown.all():
            assert picture.is_visible()
            assert len(picture.get_attribute("alt")) > 60
        page.close()
