"""The pictures that stand in for explorers where JavaScript is off, and the social preview.

    make book && python tools/pictures.py

takes them from the built pages and writes them to book/_assets, small and on a transparent ground.
"""

import io
import json
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from browser import ROOT, SITE, launch, pages, settle

ASSETS = ROOT / "book" / "_assets"
EXPLORERS = ASSETS / "explorers"
WIDTH = 800
# The explorer's own sentences about what it shows: the alt text.
READOUT = "[data-readout]"


def save(picture: bytes, path: Path) -> None:
    """Write a picture with a palette of 128 colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGBA")
    image.quantize(128, method=Image.Quantize.FASTOCTREE).save(path, optimize=True)


def reprs(name: str) -> list[str]:
    """The explorers of a notebook as their committed outputs print them, in order."""
    path = ROOT / f"{name}.ipynb"
    if not path.exists():
        return []
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    view = "application/vnd.jupyter.widget-view+json"
    shown = [output["data"] for output in outputs if view in output.get("data", {})]
    return ["".join(data["text/plain"]) for data in shown]


def take(page: Page, explorer: Locator, path: Path) -> str:
    """Picture one explorer, less its controls, and return its words."""
    explorer.scroll_into_view_if_needed()
    page.wait_for_function(
        "e => e.dataset.state === 'ready' && !e.querySelector('[aria-busy=true]')",
        arg=explorer.element_handle(),
    )
    page.wait_for_timeout(1500)  # what is trained in the page has all its steps
    save(explorer.screenshot(omit_background=True), path)
    return explorer.locator(READOUT).text_content() or ""


def explorer_pictures(page: Page) -> None:
    """One picture for each explorer of the book, and the manifest that page_touches reads."""
    EXPLORERS.mkdir(exist_ok=True)
    known = {}
    for name in pages():
        page.goto((SITE / f"{name}.html").as_uri())
        settle(page)
        hidden = ".r1-controls, .r1-buttons, .r1-note, .r1-readout { display: none !important }"
        page.add_style_tag(content=f"{hidden} body, .bd-main * {{ background: none !important }}")
        for place, state in enumerate(reprs(name)):
            label = f"{name.rpartition('/')[2]}-{place + 1}"
            explorer = page.locator(".anywidget-static").nth(place)
            words = take(page, explorer, EXPLORERS / f"{label}.png")
            known[label] = {"state": state, "alt": f"Picture of an interactive figure. {words}"}
            print(label)
    text = json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    (EXPLORERS / "pictures.json").write_text(text, encoding="utf-8")


SOCIAL = """
<style>
  body { margin: 0; width: 1200px; height: 630px; --pst-color-background: #12161b;
    display: grid; grid-template-columns: 1fr 1fr;
    gap: 48px; padding: 56px 64px; box-sizing: border-box; align-items: center; background: #12161b;
    color: #d9dee4; font-family: "Source Sans", sans-serif; }
  h1 { font-size: 68px; line-height: 1.08; letter-spacing: -0.015em; margin: 0; font-weight: 650; }
  p { font-size: 29px; line-height: 1.4; color: #9aa4af; margin: 28px 0 0; }
  svg { width: 100%; color: #9aa4af; } svg text { fill: #9aa4af; font-size: 11px; }
</style>
<div><h1>Why GANs circle, and how R1 brings them to rest</h1>
<p>Theorems that run, and figures to be touched.</p></div>
"""


def social_picture(page: Page) -> None:
    """The preview of a shared link: the book's title and the first phase portrait."""
    page.goto((SITE / "book/explorers.html").as_uri())
    settle(page)
    page.set_viewport_size({"width": 1200, "height": 630})
    page.evaluate(
        """(html) => {
          const portrait = document.querySelector('.r1-tall svg').cloneNode(true);
          document.body.innerHTML = html;
          document.body.append(portrait);
        }""",
        SOCIAL,
    )
    save(page.screenshot(), ASSETS / "social.png")


def main() -> int:
    """Take all pictures anew."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if browser is None:
            print("No Chromium here: install chromium or google-chrome.", file=sys.stderr)
            return 1
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        explorer_pictures(page)
        social_picture(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
