"""book/_assets/afm-static.js keeps the front-end contract of anywidget, on a page of its own."""

import base64
import json
import shutil

import pytest

from browser import ROOT

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"

# Reads its own bytes and the other model's value, and counts the changes of both.
READER = """
export default {
  initialize({ model }) { model.set('starts', (model.get('starts') ?? 0) + 1); },
  async render({ model, el }) {
    const other = await model.widget_manager.get_model(model.get('other'));
    const bytes = model.get('data');
    const seen = [];
    model.on('change:x change:y', () => seen.push('key'));
    model.on('change', () => seen.push('any'));
    const unwanted = () => seen.push('unwanted');
    model.on('change:x', unwanted);
    model.off('change:x', unwanted);
    model.set({ x: 1, y: 2 });
    model.set('x', 1);
    model.save_changes();
    el.textContent = JSON.stringify({
      bytes: [bytes.getUint8(0), bytes.getUint8(2)], other: other.get('value'),
      x: model.get('x'), y: model.get('y'), starts: model.get('starts'), seen,
    });
    return () => {};
  },
};
"""
COUNTER = "globalThis.n = (globalThis.n ?? 0) + 1; export default () => ({ render() {} });"


def model(esm: str, buffers: tuple = (), **state: object) -> dict:
    return {"model_module": "anywidget", "state": {"_esm": esm, **state}, "buffers": list(buffers)}


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page as myst-nb writes it, opened from disk, with views far below the window."""
    data = {"path": ["data"], "data": base64.b64encode(b"\x07\x00\xff").decode()}
    models = {
        "reader": model(READER, ({**data, "encoding": "base64"},), other="IPY_MODEL_other"),
        "other": {"model_module": "@jupyter-widgets/base", "state": {"value": 42}},
        "first": model(COUNTER, _css=".anywidget-static { color: rgb(1, 2, 3) }"),
        "second": model(COUNTER),
        "broken": model("export default { render() { throw new Error('no luck'); } }"),
        "no-export": model("export const x = 1;"),
        "far": model("export default { render({ el }) { el.textContent = 'drawn'; } }"),
    }
    shown = ["reader", "reader", "first", "second", "broken", "no-export", "other", "lost"]
    html = f"<script type='{STATE}'>{json.dumps({'state': models})}</script>"
    html += "<script src='afm-static.js'></script>"
    view = "<div id='{0}-{1}'><script type='" + VIEW + '\'>{{"model_id": "{0}"}}</script></div>'
    html += "".join(view.format(name, place) for place, name in enumerate(shown))
    html += "<div style='height: 5000px'></div>" + view.format("far", 0)
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(ROOT / "book" / "_assets" / "afm-static.js", folder)
    (folder / "index.html").write_text("<!doctype html>" + html, encoding="utf-8")
    opened = browser.new_page()
    opened.goto((folder / "index.html").as_uri())
    opened.locator("#lost-7 [data-state]").wait_for()
    yield opened
    opened.close()


def test_paper_gets_figures_that_were_not_seen(browser, page):
    copy = browser.new_page()
    copy.goto(page.url)
    copy.locator("#lost-7 [data-state]").wait_for()
    far = "document.querySelector('#far-0 .anywidget-static').textContent"
    assert copy.evaluate(far) == ""
    copy.evaluate("new Promise((done) => requestIdleCallback(() => setTimeout(done, 200)))")
    assert copy.evaluate(f"(dispatchEvent(new Event('beforeprint')), {far})") == "drawn"
    copy.close()


def test_state_bytes_references_and_events(page):
    got = json.loads(page.locator("#reader-0").locator(".anywidget-static").inner_text())
    assert got == {
        "bytes": [7, 255],
        "other": 42,
        "x": 1,
        "y": 2,
        "starts": 1,
        "seen": ["key", "key", "any"],
    }


def test_a_model_shown_twice_is_initialised_once(page):
    got = json.loads(page.locator("#reader-1").locator(".anywidget-static").inner_text())
    assert got["starts"] == 1


def test_equal_sources_are_loaded_once_and_styles_apply(page):
    assert page.evaluate("globalThis.n") == 1
    colour = "e => getComputedStyle(e).color"
    assert page.locator("#first-2 .anywidget-static").evaluate(colour) == "rgb(1, 2, 3)"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("#broken-4", "no luck"),
        ("#no-export-5", "its module has no default export"),
        ("#other-6", "it needs a running kernel"),
        ("#lost-7", "its model lost was not saved in the page"),
    ],
)
def test_failure_is_said_in_one_sentence(page, place, reason):
    box = page.locator(place).get_by_role("alert")
    assert box.inner_text() == f"This interactive figure could not start: {reason}."


def test_figure_out_of_sight_waits_until_it_is_near(page):
    far = page.locator("#far-0 .anywidget-static")
    assert far.inner_text() == ""
    far.evaluate("e => e.parentElement.scrollIntoView()")
    page.locator("#far-0 [data-state=ready]").wait_for()
    assert far.inner_text() == "drawn"
