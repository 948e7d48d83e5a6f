"""Links: those within the book lead somewhere, and those out of it are well-formed."""

import re
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

from browser import ROOT, SITE, pages

REDIRECTS = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]["redirects"]


@cache
def soup(path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path) -> set[str]:
    return {tag[key] for tag in soup(path).find_all() for key in ("id", "name") if tag.get(key)}


def addresses(name: str) -> list[str]:
    return [tag["href"] for tag in soup(SITE / f"{name}.html").select("a[href]")]


@pytest.mark.parametrize("name", pages())
def test_links_within_the_book_lead_somewhere(name):
    page = SITE / f"{name}.html"
    dead = []
    for address in addresses(name):
        url = urlsplit(address)
        if url.scheme or url.netloc:
            continue
        target = (page.parent / unquote(url.path)).resolve() if url.path else page
        exists = target.is_file() and target.is_relative_to(SITE)
        if not exists or (url.fragment and unquote(url.fragment) not in anchors(target)):
            dead.append(address)
    assert dead == []


def outward() -> list[str]:
    """The book's links to elsewhere, each once."""
    found = {address for name in pages() for address in addresses(name)}
    return sorted(address for address in found if urlsplit(address).scheme)


def test_links_to_elsewhere_are_well_formed_and_each_has_one_form():
    links = outward()
    assert len(links) > 40
    for address in links:
        url = urlsplit(address)
        assert url.scheme == "https" and re.fullmatch(r"[\w.-]+\.[a-z]{2,}", url.netloc), address
        assert not re.search(r"[\s<>\"{}|\\^`]|[.,;]$", address), address
    plain = [re.sub(r"^https://(www\.|dx\.)?|/$", "", address.lower()) for address in links]
    assert sorted(plain) == sorted(set(plain))


def test_short_addresses_lead_to_pages(visit):
    assert REDIRECTS
    for name, target in REDIRECTS.items():
        with visit(name) as opened:
            opened.page.wait_for_url(f"**/{target}")
