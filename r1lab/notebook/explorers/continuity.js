// Two distributions slid apart: what each divergence says, and what slope it gives the generator.

const FARTHEST = 3; // of the shift, either way
const PAIR_NAMES = [
  ["points", "two point masses"],
  ["segments", "two parallel segments"],
  ["intervals", "two intervals on one line"],
  ["gaussians", "two Gaussians, σ = 0.5"],
];
const WIDTH = 0.5; // standard deviation of the Gaussians
const LOG2 = Math.log(2);

// Which Gaussian noise lies over the two points; the segments are points across, equal along.
const spreadOf = (pair, smoothing) =>
  pair === "gaussians" ? Math.hypot(WIDTH, smoothing) : smoothing;

// The trapezoidal rule for a standard normal variable, as r1lab.theory.divergences.
const NODES = Array.from({ length: 241 }, (_, k) => {
  const x = k / 10 - 12;
  return [x, normalDensity(x) / 10];
});
const softplus = (t) => Math.max(t, 0) + Math.log1p(Math.exp(-Math.abs(t)));

// KL, JS, TV and W1 of N(0, s^2) and N(t, s^2), each with its slope in t; s = 0 are two points.
function shifted(t, s) {
  const sign = Math.sign(t);
  const w1 = { value: Math.abs(t), slope: t ? sign : NaN };
  if (s === 0) {
    const flat = (value) => ({ value: t ? value : 0, slope: t ? 0 : NaN });
    return { kl: { value: t ? Infinity : 0, slope: NaN }, js: flat(LOG2), tv: flat(1), w1 };
  }
  const r = Math.abs(t) / s;
  let [js, slope] = [LOG2, 0];
  for (const [x, weight] of NODES) {
    const ratio = r * x - (r * r) / 2; // log q / p at x ~ p
    js -= weight * softplus(ratio);
    slope += (weight * (r - x)) / (1 + Math.exp(-ratio));
  }
  const bell = Math.exp((-r * r) / 8) / Math.sqrt(2 * Math.PI);
  return {
    kl: { value: (r * r) / 2, slope: (sign * r) / s },
    js: { value: js, slope: (sign * slope) / s },
    tv: { value: erf(r / Math.sqrt(8)), slope: t ? (sign * bell) / s : NaN },
    w1,
  };
}

// The uniform distributions on [0, 1] and on [t, 1 + t].
function overlapping(t) {
  const [apart, sign] = [Math.min(Math.abs(t), 1), Math.sign(t)];
  const slope = t === 0 || Math.abs(t) === 1 ? NaN : Math.abs(t) < 1 ? sign : 0;
  return {
    kl: { value: t ? Infinity : 0, slope: NaN },
    js: { value: apart * LOG2, slope: slope * LOG2 },
    tv: { value: apart, slope },
    w1: { value: Math.abs(t), slope: t ? sign : NaN },
  };
}

const divergences = (pair, t, smoothing) =>
  pair === "intervals" ? overlapping(t) : shifted(t, spreadOf(pair, smoothing));

// How each one is drawn; JS is what the discriminator of a GAN estimates.
const LINES = {
  kl: { name: "KL", stroke: COLOR.ink, "stroke-dasharray": "9 5", "stroke-width": 1.5 },
  js: { name: "JS", stroke: COLOR.discriminator, "stroke-width": 2.6 },
  tv: { name: "TV", stroke: COLOR.ink, "stroke-dasharray": "1.5 3.5", "stroke-width": 2 },
  w1: { name: "W₁", stroke: COLOR.ink, "stroke-dasharray": "9 3 2 3", "stroke-width": 1.5 },
};

const number = (value) => (value === Infinity ? "∞" : fixed(value, 3));

// A slope in words; where there is none, why: the divergence jumps, has a corner, or is infinite.
function slopeInWords(key, { pair, shift, smoothing }) {
  const { value, slope } = divergences(pair, shift, smoothing)[key];
  if (!Number.isNaN(slope)) return number(slope);
  if (value === Infinity) return "undefined (∞)";
  const jumps = shift === 0 && divergences(pair, 1e-9, smoothing)[key].value > 0.3;
  return jumps ? "undefined (jump)" : "undefined (corner)";
}

