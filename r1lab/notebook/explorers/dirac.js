// The Dirac-GAN: phase portrait, spectrum and players, computed here, so that no kernel is needed.

const REACH = 2.4; // half the width of the phase portrait
const STEPS = 500;
const FLOW = { h: 0.5, count: 200 }; // the flow, for the time 100
// The distance as powers of ten: a deep picture for what converges, a near one for what does not.
const DEEP = {
  y: [-5, 1],
  yticks: [
    [0, "1"],
    [-2, "10⁻²"],
    [-4, "10⁻⁴"],
  ],
};
const NEAR = {
  y: [-1, 0.8],
  yticks: [
    [-1, "0.1"],
    [0, "1"],
  ],
};
// The axis below it runs from 0 to 100, in percent of the steps or in units of time.
const STEP_TIME = {
  xlabel: "steps",
  xticks: [
    [0, "0"],
    [50, "250"],
    [100, "500"],
  ],
};
const FLOW_TIME = { xlabel: "time", xticks: [0, 50, 100] };

function read(model) {
  const state = {};
  for (const trait of TRAITS) state[trait] = model.get(trait);
  const strength = state[strengthOf(state.regularizer)] ?? 0;
  return { ...state, strength, dSteps: state.d_steps };
}
const TRAITS = [
  "loss",
  "regularizer",
  "scheme",
  "h",
  "d_steps",
  "theta",
  "psi",
  ...Object.keys(STRENGTH),
];

const paceOf = ({ scheme, h }) => (scheme === "flow" ? FLOW : { h, count: STEPS });

// Everything that the picture shows, as numbers.
function analyse(state) {
  const game = diracGame(state);
  const pace = paceOf(state);
  const start = [state.theta, state.psi];
  const drawn = state.scheme !== "flow" || game.hasFlow;
  const path = drawn ? pathFrom(game, start, { ...state, ...pace }) : [start];
  const lambdas = game.jacobian && eigenvalues(game.jacobian);
  const multipliers =
    game.jacobian && state.scheme !== "flow"
      ? eigenvalues(updateMatrix(game.jacobian, state.h, state.scheme, state.d_steps))
      : null;
  const key = [state.loss, state.regularizer, state.strength]; // what its field depends on
  return { game, key, pace, drawn, path, lambdas, multipliers };
}

function distanceOf(point) {
  const distance = Math.hypot(...point);
  return distance < 1e-4 ? "below 0.0001" : distance > 1e3 ? "over 1000" : distance.toPrecision(4);
}

function distanceInWords(path, pace) {
  const count = path.length - 1;
  const when =
    pace === FLOW
      ? `at time ${exactly(count * FLOW.h, 0)}`
      : `after ${count} step${count === 1 ? "" : "s"}`;
  const gone = count < pace.count ? "; from there it leaves the picture for good" : "";
  const start = Math.hypot(...path[0]).toPrecision(4);
  return `The distance to the centre is ${start} at the start and ${distanceOf(path[count])} ${when}${gone}.`;
}

function walkInWords(walk) {
  const [theta, psi] = walk[walk.length - 1];
  const at = `θ = ${fixed(theta, 2)} and ψ = ${fixed(psi, 2)}`;
  return `You are at ${at}: the distance to the centre is ${distanceOf([theta, psi])}.`;
}

function verdict(state, { game, drawn, path, pace, lambdas, multipliers }) {
  const far = drawn
    ? distanceInWords(path, pace)
    : "Its flow is not drawn, since the field jumps or acts after a step: choose steps.";
  if (!lambdas) return `${game.why}; the path tells. ${far}`;
  const eigen = `Eigenvalues ${inWords(lambdas)}.`;
  const rightmost = lambdas[0][0];
  if (!multipliers) {
    const pull =
      rightmost < -1e-12
        ? `Close enough to the centre the flow shrinks the distance like exp(${fixed(rightmost, 3)} t).`
        : "On the axis the eigenvalues decide nothing for the flow: look at the distance.";
    return `${eigen} ${pull} ${far}`;
  }
  const rho = radius(multipliers);
  const fate =
    Math.abs(rho - 1) < 1e-9
      ? "on the circle: neither pull nor push to first order."
      : rho < 1
        ? "inside the circle: training converges if it starts close enough."
        : "outside the circle: the centre repels.";
  const [end, start] = [path[path.length - 1], path[0]].map((z) => Math.hypot(...z));
  const closer = end < start;
  const stuck =
    rho < 1 && !closer && start > 0
      ? " From this start it has not come closer."
      : rho > 1 + 1e-9 && closer
        ? " It came closer from far out, but near the centre it is pushed away: it cannot settle there."
        : "";
  const change = "In the long run each update changes a small distance by a factor of";
  return `${eigen} ${change} ${fixed(rho, 4)}, ${fate} ${far}${stuck}`;
}

