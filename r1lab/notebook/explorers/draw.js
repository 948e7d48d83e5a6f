// Drawing helpers that every explorer shares; prepended to its module, so nothing is exported.

const SVG = "http://www.w3.org/2000/svg";

// Colours by role, as in r1lab.notebook.style; the page's style sheet may override them.
const COLOR = {
  real: "var(--r1-real, #2f7fd0)",
  fake: "var(--r1-fake, #d9661f)",
  generator: "var(--r1-generator, #14919b)",
  discriminator: "var(--r1-discriminator, #8b62d6)",
  eigenvalue: "var(--r1-eigenvalue, #d13b8f)",
  ink: "currentColor",
};
const PAPER = "var(--pst-color-background, var(--jp-layout-color0, Canvas))";

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

let plots = 0;

// A plot of [xmin, xmax] x [ymin, ymax] as wide as its place, text at its true size. `draw` fills
// `layer`, and `notes` with what may stand in the margins, anew; `ground` below it keeps. A tick is
// a number or a pair [value, label]; `low` is the least height. Without an `aspect`, one unit is as
// long upwards as across.
function plot(options) {
  const { aspect, low = 0, label, margin = [8, 8, 8, 8] } = options;
  const clip = `r1-clip-${++plots}-${Math.random().toString(36).slice(2)}`; // ids are the page's
  const [axes, ground, layer, names, notes, top] = [
    svg("g"),
    svg("g", { "clip-path": `url(#${clip})` }),
    svg("g", { "clip-path": `url(#${clip})` }),
    svg("g"),
    svg("g"),
    svg("g"),
  ];
  const window_ = svg("rect");
  const root = svg("svg", { role: "group", "aria-label": label }, [
    svg("clipPath", { id: clip }, window_),
    axes,
    ground,
    layer,
    names,
    notes,
    top,
  ]);
  const self = { ...options, id: clip, root, ground, layer, notes, top, draw() {} };
  const resize = (width) => {
    const [up, right, down, left] = margin;
    const w = width - left - right;
    const height = aspect
      ? Math.round(Math.max(width * aspect, low))
      : (w * (self.y[1] - self.y[0])) / (self.x[1] - self.x[0]) + up + down;
    const h = height - up - down;
    Object.assign(self, { width, height });
    const across = ([low, high]) => [
      (v) => left + ((v - low) / (high - low)) * w,
      (px) => low + ((px - left) / w) * (high - low),
    ];
    const upward = ([low, high]) => [
      (v) => up + ((high - v) / (high - low)) * h,
      (px) => high - ((px - up) / h) * (high - low),
    ];
    [self.sx, self.ux] = across(self.x);
    [self.sy, self.uy] = upward(self.y);
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const [key, value] of Object.entries({ x: left, y: up, width: w, height: h }))
      window_.setAttribute(key, value);
    drawAxes(self, axes, names);
  };
  resize(300);
  self.zoom = (changes) => {
    Object.assign(self, changes);
    resize(self.width);
  };
  self.observer = new ResizeObserver(([{ contentRect }]) => {
    const width = Math.round(contentRect.width);
    if (width < 40 || width === self.width) return;
    resize(width);
    self.draw();
  });
  self.observer.observe(root);
  return self;
}

// The axes that have ticks: along the left and lower edges if framed, else through the origin of a
// picture with a border. The numbers stand in the margins, where no curve or dot hides them.
function drawAxes(target, axes, names) {
  const { x, y, sx, sy, framed, xlabel = "", ylabel = "", xticks, yticks } = target;
  const within = ([low, high]) => (framed ? low : Math.min(Math.max(0, low), high));
  const [x0, y0] = [sx(within(x)), sy(within(y))];
  const pair = (tick) => (Array.isArray(tick) ? tick : [tick, `${tick}`.replace("-", "\u2212")]);
  const ends = [sx(x[0]), sx(x[1]), sy(y[0]), sy(y[1])];
  const border = `M${ends[0]} ${ends[2]}H${ends[1]}V${ends[3]}H${ends[0]}Z`;
  const ink = { stroke: "currentColor", fill: "none" };
  let d =
    (xticks ? `M${ends[0]} ${y0}H${ends[1]}` : "") + (yticks ? `M${x0} ${ends[2]}V${ends[3]}` : "");
  const texts = [];
  const text = (at, words, anchor, style = {}) =>
    svg("text", { x: at[0], y: at[1], "text-anchor": anchor, ...style }, words);
  for (const [value, words] of (xticks ?? []).map(pair)) {
    d += `M${sx(value)} ${ends[2]}v4`;
    texts.push(text([sx(value), ends[2] + 16], words, "middle"));
  }
  for (const [value, words] of (yticks ?? []).map(pair)) {
    d += `M${ends[0]} ${sy(value)}h-4`;
    texts.push(text([ends[0] - 7, sy(value) + 4], words, "end"));
  }
  const name = { class: "r1-name" };
  names.replaceChildren(
    text(framed ? [ends[1], y0 + 31] : [ends[1] - 5, y0 - 6], xlabel, "end", name),
    text(framed ? [0, ends[3] - 6] : [x0 + 7, ends[3] + 14], ylabel, "start", name),
  );
  axes.replaceChildren(
    ...(xticks && !framed ? [svg("path", { d: border, ...ink, "stroke-opacity": 0.18 })] : []),
    svg("path", { d, ...ink, "stroke-opacity": 0.5 }),
    ...texts,
  );
}

