"""The bibliography is well-formed, and the book cites what it lists and lists what it cites."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
from pybtex.database import parse_file
from pybtex.richtext import Text

BOOK = Path(__file__).resolve().parent.parent.parent / "book"
ENTRIES = parse_file(BOOK / "references.bib", "bibtex").entries  # a key given twice raises

WHERE = {"article": "journal", "inproceedings": "booktitle", "book": "publisher"}
WHERE["misc"] = "howpublished"
URL = re.compile(r"https://(arxiv\.org/abs/\d{4}\.\d{4,5}|(?!(www\.)?arxiv)\S+)")
DOI = re.compile(r"10\.\d{4,9}/\S+")
CITED = re.compile(r"\{cite:[a-z]+\}`([^`]+)`")


def ascii_letters(latex: str) -> str:
    """A name in small letters: S{\\o}nderby -> sonderby."""
    plain = str(Text.from_latex(latex)).lower().translate({ord("ø"): "o", ord("ı"): "i"})
    return "".join(c for c in unicodedata.normalize("NFKD", plain) if c.isascii())


def pages() -> list[tuple[str, str]]:
    """Name and prose of every page of the book."""
    texts = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(BOOK.glob("*.md"))]
    for path in sorted(BOOK.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts.append((path.name, "\n".join("".join(cell["source"]) for cell in cells)))
    return texts


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_is_complete_and_can_be_found(key):
    entry = ENTRIES[key]
    fields = entry.fields
    assert set(fields) >= {"title", "year", WHERE[entry.type]}
    assert entry.persons["author"]
    assert "doi" in fields or "url" in fields
    assert DOI.fullmatch(fields.get("doi", "10.1000/none"))
    assert URL.fullmatch(fields.get("url", "https://none"))
    assert re.fullmatch(r"[\w:]+(--[\w:]+)?", fields.get("pages", "1"))
    assert not any(value != value.strip() or value.endswith(".") for value in fields.values())


@pytest.mark.parametrize("key", ENTRIES)
def test_a_key_is_first_author_and_year_and_a_word_if_need_be(key):
    first, year = ENTRIES[key].persons["author"][0], ENTRIES[key].fields["year"]
    author, digits, _ = re.fullmatch(r"([a-z]+)(\d{4})([a-z]*)", key).groups()
    letters = re.sub(r"[^a-z]", "", ascii_letters(" ".join(first.last_names)))
    assert letters.startswith(author)
    assert digits == year


@pytest.mark.parametrize("field", ["title", "doi", "url"])
def test_no_work_is_listed_twice(field):
    values = [entry.fields[field].lower() for entry in ENTRIES.values() if field in entry.fields]
    assert len(values) == len(set(values))


def test_every_citation_is_listed_and_every_entry_cited():
    cited = {
        key.strip(): page
        for page, text in pages()
        for keys in CITED.findall(text)
        for key in keys.split(",")
    }
    assert cited.keys() - ENTRIES.keys() == set()
    assert ENTRIES.keys() - cited.keys() == set()
