"""A Sphinx extension: the book's claims page, and a build that fails where claims do not match.

Every theorem, lemma, proposition and corollary of the book makes a claim that is tested; what is
not so (see tools/claims.py) is a warning, which fails a build with -W. The directive
`claims-table` lists every claim with its place in the book and its tests, chapter by chapter.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import claims

KINDS = {"theorem", "lemma", "proposition", "corollary"}

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where the book makes claims: a page, a label on it, and a theorem's title or nothing."""

    page: str
    label: str
    title: list[nodes.Node] | None


class Table(nodes.General, nodes.Element):
    """Stands for the list until every page has been read."""


class ClaimsTable(SphinxDirective):
    """Read again in every build, since tests may have changed without any page."""

    def run(self) -> list[nodes.Node]:
        """Leave a mark."""
        self.env.note_reread()
        return [Table()]


def theorems(env: BuildEnvironment) -> list[Place]:
    """Everything of the book that must be tested, in the order of the pages."""
    known = getattr(env, "proof_list", {}).values()  # sphinx_proof's
    pages = {entry["docname"] for entry in known if entry["realtype"] in KINDS}
    return [
        Place(page, node["label"], [child.deepcopy() for child in node[0].children])
        for page in sorted(pages)
        for node in env.get_doctree(page).findall(nodes.Admonition)
        if node.get("realtype") in KINDS
    ]


def other_labels(env: BuildEnvironment) -> dict[str, str]:
    """Label -> its page, for chapters, sections, figures."""
    labels = env.get_domain("std").anonlabels  # type: ignore[attr-defined]
    return {label: page for label, (page, _) in labels.items()}


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of everything that does not match."""
    claimed, placed = claims.statements(env.srcdir), claims.places(env.srcdir)
    found = claims.problems(claimed, claims.checks(env.srcdir)) + claims.unknown(claimed, placed)
    stated = {place.label for place in theorems(env)}
    for line in found + claims.misplaced(placed, stated, set(other_labels(env))):
        log.warning(line, type="claims")


class FillTable(SphinxPostTransform):
    """Puts the list where its mark stands, before Sphinx resolves links (priority 10)."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        """Replace every mark of the page."""
        for mark in list(self.document.findall(Table)):
            mark.replace_self(Listing(self.env).content())
            # Titles contain formulas, which Sphinx would have had to see while reading the page.
            self.env.get_domain("math").data["has_equations"][self.env.docname] = True


class Listing:
    """The claims page's content."""

    def __init__(self, env: BuildEnvironment) -> None:
        self.env, self.claimed = env, claims.statements(env.srcdir)
        self.checked, self.placed = claims.checks(env.srcdir), claims.places(env.srcdir)

    def content(self) -> list[nodes.Node]:
        """Counts, a section for each page that makes claims, and what no page says yet."""
        stated, others = theorems(self.env), other_labels(self.env)
        in_text = [Place(others[label], label, None) for label in self.placed if label in others]
        places = [place for place in stated if place.label in self.placed] + in_text
        parts = [self._page(page, places) for page in sorted({place.page for place in places})]
        named = {claim for labels in self.placed.values() for claim in labels}
        if rest := [claim for claim in self.claimed if claim not in named]:
            title = nodes.title("", "Tested, and not yet in a chapter")
            section = nodes.section("", title, self._counts(rest), self._list(rest))
            section["ids"] = ["claims-no-chapter"]
            parts.append(section)
        return [self._counts(self.claimed), self._contents(parts), *parts]

    def _contents(self, sections: list[nodes.section]) -> nodes.bullet_list:
        """Links to the sections, each with its counts: the page's own list knows none of them."""
        entries = nodes.bullet_list()
        for section in sections:
            link = nodes.reference("", section[0].astext(), internal=True, refid=section["ids"][0])
            counts = nodes.Text(f": {section[1].astext()}")
            entries += nodes.list_item("", nodes.paragraph("", "", link, counts))
        return entries

    def _page(self, page: str, places: Iterable[Place]) -> nodes.section:
        here = [place for place in places if place.page == page]
        number, title = page.rpartition("/")[2], self.env.titles[page].deepcopy()
        link = _link("doc", "std", f"/{page}", nodes.inline("", "", *title.children))
        section = nodes.section("", nodes.title("", "", link), ids=[f"claims-{number}"])
        named = {claim: None for place in here for claim in self.placed[place.label]}
        section += self._counts(named)
        for place in here:
            section += self._heading(place)
            section += self._list(self.placed[place.label])
        return section

    def _heading(self, place: Place) -> nodes.paragraph:
        if place.title is None:
            return nodes.paragraph("", "", nodes.strong("", "In the text"))
        link = _link("ref", "prf", place.label, nodes.inline("", place.label))
        return nodes.paragraph("", "", nodes.strong("", "", link, *place.title))

    def _list(self, labels: Iterable[str]) -> nodes.bullet_list:
        entries = nodes.bullet_list(classes=["claims"])
        for label in labels:
            tests = nodes.bullet_list()
            for name in sorted(self.checked.get(label, ())):
                tests += nodes.list_item("", nodes.paragraph("", "", nodes.literal("", name)))
            claim = nodes.paragraph("", self.claimed.get(label, label))
            entries += nodes.list_item("", claim, *([tests] if tests.children else []))
        return entries

    def _counts(self, labels: Iterable[str]) -> nodes.paragraph:
        labels = list(labels)
        tests = set().union(*(self.checked.get(label, set()) for label in labels))
        counts = ((len(labels), "claim"), (len(tests), "test"))
        words = (f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)
        return nodes.paragraph("", f"{', '.join(words)}.")


def _link(role: str, domain: str, target: str, words: nodes.inline) -> addnodes.pending_xref:
    options = {"reftype": role, "refdomain": domain, "reftarget": target, "refexplicit": True}
    return addnodes.pending_xref("", words, **options, refwarn=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_node(Table)
    app.add_directive("claims-table", ClaimsTable)
    app.add_post_transform(FillTable)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
