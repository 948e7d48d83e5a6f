// Sliders, menus, buttons and the read-out of the explorers, and their style; no exports.

const STYLE = `
.r1-explorer { color: inherit; font: inherit; max-width: 48rem; container-type: inline-size;
  line-height: 1.4; }
.r1-explorer .r1-panels > figure { margin: 0; padding: 0; min-width: 0; }
.r1-explorer :is(figcaption, .r1-caption) { font-size: 0.86em; line-height: 1.35;
  text-align: center; margin: 0.3rem auto 0; padding: 0; text-wrap: balance;
  color: inherit; max-width: 36rem; }
.r1-explorer svg { display: block; width: 100%; height: auto; overflow: visible; user-select: none;
  -webkit-user-select: none; }
.r1-explorer svg text { fill: currentColor; font-size: 12px; }
.r1-explorer svg text.r1-name { font-style: italic; font-size: 13px; paint-order: stroke;
  stroke: ${PAPER}; stroke-width: 4px; stroke-linejoin: round; }
.r1-explorer .r1-panels { display: grid; gap: 1.4rem 1.5rem; grid-template-columns: repeat(2, 1fr); }
.r1-explorer .r1-full { grid-column: 1 / -1; }
.r1-explorer .r1-handle { cursor: grab; touch-action: none; outline: none; }
.r1-explorer .r1-handle:active { cursor: grabbing; }
.r1-explorer .r1-handle:focus-visible circle:first-child { stroke: currentColor; stroke-width: 2; }
.r1-explorer .r1-controls { display: grid; gap: 0.1rem 1.5rem; margin: 0.6rem 0 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); }
.r1-explorer label { display: grid; grid-template-columns: 8.5rem 1fr; align-items: center;
  gap: 0 0.5rem; margin: 0; min-height: 2.75rem; font-size: 0.95em; }
.r1-explorer label:has(select) { grid-template-columns: 5.5rem 1fr; }
.r1-explorer label[hidden] { display: none; }
.r1-explorer input[type="range"] { width: 100%; height: 2.75rem; margin: 0; min-width: 0;
  appearance: none; background: none; cursor: pointer; }
${["-webkit-slider-runnable", "-moz-range"]
  .map(
    (part) => `.r1-explorer input::${part}-track { height: 4px; border-radius: 2px;
  background: color-mix(in srgb, currentColor 42%, transparent); }`,
  )
  .join("")}
${["-webkit-slider", "-moz-range"]
  .map(
    (part) => `.r1-explorer input::${part}-thumb { appearance: none; width: 18px; height: 18px;
  border: 0; border-radius: 50%; background: ${COLOR.discriminator}; }
