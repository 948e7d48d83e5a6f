// The training film's pictures, its clock, its charts and its controls.

const PLACES = ["first", "second", "third"];
const TRAITS = ["frame", ...PLACES];
const PACE = 700; // milliseconds a frame

const FILM_STYLE = `
.r1-explorer .r1-film { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr));
  gap: 1rem; }
.r1-explorer .r1-film > figure { margin: 0; padding: 0; min-width: 0; }
.r1-explorer .r1-film label:has(select) { display: block; }
.r1-explorer .r1-film select { width: 100%; text-overflow: ellipsis; }
.r1-explorer .r1-picture { display: grid; place-items: center; margin: 0 0 0.5rem;
  transition: opacity 0.2s; }
.r1-explorer .r1-picture > * { grid-area: 1 / 1; margin: 0; text-align: center; }
.r1-explorer .r1-picture canvas { display: block; width: 100%; height: auto; }
.r1-explorer .r1-waits .r1-picture { opacity: 0.25; }
.r1-explorer .r1-film svg.r1-key { height: 10px; margin: 0.3rem 0; overflow: hidden; }
.r1-explorer .r1-film dl { display: grid; grid-template-columns: 1fr auto; gap: 0.05rem 0.5rem;
  margin: 0; font-size: 0.88em; line-height: 1.4; font-variant-numeric: tabular-nums; }
.r1-explorer .r1-film :is(dt, dd) { margin: 0; padding: 0; font-weight: 400; }
.r1-explorer .r1-film dd { text-align: right; font-weight: 600; }
.r1-explorer .r1-scrub { display: grid; grid-template-columns: auto 1fr; align-items: center;
  gap: 0 1rem; margin: 0.9rem 0 0.4rem; }
.r1-explorer .r1-scrub label { grid-template-columns: 1fr 11.5rem;
  font-variant-numeric: tabular-nums; }
@media (prefers-reduced-motion: reduce) { .r1-explorer .r1-picture { transition: none; } }
@container (max-width: 34rem) {
  .r1-explorer .r1-film { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0.75rem; }
  .r1-explorer .r1-film > figure:nth-child(3) { display: none; }
  .r1-explorer .r1-film dl { font-size: 0.82em; gap: 0 0.25rem; }
  .r1-explorer .r1-scrub label:not(:has(select)) { grid-template-columns: 1fr; gap: 0; }
  .r1-explorer .r1-scrub label span { order: 1; margin-top: -0.4rem; }
}
`;

const DASHES = { "-": "none", "--": "7 4", ":": "1.5 3.5", "-.": "7 3 1.5 3" };
const look = ({ color, dash }) => ({
  stroke: color,
  "stroke-width": 2.2,
  "stroke-dasharray": DASHES[dash],
});

function makePlots() {
  const chart = {
    x: [0, 119],
    aspect: 0.56,
    low: 150,
    framed: true,
    margin: [14, 14, 36, 48],
    xlabel: "thousands of real images",
    xticks: [0, 40, 80, 120],
  };
  const log = (value) => Math.log10(value);
  return {
    frechet: plot({
      ...chart,
      y: [log(10), log(62)],
      yticks: [10, 20, 40].map((value) => [log(value), `${value}`]),
      label: "Fréchet distance along training",
    }),
    slope: plot({
      ...chart,
      y: [-5, 0.6],
      yticks: [
        [-4, "0.0001"],
        [-2, "0.01"],
        [0, "1"],
      ],
      label: "Squared slope at real images along training",
    }),
  };
}

// The runs' lines, and dots where the film is.
function drawChart(target, name, runs, frame) {
  const now = frame * IMAGES;
  const points = (run) => run[name].map(([images, value]) => [images / 1000, Math.log10(value)]);
  const x = target.sx(now / 1000);
  const dots = runs
    .map((run) => [
      run,
      points(run)
        .filter(([at]) => at <= now / 1000)
        .pop(),
    ])
    .filter(([, at]) => at)
    .map(([{ color }, at]) => dot(...at, target, { r: 4.5, fill: color }));
  const line = { d: `M${x} 0V${target.height}`, stroke: "currentColor", "stroke-opacity": 0.4 };
  target.layer.replaceChildren(
    svg("path", line),
    ...runs.map((run) => polyline(points(run), target, look(run))),
  );
  target.notes.replaceChildren(...dots);
}

const SORRY = "The pictures could not be loaded.";

// The picture of a run, or one sentence in its place.
function makePicture() {
  const size = 3 * SIDE;
  const canvas = node("canvas", { width: size, height: size, role: "img" });
  const note = node("p", { "aria-hidden": "true" }); // the canvas says it
  const show = (found, text) => {
    if (found) note.textContent = found[0] === LOST ? SORRY : "";
    canvas.setAttribute("aria-label", note.textContent || text);
    if (!found) return;
    canvas.getContext("2d").clearRect(0, 0, size, size);
    if (!note.textContent) paint(canvas, ...found);
  };
  return { root: node("div", { class: "r1-picture" }, [canvas, note]), show };
}

