// The Jacobian's spectrum under R1: where the eigenvalues go, and which steps can follow them.

const [KAPPA, MU] = [0.5, 0.25]; // f'(0) and -f''(0) of the logistic f
const RANGE = { h: [0.02, 4], gamma: [0, 3] };
const GAME_NAMES = [
  ["dirac", "Dirac-GAN: two points"],
  ["line", "data on a line in the plane"],
];
const SCHEME_NAMES = [
  ["simultaneous", "simultaneous steps"],
  ["alternating", "alternating steps"],
];

// Pairs [[0, -a], [a, -b]] of generator and discriminator parameters that only see each other.
const DIRAC = [{ name: "● θ, ψ", off: true, a: () => KAPPA, b: (gamma) => gamma }];
const LINE = [
  { name: "● offset", off: true, a: () => KAPPA, b: (gamma) => gamma },
  { name: "● tilt", off: true, a: () => KAPPA, b: (gamma) => gamma },
  { name: "○ mean", off: false, a: () => KAPPA, b: (gamma) => 2 * MU + gamma },
  { name: "○ spread", off: false, a: () => 2 * KAPPA, b: (gamma) => 4 * MU + 4 * gamma },
];
const BLOCKS = { dirac: DIRAC, line: LINE };

const blockMatrix = ({ a, b }, gamma) => [
  [0, -a(gamma)],
  [a(gamma), -b(gamma)],
];

// The step size at which the radius of a block's update reaches one; 0 where nothing contracts.
function stepLimit(block, gamma, scheme) {
  const [a, b] = [block.a(gamma), block.b(gamma)];
  if (b <= 0) return 0;
  if (scheme === "alternating") return 4 / (b + Math.sqrt(b * b + 4 * a * a));
  return b < 2 * a ? b / (a * a) : 4 / (b + Math.sqrt(b * b - 4 * a * a));
}

// The constant of D has the eigenvalue -2 mu whatever gamma is: the line never allows more than 1/mu.
const gameLimit = (game, gamma, scheme) =>
  Math.min(
    ...BLOCKS[game].map((block) => stepLimit(block, gamma, scheme)),
    game === "line" ? 1 / MU : Infinity,
  );

function rowsOf({ game, gamma, h, scheme }) {
  return BLOCKS[game].map((block) => {
    const matrix = blockMatrix(block, gamma);
    const lambdas = eigenvalues(matrix);
    const [[re, im]] = lambdas;
    return {
      ...block,
      lambdas,
      multipliers: eigenvalues(updateMatrix(matrix, h, scheme)),
      ratio: im === 0 ? 0 : re === 0 ? Infinity : Math.abs(im / re),
      simultaneous: stepLimit(block, gamma, "simultaneous"),
      alternating: stepLimit(block, gamma, "alternating"),
    };
  });
}

function verdict({ game, gamma, h, scheme }, rows) {
  const tightest = rows.reduce((best, row) => (row[scheme] < best[scheme] ? row : best));
  const [[re]] = tightest.lambdas;
  const limit = gameLimit(game, gamma, scheme);
  const constant = game === "line" ? [[1 - 2 * MU * h, 0]] : [];
  const rho = radius([...rows.flatMap((row) => row.multipliers), ...constant]);
  const name = game === "line" ? ` (${tightest.name.slice(2)})` : "";
  const why = !(limit > 0)
    ? `The pair ${inWords(tightest.lambdas)}${name} lies on the axis: no step size shrinks it.`
    : scheme === "simultaneous" && tightest.ratio > 0
      ? `The tightest pair, ${inWords(tightest.lambdas)}${name}, ` +
        `has |Im/Re| = ${fixed(tightest.ratio, 2)} and allows ` +
        `h < (2/${fixed(-re, 3)}) / (1 + ${fixed(tightest.ratio, 2)}²) = ${fixed(tightest[scheme], 3)}.`
      : `The tightest pair, ${inWords(tightest.lambdas)}${name}, allows h < ${fixed(tightest[scheme], 3)}.`;
  const fate =
    h < limit
      ? "inside the circle: training converges if it starts close enough."
      : rho > 1 + 1e-9
        ? "outside the circle: the solution repels."
        : "on the circle.";
  return `${why} With h = ${exactly(h, 2)} the largest multiplier has modulus ${fixed(rho, 4)}, ${fate}`;
}

