// Drawing helpers that every explorer shares; prepended to its module, so nothing is exported.

const SVG = "http://www.w3.org/2000/svg";

// Colours by role, as in r1lab.notebook.style; the page's style sheet may override them.
const COLOR = {
  real: "var(--r1-real, #2f7fd0)",
  fake: "var(--r1-fake, #d9661f)",
  generator: "var(--r1-generator, #14919b)",
  discriminator: "var(--r1-discriminator, #8b62d6)",
  eigenvalue: "var(--r1-eigenvalue, #d13b8f)",
};

const STYLE = `
.r1-explorer { color: inherit; font: inherit; max-width: 100%; }
.r1-explorer .r1-panels { display: grid; gap: 0.75rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
.r1-explorer figure { margin: 0; }
.r1-explorer figcaption { font-size: 0.85em; text-align: center; opacity: 0.85; }
.r1-explorer svg { display: block; width: 100%; max-width: 24rem; margin: 0 auto; height: auto; }
.r1-explorer svg text { fill: currentColor; font-size: 12px; }
@media (max-width: 600px) { .r1-explorer svg { max-width: 16rem; } } /* plots and sliders on one screen */
.r1-explorer .r1-controls { display: grid; gap: 0.25rem 1.25rem; margin-top: 0.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); }
.r1-explorer label { display: grid; grid-template-columns: 9.5rem 1fr; align-items: center; }
.r1-explorer input[type="range"] { width: 100%; height: 2.75rem; margin: 0;
  accent-color: ${COLOR.discriminator}; cursor: pointer; }
.r1-explorer output { display: block; margin-top: 0.5rem; min-height: 3.2em;
  font-variant-numeric: tabular-nums; }
`;

// An element with attributes; text children are set as text, never as markup.
function node(name, attributes = {}, children = [], namespace = null) {
  const element = namespace
    ? document.createElementNS(namespace, name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  for (const child of [].concat(children)) element.append(child);
  return element;
}

const svg = (name, attributes, children) => node(name, attributes, children, SVG);

// A square plot of [xmin, xmax] x [ymin, ymax] with axes through the origin; `layer` is redrawn.
function plot({ x: [xmin, xmax], y: [ymin, ymax], xlabel, ylabel, xticks, yticks, label }) {
  const size = 300;
  const sx = (x) => ((x - xmin) / (xmax - xmin)) * size;
  const sy = (y) => ((ymax - y) / (ymax - ymin)) * size;
  const root = svg("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label });
  const axes = svg("g", { stroke: "currentColor", "stroke-opacity": 0.45, fill: "none" });
  axes.append(svg("path", { d: `M0 ${sy(0)}H${size}M${sx(0)} 0V${size}` }));
  root.append(axes);
  for (const tick of xticks) {
    axes.append(svg("path", { d: `M${sx(tick)} ${sy(0)}v4` }));
    root.append(svg("text", { x: sx(tick), y: sy(0) + 15, "text-anchor": "middle" }, `${tick}`));
  }
  for (const tick of yticks) {
    axes.append(svg("path", { d: `M${sx(0)} ${sy(tick)}h-4` }));
    root.append(svg("text", { x: sx(0) - 7, y: sy(tick) + 4, "text-anchor": "end" }, `${tick}`));
  }
  root.append(
    svg("text", { x: size - 4, y: sy(0) - 6, "text-anchor": "end", "font-style": "italic" }, xlabel),
    svg("text", { x: sx(0) + 7, y: 12, "font-style": "italic" }, ylabel),
  );
  const clip = `clip-${Math.random().toString(36).slice(2)}`; // ids are global to the page
  root.append(svg("clipPath", { id: clip }, svg("rect", { width: size, height: size })));
  const layer = svg("g", { "clip-path": `url(#${clip})` });
  root.append(layer);
  return { root, layer, sx, sy };
}

function polyline(points, { sx, sy }, attributes) {
  const path = points.map(([x, y], i) => `${i ? "L" : "M"}${sx(x).toFixed(1)} ${sy(y).toFixed(1)}`);
  return svg("path", { d: path.join(""), fill: "none", ...attributes });
}

// Numbers for people: a true minus sign.
const fixed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");

// A labelled slider bound both ways to a trait of the model.
function slider(model, trait, { min, max, step, text }) {
  const caption = node("span");
  const input = node("input", { type: "range", min, max, step, "aria-label": text });
  const show = () => {
    input.value = model.get(trait);
    caption.textContent = `${text} = ${fixed(model.get(trait), 2)}`;
    input.setAttribute("aria-valuetext", caption.textContent);
  };
  input.addEventListener("input", () => {
    model.set(trait, Number(input.value));
    model.save_changes();
  });
  model.on(`change:${trait}`, show);
  show();
  return node("label", {}, [caption, input]);
}
