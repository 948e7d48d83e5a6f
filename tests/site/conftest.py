"""The built book over http and from disk, and pages that record what went wrong."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from playwright.sync_api import Browser, Page, Response
from xdist.scheduler import LoadScopeScheduling

from browser import SITE, settle

# The one known noise: Chromium refuses a font preload marked crossorigin on a file: page, and the
# theme marks its icon fonts so. Its style sheet then loads the same files, which is allowed.
ICON_FONT = re.compile(r"file:.*/fontawesome/.*\.woff2")


class ByPage(LoadScopeScheduling):
    """One worker has all tests of an open page; the others go where there is room.

    Not by marks: pytest 9 made those of pytest-xdist 3.8 silently do nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        page = re.search(r"\[(.*-(http|file))\]$", nodeid)
        return page[1] if page else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPage:
    return ByPage(config, log)


@dataclass
class Visit:
    """An open page and everything that it failed to load or complained about."""

    page: Page
    origin: str = ""
    problems: list[str] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)

    def listen(self) -> None:
        page, note = self.page, self.note
        page.on("console", lambda m: m.type == "error" and note(m.text, m.location["url"]))
        page.on("pageerror", lambda error: note(str(error)))
        page.on("requestfailed", lambda request: note(f"failed: {request.failure}", request.url))
        page.on("response", lambda r: r.status >= 400 and note(f"status {r.status}", r.url))
        page.on("response", lambda response: self.responses.append(response))

    def note(self, problem: str, url: str = "") -> None:
        if not ICON_FONT.search(f"{problem} {url}"):
            self.problems.append(f"{problem} {url}")


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book as a reader without a network has it: out of the zip that releases carry."""
    folder = tmp_path_factory.mktemp("zip")
    with ZipFile(folder / "r1lab-book.zip", "w", ZIP_DEFLATED) as packed:
        for path in SITE.rglob("*"):
            packed.write(path, path.relative_to(SITE.parent))
    with ZipFile(folder / "r1lab-book.zip") as packed:
        packed.extractall(folder)
    return folder / SITE.name


@pytest.fixture(scope="session")
def origins(unpacked: Path) -> Iterator[dict[str, str]]:
    """Where the built book is: on a local server, and on disk."""
    if not (SITE / "index.html").exists():
        pytest.fail(f"{SITE} is missing: run `make book` before the site tests")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A closed window breaks off its downloads; what a page misses is in its problems."""

    server = Server(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"http": f"http://127.0.0.1:{server.server_port}", "file": unpacked.as_uri()}
    server.shutdown()


@pytest.fixture(scope="session")
def visit(browser: Browser, origins: dict[str, str]) -> Callable[..., Any]:
    """`with visit(name, origin, **context options)`: the page, as a first visit.

    It has settled, unless `settled=False`.
    """

    @contextmanager
    def open_page(
        name: str, origin: str = "http", settled: bool = True, **options: Any
    ) -> Iterator[Visit]:
        context = browser.new_context(**options)
        opened = Visit(context.new_page(), origins[origin])
        opened.listen()
        # A name with a fragment is complete.
        opened.page.goto(f"{origins[origin]}/{name if '#' in name else name + '.html'}")
        if settled:
            settle(opened.page)
        yield opened
        context.close()

    return open_page
