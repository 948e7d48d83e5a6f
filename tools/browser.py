"""Find a Chromium and open the built book in it, for the site tests and the screenshots."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Error, Page, Playwright

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"

INSTALLED = (
    "chromium-headless-shell",  # the lightest
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)


def launch(playwright: Playwright, *switches: str) -> Browser | None:
    """An installed Chromium, else Playwright's own, downloaded if need be; None if neither."""
    # The book needs no network, and so gets none. Small containers have little /dev/shm.
    offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    arguments = ["--disable-gpu", "--disable-dev-shm-usage", offline, *switches]
    # Root has no sandbox to offer.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")
    installed = next(filter(None, map(shutil.which, INSTALLED)), None)
    if installed:
        return playwright.chromium.launch(executable_path=installed, args=arguments)
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    try:
        return playwright.chromium.launch(args=arguments)
    except Error:
        return None


def pages(toc: Path = ROOT / "_toc.yml") -> list[str]:
    """The pages of the book in reading order, as _toc.yml names them: "book/intro", ..."""
    contents = yaml.safe_load(toc.read_text(encoding="utf-8"))
    found = [contents["root"]]

    def collect(node: object) -> None:
        if isinstance(node, dict):
            if "file" in node:
                found.append(node["file"])
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for item in node:
                collect(item)

    collect(contents)
    return found


def scroll_through(page: Page) -> None:
    """Show every part of the page once, so that lazy figures draw themselves."""
    page.evaluate(
        """async () => {
          const frame = () => new Promise(requestAnimationFrame);
          for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
            scrollTo({ top: y, behavior: 'instant' });
            await frame(); // an observer learns of it after the frame that shows it
          }
          scrollTo({ top: 0, behavior: 'instant' });
        }"""
    )


def settle(page: Page) -> None:
    """Wait until the page's fonts, formulas and interactive figures have stopped changing."""
    page.evaluate("() => window.MathJax?.startup?.promise")
    scroll_through(page)
    page.wait_for_function(
        """() => document.fonts.status === 'loaded' &&
            [...document.querySelectorAll('.anywidget-static')].every((e) => e.dataset.state)"""
    )