// Whether `key`, what a picture depends on, or its scale has changed since the last time.
function changed(target, key) {
  const [before, now] = [target.kept, [key, target.width, target.height, target.x, target.y].join()];
  target.kept = now;
  return before !== now;
}

// What lies below the layer, drawn only where it has changed.
const keep = (target, key, parts) =>
  changed(target, key) && target.ground.replaceChildren(...parts());

const tenths = (px) => Math.round(px * 10) / 10;

// Straight lines through the points; what is not finite breaks the line.
function polyline(points, { sx, sy }, attributes) {
  let [d, pen] = ["", "M"];
  for (const [x, y] of points) {
    const [px, py] = [sx(x), sy(y)];
    if (!(Math.abs(px) < 1e5 && Math.abs(py) < 1e5)) pen = "M";
    else {
      d += `${pen}${tenths(px)} ${tenths(py)}`;
      pen = "L";
    }
  }
  return svg("path", { d, fill: "none", "stroke-linejoin": "round", ...attributes });
}

const dot = (x, y, { sx, sy }, attributes) =>
  svg("circle", { cx: sx(x), cy: sy(y), r: 5, ...attributes });

// The outline of an arrow from (x, y) along (u, v), in the plot's units, as path data.
function arrow(x, y, u, v, { sx, sy }, head = 0.35) {
  const [x1, y1] = [sx(x), sy(y)];
  const [dx, dy] = [sx(x + u) - x1, sy(y + v) - y1];
  if (Math.hypot(dx, dy) < 0.3) return "";
  const barb = (s) =>
    `M${tenths(x1 + dx)} ${tenths(y1 + dy)}` +
    `l${tenths(-head * (0.87 * dx - s * dy))} ${tenths(-head * (s * dx + 0.87 * dy))}`;
  return `M${tenths(x1)} ${tenths(y1)}l${tenths(dx)} ${tenths(dy)}${barb(0.5)}${barb(-0.5)}`;
}

const words = (x, y, text, attributes = {}) => svg("text", { x, y, ...attributes }, text);

// Numbers for people: a true minus sign, never "-0.00".
function fixed(value, digits) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "\u2212");
}

// With all the digits that it has, six at most.
const exactly = (value, digits) =>
  fixed(value, Math.max(digits, `${Number(value.toFixed(6))}`.split(".")[1]?.length ?? 0));

// Whether a key is the browser's own, like Alt and an arrow for another page.
const modified = ({ altKey, ctrlKey, metaKey }) => altKey || ctrlKey || metaKey;

// How many steps a key moves a handle across and upwards, and one that has one axis only.
const ACROSS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const IN_PLANE = { ...ACROSS, ArrowUp: [0, 1], ArrowDown: [0, -1] };
const ALONG = {
  ...ACROSS,
  ArrowUp: [1, 0],
  ArrowDown: [-1, 0],
  PageUp: [10, 0],
  PageDown: [-10, 0],
  Home: [-Infinity, 0],
  End: [Infinity, 0],
};

// A point to drag: a slider in the plane for mouse, touch and arrow keys, which go by `step`, one
// number for each axis. `moved` gets plot units and decides what they mean; `place` puts the point
// where the state says that it is.
function handle(target, { label, color, size = 7, step, moved }) {
  let [at, grip] = [[0, 0], null];
  const root = svg("g", { class: "r1-handle", tabindex: 0, role: "slider", "aria-label": label }, [
    svg("circle", { r: 22, fill: "transparent" }),
    svg("circle", {
      r: size,
      fill: PAPER,
      stroke: color,
      "stroke-width": 3,
    }),
  ]);
  const toUnits = (event) => {
    const box = target.root.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  root.addEventListener("pointerdown", (event) => {
    if (event.button) return; // the main one only
    root.setPointerCapture(event.pointerId);
    const [px, py] = toUnits(event);
    grip = [target.sx(at[0]) - px, target.sy(at[1]) - py];
    event.preventDefault();
    root.focus({ preventScroll: true });
  });
  root.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const [px, py] = toUnits(event);
    moved(target.ux(px + grip[0]), target.uy(py + grip[1]));
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    root.addEventListener(end, () => (grip = null));
  root.addEventListener("keydown", (event) => {
    const steps = (step.length > 1 ? IN_PLANE : ALONG)[event.key];
    if (!steps || modified(event)) return;
    event.preventDefault();
    moved(...at.map((v, axis) => (steps[axis] ? v + steps[axis] * step[axis] : v)));
  });
  const place = (x, y, { now, text, low, high }) => {
    at = [x, y];
    root.setAttribute("transform", `translate(${target.sx(x)} ${target.sy(y)})`);
    const spoken = {
      "aria-valuenow": now,
      "aria-valuetext": text,
      "aria-valuemin": low,
      "aria-valuemax": high,
    };
    for (const [key, value] of Object.entries(spoken)) root.setAttribute(key, value);
  };
  target.top.append(root);
  return { root, place };
}
