// The manifold explorer's plots, its clock and its controls.

const TRAITS = ["gamma", "steps", "probe", "seed"];

function makePlots() {
  const plane = { x: [-2, 2], y: [-1.25, 1.6] };
  const chart = {
    x: [0, STEPS],
    y: [-2.2, 1.2],
    aspect: 0.5,
    low: 120,
    framed: true,
    xlabel: "steps",
    xticks: [0, 200, 400],
    yticks: [
      [-2, "0.01"],
      [-1, "0.1"],
      [0, "1"],
      [1, "10"],
    ],
    margin: [8, 44, 36, 34],
  };
  return {
    plain: plot({ ...plane, label: "Without R1: data, heights of D and its gradient" }),
    damped: plot({ ...plane, label: "With R1: data, heights of D and its gradient" }),
    plainChart: plot({
      ...chart,
      label: "Without R1: slopes along and across the data over the steps",
    }),
    dampedChart: plot({
      ...chart,
      label: "With R1: slopes along and across the data over the steps",
    }),
  };
}

// Both runs, trained a few milliseconds a picture, so that a drag never has to wait for them.
function makeTrainer(model, draw) {
  let [seed, plain, damped, stop] = [null, null, null, () => {}];
  const self = {
    prepare() {
      if (seed !== model.get("seed")) {
        seed = model.get("seed");
        plain = makeRun(warmUp(seed), 0);
        damped = null;
      }
      if (damped?.gamma !== model.get("gamma"))
        damped = makeRun(plain.history[0].p, model.get("gamma"));
      Object.assign(self, { plain, damped });
    },
    work() {
      stop();
      const go = () => {
        const wanted = model.get("steps");
        const ready = plain.until(wanted, 2) && damped.until(wanted, 2);
        if (!drawn) draw();
        drawn = ready; // the steps ahead of the slider are not shown
        return !(ready && plain.until(STEPS, 1) && damped.until(STEPS, 1));
      };
      let drawn = false;
      if (go()) stop = animate(go);
    },
    ready: () => Math.min(plain.history.length, damped.history.length) > model.get("steps"),
    stop: () => stop(),
  };
  return self;
}

// The button that lets time run, and stops it.
function playButton(model) {
  let stop = null;
  const halt = () => {
    stop?.();
    stop = null;
    root.textContent = "Train";
  };
  const root = button("Train", () => {
    if (stop) return halt();
    if (stillPreferred()) return assign(model, { steps: STEPS });
    if (model.get("steps") >= STEPS) assign(model, { steps: 0 });
    root.textContent = "Stop";
    stop = animate(() => {
      const steps = Math.min(model.get("steps") + 2, STEPS);
      assign(model, { steps });
      if (steps < STEPS) return true;
      halt();
      return false;
    });
  });
  return { root, halt };
}

// A probe on the curve: the point of the curve under the pointer, or the next one for the keys.
function probeHandle(target, model, kind) {
  return handle(target, {
    label: `Point of the data, ${kind}`,
    color: COLOR.real,
    step: [0.06],
    moved: (x) =>
      assign(model, { probe: Math.round(Math.min(Math.max(x / 1.5, -1), 1) * 50) / 50 }),
  });
}

// Both pictures with their charts below; the second title says which gamma it is.
const panelsOf = ({ plain, damped, plainChart, dampedChart }, title) =>
  node("div", { class: "r1-panels" }, [
    node("figure", {}, [node("figcaption", {}, "without R1"), plain.root, plainChart.root]),
    node("figure", {}, [title, damped.root, dampedChart.root]),
    node(
      "p",
      { class: "r1-full r1-caption" },
      "Blue: the data. Grey: lines of equal D, the thick one D = 0. Purple: the gradient of D on the " +
        "data; at the open point, which you can drag, bold arrows are its parts across the data " +
        "(purple) and along them. D learned from fakes on the dotted line; now the fakes are the " +
        "data. Curves: both parts, root mean square over the data, on a logarithmic scale.",
    ),
  ]);

// Which network it is, beside the button for the next one.
function seedButton(model) {
  const shown = node("span");
  const show = () => (shown.textContent = `seed = ${model.get("seed")}`);
  model.on("change:seed", show);
  show();
  const next = button("Another network", () =>
    assign(model, { seed: (model.get("seed") + 1) % 10 }),
  );
  return [next, shown];
}

const controlsOf = (model, play) => [
  node("div", { class: "r1-buttons" }, [play.root, ...seedButton(model)]),
  node("div", { class: "r1-controls" }, [
    slider(model, "steps", { min: 0, max: STEPS, step: 1, text: "steps", digits: 0 }),
    slider(model, "gamma", { min: 0, max: 2, step: 0.05, text: "R1 γ" }),
  ]),
];

function render({ model: live, el }) {
  const model = scoped(live);
  const plots = makePlots();
  const { plain, damped, plainChart, dampedChart } = plots;
  keepClipped(model, { probe: { min: -1, max: 1 }, seed: { min: 0, max: 9, step: 1 } });
  const [words_, title, play] = [readout(), node("figcaption"), playButton(model)];
  const root = panelsOf(plots, title);
  const handles = [probeHandle(plain, model, "without R1"), probeHandle(damped, model, "with R1")];
  const draw = () => {
    const state = Object.fromEntries(TRAITS.map((trait) => [trait, model.get(trait)]));
    const [x, y] = curve(state.probe);
    const spoken = {
      now: state.probe,
      low: -1,
      high: 1,
      text: `at ${fixed(state.probe, 2)} of the curve`,
    };
    const rows = [
      [plain, plainChart, trainer.plain],
      [damped, dampedChart, trainer.damped],
    ];
    rows.forEach(([plane, chart, run], k) => {
      const step = Math.min(state.steps, run.history.length - 1);
      const key = [state.seed, run.gamma, step];
      drawPanel(plane, run.at(step).p, state.probe, key);
      drawChart(chart, run, step, key);
      handles[k].place(x, y, spoken);
    });
    title.textContent = `with R1, γ = ${exactly(state.gamma, 2)}`;
    root.setAttribute("aria-busy", `${!trainer.ready()}`);
    if (trainer.ready()) words_.say(verdict(state, trainer.plain, trainer.damped));
  };
  const trainer = makeTrainer(model, draw);
  const note =
    "Press Train and watch the purple arrows: the loss alone leaves much of them, R1 removes them.";
  mount(el, [node("p", { class: "r1-note" }, note), ...controlsOf(model, play), root, words_.root]);
  for (const target of Object.values(plots)) target.draw = () => trainer.plain && draw();
  watch(model, TRAITS, () => {
    trainer.prepare();
    trainer.work();
  });
  return closing(model, plots, play.halt, trainer.stop);
}

export default { render };
export { lossGradient, discriminate, freshNetwork, descend, split, curve, DATA, ABOVE };
