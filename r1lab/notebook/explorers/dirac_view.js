// The Dirac-GAN's controls, and what they do.

// A menu that sets many traits at once and shows which of its settings the figure is in.
function presetMenu(model, note) {
  const named = PRESETS.map(({ group, name }, k) => [`${k}`, name, group]);
  const groups = [...new Set(named.map(([, , group]) => group))].map((label) =>
    node("optgroup", { label }, optionsOf(named.filter(([, , group]) => group === label))),
  );
  const own = optionsOf([["-1", "your own setting"]]);
  const select = node("select", { "aria-label": "show me" }, [...own, ...groups]);
  select.addEventListener(
    "change",
    () => PRESETS[select.value] && assign(model, PRESETS[select.value].traits),
  );
  const show = () => {
    const at = PRESETS.findIndex(({ traits }) =>
      Object.entries(traits).every(([t, v]) => model.get(t) === v),
    );
    select.value = `${at}`;
    note.textContent =
      PRESETS[at]?.note ?? "Drag the open point: training starts there. Press Run to follow it.";
  };
  return { root: node("label", {}, [node("span", {}, "show me"), select]), show };
}

// The button that lets the walk run to its end, and stops it; `tell` is called where it rests.
function runButton(walk, tell) {
  let stop = null;
  const halt = () => {
    stop?.();
    stop = null;
    root.textContent = "Run";
  };
  const rest = () => {
    halt();
    tell();
    return false;
  };
  const root = button("Run", () => {
    if (stop) return rest();
    if (!walk.next(1).length) walk.restart(); // it is at the end
    if (stillPreferred()) {
      walk.advance(STEPS);
      return rest();
    }
    root.textContent = "Stop";
    stop = animate(() => walk.advance(2) || rest());
  });
  return { root, halt };
}

// The steps that the reader takes by hand or lets run, on top of the whole path, and where they
// are told.
function makeWalk(model, redraw, tell) {
  const self = { points: [] };
  const last = () => self.points[self.points.length - 1];
  const by = (mover) => () => {
    const state = read(model);
    self.stop();
    const point = mover(diracGame(state), last(), state.h);
    if (Math.hypot(...point) < 1e9) self.points.push(point);
    redraw();
    tell();
  };
  self.next = (count) => {
    const state = read(model);
    const pace = paceOf(state);
    const left = Math.max(0, pace.count + 1 - self.points.length);
    const options = { ...state, ...pace, count: Math.min(count, left) };
    return pathFrom(diracGame(state), last(), options).slice(1);
  };
  self.advance = (count) => {
    const points = self.next(count);
    self.points.push(...points);
    redraw();
    return points.length === count; // fewer at the end, or where it leaves for good
  };
  const run = runButton(self, tell);
  self.stop = run.halt;
  const single = [
    button("Step generator", by(moveGenerator)),
    button("Step discriminator", by(moveDiscriminator)),
  ];
  const back = button("Back to start", () => {
    self.restart();
    redraw();
    tell();
  });
  self.buttons = [run.root, back, ...single];
  self.allow = ({ scheme }) => {
    for (const one of single) {
      one.disabled = scheme === "flow";
      one.title = scheme === "flow" ? "a flow has no single steps" : "";
    }
  };
  self.restart = () => {
    self.stop();
    self.points = [[model.get("theta"), model.get("psi")]];
  };
  return self;
}

function strengthSliders(model) {
  const rows = Object.entries(STRENGTH).map(([trait, range]) => [
    trait,
    slider(model, trait, range),
  ]);
  const show = (regularizer) => {
    for (const [trait, row] of rows) row.hidden = trait !== strengthOf(regularizer);
  };
  return { roots: rows.map(([, row]) => row), show };
}

const START = { min: -2.2, max: 2.2 }; // theta and psi

// The start of training as a point of the portrait.
function startHandle(portrait, model) {
  const inside = (v) => Math.round(Math.min(Math.max(v, START.min), START.max) * 100) / 100;
  return handle(portrait, {
    label: "Start of training",
    color: COLOR.generator,
    step: [0.05, 0.05],
    moved: (x, y) => assign(model, { theta: inside(x), psi: inside(y) }),
  });
}

