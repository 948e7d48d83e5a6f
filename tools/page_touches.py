"""A Sphinx extension: what is added to a page's HTML before it is written, and films to the site.

Where JavaScript is off, an explorer's place shows a picture. The pictures are committed
(tools/pictures.py takes them from the built page) and stand in a <noscript>, so that they never
appear beside the running figure.

The training film fetches the recorded runs' films from _static/films, when it is first played.
"""

import json
import re
import shutil
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

BOOK = Path(__file__).resolve().parent.parent / "book"
PICTURES = BOOK / "_assets" / "explorers"
VIEW = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-view\+json">.*?</script>', re.DOTALL
)

SIGNATURE = re.compile(r'<dt class="sig .*?</dt>', re.DOTALL)


def manifest() -> dict[str, dict[str, str]]:
    """What tools/pictures.py noted of each picture: the explorer's repr and an alt text."""
    path = PICTURES / "pictures.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def add_pictures(app: Sphinx, page: str, template: str, context: dict[str, Any], _: object) -> None:
    """Put the fallback after every widget view of a page; the first is `<page>-1`."""
    if "body" not in context:
        return
    stem, known = page.rpartition("/")[2], manifest()
    count = 0

    def with_fallback(view: re.Match[str]) -> str:
        nonlocal count
        count += 1
        name = f"{stem}-{count}"
        words, picture = "This figure can be moved where JavaScript runs.", ""
        if name in known:
            source = context["pathto"](f"_static/explorers/{name}.png", resource=True)
            picture = f'<img src="{source}" alt="{escape(known[name]["alt"])}">'
        return f"{view[0]}<noscript>{picture}<p>{words}</p></noscript>"

    context["body"] = VIEW.sub(with_fallback, context["body"])


def name_list_items(
    app: Sphinx, page: str, template: str, context: dict[str, Any], _: object
) -> None:
    """docutils gives the entries of a bibliography a role that may not stand in a list."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def copy_films(app: Sphinx, error: Exception | None) -> None:
    """Put the first seed's film of every recorded image run where the page looks for it."""
    if error is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "films"
    target.mkdir(parents=True, exist_ok=True)
    for film in sorted(BOOK.glob("results/images/*/0-film.webp")):
        shutil.copyfile(film, target / f"{film.parent.name}.webp")


def name_parts_of_signatures(
    app: Sphinx, page: str, template: str, context: dict[str, Any], _: object
) -> None:
    """Sphinx writes a long signature as definitions without terms: for a screen reader, a list."""
    if "body" in context:
        context["body"] = SIGNATURE.sub(
            lambda found: (
                found[0].replace("<dl>", '<dl role="list">').replace("<dd>", '<dd role="listitem">')
            ),
            context["body"],
        )


def name_toggles(app: Sphinx, page: str, template: str, context: dict[str, Any], _: object) -> None:
    """The theme's buttons that unfold a part of the contents are pictures without words."""
    if make := context.get("generate_toctree_html"):

        def with_names(kind: str, **options: Any) -> Any:
            made = make(kind, **options)
            # Nothing, or Beautiful Soup's tree.
            for toggle in made.find_all("summary") if made else ():
                toggle["aria-label"] = "Show or hide the pages below"
            return made

        context["generate_toctree_html"] = with_names


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("html-page-context", add_pictures)
    app.connect("html-page-context", name_list_items)
    app.connect("build-finished", copy_films)
    app.connect("html-page-context", name_parts_of_signatures)
    app.connect("html-page-context", name_toggles, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
