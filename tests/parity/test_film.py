"""The training film in a notebook: its numbers are the records', its films come from the kernel."""

import base64

import numpy as np
import pytest

from r1lab.images import Config
from r1lab.notebook import records
from r1lab.notebook.explorers import TrainingFilm

FRAMES = range(1, 13)


def test_readings_are_the_latest_of_the_record(javascript):
    js = javascript(TrainingFilm)
    for method, run in TrainingFilm()._runs.items():
        record = records.read(f"images/{method}/0")[f"images/{method}/0"]
        for name, key in (("frechet", records.FRECHET), ("slope", "real_gradient")):
            images, values = records.against(record, key)
            found = js(
                "(js, pairs, frames) => frames.map((k) => js.latest(pairs, 9600 * k))",
                run[name], list(FRAMES),
            )  # fmt: skip
            for frame, value in zip(FRAMES, found, strict=True):
                until = values[images <= 9600 * frame]
                known = pytest.approx(until[-1], rel=5e-6) if len(until) else None
                assert value == known, (method, name, frame)


def test_eigenvalues_are_those_of_the_look_before(javascript):
    js, spectra = javascript(TrainingFilm), TrainingFilm()._spectra
    for frame in FRAMES:
        told = js("(js, spectra, frame) => js.spectraVerdict(spectra, frame)", spectra, frame)
        for name, gamma, how in (("with-r1", 10, "with R1"), ("without", 0, "without")):
            looks = records.read(f"spectra/{name}")[f"spectra/{name}"]["result"]["looks"]
            look = [look for look in looks if Config().batch * look["step"] <= 9600 * frame][-1]
            part = look[f"gamma {gamma}, LI"]
            top = int(np.argmax(part["imaginary"]))
            value = f"{part['real'][top]:.2f} ± {part['imaginary'][top]:.2f} i {how}"
            assert value in told.replace("\N{MINUS SIGN}", "-"), (frame, name)


# A page with a kernel: a model whose `send` asks Python's stand-in.
LIVE = """async (js, traits, last, films) => {
  const heard = {};
  const asked = [];
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const model = {
    state: { ...traits, _last: bytes(last) },
    get: (key) => model.state[key],
    set: (key, value) => { model.state[key] = value; heard[`change:${key}`]?.forEach((f) => f()); },
    save_changes: () => {},
    on: (name, f) => (heard[name] ??= []).push(f),
    off: () => {},
    send: (message) => {
      asked.push(message.film);
      const buffers = [bytes(films[message.film])];
      setTimeout(() => heard['msg:custom'].forEach((f) => f(message, buffers)));
    },
  };
  const el = document.createElement('div');
  document.body.append(el);
  js.default.render({ model, el });
  const busy = () => el.querySelectorAll('[aria-busy=true]').length;
  const settled = async () => { while (busy()) await new Promise(requestAnimationFrame); };
  await settled();
  const before = [...asked];
  model.set('frame', 3);
  await new Promise(requestAnimationFrame);
  await settled();
  return [before, asked, [...el.querySelectorAll('canvas')].map((c) => c.ariaLabel)];
}"""


def test_a_kernel_sends_the_films_that_are_wanted(javascript):
    widget = TrainingFilm()
    sent = {}
    widget.send = lambda message, buffers: sent.update({message["film"]: buffers[0]})
    for method in widget._runs:
        widget._handle_custom_msg({"film": method}, [])
    widget._handle_custom_msg({"film": "../../secret"}, [])
    assert sent == {m: records.film_path(f"images/{m}/0").read_bytes() for m in widget._runs}
    traits = {
        name: getattr(widget, name)
        for name in ("_runs", "_spectra", "frame", "first", "second", "third")
    }
    films = {method: base64.b64encode(data).decode() for method, data in sent.items()}
    last = base64.b64encode(widget._last).decode()
    before, asked, labels = javascript(TrainingFilm)(LIVE, traits, last, films)
    assert before == []
    assert sorted(asked) == sorted(["wgan-gp-1", "r1", "none"])
    assert all("after 28,800 real images" in label for label in labels)
