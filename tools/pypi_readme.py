"""What PyPI's page needs and a checkout does not know: absolute links and the project's URLs.

    python tools/pypi_readme.py OWNER/NAME TAG

The workflow runs it before `python -m build`, in a checkout that is thrown away: it changes
README.md and pyproject.toml where they are. A build at home has no repository and leaves them.
"""

import re
import sys
from pathlib import Path

import published

ROOT = Path(__file__).resolve().parent.parent
# An image or a link whose target is neither an address nor a place in the page.
RELATIVE = re.compile(r"(!?)\[([^\[\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")


def absolute(markdown: str, repository: str, tag: str) -> str:
    """The text with its relative links on GitHub, and its pictures from where GitHub serves files.

    >>> absolute("![a](b.svg) [c](d.md) [e](https://f.g)", "ada/gans", "v1")
    '![a](https://raw.githubusercontent.com/ada/gans/v1/b.svg) \
[c](https://github.com/ada/gans/blob/v1/d.md) [e](https://f.g)'
    """
    pictures = f"https://raw.githubusercontent.com/{repository}/{tag}"
    pages = f"https://github.com/{repository}/blob/{tag}"

    def link(found: re.Match[str]) -> str:
        mark, text, target = found.groups()
        return f"{mark}[{text}]({pictures if mark else pages}/{target})"

    return RELATIVE.sub(link, markdown)


def urls(repository: str, tag: str) -> str:
    """The table of pyproject.toml whose names PyPI shows with symbols."""
    links = published.links({"GITHUB_REPOSITORY": repository})
    source = links["html_theme_options"]["repository_url"]
    named = {
        "Documentation": links["html_baseurl"],
        "Source": source,
        "Issues": f"{source}/issues",
        "Changelog": f"{source}/blob/{tag}/CHANGELOG.md",
    }
    return "\n[project.urls]\n" + "".join(f'{name} = "{url}"\n' for name, url in named.items())


def write(folder: Path, repository: str, tag: str) -> None:
    """Change the two files in a folder."""
    readme, project = folder / "README.md", folder / "pyproject.toml"
    text = absolute(readme.read_text(encoding="utf-8"), repository, tag)
    readme.write_text(text, encoding="utf-8")
    table = project.read_text(encoding="utf-8") + urls(repository, tag)
    project.write_text(table, encoding="utf-8")


def main() -> None:
    """The command line."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(ROOT, *sys.argv[1:])
    print(f"README.md and pyproject.toml lead to {sys.argv[1]} at {sys.argv[2]}")


if __name__ == "__main__":
    main()
