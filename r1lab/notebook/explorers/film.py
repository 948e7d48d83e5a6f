"""The training film: samples of recorded runs side by side, with what was measured on the way."""

import io
from pathlib import Path
from typing import Any

import traitlets
from PIL import Image

from r1lab.notebook import records
from r1lab.notebook.explorers.base import Explorer, module_source

__all__ = ["TrainingFilm"]

BATCH = 64  # of the runs with spectra
FRAMES = 12  # of every film, at equal numbers of real images
METHODS = ("r1", "r1+r2-relativistic", "wgan-gp-1", "wgan-gp-5", "none", "instance-noise")
SERIES = {"frechet": records.FRECHET, "slope": "real_gradient", "share": "penalty_share"}


class TrainingFilm(Explorer):
    """Three recorded image runs under one scrubber: samples, scores, readings, eigenvalues.

    The eigenvalues are of the smaller pair of book/results/spectra, trained with R1 and without.
    The films (`records.film`) are fetched when they are first wanted: from the site, or from the
    kernel where there is one. Until then the widget has the last frame of each.

    Parameters
    ----------
    frame : 1 to 12; frame k was taken after k twelfths of a run's real images.
    first, second, third : methods of book/results/images, from the left; a phone shows two.
    state : any of these, by name.

    Raises
    ------
    traitlets.TraitError : a frame out of range or an unknown method.
    FileNotFoundError : no recorded runs here.

    Examples
    --------
    >>> TrainingFilm(third="instance-noise")
    TrainingFilm(first='none', frame=12, second='r1', third='instance-noise')
    """

    _esm = module_source("film", "film_spectra", "film_view")
    frame = traitlets.Int(FRAMES, min=1, max=FRAMES).tag(sync=True)
    first = traitlets.Enum(METHODS, "none").tag(sync=True)
    second = traitlets.Enum(METHODS, "r1").tag(sync=True)
    third = traitlets.Enum(METHODS, "wgan-gp-1").tag(sync=True)
    _runs = traitlets.Dict().tag(sync=True)
    _spectra = traitlets.Dict().tag(sync=True)
    _last = traitlets.Bytes().tag(sync=True)

    def __init__(self, **state: Any) -> None:
        found = records.read("images/*/0")
        runs = {method: _run(method, found[f"images/{method}/0"]) for method in METHODS}
        super().__init__(_runs=runs, _spectra=_spectra(), _last=_last_frames(), **state)
        self.on_msg(self._send_film)

    def _send_film(self, _: object, message: dict[str, Any], buffers: object) -> None:
        """Answer a page that has a kernel and no site around it."""
        method = message.get("film")
        if method in METHODS:
            self.send({"film": method}, [_film(method).read_bytes()])


def _film(method: str) -> Path:
    return records.film_path(f"images/{method}/0")


def _run(method: str, record: dict[str, Any]) -> dict[str, Any]:
    """A run's name, its row among the last frames, its line, and series of (real images, value)."""
    name, line = records.METHODS[method]
    look = {"color": line["color"], "dash": line.get("linestyle", "-")}
    run = {"name": name, "row": METHODS.index(method), **look}
    for short, key in SERIES.items():
        images, values = records.against(record, key)
        pairs = zip(images.tolist(), values.tolist(), strict=True)
        run[short] = [[seen, float(f"{value:.6g}")] for seen, value in pairs]
    return run


def _spectra() -> dict[str, list[Any]]:
    """With and without R1: pairs of real images and the eigenvalues [Re, Im] seen there."""
    found = {}
    for method, name, gamma in (("r1", "with-r1", 10), ("none", "without", 0)):
        result = records.read(f"spectra/{name}")[f"spectra/{name}"]["result"]
        found[method] = [
            [BATCH * look["step"], _eigenvalues(look, gamma)] for look in result["looks"]
        ]
    return found


def _eigenvalues(look: dict[str, Any], gamma: int) -> list[tuple[float, float]]:
    """Those of largest modulus and of largest imaginary part, each once, to six digits."""
    values = set()
    for which in ("LM", "LI"):
        part = look[f"gamma {gamma}, {which}"]
        for re, im in zip(part["real"], part["imaginary"], strict=True):
            # A conjugate pair is seen whole, even where the search stopped between the two.
            values |= {(float(f"{re:.6g}"), float(f"{s * abs(im):.6g}") + 0.0) for s in (1, -1)}
    return sorted(values)


def _last_frames() -> bytes:
    """The last frame of each film, one below the other."""
    films = [Image.open(_film(method)) for method in METHODS]
    side = films[0].width
    strip = Image.new("RGB", (side, side * len(films)))
    for row, film in enumerate(films):
        strip.paste(film.crop((0, film.height - side, side, film.height)), (0, side * row))
    buffer = io.BytesIO()
    strip.save(buffer, "webp", quality=60, method=6)
    return buffer.getvalue()
