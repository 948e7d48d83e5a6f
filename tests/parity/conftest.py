"""The explorers' own JavaScript, run in Chromium."""

from collections.abc import Callable
from typing import Any

import pytest

LOAD = """async (source) => {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  globalThis.js = await import(url);
}"""


@pytest.fixture(scope="module")
def javascript(browser) -> Callable[..., Any]:
    """`javascript(Explorer)` gives call("(js, a, b) => ...", a, b) on its module's exports."""
    opened = []

    def load(explorer: type) -> Callable[..., Any]:
        page = browser.new_page()
        opened.append(page)
        page.evaluate(LOAD, explorer._esm)

        def call(function: str, *arguments: Any) -> Any:
            return page.evaluate(f"(all) => ({function})(globalThis.js, ...all)", list(arguments))

        return call

    yield load
    for page in opened:
        page.close()
