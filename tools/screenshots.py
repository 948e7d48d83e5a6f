"""Full-page pictures of the built book, for a person to look at.

    python tools/screenshots.py                    # every page
    python tools/screenshots.py book/04-dirac-gan  # one page

writes _build/screenshots/<page>-{desktop,phone,dark}.png.
"""

import argparse
import sys

from playwright.sync_api import sync_playwright

from browser import ROOT, SITE, launch, pages, settle

TARGET = ROOT / "_build" / "screenshots"
VIEWS = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}


def main() -> int:
    """Picture each page named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", default=pages(), metavar="page")
    names = parser.parse_args().pages
    TARGET.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if browser is None:
            print("No Chromium here: install chromium or google-chrome.", file=sys.stderr)
            return 1
        for view, options in VIEWS.items():
            page = browser.new_context(**options).new_page()
            for name in names:
                page.set_viewport_size(options["viewport"])
                page.goto((SITE / f"{name}.html").as_uri())
                settle(page)
                # A window as high as the page: full_page=True shifts one picture in ten sideways.
                height = page.evaluate("document.documentElement.scrollHeight")
                page.set_viewport_size({**options["viewport"], "height": height})
                picture = TARGET / f"{name.rpartition('/')[2]}-{view}.png"
                page.screenshot(path=picture)
                print(picture.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
