"""The reference is whole: each public name has a page, example, arguments, errors, chapter."""

import ast
import importlib
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from sphinx.pycode import ModuleAnalyzer

from api_pages import Names, chapters

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
NAMES = chapters()
MODULES = sorted({name.rpartition(".")[0] for name in NAMES})
# What the book's own notebooks need and a reader does not.
INTERNAL = {"r1lab.notebook.glue", "r1lab.notebook.style", "r1lab.images.metrics.distances"}
INTERNAL |= {"r1lab.images.metrics.features"}
DIRECTIVE = re.compile(r"^(\s*\.\.) (automodule|currentmodule|auto\w+):: ([\w.]+)", re.MULTILINE)


def value(name: str) -> object:
    """The object with this public name."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@cache
def documented() -> dict[str, str]:
    """Every name that a page asks autodoc for -> the page."""
    found = {}
    for page in sorted((BOOK / "api").glob("*.md")):
        module = ""
        for _, kind, name in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            if kind in ("automodule", "currentmodule"):
                module = name
            else:
                assert f"{module}.{name}" not in found, f"{module}.{name} stands twice"
                found[f"{module}.{name}"] = page.name
    return found


@cache
def labels() -> set[str]:
    """The labels of headings of the book."""
    cells = [
        "".join(cell["source"])
        for path in BOOK.glob("*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
    ]
    texts = cells + [path.read_text(encoding="utf-8") for path in BOOK.glob("*.md")]
    return {label for text in texts for label in re.findall(r"^\(([\w-]+)\)=\n#", text, re.M)}


def examples(text: str | None) -> str:
    """The code of a docstring's examples that a test runs."""
    lines = re.findall(r"^\s*(?:>>>|\.\.\.) (.*)$", text or "", re.MULTILINE)
    return "\n".join(line for line in lines if "+SKIP" not in line)


@cache
def module_examples(module: str) -> str:
    """The examples of everything public whose documentation stands on the module's page."""
    here = [name for name in NAMES if name.startswith(f"{module}.")]
    objects = [importlib.import_module(module), *(value(name) for name in here if name not in DATA)]
    methods = [function for cls in objects if inspect.isclass(cls) for function in own(cls)]
    return "\n".join(examples(found.__doc__) for found in objects + methods)


def own(cls: type) -> Iterator[Callable]:
    """Public methods and properties that a class defines, as functions."""
    for name, member in vars(cls).items():
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if inspect.isfunction(function) and not name.startswith("_"):
            yield function


def text_of(name: str) -> str:
    """A docstring; of a method that has none, that of the method it stands for."""
    found = CALLABLE.get(name) or value(name)
    if not found.__doc__ and name in METHODS:
        cls = METHODS[name]
        bases = (vars(base).get(found.__name__) for base in cls.__mro__[1:])
        return next((base.__doc__ for base in bases if base and base.__doc__), "")
    return inspect.cleandoc(found.__doc__ or "")


def prose(name: str) -> str:
    """A docstring, its class's, and those that they point to, without the examples."""
    names, texts, waiting = Names(NAMES), {}, [name]
    while waiting:
        at = waiting.pop()
        if at in texts or at in DATA:
            continue
        texts[at] = text = text_of(at)
        scope = at.rpartition(".")[0]
        waiting += [scope] if at in METHODS else []
        quoted = re.findall(r"`([^`]+)`", text)
        waiting += [found for word in quoted if (found := names.find(word, at))]
    return re.sub(r"^\s*(>>>|\.\.\.).*$", "", "\n".join(texts.values()), flags=re.MULTILINE)


def mentions(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}\b", text) is not None


FUNCTIONS = [name for name in NAMES if inspect.isfunction(value(name))]
CLASSES = [name for name in NAMES if inspect.isclass(value(name))]
DATA = [name for name in NAMES if name not in FUNCTIONS and name not in CLASSES]
METHODS = {f"{n}.{function.__name__}": value(n) for n in CLASSES for function in own(value(n))}
CALLABLE = {name: value(name) for name in FUNCTIONS} | {
    f"{n}.{function.__name__}": function for n in CLASSES for function in own(value(n))
}


def test_every_public_name_is_in_the_table():
    def collect(module: ModuleType) -> set[str]:
        found = set()
        for name in module.__all__:
            member = getattr(module, name)
            full = f"{module.__name__}.{name}"
            if isinstance(member, ModuleType):
                found |= set() if full in INTERNAL else collect(member)
            else:
                found.add(full)
        return found

    public = collect(importlib.import_module("r1lab"))
    for name in MODULES:
        public |= collect(importlib.import_module(name))
    # r1lab.images.data.load is r1lab.images.load: one entry, under the shorter name.
    short = {id(value(name)) for name in NAMES}
    missing = {name for name in public - NAMES.keys() if id(value(name)) not in short}
    assert missing == set()
    assert NAMES.keys() - public == set()


