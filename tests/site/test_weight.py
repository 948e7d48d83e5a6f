"""What our part of a page weighs, what a shared link shows, and what a wrong address leads to."""

import json
import re

import pytest
from bs4 import BeautifulSoup

import page_touches
from browser import ROOT, SITE, pages
from pictures import reprs

KB = 1000
STATE = "application/vnd.jupyter.widget-state+json"
NOTEBOOKS = [name for name in pages() if (ROOT / f"{name}.ipynb").exists()]


def soup(name: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def our_javascript(name: str) -> int:
    """Bytes of the host and of the modules that the page's widgets carry."""
    page = soup(name)
    states = [json.loads(tag.get_text()) for tag in page.find_all("script", type=STATE)]
    models = [model["state"] for state in states for model in state["state"].values()]
    modules = sum(len(model.get("_esm", "").encode()) for model in models)
    hosted = page.find("script", src=re.compile("afm-static")) is not None
    return modules + hosted * (SITE / "_static" / "afm-static.js").stat().st_size


@pytest.mark.parametrize("name", pages())
def test_our_javascript_and_pictures_are_small(name):
    assert our_javascript(name) <= 150 * KB
    sources = [tag["src"] for tag in soup(name).select("article img")]
    files = {(SITE / name).parent / source for source in sources if "://" not in source}
    assert sum(file.resolve().stat().st_size for file in files) <= 400 * KB


@pytest.mark.parametrize("name", pages())
def test_a_shared_link_has_title_words_and_picture(name):
    page = soup(name)
    values = {tag["property"]: tag["content"] for tag in page.select("meta[property^='og:']")}
    assert values["og:title"] and values["og:site_name"] and values["og:description"]
    # Absolute where the build knew its address.
    picture = SITE / "_static" / values["og:image"].rpartition("/")[2]
    assert picture.stat().st_size < 100 * KB


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_pictures_without_javascript_show_the_committed_state(name):
    """If this fails: make book && python tools/pictures.py"""
    known = page_touches.manifest()
    for place, state in enumerate(reprs(name), start=1):
        label = f"{name.rpartition('/')[2]}-{place}"
        assert known[label]["state"] == state
        assert (page_touches.PICTURES / f"{label}.png").exists()


@pytest.mark.parametrize(
    ("folder", "address"),
    [
        ("/repo", "nowhere.html"),
        ("/repo", "book/no/such/page.html"),
        ("/repo", "no/such/page.html"),
        ("/my-book", "nope.html"),
        ("/my-book", "book/nope.html"),
        ("/book", "book/nope.html"),
        ("/pages/of/it", "book/nope.html"),
        ("", "nowhere.html"),
        ("", "book/nope.html"),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_wrong_address_leads_back(browser, folder, address, scheme):
    page = browser.new_context(color_scheme=scheme).new_page()
    root, text = f"http://book.test{folder}", (SITE / "404.html").read_text(encoding="utf-8")
    page.route("**/*", lambda route: route.fulfill(status=404, body=text, content_type="text/html"))
    page.goto(f"{root}/{address}")
    assert page.get_by_role("link").evaluate("a => a.href") == f"{root}/index.html"
    assert (SITE / "index.html").exists()
    page.context.close()
