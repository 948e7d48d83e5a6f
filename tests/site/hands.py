"""What the tests of the explorers do and read alike; on pytest's path, as pyproject.toml says."""

import re

# Drag a slider to and fro, one change a frame.
FRAMES = """async ([slider, frames]) => {
  const [low, high, step] = [slider.min, slider.max, slider.step].map(Number);
  for (let k = 0; k < frames; k++) {
    await new Promise(requestAnimationFrame);
    const share = 0.5 - 0.4 * Math.cos(k / 9);
    slider.value = Math.round((low + share * (high - low)) / step) * step;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  }
}"""


def explorer(opened, name: str, patience: float = 30_000):
    """The explorer on the page, scrolled to and done with any work, in so many milliseconds."""
    found = opened.page.locator(f".anywidget-static[data-name={name}]")
    found.scroll_into_view_if_needed()
    found.locator("[aria-busy=true]").wait_for(state="detached", timeout=patience)
    return found


def words(found) -> str:
    """What it says of its state."""
    return found.locator("[data-readout]").inner_text().replace("−", "-")


def numbers(text: str) -> list[float]:
    """Those of a sentence."""
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text.replace("−", "-"))]


def check_dragged_frames(opened, found) -> None:
    """Each slider costs at most 8 ms of script a frame."""
    client = opened.page.context.new_cdp_session(opened.page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})
    for slider in found.locator("input[type=range]:visible").all():
        element = slider.element_handle()
        opened.page.evaluate(FRAMES, [element, 15])  # the compiler's turn
        rounds = []
        for _ in range(3):  # the best one: what else the machine does only adds
            before = _script_seconds(client)
            opened.page.evaluate(FRAMES, [element, 40])
            rounds.append(1000 * (_script_seconds(client) - before) / 40)
        print(slider.get_attribute("aria-label"), f"{min(rounds):.1f} ms")
        assert min(rounds) <= 8


def _script_seconds(client) -> float:
    """How long the page's scripts have run, in time of its thread: other programs do not count."""
    metrics = client.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "ScriptDuration")
