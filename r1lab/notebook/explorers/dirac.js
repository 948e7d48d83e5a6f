// The Dirac-GAN with R1: phase portrait and spectrum, computed here, so that no kernel is needed.
// The same formulas as r1lab.theory.dirac (minimax, r1, simultaneous), in the paper's sign.

const SLOPE = 0.5; // f'(0) of the logistic f
const STEPS = 500;
const REACH = 2.4; // half the width of the phase portrait

const fPrime = (t) => 0.5 * (1 - Math.tanh(t / 2));

function field(theta, psi, gamma) {
  const slope = fPrime(psi * theta);
  return [-psi * slope, theta * slope - gamma * psi];
}

function trajectory(h, gamma) {
  const path = [[1, 1]];
  for (let k = 0; k < STEPS; k++) {
    const [theta, psi] = path[k];
    const [vTheta, vPsi] = field(theta, psi, gamma);
    path.push([theta + h * vTheta, psi + h * vPsi]);
  }
  return path;
}

function eigenvalues(gamma) {
  const discriminant = (gamma * gamma) / 4 - SLOPE * SLOPE;
  const root = Math.sqrt(Math.abs(discriminant));
  return discriminant < 0
    ? [[-gamma / 2, root], [-gamma / 2, -root]]
    : [[-gamma / 2 + root, 0], [-gamma / 2 - root, 0]];
}

const radius = (h, lambdas) =>
  Math.max(...lambdas.map(([re, im]) => Math.hypot(1 + h * re, h * im)));

function drawField(portrait, gamma) {
  let d = "";
  for (let i = -5; i <= 5; i++)
    for (let j = -5; j <= 5; j++) {
      const [x, y] = [i * 0.44, j * 0.44];
      const [u, v] = field(x, y, gamma);
      const scale = 0.3 / (0.15 + Math.hypot(u, v));
      const [x1, y1] = [portrait.sx(x), portrait.sy(y)];
      const [dx, dy] = [portrait.sx(x + scale * u) - x1, portrait.sy(y + scale * v) - y1];
      const barb = ([c, s]) => `M${x1 + dx} ${y1 + dy}l${-0.35 * (c * dx - s * dy)} ${-0.35 * (s * dx + c * dy)}`;
      d += `M${x1} ${y1}l${dx} ${dy}` + barb([0.87, 0.5]) + barb([0.87, -0.5]);
    }
  return svg("path", { d, fill: "none", stroke: "currentColor", "stroke-opacity": 0.3 });
}

function drawPortrait(portrait, path, gamma) {
  const { sx, sy } = portrait;
  const end = path[path.length - 1];
  portrait.layer.replaceChildren(
    drawField(portrait, gamma),
    polyline(path.filter(([x, y]) => Math.hypot(x, y) < 1e3), portrait, {
      stroke: COLOR.generator, "stroke-width": 1.6, "stroke-linejoin": "round",
    }),
    svg("circle", { cx: sx(1), cy: sy(1), r: 4.5, fill: "none", stroke: COLOR.generator, "stroke-width": 2 }),
    svg("circle", { cx: sx(end[0]), cy: sy(end[1]), r: 5, fill: COLOR.generator }),
  );
}

function drawSpectrum(spectrum, h, lambdas) {
  const { sx, sy, layer } = spectrum;
  const unit = sx(1) - sx(0);
  layer.replaceChildren(
    // |1 + h lambda| < 1 is the disc of radius 1/h around -1/h.
    svg("circle", {
      cx: sx(-1 / h), cy: sy(0), r: unit / h,
      fill: COLOR.eigenvalue, "fill-opacity": 0.12, stroke: COLOR.eigenvalue, "stroke-opacity": 0.5,
    }),
    ...lambdas.map(([re, im]) => svg("circle", { cx: sx(re), cy: sy(im), r: 6, fill: COLOR.eigenvalue })),
  );
}

function verdict(h, gamma, lambdas, path) {
  const [[re, im], [other]] = lambdas;
  const pair = im
    ? `${re ? fixed(re, 3) + " " : ""}± ${fixed(im, 3)} i`
    : `${fixed(re, 3)} and ${fixed(other, 3)}`;
  const rho = radius(h, lambdas);
  const distance = Math.hypot(...path[path.length - 1]);
  const outcome = rho < 1 - 1e-12
    ? "Inside the disc: it converges."
    : gamma ? "Outside the disc: the step is too long." : "On the axis, outside the disc: it spirals outwards.";
  const far = distance < 1000 ? distance.toPrecision(3) : "over 1000";
  return `Eigenvalues ${pair}. Near the centre the distance changes by a factor of ` +
    `${fixed(rho, 4)} per step in the long run; after ${STEPS} steps it is ${distance < 1e-4 ? "below 0.0001" : far}. ${outcome}`;
}

function render({ model, el }) {
  const portrait = plot({
    x: [-REACH, REACH], y: [-REACH, REACH], xlabel: "θ", ylabel: "ψ", xticks: [-2, -1, 1, 2],
    yticks: [-2, -1, 1, 2], label: "Phase portrait: the path of generator θ and discriminator ψ",
  });
  const spectrum = plot({
    x: [-3.1, 0.9], y: [-2, 2], xlabel: "Re λ", ylabel: "Im λ", xticks: [-3, -2, -1],
    yticks: [-1, 1], label: "Eigenvalues in the complex plane, and the disc of stable steps",
  });
  const readout = node("output", { "aria-live": "polite" });
  const draw = () => {
    const [h, gamma] = [model.get("h"), model.get("gamma")];
    const [path, lambdas] = [trajectory(h, gamma), eigenvalues(gamma)];
    drawPortrait(portrait, path, gamma);
    drawSpectrum(spectrum, h, lambdas);
    readout.textContent = verdict(h, gamma, lambdas, path);
  };
  const panel = (figure, caption) =>
    node("figure", {}, [figure.root, node("figcaption", {}, caption)]);
  el.append(
    node("style", {}, STYLE),
    node("div", { class: "r1-explorer" }, [
      node("div", { class: "r1-panels" }, [
        panel(portrait, `${STEPS} steps from the open circle (1, 1); the equilibrium is the centre`),
        panel(spectrum, "eigenvalues (dots) and the disc in which steps of size h converge"),
      ]),
      node("div", { class: "r1-controls" }, [
        slider(model, "h", { min: 0.02, max: 2, step: 0.02, text: "step size h" }),
        slider(model, "gamma", { min: 0, max: 3, step: 0.05, text: "R1 γ" }),
      ]),
      readout,
    ]),
  );
  model.on("change:h", draw);
  model.on("change:gamma", draw);
  draw();
}

export default { render };