.r1-explorer input:focus-visible::${part}-thumb { outline: 2px solid currentColor;
  outline-offset: 2px; }`,
  )
  .join("")}
.r1-explorer input::-webkit-slider-thumb { margin-top: -7px; }
.r1-explorer :is(select, button) { font: inherit; font-size: 0.95em; color: inherit; cursor: pointer;
  background: ${PAPER}; padding: 0.35rem 0.6rem;
  border: 1px solid color-mix(in srgb, currentColor 45%, transparent); border-radius: 6px;
  min-height: 2.5rem; min-width: 0; max-width: 100%; }
.r1-explorer button:disabled { opacity: 0.5; cursor: default; }
.r1-explorer :is(select, button):focus-visible { outline: 2px solid currentColor;
  outline-offset: 2px; }
.r1-explorer input:focus-visible { outline: 0; }
@media (forced-colors: active) {
  ${["-webkit-slider-runnable-track", "-moz-range-track", "-webkit-slider-thumb", "-moz-range-thumb"]
    .map(
      (part) => `.r1-explorer input::${part} { forced-color-adjust: none;
    background: ${part.endsWith("track") ? "CanvasText" : "Highlight"}; }`,
    )
    .join("")}
  .r1-explorer input:focus-visible { outline: 2px solid Highlight; }
}
.r1-explorer .r1-buttons { display: flex; flex-wrap: wrap; align-items: center;
  gap: 0.4rem 0.5rem; margin: 0.6rem 0 0; }
.r1-explorer .r1-buttons button:first-child { min-width: 5rem; font-weight: 600;
  border-color: currentColor; }
.r1-explorer .r1-note { margin: 0.5rem 0 0; text-wrap: pretty; }
.r1-explorer .r1-panels:not(:first-child) { margin-top: 1rem; }
.r1-explorer .r1-panels > .r1-controls { margin: 0; }
.r1-explorer .r1-readout { margin: 1rem 0 0; min-height: 4.2em; font-variant-numeric: tabular-nums; }
.r1-explorer .r1-spoken { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.r1-explorer table { border-collapse: collapse; width: 100%; margin: 1rem 0 0; font-size: 0.93em;
  font-variant-numeric: tabular-nums; display: table; }
.r1-explorer :is(th, td) { text-align: right; padding: 0.2rem 0.4rem; font-weight: 400;
  border: 0; border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); background: none; }
.r1-explorer :is(th:first-child, td:first-child) { text-align: left; }
.r1-explorer thead th { font-weight: 600; }
.r1-explorer .r1-tall { grid-row: span 2; }
@container (max-width: 34rem) {
  .r1-explorer .r1-panels { grid-template-columns: minmax(0, 1fr); }
  .r1-explorer .r1-tall { grid-row: auto; order: -2; }
  .r1-explorer .r1-early { order: -1; }
  .r1-explorer :is(th, td) { padding: 0.2rem 0.15rem; font-size: 0.92em; }
  .r1-explorer :is(select, button) { padding: 0.35rem 0.5rem; }
  .r1-explorer label:not(:has(select)) { grid-template-columns: 8rem 1fr; }
  .r1-explorer label:has(optgroup) { grid-template-columns: 1fr; }
  .r1-explorer .r1-buttons:has(:nth-child(4)) { display: grid; grid-template-columns: 1fr 1fr; }
}
`;

// Change traits of the model; Python hears of it where there is one.
function assign(model, updates) {
  for (const [trait, value] of Object.entries(updates)) model.set(trait, value);
  model.save_changes();
}

// The model with a memory for who listens to it, so that a closed view can let go of it.
function scoped(model) {
  const heard = [];
  return {
    get: (trait) => model.get(trait),
    set: (trait, value) => model.set(trait, value),
    save_changes: () => model.save_changes(),
    on(event, callback) {
      heard.push([event, callback]);
      model.on(event, callback);
    },
    release: () => heard.forEach(([event, callback]) => model.off(event, callback)),
  };
}

// What a view does when it is closed.
const closing =
  (model, plots, ...stops) =>
  () => {
    model.release();
    for (const stop of stops) stop();
    for (const target of Object.values(plots)) target.observer.disconnect();
  };

// Call `draw` now and once after each burst of changes.
function watch(model, traits, draw) {
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      draw();
    });
  };
  for (const trait of traits) model.on(`change:${trait}`, soon);
  draw();
}

// The trait as a number that Python would take, since a link may bring any other.
function clipped(model, trait, { min, max, step }) {
  const number = Number(model.get(trait)) || 0;
  const value = Math.min(Math.max(step >= 1 ? Math.round(number) : number, min), max);
  if (value !== model.get(trait)) assign(model, { [trait]: value });
  return value;
}

// The same for traits without a slider, by name, now and later.
function keepClipped(model, ranges) {
  for (const [trait, range] of Object.entries(ranges)) {
    model.on(`change:${trait}`, () => clipped(model, trait, range));
    clipped(model, trait, range);
  }
}