function verdict(pair, t, smoothing) {
  const { kl, js } = divergences(pair, t, smoothing);
  if (t === 0)
    return kl.slope === 0
      ? "The two coincide: every divergence is zero."
      : "The two coincide: every divergence is zero, and where it jumps its slope is undefined.";
  const where = `At a shift of ${fixed(t, 2)} `;
  if (kl.value !== Infinity)
    return (
      `${where}each has mass wherever the other has: both are absolutely continuous, ` +
      `KL = ${number(kl.value)} is finite, ` +
      `and JS = ${number(js.value)} has the slope ${number(js.slope)}` +
      (Math.abs(js.slope) < 0.01
        ? ": hardly any signal, they are too far apart for this smoothing."
        : ": a generator that follows it moves closer.")
    );
  const partly = pair === "intervals" && Math.abs(t) < 1;
  return partly
    ? `${where}each has mass where the other has none, so KL is infinite and its slope undefined; ` +
        `they overlap, so JS = ${number(js.value)} still has a slope.`
    : `${where}they share no point: KL is infinite and its slope undefined, ` +
        `JS stays at log 2 = ${number(LOG2)} and its slope is zero. ` +
        "A perfect discriminator tells the generator nothing; only W₁ says which way to go." +
        (pair === "intervals" ? "" : " Smoothing, noise on both, gives JS a slope.");
}

// The density of one of the two along the axis of the shift, as an outline from the ground.
function drawDensity(scene, center, pair, spread, color) {
  const { sx, sy } = scene;
  if (pair === "intervals") {
    const box = { x: sx(center), y: sy(0.8), width: sx(1) - sx(0), height: sy(0) - sy(0.8) };
    return [
      svg("rect", { ...box, fill: color, "fill-opacity": 0.28, stroke: color, "stroke-width": 2 }),
    ];
  }
  if (spread === 0) {
    const spike = svg("path", {
      d: `M${sx(center)} ${sy(0)}V${sy(1)}`,
      stroke: color,
      "stroke-width": 3,
    });
    return pair === "points" ? [spike, dot(center, 1, scene, { fill: color })] : [spike];
  }
  // Heights are compressed, so that thin and wide curves share one picture.
  const height = Math.min(1, 0.62 / Math.sqrt(spread + 0.15));
  const outline = Array.from({ length: 97 }, (_, k) => {
    const x = center + (k / 12 - 4) * spread;
    return [x, height * Math.exp(-((x - center) ** 2) / (2 * spread * spread))];
  });
  return [
    polyline(outline, scene, {
      stroke: color,
      "stroke-width": 2,
      fill: color,
      "fill-opacity": 0.28,
    }),
  ];
}

// Two segments in the plane, seen from above; smoothing blurs them.
function drawSegment(scene, center, spread, color) {
  const [wide, x] = [spread ? 3 * spread * (scene.sx(1) - scene.sx(0)) : 1.8, scene.sx(center)];
  const id = `${scene.id}-${color.slice(8, 12)}`;
  const stops = Array.from({ length: 25 }, (_, k) =>
    svg("stop", {
      offset: k / 24,
      "stop-color": color,
      "stop-opacity": 0.8 * Math.exp(-(((k - 12) / 4) ** 2) / 2),
    }),
  );
  return [
    svg("linearGradient", { id }, stops),
    svg("rect", {
      x: x - wide,
      y: scene.sy(0.86),
      width: 2 * wide,
      height: scene.sy(0.16) - scene.sy(0.86),
      fill: spread ? `url(#${id})` : color,
    }),
  ];
}

function drawScene(scene, { pair, shift, smoothing }) {
  const spread = spreadOf(pair, smoothing);
  const draw = (center, color) =>
    pair === "segments"
      ? drawSegment(scene, center, spread, color)
      : drawDensity(scene, center, pair, spread, color);
  const middle = pair === "intervals" ? 0.5 : 0;
  const label = (center, text, away) =>
    words(scene.sx(center + middle) + 8 * away, 12, text, {
      "text-anchor": away < 0 ? "end" : "start",
    });
  const side = shift < 0 ? -1 : 1;
  scene.layer.replaceChildren(...draw(0, COLOR.real), ...draw(shift, COLOR.fake));
  scene.notes.replaceChildren(label(0, "real", -side), label(shift, "fake", side));
}