function drawField(target, { field }) {
  let d = "";
  for (let i = -5; i <= 5; i++)
    for (let j = -5; j <= 5; j++) {
      const [x, y] = [i * 0.44, j * 0.44];
      const [u, v] = field(x, y);
      const scale = 0.3 / (0.15 + Math.hypot(u, v));
      d += arrow(x, y, scale * u, scale * v, target);
    }
  return svg("path", { d, fill: "none", stroke: "currentColor", "stroke-opacity": 0.35 });
}

function drawPortrait(portrait, { game, path, key }, walk) {
  const line = { stroke: COLOR.generator, "stroke-width": 1.4 };
  const last = walk[walk.length - 1];
  keep(portrait, key, () => [drawField(portrait, game)]);
  portrait.layer.replaceChildren(
    polyline(path, portrait, { ...line, "stroke-opacity": walk.length > 1 ? 0.35 : 1 }),
    dot(...path[path.length - 1], portrait, { fill: COLOR.generator, r: 4.5, "fill-opacity": 0.6 }),
    ...(walk.length > 1
      ? [
          polyline(walk, portrait, { ...line, "stroke-width": 2.4 }),
          dot(...last, portrait, { fill: COLOR.generator, r: 6 }),
        ]
      : []),
  );
}

// The two point masses and the discriminator as code has it, large on real: D(x) = -psi x.
function drawPlayers(players, game, [theta, psi]) {
  const { sx, sy } = players;
  const mass = (x, color) => [
    svg("path", { d: `M${sx(x)} ${sy(0)}V${sy(1.5)}`, stroke: color, "stroke-width": 3 }),
    dot(x, 1.5, players, { fill: color }),
  ];
  const name = (x, text, side) =>
    words(sx(x) + 8 * side, 12, text, { "text-anchor": side < 0 ? "end" : "start" });
  // The name of the fakes stays in the picture: inwards where they are far out.
  const [edge, out] = [Math.min(Math.max(theta, -REACH), REACH), theta < 0 ? -1 : 1];
  const beyond = edge === theta ? "fake" : out < 0 ? "← fake" : "fake →";
  const push = game.field(theta, psi)[0];
  players.notes.replaceChildren(
    name(0, "real", -out),
    name(edge, beyond, Math.abs(edge) > 1 ? -out : out),
  );
  players.layer.replaceChildren(
    svg("path", { d: `M0 ${sy(0)}H${players.width}`, stroke: COLOR.ink, "stroke-opacity": 0.5 }),
    polyline(
      [
        [-3, 3 * psi],
        [3, -3 * psi],
      ],
      players,
      { stroke: COLOR.discriminator, "stroke-width": 2.4 },
    ),
    ...mass(0, COLOR.real),
    ...mass(theta, COLOR.fake),
    svg("path", {
      d: arrow(theta, 0.75, Math.sign(push) * Math.min(1.2, 2 * Math.abs(push)), 0, players),
      stroke: COLOR.generator,
      "stroke-width": 2.2,
      fill: "none",
    }),
  );
}

