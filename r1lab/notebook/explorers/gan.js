// The GAN explorer's pictures and words.

const HEAT = 40; // cells of the heat map each way
const reachOf = (problem) => (problem === "eight-gaussians" ? 3 : 2); // half the picture

// Dots as one path: lines of no length with round ends.
function dots(points, { sx, sy }, attributes) {
  const round = (px) => Math.round(10 * px) / 10;
  const d = points.map(([x, y]) => `M${round(sx(x))} ${round(sy(y))}h0`).join("");
  return svg("path", { d, fill: "none", "stroke-linecap": "round", ...attributes });
}

// The colour of a role as [r, g, b], whatever the page's style sheet makes of it.
function channels(color) {
  const probe = node("span", { style: `color: ${color}; forced-color-adjust: none` });
  document.body.append(probe);
  const found = getComputedStyle(probe).color.match(/[\d.]+/g);
  probe.remove();
  return found.slice(0, 3).map(Number);
}

// D as colour on a canvas behind a plot: blue where it takes points for real, orange for fake.
function heatMap(target) {
  const canvas = node("canvas", { width: HEAT, height: HEAT, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const colors = [channels(COLOR.fake), channels(COLOR.real)];
  const image = context.createImageData(HEAT, HEAT);
  const paint = (heights) => {
    for (let j = 0; j < HEAT; j++)
      for (let i = 0; i < HEAT; i++) {
        // A cell's middle: the mean of its corners.
        const [low, high] = [heights[HEAT - 1 - j], heights[HEAT - j]];
        const value = (low[i] + low[i + 1] + high[i] + high[i + 1]) / 4;
        const at = 4 * (j * HEAT + i);
        image.data.set(colors[value > 0 ? 1 : 0], at);
        image.data[at + 3] = 130 * Math.tanh(Math.abs(value) / 2); // |2 sigmoid(D) - 1|
      }
    context.putImageData(image, 0, 0);
  };
  const root = node("div", { class: "r1-heat" }, [canvas, target.root]);
  return { root, paint };
}

const HEAT_STYLE = `
.r1-explorer .r1-heat { position: relative; }
.r1-explorer .r1-heat canvas { position: absolute; inset: 0; width: 100%; height: 100%;
  border-radius: 6px; }
.r1-explorer .r1-heat svg { position: relative; }
`;

// The logit less `level`, since WGAN-GP's loss does not say where zero is.
function drawPlane(plane, heat, { d }, { fakes }, { data }, level) {
  const height = (x, y) => forward(DISCRIMINATOR, d, [x, y])[0] - level;
  const heights = heightsOver(plane, height, HEAT, HEAT);
  heat.paint(heights);
  const arrows = fakes.slice(0, 64).map(([x, y]) => {
    forward(DISCRIMINATOR, d, [x, y]);
    const [u, v] = inputGradient(DISCRIMINATOR, d);
    const scale = (0.3 * plane.x[1]) / (1 + Math.hypot(u, v));
    return arrow(x, y, scale * u, scale * v, plane, 0.3);
  });
  const ink = { fill: "none", stroke: "currentColor" };
  plane.layer.replaceChildren(
    svg("path", {
      d: contours(heights, plane, 0).zero,
      ...ink,
      "stroke-opacity": 0.55,
      "stroke-width": 1.2,
    }),
    dots(data, plane, { stroke: COLOR.real, "stroke-width": 5 }),
    svg("path", { d: arrows.join(""), ...ink, stroke: COLOR.discriminator, "stroke-width": 1.3 }),
    dots(fakes, plane, { stroke: COLOR.fake, "stroke-width": 4 }),
  );
}

const logOf = (value) => Math.log10(Math.min(Math.max(value, 0.01), 40));

// Distance and steepness over the steps; `now` are the measures of the state that is shown.
function drawChart(chart, { notes, steps }, now, { floor }) {
  const past = notes.filter((one) => one.steps < steps);
  const { sx, sy } = chart;
  const lines = [
    ["distance", COLOR.fake, "sliced W₁"],
    ["steep", COLOR.discriminator, "|∇D|"],
  ];
  const ends = lines.map(([name]) => sy(logOf(now[name])));
  const apart = Math.abs(ends[0] - ends[1]) < 14 ? (ends[0] <= ends[1] ? -7 : 7) : 0;
  chart.layer.replaceChildren(
    svg("path", {
      d: `M${sx(0)} ${sy(logOf(floor))}H${sx(STEPS)}`,
      stroke: COLOR.real,
      "stroke-dasharray": "3 4",
    }),
    ...lines.flatMap(([name, color]) => [
      polyline(
        [...past, { ...now, steps }].map((one) => [one.steps, logOf(one[name])]),
        chart,
        {
          stroke: color,
          "stroke-width": 2.2,
        },
      ),
    ]),
  );
  chart.notes.replaceChildren(
    ...lines.map(([name, color]) => dot(steps, logOf(now[name]), chart, { r: 4.5, fill: color })),
    ...lines.map(([, , text], k) => words(sx(steps) + 9, ends[k] + 4 + (k ? -apart : apart), text)),
  );
}

// The gradient's norm at every point of the data, in order.
function drawProfile(profile, { norms, steep }, { pieces }, method) {
  const { sx, sy } = profile;
  const across = (value, attributes) =>
    svg("path", { d: `M${sx(0)} ${sy(logOf(value))}H${sx(1)}`, ...attributes });
  const each = SAMPLE / pieces.length;
  const edges = range(pieces.length - 1, (k) => `M${sx((k + 1) / pieces.length)} ${sy(-2)}v-5`);
  profile.layer.replaceChildren(
    svg("path", { d: edges.join(""), stroke: "currentColor", "stroke-opacity": 0.6 }),
    ...(method === "wgan-gp"
      ? [across(1, { stroke: "currentColor", "stroke-opacity": 0.6, "stroke-dasharray": "3 4" })]
      : []),
    across(steep, { stroke: COLOR.discriminator, "stroke-opacity": 0.5, "stroke-width": 1.5 }),
    dots(
      norms.map((norm, k) => [
        (Math.floor(k / each) + ((k % each) + 0.5) / each) / pieces.length,
        logOf(norm),
      ]),
      profile,
      { stroke: COLOR.discriminator, "stroke-width": 3.4 },
    ),
  );
  profile.notes.replaceChildren(
    words(
      sx(0.5),
      profile.height - 4,
      pieces.length > 1 ? `the ${pieces.length} parts of the data` : "along the data",
      {
        "text-anchor": "middle",
      },
    ),
  );
}

// What becomes of D's slope on the data; in words that hold for any data and settings.
function moral(method, steep) {
  if (method === "wgan-gp")
    return "WGAN-GP asks for gradients of norm one between data and fakes, even when the two agree.";
  if (method === "none")
    return steep > 1
      ? "Nothing keeps D flat on the data, and its slope throws the fakes about."
      : "Nothing keeps D flat on the data: watch its gradient.";
  return steep > 1
    ? "Slopes of D are expensive, but with these settings it is steep all the same."
    : "Slopes of D are expensive: it stays flat on the data, and fakes that are there can stay.";
}

function verdict({ problem, method, strength, steps, byHand }, now, { pieces, floor }) {
  if (!Number.isFinite(now.distance + now.steep))
    return `After ${steps} steps the parameters are no longer finite: training has diverged.`;
  const hand = byHand.filter(([step]) => step <= steps);
  const count = (letter) => hand.filter(([, one]) => one === letter).length;
  const more = hand.length ? `, with ${count("D")} of D and ${count("G")} of G by hand` : "";
  const reach = reachOf(problem);
  const outside = now.fakes.filter((x) => Math.max(...x.map(Math.abs)) > reach).length;
  const gone =
    outside > SAMPLE / 20 ? ` ${outside} of ${SAMPLE} fakes are outside the picture.` : "";
  const parts =
    pieces.length > 1
      ? `, and the fakes cover ${piecesCovered(pieces, now.fakes)} of ${pieces.length} parts of the data`
      : "";
  const fate =
    steps || hand.length
      ? moral(strength > 0 ? method : "none", now.steep)
      : "Nothing is trained yet: press Run.";
  return (
    `After ${steps} steps${more} the sliced W₁ between fakes and data is ${fixed(now.distance, 2)} ` +
    `(fresh data would have ${fixed(floor, 2)})${parts}.${gone} ` +
    `The gradient of D on the data has a norm of ${fixed(now.steep, 2)}, root mean square. ${fate}`
  );
}
