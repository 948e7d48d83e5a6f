"""Explorers in a running JupyterLab: Python moves the picture, a hand moves the trait.

One browser, one server, one kernel for the whole file: about twenty seconds.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from r1lab.theory.dirac import DiracGAN

ROOT = Path(__file__).resolve().parents[2]
CELLS = [
    "from r1lab.notebook.explorers import DiracExplorer\n"
    'explorer = DiracExplorer(regularizer="r1", gamma=0.3)\nexplorer',
    "explorer.gamma = 1.0",
    "print('now', explorer.theta, explorer.psi)",
    f"import os\nos.chdir({str(ROOT)!r})\n"  # where the records are
    "from r1lab.notebook.explorers import TrainingFilm\nfilm = TrainingFilm()\nfilm",
    "film.frame = 6",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    """JupyterLab on a folder with one notebook; its address."""
    folder = tmp_path_factory.mktemp("lab")
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(notebook, folder / "live.ipynb")
    homes = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = {**os.environ, **{name: str(folder / name.lower()) for name in homes}}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    command += ["--IdentityProvider.token=", "--LabApp.news_url=None", f"--notebook-dir={folder}"]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield address(folder / "jupyter_runtime_dir", process)
    finally:
        process.terminate()
        process.wait(30)


def address(runtime: Path, process: subprocess.Popen) -> str:
    """Where the server answers, from the file that it writes."""
    for _ in range(300):
        assert process.poll() is None, "JupyterLab ended at once"
        for file in runtime.glob("jpserver-*.json"):
            url = json.loads(file.read_text() or "{}").get("url")
            try:
                if url and urllib.request.urlopen(f"{url}api", timeout=5).status == 200:
                    return url
            except OSError:
                pass
        time.sleep(0.2)
    raise TimeoutError("JupyterLab did not answer within a minute")


@pytest.fixture(scope="module")
def lab(browser, server):
    """The open notebook, with the explorer drawn by the first cell."""
    page = browser.new_page(viewport={"width": 1400, "height": 1300})
    page.goto(f"{server}lab/tree/live.ipynb")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    run(page, 0)
    page.locator(".r1-explorer [data-readout]").wait_for(timeout=60_000)
    yield page
    page.close()


def run(page, place: int) -> None:
    """Execute one cell."""
    page.locator(".jp-CodeCell .cm-content").nth(place).click()
    page.keyboard.press("Control+Enter")


def expect_radius(page, gamma: float) -> None:
    text = f"factor of {DiracGAN(regularizer='r1', strength=gamma).spectral_radius(0.2):.4f}"
    page.locator("[data-readout]", has_text=text).wait_for(timeout=20_000)


def test_a_trait_set_in_python_moves_the_picture(lab):
    expect_radius(lab, 0.3)
    before = lab.locator(".r1-tall path").all()
    drawn = [path.get_attribute("d") for path in before]
    run(lab, 1)
    expect_radius(lab, 1.0)
    assert [path.get_attribute("d") for path in lab.locator(".r1-tall path").all()] != drawn
    assert lab.get_by_label("γ", exact=True).input_value() == "1"


def test_a_drag_in_the_page_changes_the_trait(lab):
    handle = lab.get_by_role("slider", name="Start of training")
    handle.evaluate("e => e.scrollIntoView({ block: 'center' })")
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.mouse.move(x, y)
    lab.mouse.down()
    lab.mouse.move(x - 80, y + 50, steps=4)
    lab.mouse.up()
    theta, psi = re.findall(r"-?[\d.]+", handle.get_attribute("aria-valuetext").replace("−", "-"))
    assert (float(theta), float(psi)) != (1.0, 1.0)
    run(lab, 2)
    lab.get_by_text(re.compile("^now ")).last.wait_for(timeout=20_000)
    printed = lab.locator(".jp-OutputArea-output", has_text="now ").inner_text().split()
    assert [float(word) for word in printed[1:]] == [float(theta), float(psi)]


def test_the_kernel_sends_the_films(lab):
    run(lab, 3)
    film = lab.locator(".r1-explorer", has=lab.locator("canvas")).last
    film.get_by_text("frame 12 of 12").first.wait_for(timeout=20_000)
    run(lab, 4)
    film.get_by_text("frame 6 of 12").first.wait_for(timeout=20_000)
    film.locator("[aria-busy=true]").wait_for(state="detached", timeout=20_000)
    labels = [canvas.get_attribute("aria-label") for canvas in film.locator("canvas").all()]
    assert len(labels) == 3 and all("after 57,600 real images" in label for label in labels)
    # Painted: the last of the 36 images is opaque and not of one colour.
    painted = """(canvas) => {
      const { data } = canvas.getContext('2d').getImageData(510, 510, 96, 96);
      const greys = data.filter((_, k) => k % 4 === 0);
      return data[3] === 255 && Math.max(...greys) > Math.min(...greys) + 50;
    }"""
    assert all(canvas.evaluate(painted) for canvas in film.locator("canvas").all())