const startInWords = ({ theta, psi }) => ({
  now: theta,
  low: START.min,
  high: START.max,
  text: `θ ${fixed(theta, 2)}, ψ ${fixed(psi, 2)}`,
});

// The controls, and which of them a state has a use for.
function makeControls(model) {
  const strengths = strengthSliders(model);
  const steps = slider(model, "h", { min: 0.02, max: 2, step: 0.02, text: "step size h" });
  const dSteps = slider(model, "d_steps", { min: 1, max: 5, step: 1, text: "D steps", digits: 0 });
  const root = node("div", { class: "r1-controls r1-full r1-early" }, [
    choice(model, "loss", { text: "loss", options: LOSS_NAMES }),
    choice(model, "regularizer", { text: "regulariser", options: REGULARIZER_NAMES }),
    choice(model, "scheme", { text: "update", options: SCHEME_NAMES }),
    ...strengths.roots,
    steps,
    dSteps,
  ]);
  const show = ({ regularizer, scheme }) => {
    strengths.show(regularizer);
    steps.hidden = scheme === "flow";
    dSteps.hidden = scheme !== "alternating";
  };
  return { root, show };
}

const panelsOf = ({ portrait, players, chart, plane, circle }, controls, readout) =>
  node("div", { class: "r1-panels" }, [
    panel(
      portrait,
      "the two players: θ, where the fakes are, and ψ, how steep D is; arrows: where both are " +
        "pulled. Training starts at the open point, which you can drag. At the centre it is " +
        "solved: the fakes lie on the data, and D is flat",
      "r1-tall",
    ),
    panel(
      players,
      "the discriminator D, the logit: high means “looks real”, its slope is −ψ; " +
        "the arrow is the generator's push",
    ),
    panel(
      chart,
      "distance to the centre (logarithmic scale); far out a curve can flatten, " +
        "since there the loss pushes less",
    ),
    controls,
    readout,
    panel(plane, EIGENVALUES),
    panel(circle, MULTIPLIERS),
  ]);

function render({ model: live, el }) {
  const model = scoped(live);
  const plots = makePlots();
  const { portrait, players, chart, plane, circle } = plots;
  const [note, words_] = [node("p", { class: "r1-note" }), readout()];
  const [menu, start] = [presetMenu(model, note), startHandle(portrait, model)];
  let numbers;
  const paths = () => {
    const state = read(model);
    drawPortrait(portrait, numbers, walk.points);
    drawPlayers(players, numbers.game, walk.points[walk.points.length - 1]);
    drawDistance(chart, numbers.path, walk.points, numbers.pace);
    start.place(state.theta, state.psi, startInWords(state));
  };
  const spectra = () => {
    drawPlane(plane, read(model), numbers.lambdas);
    drawCircle(circle, numbers.multipliers, model.get("scheme"));
    captionOf(plane, planeWords(model.get("scheme")));
  };
  const tell = () => {
    const [whole, walked] = [verdict(read(model), numbers), walkInWords(walk.points)];
    words_.say(`${whole} ${walked}`, walked);
  };
  keepClipped(model, { theta: START, psi: START });
  const walk = makeWalk(model, paths, tell);
  const controls = makeControls(model);
  const draw = () => {
    const state = read(model);
    numbers = analyse(state);
    walk.restart();
    paths();
    spectra();
    controls.show(state);
    walk.allow(state);
    menu.show();
    words_.say(verdict(state, numbers));
  };
  for (const target of [portrait, players, chart]) target.draw = paths;
  for (const target of [plane, circle]) target.draw = spectra;
  words_.root.className = "r1-full r1-early"; // beside what changes it, on a phone too
  mount(el, [
    node("div", { class: "r1-controls" }, [menu.root]),
    note,
    node("div", { class: "r1-buttons" }, walk.buttons),
    panelsOf(plots, controls.root, words_.root),
  ]);
  watch(model, TRAITS, draw);
  return closing(model, plots, () => walk.stop());
}

export default { render };
export { diracGame, pathFrom, updateMatrix, eigenvalues, erfc, PRESETS };
