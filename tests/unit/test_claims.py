"""The ledger of claims is complete, and a build of the book fails where it is not."""

import re
from io import StringIO
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

import claims

BOOK = {
    "index.rst": "Book\n====\n\n.. toctree::\n\n   one\n   claims\n",
    "claims.rst": "Claims\n======\n\n.. claims-table::\n",
    "one.rst": """
.. _ch-one:

The first chapter
=================

.. prf:theorem:: All :math:`x` are well
   :label: thm-well

   It is.

.. prf:definition::
   :label: def-well

   *Well* needs no test.
""",
    "book/claims.toml": 'thm-well = ["well"]\nch-one = ["aside"]\n',
    "tests/claims.toml": 'well = "It is well."\naside = "By the way."\nlater = "Not said yet."\n',
    "tests/unit/test_all.py": """
@pytest.mark.claim("later")
@pytest.mark.claim("well")
@pytest.mark.parametrize("x", [1, 2])
def test_well(x): ...

@pytest.mark.claim("aside")
def test_aside(): ...
""",
}


def build(
    folder: Path, file: str = "", old: str = "", new: str = "", builder: str = "dummy"
) -> tuple[int, str]:
    """Exit status and warnings of the book, with one text of one file replaced."""
    for name, text in BOOK.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new) if name == file else text)
    (folder / "conf.py").write_text('extensions = ["sphinx_proof", "claims_page"]\n')
    warnings, out = StringIO(), folder / "out"
    with docutils_namespace():
        app = Sphinx(
            *(folder, folder, out, out, builder),
            status=None,
            warning=warnings,
            warningiserror=True,
            keep_going=True,
        )
        app.build()
    return app.statuscode, warnings.getvalue()


def test_every_claim_has_a_test_and_every_test_a_statement():
    claimed = claims.statements()
    assert claims.problems(claimed, claims.checks()) == []
    assert claims.unknown(claimed, claims.places()) == []


def test_a_page_lists_claims_by_chapter_with_their_tests(tmp_path):
    assert build(tmp_path, builder="html") == (0, "")
    page = (tmp_path / "out" / "claims.html").read_text()
    assert '<a class="reference internal" href="one.html#thm-well">Theorem 1</a>' in page
    assert "mathjax" in page  # for the formula in the theorem's title
    words = re.sub(r"<[^>]+>|\s+|¶", " ", page)
    expected = """
        3 claims, 2 tests.
        The first chapter : 2 claims, 2 tests.
        Tested, and not yet in a chapter : 1 claim, 1 test.
        The first chapter 2 claims, 2 tests.
        Theorem 1 (All \\(x\\) are well) It is well. tests/unit/test_all.py::test_well
        In the text By the way. tests/unit/test_all.py::test_aside
        Tested, and not yet in a chapter 1 claim, 1 test.
        Not said yet. tests/unit/test_all.py::test_well
    """
    assert " ".join(expected.split()) in " ".join(words.split())


TESTS, PLACES = "tests/unit/test_all.py", "book/claims.toml"


@pytest.mark.parametrize(
    ("file", "old", "new", "warning"),
    [
        (TESTS, '@pytest.mark.claim("well")\n', "", "claim well has no test"),
        (TESTS, '"aside"', '"x"', f"claim x of {TESTS}::test_aside has no statement"),
        ("one.rst", "prf:definition", "prf:lemma", f"def-well has no line in {PLACES}"),
        ("one.rst", "thm-well", "thm-x", f"thm-well of {PLACES} is no label of the book"),
        ("one.rst", "_ch-one", "_ch-two", f"ch-one of {PLACES} is no label of the book"),
        (PLACES, '["well"]', '["x"]', "claim x of thm-well has no statement"),
        (PLACES, '["well"]', "[]", "thm-well names no claim"),
    ],
)
def test_a_build_fails_where_claims_do_not_match(tmp_path, file, old, new, warning):
    status, warnings = build(tmp_path, file, old, new)
    assert status == 1
    assert f"WARNING: {warning}" in warnings


def test_tests_that_change_after_a_build_are_seen_by_the_next(tmp_path):
    assert build(tmp_path)[0] == 0
    status, warnings = build(tmp_path, TESTS, '@pytest.mark.claim("well")\n', "")
    assert (status, warnings.count("WARNING")) == (1, 1)


def test_a_mark_that_would_be_overlooked_is_an_error():
    for source in (
        '@pytest.mark.claim("a")\nclass TestAll:\n    def test_a(self): ...',
        "@pytest.mark.claim(LABEL)\ndef test_a(): ...",
        'pytestmark = pytest.mark.claim("a")',
        '@pytest.mark.claim("a")\ndef helper(): ...',
    ):
        with pytest.raises(ValueError, match=r"^test_x\.py: a claim is marked by @pytest"):
            claims.marks(source, "test_x.py")