function drawDistance(chart, path, walk, pace) {
  const range = Math.hypot(...path[path.length - 1]) < 0.1 ? DEEP : NEAR;
  const time = pace === FLOW ? FLOW_TIME : STEP_TIME;
  if (chart.y !== range.y || chart.xlabel !== time.xlabel) chart.zoom({ ...range, ...time });
  const track = (points) =>
    points.map((z, k) => [
      (k * 100) / pace.count,
      Math.max(Math.log10(Math.hypot(...z)), range.y[0] - 1),
    ]);
  const line = { stroke: COLOR.generator, "stroke-width": 1.4 };
  chart.layer.replaceChildren(
    polyline(track(path), chart, { ...line, "stroke-opacity": walk.length > 1 ? 0.35 : 1 }),
    polyline(walk.length > 1 ? track(walk) : [], chart, { ...line, "stroke-width": 2.4 }),
  );
}

const eigenDots = (values, target) =>
  values.map(([re, im]) => dot(re, im, target, { fill: COLOR.eigenvalue, r: 5.5 }));

// The half-plane where the flow is stable; for simultaneous steps |1 + h lambda| < 1 is a disc.
function drawPlane(plane, { h, scheme }, lambdas) {
  fit(plane, [-3.1, 0.9, 1.6], lambdas ?? [], { x: [-3, -2, -1, 0], y: [-1, 0, 1] });
  const { sx, sy } = plane;
  const shade = { fill: COLOR.eigenvalue, "fill-opacity": 0.1 };
  const disc = {
    cx: sx(-1 / h),
    cy: sy(0),
    r: (sx(1) - sx(0)) / h,
    stroke: COLOR.eigenvalue,
    "stroke-opacity": 0.6,
    ...shade,
  };
  plane.layer.replaceChildren(
    svg("rect", { x: 0, y: 0, width: sx(0), height: plane.height, ...shade }),
    ...(scheme === "simultaneous" ? [svg("circle", disc)] : []),
    ...(lambdas ? eigenDots(lambdas, plane) : [words(40, 26, "no Jacobian here")]),
  );
}

function drawCircle(circle, multipliers, scheme) {
  fit(circle, [-1.75, 1.75, 1.4], multipliers ?? [], { x: [-1, 0, 1], y: [-1, 0, 1] });
  const { sx, sy } = circle;
  const missing = scheme === "flow" ? "a flow takes no steps" : "no Jacobian here";
  circle.layer.replaceChildren(
    svg("circle", {
      cx: sx(0),
      cy: sy(0),
      r: sx(1) - sx(0),
      fill: COLOR.eigenvalue,
      "fill-opacity": 0.12,
      stroke: COLOR.eigenvalue,
      "stroke-opacity": 0.6,
    }),
    ...(multipliers ? eigenDots(multipliers, circle) : [words(40, 26, missing)]),
  );
}

function makePlots() {
  const ticks = { xticks: [-2, -1, 0, 1, 2], yticks: [-2, -1, 0, 1, 2] };
  const square = { margin: EDGES, xticks: [], yticks: [] }; // `fit` sets the ticks
  return {
    portrait: plot({
      x: [-REACH, REACH],
      y: [-REACH, REACH],
      xlabel: "θ",
      ylabel: "ψ",
      margin: EDGES,
      ...ticks,
      label: "Phase portrait: the path of generator θ and discriminator ψ",
    }),
    players: plot({
      x: [-REACH, REACH],
      y: [-2, 2],
      aspect: 0.44,
      low: 150,
      framed: true,
      margin: [18, 10, 36, 34],
      xlabel: "x",
      ylabel: "D(x)",
      ...ticks,
      label: "The discriminator D over the real and the fake point mass",
    }),
    chart: plot({
      x: [0, 100],
      ...DEEP,
      ...STEP_TIME,
      aspect: 0.38,
      low: 140,
      framed: true,
      margin: [8, 14, 36, 34],
      label: "Distance to the centre over time",
    }),
    plane: plot({
      x: [-3.1, 0.9],
      y: [-1.6, 1.6],
      ...square,
      xlabel: "Re λ",
      ylabel: "Im λ",
      label: "Eigenvalues of the Jacobian",
    }),
    circle: plot({
      x: [-1.75, 1.75],
      y: [-1.4, 1.4],
      ...square,
      xlabel: "Re",
      ylabel: "Im",
      label: "Multipliers of the update and the unit circle",
    }),
  };
}