// Where the eigenvalues of all blocks go as gamma runs over its range, `by` telling which ones.
function tracks(game, by, target) {
  const gammas = Array.from({ length: 121 }, (_, k) => (k * RANGE.gamma[1]) / 120);
  return BLOCKS[game].flatMap((block) => {
    const values = gammas.map((gamma) => by(blockMatrix(block, gamma)));
    const style = {
      stroke: COLOR.eigenvalue,
      "stroke-opacity": 0.55,
      ...(block.off ? {} : { "stroke-dasharray": "3 4" }),
    };
    return [0, 1].map((k) =>
      polyline(
        values.map((v) => v[k]),
        target,
        { ...style, "stroke-width": 1.3 },
      ),
    );
  });
}

// A filled dot for a pair that acts off the data, an open one along them.
const pairDots = (values, off, target) =>
  values.map(([re, im]) =>
    dot(re, im, target, {
      r: 5,
      fill: off ? COLOR.eigenvalue : PAPER,
      stroke: COLOR.eigenvalue,
      "stroke-width": 2,
    }),
  );

const SHADE = { fill: COLOR.eigenvalue, "fill-opacity": 0.1 };

function drawPlane(plane, { game, h, scheme }, rows) {
  const values = rows.flatMap((row) => row.lambdas);
  fit(plane, [-3.1, 0.9, 1.6], values, { x: [-3, -2, -1, 0], y: [-1, 0, 1] });
  captionOf(plane, `${planeWords(scheme)}. Thin lines: where they go as γ grows`);
  const { sx, sy } = plane;
  const disc = {
    cx: sx(-1 / h),
    cy: sy(0),
    r: (sx(1) - sx(0)) / h,
    stroke: COLOR.eigenvalue,
    "stroke-opacity": 0.6,
  };
  keep(plane, game, () => [
    svg("rect", { x: 0, y: 0, width: sx(0), height: plane.height, ...SHADE }),
    ...tracks(game, eigenvalues, plane),
  ]);
  plane.layer.replaceChildren(
    ...(scheme === "simultaneous" ? [svg("circle", { ...disc, ...SHADE })] : []),
    ...rows.flatMap((row) => pairDots(row.lambdas, row.off, plane)),
  );
}

function drawCircle(circle, { game, h, scheme }, rows) {
  const values = rows.flatMap((row) => row.multipliers);
  fit(circle, [-1.75, 1.75, 1.4], values, { x: [-1, 0, 1], y: [-1, 0, 1] });
  const { sx, sy } = circle;
  keep(circle, [game, h, scheme], () => [
    svg("circle", {
      cx: sx(0),
      cy: sy(0),
      r: sx(1) - sx(0),
      ...SHADE,
      stroke: COLOR.eigenvalue,
      "stroke-opacity": 0.6,
    }),
    ...tracks(game, (matrix) => eigenvalues(updateMatrix(matrix, h, scheme)), circle),
  ]);
  circle.layer.replaceChildren(
    ...rows.flatMap((row) => pairDots(row.multipliers, row.off, circle)),
  );
}

// The stable steps for each gamma: filled for the chosen scheme, an outline for the other one.
function regionParts(region, game, scheme) {
  const { sx, sy } = region;
  const outline = (which) =>
    Array.from({ length: 151 }, (_, k) => {
      const gamma = (Math.max(k, 1e-6) * RANGE.gamma[1]) / 150; // the limit jumps at 0
      return [Math.min(gameLimit(game, gamma, which), RANGE.h[1] + 1), gamma];
    });
  const other = scheme === "simultaneous" ? "alternating" : "simultaneous";
  const line = { stroke: COLOR.eigenvalue, "stroke-width": 1.8 };
  return [
    polyline([[0, 0], ...outline(scheme), [0, RANGE.gamma[1]]], region, {
      fill: COLOR.eigenvalue,
      "fill-opacity": 0.14,
    }),
    polyline(outline(scheme), region, line),
    polyline(outline(other), region, { ...line, "stroke-dasharray": "5 4" }),
    ...[`shaded: stable for ${scheme} steps`, `dashed: the limit for ${other} steps`].map(
      (text, k) => words(sx(4) - 4, sy(3) + 14 + 17 * k, text, { "text-anchor": "end" }),
    ),
  ];
}

const COLUMNS = ["pair", "eigenvalues", "|Im/Re|", "h, sim.", "h, alt."];

