// The GAN explorer's plots, its clock and its controls.

const TRAITS = ["problem", "method", "gamma", "weight", "h", "d_steps", "steps", "by_hand", "seed"];
const PROBLEM_NAMES = [
  ["eight-gaussians", "eight Gaussians"],
  ["two-gaussians", "two Gaussians"],
  ["circle", "circle"],
  ["four-lines", "four lines"],
  ["line", "line"],
];
const METHOD_NAMES = [
  ["none", "none"],
  ["wgan-gp", "WGAN-GP"],
  ["r1", "R1"],
  ["r1+r2", "R1 + R2"],
];

function read(model) {
  const state = Object.fromEntries(TRAITS.map((trait) => [trait, model.get(trait)]));
  const strength = state.method === "wgan-gp" ? state.weight : state.gamma;
  return { ...state, strength, dSteps: state.d_steps, byHand: parseMoves(state.by_hand) };
}

const POWERS = [
  [-2, "0.01"],
  [-1, "0.1"],
  [0, "1"],
  [1, "10"],
];

function makePlots() {
  const chart = { y: [-2, 1.6], low: 130, framed: true, yticks: POWERS };
  return {
    plane: plot({
      x: [-3, 3],
      y: [-3, 3],
      margin: [0, 0, 0, 0],
      label: "Data, fakes, heat map of D and its gradient at the fakes",
    }),
    chart: plot({
      ...chart,
      x: [0, STEPS + 40], // room for a dot at the end
      aspect: 0.52,
      margin: [8, 64, 36, 34],
      xlabel: "steps",
      xticks: range(5, (k) => (k * STEPS) / 4),
      label: "Distance of the fakes and steepness of D over the steps",
    }),
    profile: plot({
      ...chart,
      x: [0, 1],
      aspect: 0.42,
      margin: [8, 64, 22, 34],
      xticks: [],
      label: "Norm of the gradient of D along the data",
    }),
  };
}

const [SLICE, FIRST] = [5, 2]; // milliseconds of training in a frame, and in a run's first one

// Trains towards what the traits say, or to the end while running. Three frames of four train
// and the fourth draws; where motion is unwanted, only the last picture is drawn. `busy` is called
// as soon as there is something to do.
function makeTrainer(model, draw, busy) {
  let [key, frame, known, started, stop] = ["", 0, null, false, null];
  const self = { running: false, ready: false };
  const prepare = (state) => {
    const { problem, method, strength, h, dSteps, seed } = state;
    const now = JSON.stringify([problem, method, strength, h, dSteps, seed]);
    if (now === key) return false;
    key = now;
    if (self.measure?.problem !== problem) self.measure = makeMeasure(problem);
    self.run = makeRun(state, self.measure);
    return true;
  };
  const show = (state) => {
    if (self.running && started) assign(model, { steps: (known = self.run.steps) });
    if (self.ready) self.running = false;
    draw({ ...state, steps: self.run.steps });
  };
  const go = () => {
    const state = read(model);
    const slice = prepare(state) ? FIRST : SLICE;
    if (!self.ready && (stillPreferred() || frame++ % 4 < 3)) {
      const [on, byHand] = [self.running && started, state.byHand];
      const goal = { steps: on ? STEPS : state.steps, byHand, leap: !on };
      const arrived = self.run.until(goal, slice);
      started ||= arrived;
      self.ready = arrived && (on || !self.running);
      return true;
    }
    show(state);
    stop = self.ready ? null : stop;
    return !self.ready;
  };
  self.work = () => {
    // Steps that are not the trainer's own: the reader went elsewhere.
    if (model.get("steps") !== known) self.running = false;
    known = model.get("steps");
    self.ready = false;
    stop ??= animate(go);
    busy();
  };
  // From where the figure is, or from the start if it is at the end; or stop there.
  self.toggle = () => {
    if (!self.running && model.get("steps") >= STEPS) assign(model, { steps: 0 });
    known = model.get("steps");
    self.running = !self.running;
    started = false; // first to where the traits are
    self.work();
  };
  self.show = () => {
    prepare(read(model));
    draw({ ...read(model), steps: self.run.steps });
  };
  self.stop = () => stop?.();
  return self;
}

