"""The gamma converter's numbers are those of r1lab.gamma, to the last bit."""

import math

import numpy as np

from r1lab.gamma import CONVENTIONS, convert_gamma, stylegan_heuristic
from r1lab.notebook.explorers import GammaConverter

SETTINGS = [
    {"channels": 3, "resolution": 256, "batch": 32, "interval": 16, "sigma": 0.01},
    {"channels": 1, "resolution": 28, "batch": 100, "interval": 4, "sigma": 0.3},
    {"channels": 3, "resolution": 1024, "batch": 1, "interval": 1, "sigma": 1.0},
]


def test_every_pair_of_conventions_converts_as_in_python(javascript):
    js = javascript(GammaConverter)
    values = np.exp(np.random.default_rng(0).uniform(math.log(1e-5), math.log(1e5), 20)).tolist()
    names = list(CONVENTIONS)
    for s in SETTINGS:
        found = js(
            """(js, names, values, s) => names.flatMap((a) => names.flatMap((b) =>
                values.map((v) => js.convert(v, a, b, s))))""",
            names, values, s,
        )  # fmt: skip
        given = {key: s[key] for key in ("batch", "interval", "sigma")}
        given["shape"] = (s["channels"], s["resolution"], s["resolution"])
        known = [convert_gamma(v, a, b, **given) for a in names for b in names for v in values]
        assert found == known


def test_the_rule_of_thumb_and_the_list_are_python_s(javascript):
    js = javascript(GammaConverter)
    guesses = [js("(js, s) => js.heuristic(s)", s) for s in SETTINGS]
    assert guesses == [stylegan_heuristic(s["resolution"], s["batch"]) for s in SETTINGS]
    listed = js("""(js) => Object.entries(js.CONVENTIONS).map(([name, c]) =>
        [name, c.exact, c.needs.length > 0])""")
    assert listed == [[n, c.exact, bool(c.needs)] for n, c in CONVENTIONS.items()]