const cellsOf = ({ name, lambdas, ratio, simultaneous, alternating }) => [
  name,
  inWords(lambdas),
  ratio === Infinity ? "∞" : fixed(ratio, 2),
  ...[simultaneous, alternating].map((limit) => (limit > 0 ? fixed(limit, 3) : "none")),
];

function makePlots() {
  return {
    plane: plot({
      x: [-3.1, 0.9],
      y: [-1.6, 1.6],
      margin: EDGES,
      xlabel: "Re λ",
      ylabel: "Im λ",
      xticks: [-3, -2, -1, 0],
      yticks: [-1, 0, 1],
      label: "Eigenvalues of the Jacobian and their paths as γ grows",
    }),
    circle: plot({
      x: [-1.75, 1.75],
      y: [-1.4, 1.4],
      margin: EDGES,
      xlabel: "Re",
      ylabel: "Im",
      xticks: [-1, 0, 1],
      yticks: [-1, 0, 1],
      label: "Multipliers of one update, their paths as γ grows, and the unit circle",
    }),
    region: plot({
      x: [0, 4],
      y: RANGE.gamma,
      aspect: 0.42,
      low: 190,
      framed: true,
      margin: [20, 12, 36, 30],
      xlabel: "step size h",
      ylabel: "γ",
      xticks: [0, 1, 2, 3, 4],
      yticks: [1, 2, 3],
      label: "The step sizes h that are stable for each γ; the point is the setting",
    }),
  };
}

// The setting as a point of the region, on the sliders' grid.
function settingHandle(region, model) {
  const tidy = (v, [low, high], step) =>
    Number((Math.round(Math.min(Math.max(v, low), high) / step) * step).toFixed(2));
  return handle(region, {
    label: "Step size and γ",
    color: COLOR.eigenvalue,
    step: [0.02, 0.05],
    moved: (h, gamma) =>
      assign(model, { h: tidy(h, RANGE.h, 0.02), gamma: tidy(gamma, RANGE.gamma, 0.05) }),
  });
}

// What to do first.
const START = "Drag the point out of the shaded region, and watch a dot leave the circle.";

function render({ model: live, el }) {
  const model = scoped(live);
  const plots = makePlots();
  const { plane, circle, region } = plots;
  const [pairs, words_] = [tableOf(COLUMNS), readout()];
  const point = settingHandle(region, model);
  const draw = () => {
    const state = Object.fromEntries(
      ["game", "gamma", "h", "scheme"].map((t) => [t, model.get(t)]),
    );
    const rows = rowsOf(state);
    drawPlane(plane, state, rows);
    drawCircle(circle, state, rows);
    keep(region, [state.game, state.scheme], () => regionParts(region, state.game, state.scheme));
    pairs.fill(rows.map(cellsOf));
    point.place(state.h, state.gamma, {
      now: state.h,
      low: RANGE.h[0],
      high: RANGE.h[1],
      text: `h ${exactly(state.h, 2)}, γ ${exactly(state.gamma, 2)}`,
    });
    words_.say(verdict(state, rows));
  };
  mount(el, [
    node("p", { class: "r1-note" }, START),
    node("div", { class: "r1-panels" }, [
      panel(
        region,
        "the stable steps: outside the shaded region a multiplier leaves the circle, and errors grow",
        "r1-full",
      ),
      node("div", { class: "r1-controls r1-full" }, [
        choice(model, "game", { text: "game", options: GAME_NAMES }),
        choice(model, "scheme", { text: "update", options: SCHEME_NAMES }),
        slider(model, "gamma", { min: 0, max: 3, step: 0.05, text: "R1 γ" }),
        slider(model, "h", { min: 0.02, max: 4, step: 0.02, text: "step size h" }),
      ]),
      panel(plane, EIGENVALUES),
      panel(circle, MULTIPLIERS),
    ]),
    words_.root,
    pairs.root,
    node(
      "p",
      { class: "r1-note" },
      "● moves the fakes off the data, ○ along them. " +
        "Last columns: the largest stable h for simultaneous and for alternating steps.",
    ),
  ]);
  for (const target of Object.values(plots)) target.draw = draw;
  watch(model, ["game", "gamma", "h", "scheme"], draw);
  return closing(model, plots);
}

export default { render };
export { rowsOf, gameLimit };