// Buttons that train: on and on, or one player by one step.
function trainButtons(model, trainer) {
  const run = button("Run", trainer.toggle);
  const step = (letter) => () => {
    const [steps, moves] = [model.get("steps"), parseMoves(model.get("by_hand"))];
    trainer.running = false;
    const past = moves.filter(([at]) => at <= steps);
    assign(model, { by_hand: writeMoves([...past, [steps, letter]].slice(0, BY_HAND)) });
  };
  const back = button("Back to start", () => assign(model, { steps: 0, by_hand: "" }));
  const shown = node("span");
  const next = button("Another seed", () => assign(model, { seed: (model.get("seed") + 1) % 10 }));
  const show = () => {
    run.textContent = trainer.running ? "Stop" : "Run";
    shown.textContent = `seed = ${model.get("seed")}`;
  };
  const single = [button("Step discriminator", step("D")), button("Step generator", step("G"))];
  return { root: node("div", { class: "r1-buttons" }, [run, ...single, back, next, shown]), show };
}

function makeControls(model) {
  const gamma = slider(model, "gamma", { min: 0, max: 3, step: 0.05, text: "γ" });
  const weight = slider(model, "weight", { min: 0, max: 3, step: 0.05, text: "weight" });
  const root = node("div", { class: "r1-controls" }, [
    choice(model, "problem", { text: "data", options: PROBLEM_NAMES }),
    choice(model, "method", { text: "penalty", options: METHOD_NAMES }),
    slider(model, "steps", { min: 0, max: STEPS, step: EVERY, text: "steps", digits: 0 }),
    gamma,
    weight,
    slider(model, "h", { min: 0.02, max: 0.3, step: 0.01, text: "step size h" }),
    slider(model, "d_steps", { min: 1, max: 5, step: 1, text: "D steps", digits: 0 }),
  ]);
  const show = ({ method }) => {
    gamma.hidden = !method.startsWith("r1");
    weight.hidden = method !== "wgan-gp";
  };
  return { root, show };
}

const panelsOf = ({ chart, profile }, heat) =>
  node("div", { class: "r1-panels" }, [
    panel(
      heat,
      "data (blue) and fakes (orange) over D: blue where it takes points for real, orange for fake, " +
        "the line where it is undecided (for WGAN-GP: at its mean); arrows: the gradient of D at 64 fakes, which pulls them",
      "r1-tall",
    ),
    panel(
      chart,
      "over the steps: sliced W₁ between fakes and data (dotted: what fresh data would have), " +
        "and the norm of the gradient of D on the data, root mean square",
    ),
    panel(profile, "now: the norm of the gradient of D at each of 256 points along the data"),
  ]);

// What to do first.
const START =
  "Press Run without a penalty. Then go back to the start, choose R1, and press Run again.";

function render({ model: live, el }) {
  const model = scoped(live);
  const plots = makePlots();
  const { plane, chart, profile } = plots;
  keepClipped(model, { seed: { min: 0, max: 9, step: 1 } });
  const [heat, words_, controls] = [heatMap(plane), readout(), makeControls(model)];
  const panels = panelsOf(plots, heat);
  const draw = (state) => {
    const { run, measure } = trainer;
    const reach = reachOf(state.problem);
    if (plane.x[1] !== reach) plane.zoom({ x: [-reach, reach], y: [-reach, reach] });
    const now = measure.of(run.state);
    const level = state.method === "wgan-gp" ? now.level : 0;
    drawPlane(plane, heat, run.state, now, measure, level);
    drawChart(chart, run, now, measure);
    drawProfile(profile, now, measure, state.method);
    controls.show(state);
    words_.say(
      busy()
        ? `Training: ${run.steps} of ${model.get("steps")} steps.`
        : verdict(state, now, measure),
    );
  };
  const busy = () => {
    const now = !trainer.ready && !trainer.running;
    panels.setAttribute("aria-busy", `${now}`);
    buttons.show();
    return now;
  };
  const trainer = makeTrainer(model, draw, busy);
  const buttons = trainButtons(model, trainer);
  mount(el, [
    node("style", {}, HEAT_STYLE),
    node("p", { class: "r1-note" }, START),
    controls.root,
    buttons.root,
    panels,
    words_.root,
  ]);
  for (const target of Object.values(plots)) target.draw = trainer.show;
  watch(model, TRAITS, trainer.work);
  trainer.show();
  return closing(model, plots, trainer.stop);
}

export default { render };
export {
  makeRandom,
  startOf,
  methodOf,
  discriminatorGradient,
  makeMoves,
  makeRun,
  makeMeasure,
  parseMoves,
  piecesCovered,
  DIRECTIONS,
  DISCRIMINATOR,
  GENERATOR,
};
