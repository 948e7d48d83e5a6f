// The continuity explorer's table, controls and plots.

const TRAITS = ["pair", "shift", "smoothing"];

const COLUMNS = ["", ...Object.values(LINES).map(({ name }) => name)];

function rowsOf(state) {
  const now = divergences(state.pair, state.shift, state.smoothing);
  return [
    ["value", ...Object.values(now).map(({ value }) => number(value))],
    ["slope", ...Object.keys(now).map((key) => slopeInWords(key, state))],
  ];
}

function makePlots() {
  const chart = {
    x: [-FARTHEST, FARTHEST],
    aspect: 0.72,
    low: 150,
    margin: [18, 40, 36, 26],
    framed: true,
    xlabel: "shift",
    xticks: [-2, 0, 2],
  };
  return {
    scene: plot({
      x: [-FARTHEST - 1, FARTHEST + 1.2],
      y: [0, 1.1],
      aspect: 0.24,
      low: 140,
      framed: true,
      margin: [18, 8, 22, 8],
      xticks: [-2, 0, 2],
      label: "The real and the fake distribution",
    }),
    values: plot({
      ...chart,
      y: [0, 2],
      yticks: [0, 1, 2],
      label: "The divergences against the shift",
    }),
    slopes: plot({
      ...chart,
      y: [-2, 2],
      yticks: [-2, -1, 0, 1, 2],
      label: "Their slopes against the shift",
    }),
  };
}

// What to do first.
const START =
  "Drag the fakes. As long as two point masses do not meet, JS does not move. Raise the smoothing.";

function render({ model: live, el }) {
  const model = scoped(live);
  const plots = makePlots();
  const { scene, values, slopes } = plots;
  const [numbers, words_] = [tableOf(COLUMNS), readout()];
  const fake = handle(scene, {
    label: "Shift of the fake distribution",
    color: COLOR.fake,
    step: [0.05],
    moved: (x) =>
      assign(model, { shift: Math.round(Math.min(Math.max(x, -FARTHEST), FARTHEST) * 20) / 20 }),
  });
  const smooth = slider(model, "smoothing", { min: 0, max: 1, step: 0.05, text: "smoothing" });
  const draw = () => {
    const state = Object.fromEntries(TRAITS.map((trait) => [trait, model.get(trait)]));
    drawScene(scene, state);
    drawCurves(values, state, "value", 2);
    drawCurves(slopes, state, "slope", 2);
    numbers.fill(rowsOf(state));
    smooth.hidden = state.pair === "intervals";
    fake.place(state.shift, 0, {
      now: state.shift,
      low: -FARTHEST,
      high: FARTHEST,
      text: `shift ${fixed(state.shift, 2)}`,
    });
    words_.say(verdict(state.pair, state.shift, state.smoothing));
  };
  mount(el, [
    node("p", { class: "r1-note" }, START),
    node("div", { class: "r1-panels" }, [
      panel(scene, "real data stay at 0; drag the fakes by the open point", "r1-full"),
      node("div", { class: "r1-controls r1-full" }, [
        choice(model, "pair", { text: "distributions", options: PAIR_NAMES }),
        slider(model, "shift", { min: -FARTHEST, max: FARTHEST, step: 0.05, text: "shift t" }),
        smooth,
      ]),
      panel(values, "how far apart: KL, JS, TV and W₁ at every shift"),
      panel(slopes, "their slopes: the signal that a generator could follow"),
    ]),
    numbers.root,
    words_.root,
  ]);
  for (const target of Object.values(plots)) target.draw = draw;
  watch(model, TRAITS, draw);
  return closing(model, plots);
}

export default { render };
export { divergences };
