"""Contrast of what axe does not look at: text in drawings."""


def test_names_in_the_drawings_have_contrast(visit):
    """Every name in an explorer, against the page, light, dark and on paper."""
    for scheme, media in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
        with visit("book/explorers", color_scheme=scheme) as opened:
            opened.page.emulate_media(media=media)
            colours = opened.page.evaluate(
                """() => [...document.querySelectorAll('.r1-explorer svg text')]
                    .map((e) => getComputedStyle(e).fill)"""
            )
            ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(18, 22, 27)") == ((scheme, media) == ("dark", "screen"))
            assert len(colours) > 40
            assert min(contrast(colour, ground) for colour in set(colours)) > 4.5


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of the relative luminances of two colours "rgb(r, g, b)"."""

    def luminance(colour: str) -> float:
        parts = colour[colour.index("(") + 1 : -1].split(",")[:3]
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (float(part) / 255 for part in parts)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
