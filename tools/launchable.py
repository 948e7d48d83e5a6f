"""What Colab and Binder open: the chapters, each with a first cell that installs their r1lab.

    python tools/launchable.py FOLDER OWNER/NAME COMMIT

The workflow puts the folder on the branch `notebooks`. The committed chapters stay as they are: in
a checkout r1lab is there, and the repository's name is not theirs to know.
"""

import json
import shutil
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent

# No pins on torch or numpy: Colab brings its own. The recorded runs come with the repository.
CELL = """\
# Where r1lab is missing, as on Colab: install the one that this chapter was checked with.
import importlib.util

if importlib.util.find_spec("r1lab") is None:
    !git clone --quiet {url} r1lab-book
    !git -C r1lab-book checkout --quiet {commit}
    %pip install --quiet "./r1lab-book[images,notebook]"
    %cd -q r1lab-book/book"""

REQUIREMENTS = """\
--extra-index-url https://download.pytorch.org/whl/cpu
r1lab[images,notebook] @ git+{url}@{commit}
"""


def write(folder: Path, url: str, commit: str) -> list[Path]:
    """Write the chapters, their recorded runs and Binder's requirements; return the chapters."""
    book = folder / "book"
    shutil.copytree(ROOT / "book" / "results", book / "results", dirs_exist_ok=True)
    chapters = []
    for source in sorted((ROOT / "book").glob("*.ipynb")):
        notebook = json.loads(source.read_text(encoding="utf-8"))
        cell = nbformat.v4.new_code_cell(CELL.format(url=url, commit=commit), id="install-r1lab")
        notebook["cells"].insert(0, cell)
        nbformat.validate(notebook)
        target = book / source.name
        target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")
        chapters.append(target)
    (folder / "binder").mkdir(exist_ok=True)
    requirements = REQUIREMENTS.format(url=url, commit=commit)
    (folder / "binder" / "requirements.txt").write_text(requirements, encoding="utf-8")
    return chapters


def main() -> None:
    """The command line."""
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    folder, repository, commit = sys.argv[1:]
    chapters = write(Path(folder), f"https://github.com/{repository}", commit)
    print(f"{len(chapters)} chapters of {repository} at {commit} in {folder}")


if __name__ == "__main__":
    main()
