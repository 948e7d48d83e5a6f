"""Fail when the built site lacks a page of the table of contents, or the search or index pages."""

import sys

from browser import SITE, pages

EXPECTED = [*pages(), "index", "search", "404"]

missing = [name for name in EXPECTED if not (SITE / f"{name}.html").is_file()]
if missing:
    sys.exit(f"not built: {', '.join(missing)}")
print(f"All {len(EXPECTED)} expected pages are in {SITE}.")