// A labelled slider bound both ways to a trait.
function slider(model, trait, { min, max, step, text, digits = 2 }) {
  const caption = node("span");
  const input = node("input", { type: "range", min, max, step, "aria-label": text });
  const onGrid = (value, round = Math.round) =>
    Number((min + round(Number(((value - min) / step).toFixed(6))) * step).toFixed(6));
  const show = () => {
    const value = clipped(model, trait, { min, max, step });
    input.step = onGrid(value) === value ? step : "any"; // or else the thumb would move to the grid
    input.value = value;
    caption.textContent = `${text} = ${exactly(value, digits)}`;
    input.setAttribute("aria-valuetext", caption.textContent);
  };
  const set = (value) => assign(model, { [trait]: value });
  input.addEventListener("input", () => set(onGrid(Number(input.value))));
  input.addEventListener("keydown", (event) => {
    const [way] = ALONG[event.key] ?? [];
    if (input.step !== "any" || Math.abs(way) !== 1 || modified(event)) return;
    event.preventDefault(); // from between two steps to the next one
    set(onGrid(model.get(trait), way > 0 ? Math.ceil : Math.floor));
  });
  model.on(`change:${trait}`, show);
  show();
  return node("label", {}, [caption, input]);
}

const optionsOf = (options) => options.map(([value, label]) => node("option", { value }, label));

// A labelled menu bound both ways to a trait; options are pairs [value, label], the first the default.
function choice(model, trait, { text, options }) {
  const select = node("select", { "aria-label": text }, optionsOf(options));
  const show = () => {
    if (!options.some(([value]) => value === model.get(trait)))
      assign(model, { [trait]: options[0][0] });
    select.value = model.get(trait);
  };
  select.addEventListener("change", () => assign(model, { [trait]: select.value }));
  model.on(`change:${trait}`, show);
  show();
  return node("label", {}, [node("span", {}, text), select]);
}

function button(text, pressed) {
  const root = node("button", { type: "button" }, text);
  root.addEventListener("click", pressed);
  return root;
}

// The state in words. Screen readers hear it, or what else is to be said aloud, once the figure has
// been still for a moment.
function readout() {
  const shown = node("p", { class: "r1-readout", "data-readout": "", "aria-hidden": "true" });
  const spoken = node("output", { class: "r1-spoken", "aria-live": "polite" });
  let timer = 0;
  const root = node("div", {}, shown);
  const say = (text, aloud = text) => {
    shown.textContent = text;
    clearTimeout(timer);
    if (spoken.parentNode) timer = setTimeout(() => (spoken.textContent = aloud), 600);
    else {
      spoken.textContent = aloud; // first filled, then there: the page is not read out unasked
      root.append(spoken);
    }
  };
  return { root, say };
}

// A table with a column of row names, whose cells change their text in place.
function tableOf(columns) {
  const body = node("tbody");
  const head = columns.map((text) => node("th", { scope: "col" }, text));
  const row = (cells) =>
    node(
      "tr",
      {},
      cells.map((_, k) => (k ? node("td") : node("th", { scope: "row" }))),
    );
  const fill = (rows) => {
    if (body.children.length !== rows.length) body.replaceChildren(...rows.map(row));
    rows.forEach((cells, i) =>
      cells.forEach((text, k) => (body.children[i].children[k].textContent = text)),
    );
  };
  return { root: node("table", {}, [node("thead", {}, node("tr", {}, head)), body]), fill };
}

const panel = (figure, caption, kind = "") =>
  node("figure", { class: kind }, [figure.root, node("figcaption", {}, caption)]);

const captionOf = (figure, text) => (figure.root.nextElementSibling.textContent = text);

// Call `frame` for every picture of an animation until it returns false; returns how to stop.
function animate(frame) {
  let request = requestAnimationFrame(function next() {
    if (frame() !== false) request = requestAnimationFrame(next);
  });
  return () => cancelAnimationFrame(request);
}

const stillPreferred = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Put the parts of an explorer into its element.
const mount = (el, parts) =>
  el.append(node("style", {}, STYLE), node("div", { class: "r1-explorer" }, parts));
