"""The book's first picture: three ways to train the same GAN from the same start, moving.

    python tools/fates.py

writes book/_assets/fates.svg. The paths are those of r1lab.theory.dirac; the point on each follows
its path, unless the reader's system asks for less motion.
"""

from pathlib import Path

import numpy as np

from r1lab.notebook.style import GENERATOR, INK
from r1lab.theory.dirac import DiracGAN

TARGET = Path(__file__).resolve().parent.parent / "book" / "_assets" / "fates.svg"
SIDE, REACH = 220, 2.6  # a panel's pixels, half its width in theta
STEPS, SECONDS = 150, 12
FATES = {
    "no penalty: leaves": DiracGAN("minimax"),
    "WGAN-GP: never rests": DiracGAN("wasserstein", "wgan-gp", 0.35),
    "R1: comes to rest": DiracGAN("minimax", "r1", 0.3),
}
STYLE = f"""
text {{ fill: {INK}; font: 15px system-ui, sans-serif; text-anchor: middle }}
.cross {{ stroke: {INK}; stroke-width: 0.7 }}
.way {{ fill: none; stroke: {GENERATOR}; stroke-width: 1.4; stroke-opacity: 0.75 }}
.start {{ fill: none; stroke: {GENERATOR}; stroke-width: 2 }}
.now {{ fill: {GENERATOR} }}
@media (prefers-reduced-motion: no-preference) {{
  .now {{ animation: {SECONDS}s linear infinite }}
}}
"""


def times(path: np.ndarray) -> str:
    """Keyframes: how much of the path's length is behind the point after every fifth step."""
    length = np.append(0, np.linalg.norm(np.diff(path, axis=0), axis=1).cumsum())
    return " ".join(
        f"{100 * step / STEPS:g}% {{ offset-distance: {100 * length[step] / length[-1]:.2f}% }}"
        for step in range(0, STEPS + 1, 5)
    )


def panel(title: str, gan: DiracGAN, left: int) -> str:
    """One phase portrait: axes, path, start, and the point that moves along the path."""
    half = SIDE / 2
    path = gan.run(start=(1.0, 1.0), h=0.2, steps=STEPS)
    places = [f"{half * (1 + x / REACH):.1f} {half * (1 - y / REACH):.1f}" for x, y in path]
    way = "M" + " L".join(places)
    x, y = places[0].split()
    name = f"at-{left}"
    style = f"offset-path: path('{way}'); offset-distance: 100%; animation-name: {name}"
    return f"""<g transform="translate({left} 0)">
<style>@keyframes {name} {{ {times(path)} }}</style>
<path class="cross" d="M0 {half}H{SIDE}M{half} 0V{SIDE}"/>
<path class="way" d="{way}"/>
<circle class="start" cx="{x}" cy="{y}" r="5"/>
<circle class="now" r="5" style="{style}"/>
<text x="{half}" y="{SIDE + 26}">{title}</text>
</g>"""


def picture() -> str:
    """The SVG file's text."""
    gap = 40
    panels = [panel(*fate, k * (SIDE + gap)) for k, fate in enumerate(FATES.items())]
    width = len(panels) * (SIDE + gap) - gap
    box = f'viewBox="0 0 {width} {SIDE + 36}" width="{width}" height="{SIDE + 36}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return "\n".join([head, f"<style>{STYLE}</style>", *panels, "</svg>"]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(picture(), encoding="utf-8")
