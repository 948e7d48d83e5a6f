// Data on a curve: the slope of D across it, which the GAN loss cannot see and R1 removes.

const [WARM_UP, STEPS, GAP] = [200, 400, 0.8];
const POINTS = 48;
const UNITS = 16;
const RATE = 0.1;
const NETWORK = makeNetwork([2, UNITS, 1]);

function freshNetwork(seed) {
  const p = Float64Array.from({ length: NETWORK.size }, makeRandom(seed).normal);
  for (let j = 0; j < UNITS; j++) p[3 * UNITS + j] /= Math.sqrt(UNITS);
  p[NETWORK.size - 1] = 0;
  return p;
}

// The logit D and its gradient with respect to the input.
function discriminate(p, x, y) {
  const [value] = forward(NETWORK, p, [x, y]);
  return [value, ...inputGradient(NETWORK, p)];
}

// The gradient of the discriminator's whole loss, non-saturating (or minimax: the same for D).
function lossGradient(p, real, fake, gamma) {
  const grad = new Float64Array(NETWORK.size);
  addTerms(NETWORK, p, grad, real, softplusPull(-1), gamma ? () => gamma : null);
  addTerms(NETWORK, p, grad, fake, softplusPull(1), null);
  return grad;
}

function descend(p, real, fake, gamma) {
  const grad = lossGradient(p, real, fake, gamma);
  return p.map((value, k) => value - RATE * grad[k]);
}

// The curve at t in [-1, 1], and its unit tangent; the normal is the tangent turned left.
const curve = (t) => [1.5 * t, 0.6 * Math.cos(2.2 * t)];
function tangent(t) {
  const [u, v] = [1.5, -0.6 * 2.2 * Math.sin(2.2 * t)];
  return [u / Math.hypot(u, v), v / Math.hypot(u, v)];
}

const TIMES = Array.from({ length: POINTS }, (_, k) => (2 * k) / (POINTS - 1) - 1);
const DATA = TIMES.map(curve);
const ABOVE = DATA.map(([x, y]) => [x, y + GAP]);

// The gradient of D at a point of the curve, split: along the curve and across it.
function split(p, t) {
  const [[value, gx, gy], [u, v]] = [discriminate(p, ...curve(t)), tangent(t)];
  return { value, along: gx * u + gy * v, across: gy * u - gx * v, gx, gy };
}

function spread(p) {
  const parts = TIMES.map((t) => split(p, t));
  const rms = (name) => Math.sqrt(parts.reduce((sum, part) => sum + part[name] ** 2, 0) / POINTS);
  return { along: rms("along"), across: rms("across") };
}

// First the fakes lie above the data; then the generator is perfect: the fakes are the data.
function warmUp(seed) {
  let p = freshNetwork(seed);
  for (let k = 0; k < WARM_UP; k++) p = descend(p, DATA, ABOVE, 0);
  return p;
}

// A run remembers every step, so that time can be scrubbed; `until` trains as long as it may.
function makeRun(start, gamma) {
  const history = [{ p: start, ...spread(start) }];
  return {
    gamma,
    history,
    until(step, milliseconds = Infinity) {
      const end = performance.now() + milliseconds;
      while (history.length <= step && performance.now() < end) {
        const p = descend(history[history.length - 1].p, DATA, DATA, gamma);
        history.push({ p, ...spread(p) });
      }
      return history.length > step;
    },
    at: (step) => history[Math.min(step, history.length - 1)],
  };
}

const ARROW = 0.09; // length of a gradient of one, in units of the plane

// One discriminator; `key` names it, so that it is drawn only where something has changed.
function drawPanel(target, p, probe, key) {
  if (!changed(target, [key, probe])) return;
  const heights = heightsOver(target, (x, y) => forward(NETWORK, p, [x, y])[0], 40, 26);
  const { zero, others } = contours(heights, target);
  const gradients = TIMES.filter((_, k) => k % 3 === 1).map((t) => {
    const { gx, gy } = split(p, t);
    return arrow(...curve(t), ARROW * gx, ARROW * gy, target, 0.22);
  });
  const [[x, y], [u, v], { along, across }] = [curve(probe), tangent(probe), split(p, probe)];
  const ink = { fill: "none", stroke: "currentColor" };
  target.layer.replaceChildren(
    svg("path", { d: others, ...ink, "stroke-opacity": 0.3, "stroke-width": 0.8 }),
    svg("path", { d: zero, ...ink, "stroke-opacity": 0.6, "stroke-width": 1.4 }),
    polyline(ABOVE, target, { stroke: COLOR.fake, "stroke-width": 1.6, "stroke-dasharray": "2 4" }),
    polyline(DATA, target, { stroke: COLOR.real, "stroke-width": 4, "stroke-linecap": "round" }),
    svg("path", {
      d: gradients.join(""),
      fill: "none",
      stroke: COLOR.discriminator,
      "stroke-width": 1.4,
      "stroke-opacity": 0.75,
    }),
    svg("path", {
      d: arrow(x, y, -v * across * ARROW, u * across * ARROW, target, 0.22),
      fill: "none",
      stroke: COLOR.discriminator,
      "stroke-width": 3.2,
    }),
    svg("path", {
      d: arrow(x, y, u * along * ARROW, v * along * ARROW, target, 0.22),
      ...ink,
      "stroke-width": 3.2,
    }),
  );
}

// Root mean squares over the data against training steps, as powers of ten.
function drawChart(chart, run, step, key) {
  if (!changed(chart, key)) return;
  const line = (name) =>
    run.history
      .slice(0, step + 1)
      .flatMap((entry, k) => (k % 4 && k > 8 && k < step ? [] : [[k, Math.log10(entry[name])]]));
  const { sx } = chart;
  const end = run.at(step);
  chart.layer.replaceChildren(
    svg("path", {
      d: `M${sx(step)} 0V${chart.height}`,
      stroke: "currentColor",
      "stroke-opacity": 0.4,
    }),
    polyline(line("along"), chart, {
      stroke: "currentColor",
      "stroke-width": 1.6,
      "stroke-dasharray": "1.5 3.5",
    }),
    polyline(line("across"), chart, { stroke: COLOR.discriminator, "stroke-width": 2.2 }),
  );
  const heights = [end.across, end.along].map((v) => Math.max(Math.log10(v), chart.y[0]));
  const [top, low] = heights.map(chart.sy);
  const apart = Math.abs(top - low) < 13 ? (top <= low ? -6 : 6) : 0;
  chart.notes.replaceChildren(
    dot(step, heights[0], chart, { r: 4.5, fill: COLOR.discriminator }),
    dot(step, heights[1], chart, { r: 3.5, fill: "currentColor" }),
    words(sx(step) + 7, top + 4 + apart, "across"),
    words(sx(step) + 7, low + 4 - apart, "along"),
  );
}

function verdict({ gamma, steps, probe }, plain, damped) {
  const part = (run) => {
    const { along, across } = split(run.at(steps).p, probe);
    return `${fixed(Math.abs(across), 3)} across the data and ${fixed(Math.abs(along), 3)} along them`;
  };
  const moral =
    steps === 0
      ? "Both discriminators are still the same: they learned from fakes above the data."
      : gamma === 0
        ? "Without R1 much of the slope across stays: the loss does not see it."
        : "The loss flattens D along the data, where it looks; to flatten it across them takes R1. " +
          "A slope across pushes a perfect generator off the data.";
  return (
    `At the open point, ${steps} steps after the generator became perfect, ` +
    `the slope of D is ${part(plain)} without R1, ` +
    `and ${part(damped)} with γ = ${exactly(gamma, 2)}. ${moral}`
  );
}
