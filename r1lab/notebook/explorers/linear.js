// Two-by-two matrices of a game and its updates, as in r1lab.theory.dynamics; no exports.

const EDGES = [8, 8, 22, 30]; // margins with room for numbers

const times = ([[a, b], [c, d]], [[e, f], [g, h]]) => [
  [a * e + b * g, a * f + b * h],
  [c * e + d * g, c * f + d * h],
];

// Eigenvalues as pairs [re, im], the larger real part first, exact also where both coincide.
function eigenvalues([[a, b], [c, d]]) {
  const [middle, half] = [(a + d) / 2, (a - d) / 2];
  const discriminant = half * half + b * c;
  const root = Math.sqrt(Math.abs(discriminant));
  return discriminant < 0
    ? [
        [middle, root],
        [middle, -root],
      ]
    : [
        [middle + root, 0],
        [middle - root, 0],
      ];
}

// The linearised update with step size h: both players at once, or the generator and then dSteps
// of the discriminator.
function updateMatrix([[a, b], [c, d]], h, scheme, dSteps = 1) {
  if (scheme !== "alternating")
    return [
      [1 + h * a, h * b],
      [h * c, 1 + h * d],
    ];
  let matrix = [
    [1 + h * a, h * b],
    [0, 1],
  ];
  for (let k = 0; k < dSteps; k++)
    matrix = times(
      [
        [1, 0],
        [h * c, 1 + h * d],
      ],
      matrix,
    );
  return matrix;
}

const radius = (values) => Math.max(...values.map(([re, im]) => Math.hypot(re, im)));

// Eigenvalues for people, digits after the point.
function inWords(values, digits = 3) {
  const [[re, im], [other]] = values;
  if (!im)
    return re === other
      ? `${fixed(re, digits)} twice`
      : `${fixed(re, digits)} and ${fixed(other, digits)}`;
  return `${re ? `${fixed(re, digits)} ` : ""}± ${fixed(Math.abs(im), digits)} i`;
}

// The caption of the multipliers.
const MULTIPLIERS =
  "multipliers: one update multiplies a small error by these numbers; inside the unit circle it " +
  "shrinks, and the angle turns it. For simultaneous steps they are 1 + hλ";

// The caption of the eigenvalues.
const EIGENVALUES =
  "eigenvalues λ of the Jacobian: near the solution a small error goes like exp(λt). Left of the " +
  "axis (shaded) it shrinks, far up or down it turns fast";
const planeWords = (scheme) =>
  scheme === "simultaneous"
    ? `${EIGENVALUES}; in the disc steps of this size shrink it, too`
    : EIGENVALUES;

// Enlarge a square picture by powers of two until it holds the values, eightfold at most; what is
// still outside is told.
function fit(target, base, values, ticks) {
  let scale = 1;
  const outside = () =>
    values.filter(
      ([re, im]) => re < base[0] * scale || re > base[1] * scale || Math.abs(im) > base[2] * scale,
    );
  while (scale < 8 && outside().length) scale *= 2;
  if (scale !== target.scale)
    target.zoom({
      scale,
      x: [base[0] * scale, base[1] * scale],
      y: [-base[2] * scale, base[2] * scale],
      xticks: ticks.x.map((t) => t * scale),
      yticks: ticks.y.map((t) => t * scale),
    });
  const left = outside();
  const text = `${left.length} outside, up to modulus ${fixed(radius(left), 1)}`;
  const at = [target.sx(target.x[1]) - 6, target.sy(target.y[0]) - 6];
  target.notes.replaceChildren(...(left.length ? [words(...at, text, { "text-anchor": "end" })] : []));
}