// All four over the whole range of shifts, dense near 0 and on both sides of 1, where intervals
// part; a drag of the shift changes none of it.
const RIGHT = Array.from({ length: 37 }, (_, k) => FARTHEST * (k / 36) ** 2);
RIGHT.push(1 - 1e-9, 1, 1 + 1e-9);
RIGHT.sort((t, u) => t - u);
const MIDDLE = RIGHT.length - 1;
const SHIFTS = [
  ...RIGHT.slice(1)
    .reverse()
    .map((t) => -t),
  ...RIGHT,
];
const curves = new Map();
function curvesOf(pair, smoothing) {
  const key = `${pair} ${smoothing}`;
  if (!curves.has(key)) {
    const half = RIGHT.map((t) => divergences(pair, t, smoothing));
    curves.set(
      key,
      SHIFTS.map((t, k) => {
        const right = half[Math.abs(k - MIDDLE)];
        if (k >= MIDDLE) return right;
        return Object.fromEntries(
          Object.entries(right).map(([name, d]) => [name, { value: d.value, slope: -d.slope }]),
        );
      }),
    );
  }
  return curves.get(key);
}

// The names of the curves that end at the right; those that end together share one.
function namesAtRight({ sx, sy }, ends) {
  const places = [];
  for (const [name, v] of ends.sort(([, v], [, w]) => w - v)) {
    const [y, last] = [sy(v) + 4, places[places.length - 1]];
    if (last && y - last.y < 3) last.name = `${name}, ${last.name}`;
    else places.push({ name, y: Math.max(y, (last?.y ?? -Infinity) + 14) });
  }
  const over = Math.max(0, (places[places.length - 1]?.y ?? 0) - sy(0) - 4);
  return places.map(({ name, y }) => words(sx(FARTHEST) + 5, y - over, name));
}

// The name of a curve that leaves the picture, where it does; at the left for W1, whose right end
// meets that of KL.
function nameAtTop({ sx, sy, y }, key, name, points) {
  const out = points.findIndex(([t, v]) => t > 0 && v > y[1]);
  if (out < 0) return [];
  const [[t, v], [u, w]] = [points[out - 1], points[out]];
  const at = Number.isNaN(v) ? u : t + ((y[1] - v) / (w - v)) * (u - t);
  return key === "w1"
    ? [words(sx(-at) - 3, sy(y[1]) + 17, name, { "text-anchor": "end" })]
    : [words(sx(at), sy(y[1]) - 4, name, { "text-anchor": "middle" })];
}

function drawCurves(chart, { pair, shift, smoothing }, which, top) {
  const { sx, sy } = chart;
  const [all, at] = [curvesOf(pair, smoothing), divergences(pair, shift, smoothing)];
  const parts = [
    svg("path", {
      d: `M${sx(shift)} 0V${chart.height}`,
      stroke: COLOR.fake,
      "stroke-opacity": 0.6,
    }),
    svg("path", { d: `M0 ${sy(0)}H${chart.width}`, stroke: COLOR.ink, "stroke-opacity": 0.3 }),
  ];
  const [notes, ends] = [[], []];
  for (const [key, { name, ...style }] of Object.entries(LINES)) {
    const jumps = all[MIDDLE + 1][key].value > 0.3; // the value 0 at shift 0 is a point of its own
    const points = SHIFTS.map((t, k) => {
      const value = all[k][key][which];
      return [t, k === MIDDLE && jumps ? NaN : value === Infinity ? top : value];
    });
    parts.push(polyline(points, chart, style));
    if (jumps && which === "value") notes.push(dot(0, 0, chart, { r: 3, fill: style.stroke }));
    const now = at[key][which];
    if (Math.abs(now) <= top) notes.push(dot(shift, now, chart, { r: 4, fill: style.stroke }));
    const last = all[2 * MIDDLE][key][which];
    if (last <= top) ends.push([name, last]);
    else if (last === Infinity)
      notes.push(words(sx(FARTHEST), sy(top) - 4, `${name} = ∞`, { "text-anchor": "end" }));
    else notes.push(...nameAtTop(chart, key, name, points));
  }
  chart.layer.replaceChildren(...parts);
  chart.notes.replaceChildren(...notes, ...namesAtRight(chart, ends));
}