def test_pages_show_the_public_names_and_no_others():
    assert documented().keys() == NAMES.keys()


@pytest.mark.parametrize("label", sorted(set(NAMES.values())))
def test_what_explains_a_name_is_a_heading_of_the_book(label):
    assert label in labels()


def test_every_docstring_begins_with_a_sentence():
    first = {name: text_of(name).split("\n\n")[0] for name in [*CALLABLE, *CLASSES]}
    assert {
        name for name, text in first.items() if not re.search(r"\w.*[.:]$", text, re.S)
    } == set()
    # What dataclasses and named tuples write themselves says nothing.
    assert {n for n, text in first.items() if text.startswith(f"{n.rpartition('.')[2]}(")} == set()


def test_every_function_and_class_has_an_example_that_runs():
    lacking = set()
    for name in FUNCTIONS + CLASSES:
        module, _, short = name.rpartition(".")
        shown = examples(value(name).__doc__)
        # A record that something returns is shown there.
        fields = [f".{field}" for field in getattr(value(name), "_fields", ())]
        if not shown and not any(mentions(w, module_examples(module)) for w in [short, *fields]):
            lacking.add(name)
    assert lacking == set()


def test_every_method_is_used_in_an_example():
    lacking = set()
    for name, cls in METHODS.items():
        short = name.rpartition(".")[2]
        page = module_examples(name.removesuffix(f".{cls.__name__}.{short}"))
        # A torch module's forward is what calling it runs.
        if not examples(text_of(name)) and f".{short}" not in page and short != "forward":
            lacking.add(name)
    assert lacking == set()


def test_every_argument_is_explained():
    makes = [
        n
        for n in CLASSES
        if is_dataclass(value(n)) or "__init__" in vars(value(n))
        if not getattr(value(n), "_is_protocol", False)
    ]
    lacking = set()
    for name in [*CALLABLE, *makes]:
        found = CALLABLE.get(name) or value(name)
        words = set(inspect.signature(found).parameters) - {"self", "cls"}
        if name in CLASSES:  # a field may have a string below it
            fields = ModuleAnalyzer.for_module(found.__module__).find_attr_docs()
            words -= {field for cls, field in fields if cls == found.__name__}
        lacking |= {f"{name}({word})" for word in words if not mentions(word, prose(name))}
    assert lacking == set()


def test_every_error_that_a_function_raises_is_stated():
    lacking = set()
    for name, function in CALLABLE.items():
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        raised = {
            ast.unparse(node.exc).split("(")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Raise) and node.exc
        } - {"NotImplementedError"}
        lacking |= {f"{name}: {error}" for error in raised if not mentions(error, prose(name))}
    assert lacking == set()


def test_penalties_losses_and_models_name_their_source():
    with_source = [n for n in CALLABLE if n.startswith("r1lab.penalties.") and n not in METHODS]
    lacking = {name for name in with_source if not re.search(r"\b(19|20)\d\d\b", prose(name))}
    assert lacking == {"r1lab.penalties.get", "r1lab.penalties.squared_gradient_norm"}
    for name in DATA:
        if name.startswith("r1lab.losses."):
            assert re.search(r"\b20\d\d\b", type(value(name)).__doc__), name


def test_constants_and_types_are_explained_where_they_are_defined():
    lacking = set()
    for name in DATA:
        _, _, short = name.rpartition(".")
        sources = "".join(path.read_text("utf-8") for path in (ROOT / "r1lab").rglob("*.py"))
        of_ours = type(value(name)).__module__.startswith("r1lab")
        if not of_ours and not re.search(
            rf"^#: .*\n(#: .*\n)*{short}\b.* = ", sources, re.MULTILINE
        ):
            lacking.add(name)
    assert lacking == set()


def chapter_texts() -> dict[str, tuple[str, str]]:
    """The label of each chapter -> its code and its text."""
    found = {}
    for path in sorted(BOOK.glob("*-*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code, text = (
            "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == kind)
            for kind in ("code", "markdown")
        )
        if label := re.search(r"^\(((?:ch|app)-[\w-]+)\)=", text, re.MULTILINE):
            found[label[1]] = code, text
    return found


def test_every_chapter_leads_to_the_reference_of_what_it_uses_and_explains():
    texts = chapter_texts()
    assert len(texts) == 15
    for label, (code, text) in texts.items():
        tree = ast.parse(re.sub(r"^[!%].*$", "", code, flags=re.MULTILINE))
        imported = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        }
        explained = {name.rpartition(".")[0] for name, place in NAMES.items() if place == label}
        linked = set(re.findall(r"{py:mod}`([\w.]+)`", text))
        assert linked == imported.intersection(MODULES) | explained, label
