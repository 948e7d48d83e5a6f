// Below the film: eigenvalues that were recorded along the training of a smaller pair.

// Every size from one to a hundred has its place, and signs keep theirs.
const squeezed = (value) => Math.sign(value) * Math.log10(1 + Math.abs(value));
const marks = (values) => values.map((v) => [squeezed(v), `${v}`.replace("-", "\u2212")]);

const PAIRS = [
  ["r1", "trained with R1"],
  ["none", "trained without a penalty"],
];

const makeSpectra = () =>
  PAIRS.map(([, how]) =>
    plot({
      x: [squeezed(-200), squeezed(20)],
      y: [squeezed(-45), squeezed(45)],
      aspect: 0.56,
      low: 150,
      margin: [10, 14, 24, 40],
      xlabel: "real",
      ylabel: "imaginary",
      xticks: marks([-100, -10, -1, 0, 1, 10]),
      yticks: marks([-10, -1, 1, 10]),
      label: `Eigenvalues of a smaller pair, ${how}`,
    }),
  );

// The eigenvalue that turns fastest, as text.
function fastest(values) {
  const [re, im] = values.reduce((best, value) => (value[1] > best[1] ? value : best));
  return `${fixed(re, 2)} ± ${fixed(im, 2)} i`;
}

const seenUntil = (looks, frame) => latest(looks, frame * IMAGES);

function spectraVerdict(spectra, frame) {
  const [damped, free] = PAIRS.map(([name]) => fastest(seenUntil(spectra[name], frame)));
  return (
    `In a smaller pair of networks the eigenvalue that turns fastest is then ${damped} with R1, ` +
    `${free} without.`
  );
}

function drawSpectra(targets, spectra, frame) {
  for (const [k, target] of targets.entries()) {
    const { sx, height } = target;
    const fill = COLOR.eigenvalue;
    keep(target, "half-plane", () => [
      svg("rect", { x: 0, y: 0, width: sx(0), height, fill, "fill-opacity": 0.1 }),
    ]);
    target.layer.replaceChildren(
      ...seenUntil(spectra[PAIRS[k][0]], frame).map(([re, im]) =>
        dot(squeezed(re), squeezed(im), target, { r: 4, fill, "fill-opacity": 0.75 }),
      ),
    );
  }
}

const spectraOf = (targets) =>
  node(
    "div",
    { class: "r1-panels" },
    targets.map((target, k) =>
      panel(
        target,
        `eigenvalues of a smaller pair ${PAIRS[k][1]}, at its last recorded look; shaded: errors ` +
          "shrink, far up or down: they turn",
      ),
    ),
  );
