"""A browser for the tests that need one: parity with JavaScript, the site, JupyterLab."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

NO_BROWSER = "no Chromium here and none to download: the tests in a browser did not run"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable[..., Any]]:
    """`chromium(*switches)` starts one; all are closed at the end of the run."""
    from playwright.sync_api import sync_playwright

    from browser import launch

    with sync_playwright() as playwright:
        started = []

        def start(*switches: str) -> Any:
            found = launch(playwright, *switches)
            if found is None:
                # In CI a skipped browser test would look like a passed one.
                (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_BROWSER)
            started.append(found)
            return found

        yield start
        for found in started:
            found.close()


@pytest.fixture(scope="session")
def browser(chromium: Callable[..., Any]) -> Any:
    """The browser of the run."""
    return chromium()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say it aloud: a row of `s` is easily missed."""
    if any(NO_BROWSER in str(report.longrepr) for report in terminalreporter.getreports("skipped")):
        terminalreporter.section("WARNING")
        terminalreporter.line(NO_BROWSER, red=True, bold=True)
