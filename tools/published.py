"""A Sphinx extension: links to the repository that publishes the book, if there is one.

On GitHub Actions the environment names it, so that a fork's site leads to the fork. A build at home
has no repository and shows no dead buttons.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # tools/pypi_readme.py asks for the links where there is no Sphinx
    from sphinx.application import Sphinx
    from sphinx.config import Config

# The branch that tools/launchable.py fills: chapters that install their own r1lab.
NOTEBOOKS = "notebooks"


def links(environment: Mapping[str, str]) -> dict[str, Any]:
    """Sphinx settings for the repository that the environment names; none without one.

    >>> links({"GITHUB_REPOSITORY": "ada/gans"})["html_baseurl"]
    'https://ada.github.io/gans/'
    >>> links({})
    {}
    """
    repository = environment.get("GITHUB_REPOSITORY")
    if not repository:
        return {}
    owner, name = repository.split("/")
    home = f"{owner.lower()}.github.io"
    site = f"https://{home}/" if name.lower() == home else f"https://{home}/{name}/"
    return {
        "html_baseurl": site,
        "ogp_site_url": site,
        "html_theme_options": {
            "repository_url": f"https://github.com/{repository}",
            "repository_branch": NOTEBOOKS,
            "use_repository_button": True,
            "use_issues_button": True,
            "launch_buttons": {
                "colab_url": "https://colab.research.google.com",
                "binderhub_url": "https://mybinder.org",
                "notebook_interface": "jupyterlab",
            },
        },
    }


def add_links(app: Sphinx, config: Config) -> None:
    """Put the links into the book's configuration."""
    for name, value in links(os.environ).items():
        old = getattr(config, name)
        setattr(config, name, {**old, **value} if isinstance(value, dict) else value)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension; a sitemap needs to know where the site is."""
    # Before the theme and the sitemap read them.
    app.connect("config-inited", add_links, priority=1)
    if links(os.environ):
        app.setup_extension("sphinx_sitemap")
        app.config.sitemap_url_scheme = "{link}"
        app.config.sitemap_show_lastmod = False  # a shallow clone has no dates
    return {"parallel_read_safe": True, "parallel_write_safe": True}
