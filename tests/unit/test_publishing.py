"""What a published book leads to: links that carry the repository's name, chapters that install."""

import json
import re
import shutil
import tomllib
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import launchable
import published
import pypi_readme

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_links_carry_the_name_of_the_repository_that_builds():
    found = published.links({"GITHUB_REPOSITORY": "Grace/some-fork"})
    assert found["html_baseurl"] == found["ogp_site_url"] == "https://grace.github.io/some-fork/"
    assert found["html_theme_options"]["repository_url"] == "https://github.com/Grace/some-fork"
    root = published.links({"GITHUB_REPOSITORY": "Grace/grace.github.io"})
    assert root["html_baseurl"] == "https://grace.github.io/"


def test_a_build_at_home_has_no_links():
    assert published.links({}) == published.links({"GITHUB_REPOSITORY": ""}) == {}


def test_launched_chapters_differ_by_one_cell_that_installs_r1lab(tmp_path):
    chapters = launchable.write(tmp_path, "https://github.com/grace/some-fork", COMMIT)
    assert len(chapters) == len(list((ROOT / "book").glob("*.ipynb")))
    for chapter in chapters:
        first, *rest = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
        committed = json.loads((ROOT / "book" / chapter.name).read_text(encoding="utf-8"))
        assert rest == committed["cells"]
        assert "https://github.com/grace/some-fork" in first["source"]
        assert f"checkout --quiet {COMMIT}" in first["source"]
        # Colab's torch and numpy stay: a pin would break the next Colab image.
        assert not re.search(r"torch|numpy|==", first["source"].split("find_spec")[1][8:])
    assert (tmp_path / "book/results/images/r1/0.json").exists()
    assert f"some-fork@{COMMIT}" in (tmp_path / "binder/requirements.txt").read_text("utf-8")


def test_pypi_gets_links_to_files_that_exist_and_the_urls_of_the_project(tmp_path):
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    pypi_readme.write(tmp_path, "Grace/some-fork", "v1.2.3")
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", readme)
    assert all(target.startswith("https://") for target in targets)
    page = "https://github.com/Grace/some-fork/blob/v1.2.3/"
    picture = "https://raw.githubusercontent.com/Grace/some-fork/v1.2.3/"
    ours = [target for target in targets if target.startswith((page, picture))]
    paths = [target.removeprefix(page).removeprefix(picture) for target in ours]
    assert len(paths) > 20 and all((ROOT / path).exists() for path in paths)
    assert all(
        (target.startswith(picture)) == bool(re.search(r"(svg|png|webp)$", target))
        for target in ours
    )
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Documentation"] == "https://grace.github.io/some-fork/"
    assert project["urls"]["Changelog"] == f"{page}CHANGELOG.md"


def test_the_wheel_takes_every_file_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["r1lab"]
    package = ROOT / "r1lab"
    data = [p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file()]
    left = [n for n in data if not n.endswith((".py", ".pyc"))]
    assert left and not [n for n in left if not any(fnmatch(n, pattern) for pattern in patterns)]


def test_the_readme_names_what_launched_chapters_install():
    assert "[images,notebook]" in launchable.CELL
    assert "[images,notebook]" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_contributing_names_the_environments_that_a_release_needs():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(
        r"environment:(?:\n +name:)? ([\w-]+)",
        "".join(path.read_text("utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")),
    )
    assert sorted(found) == ["github-pages", "pypi"] and all(f"`{name}`" in text for name in found)


def test_the_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version("r1lab")


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=str)
def test_commands_and_files_that_workflows_name_exist(path):
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    run = "\n".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
    named = re.findall(r"\b(?:tools|tests|benchmarks)/[\w/.-]+", run)
    targets = re.findall(r"\bmake ([a-z-]+)", run)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all((ROOT / name).exists() for name in named), named
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