// One run: its menu, how its lines look, its picture and its numbers.
function makePlace(model, trait, where) {
  const options = Object.entries(model.get("_runs")).map(([method, { name }]) => [method, name]);
  const menu = choice(model, trait, { text: `method, ${where}`, options });
  menu.firstChild.className = "r1-spoken";
  const picture = makePicture();
  const stroke = svg("path", { d: "M0 5H999" });
  const key = svg("svg", { class: "r1-key", "aria-hidden": "true" }, stroke);
  const cells = { frechet: node("dd"), slope: node("dd"), share: node("dd") };
  const names = { frechet: "Fréchet distance", slope: "squared slope", share: "penalty share" };
  const rows = Object.entries(cells).flatMap(([name, cell]) => [node("dt", {}, names[name]), cell]);
  const root = node("figure", {}, [menu, key, picture.root, node("dl", {}, rows)]);
  const show = (run, frame, found) => {
    for (const [name, text] of Object.entries(readings(run, frame))) cells[name].textContent = text;
    for (const [name, value] of Object.entries(look(run))) stroke.setAttribute(name, value);
    const when = `after ${thousands(frame * IMAGES)} real images`;
    picture.show(found, `36 images generated with ${run.name}, ${when}.`);
    root.classList.toggle("r1-waits", !found);
  };
  return { trait, root, show, visible: () => getComputedStyle(root).display !== "none" };
}

// The button that lets the film run, and stops it; where motion is unwanted, one frame a press.
function playButton(model, ask, ready) {
  const next = () => assign(model, { frame: (model.get("frame") % FRAMES) + 1 });
  const name = () => (stillPreferred() ? "Next frame" : "Play");
  let stop = null;
  const halt = () => {
    stop?.();
    stop = null;
    root.textContent = name();
  };
  const root = button(name(), () => {
    if (stop) return halt();
    root.textContent = name();
    if (stillPreferred() || model.get("frame") >= FRAMES) next();
    if (stillPreferred()) return;
    ask();
    let since = null;
    root.textContent = "Stop";
    stop = animate(() => {
      if (!ready()) return true;
      since ??= performance.now();
      if (performance.now() - since < PACE) return true;
      since = null;
      next();
      if (model.get("frame") < FRAMES) return true;
      halt();
      return false;
    });
  });
  return { root, halt };
}

// The time of all films.
function scrubber(model, moved) {
  const label = slider(model, "frame", { min: 1, max: FRAMES, step: 1, text: "frame", digits: 0 });
  const [caption, input] = label.children;
  const show = () => {
    caption.textContent = `${thousands(model.get("frame") * IMAGES)} real images seen`;
    input.setAttribute("aria-valuetext", caption.textContent);
  };
  input.setAttribute("aria-label", "real images seen");
  input.addEventListener("input", moved);
  model.on("change:frame", show);
  show();
  label.append(caption); // to the right of the slider
  return label;
}

const chartsOf = ({ frechet, slope }) =>
  node("div", { class: "r1-panels" }, [
    panel(
      frechet,
      "Fréchet distance between samples and real images (logarithmic): lower is closer",
    ),
    panel(slope, "squared slope: the mean of ‖∇D‖² at real images (logarithmic)"),
  ]);

// What to do first.
const START =
  "Press Play, and compare the slopes. Penalty share: the penalty\u2019s part of D\u2019s gradient.";

function render({ model: live, el }) {
  const model = scoped(live);
  const plots = makePlots();
  const spectra = makeSpectra();
  const words_ = readout();
  const places = PLACES.map((trait, k) => makePlace(model, trait, ["left", "middle", "right"][k]));
  let waiting = true;
  // `ask` is for what the reader does, else a film that is lost would be asked for without end.
  const draw = () => {
    const [runs, frame] = [model.get("_runs"), model.get("frame")];
    const shown = places.filter((place) => place.visible());
    waiting = false;
    for (const { trait, show } of shown) {
      const method = model.get(trait);
      const found = reel.at(method, frame);
      waiting ||= !found;
      show(runs[method], frame, found);
    }
    const shownRuns = shown.map(({ trait }) => runs[model.get(trait)]);
    for (const [name, target] of Object.entries(plots)) drawChart(target, name, shownRuns, frame);
    drawSpectra(spectra, model.get("_spectra"), frame);
    pictures.setAttribute("aria-busy", `${waiting}`);
    words_.say(`${verdict(shownRuns, frame)} ${spectraVerdict(model.get("_spectra"), frame)}`);
  };
  const reel = makeReel(live, model, draw);
  const ask = () => {
    const wanted = places.filter((place) => place.visible() && model.get("frame") < FRAMES);
    for (const { trait } of wanted) reel.want(model.get(trait));
    draw();
  };
  const pictures = node(
    "div",
    { class: "r1-film" },
    places.map(({ root }) => root),
  );
  const play = playButton(model, ask, () => !waiting);
  mount(el, [
    node("p", { class: "r1-note" }, START),
    node("style", {}, FILM_STYLE),
    pictures,
    node("div", { class: "r1-buttons r1-scrub" }, [play.root, scrubber(model, play.halt)]),
    chartsOf(plots),
    spectraOf(spectra),
    words_.root,
  ]);
  const all = [...Object.values(plots), ...spectra];
  for (const target of all) target.draw = ask;
  watch(model, TRAITS, ask);
  return closing(model, all, play.halt);
}

export default { render };
export { latest, readings, spectraVerdict, verdict };
