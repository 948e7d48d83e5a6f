"""A Sphinx extension: the directive `cli-commands`, the command line from its functions.

Each command is a function of r1lab.images.commands, whose docstring is also its help. Here it
becomes a section of the reference with the command's options, their defaults and what they mean.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

ORDER = ("train", "resume", "sample", "evaluate", "spectrum", "compare", "data", "doctor")
ARGUMENT = re.compile(r"^ {4}(\w+): ", re.MULTILINE)

Option = tuple[str, object, str]  # name, default, what it means


class Commands(SphinxDirective):
    """A section for every command, in the order of their use."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        from r1lab.images import commands

        assert set(ORDER) == set(commands.__all__)
        return [self._section(getattr(commands, name)) for name in ORDER]

    def _section(self, command: Callable[..., None]) -> nodes.section:
        name = command.__name__
        section = nodes.section("", nodes.title("", "", nodes.literal("", f"r1lab {name}")))
        section["ids"] = [f"cli-{name}"]
        holder = nodes.Element()
        lines = StringList(list(described(command)), command.__module__)
        self.state.nested_parse(lines, 0, holder)
        section += holder.children
        return section


def described(command: Callable[..., None]) -> Iterator[str]:
    """A command in MyST: what it does, then its options.

    >>> def say(words: str, times: int = 1) -> None:
    ...     '''Say something.
    ...
    ...     Args:
    ...         words: What to say.
    ...         times: How often.
    ...     '''
    >>> [line for line in described(say) if line]
    ['Say something.', '`words`', ': What to say.', '`--times` (1)', ': How often.']
    """
    summary, _, rest = (inspect.getdoc(command) or "").partition("\n\nArgs:\n")
    yield summary
    is_train = command.__name__ == "train"
    for name, default, meaning in settings() if is_train else arguments(command, rest):
        words = " ".join(meaning.split()).replace("<", r"\<")
        yield from ("", head(name, default), f": {words}")


def arguments(command: Callable[..., None], rest: str) -> Iterator[Option]:
    """The arguments of a function and the section of its docstring that explains them."""
    parts = ARGUMENT.split(rest)[1:]
    parameters = inspect.signature(command).parameters
    for name, meaning in zip(parts[::2], parts[1::2], strict=True):
        yield name, parameters[name].default, meaning


def settings() -> Iterator[Option]:
    """The settings of a training run, with the strings below them."""
    from r1lab.images.config import Config

    meanings = ModuleAnalyzer.for_module(Config.__module__).find_attr_docs()
    for field in fields(Config):
        yield field.name, field.default, " ".join(meanings["Config", field.name])


def head(name: str, default: object) -> str:
    """An argument as it is typed, with its default.

    >>> head("run", inspect.Parameter.empty), head("d_steps", 1), head("best", False)
    ('`run`', '`--d-steps` (1)', '`--best`')
    """
    if default is inspect.Parameter.empty:
        return f"`{name}`"
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    return f"`--{name.replace('_', '-')}`" + (f" ({shown})" if default not in (None, False) else "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_directive("cli-commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
