// A GAN in the plane: its problems, its players and their steps; no exports.

const TURN = 2 * Math.PI;
const range = (n, draw) => Array.from({ length: n }, (_, k) => draw(k));

// The problems of r1lab.theory.toy; a piece is [start, end, thickness, is it an arc].
const point = (x, y, thickness) => [[x, y], [x, y], thickness, false];
const CORNERS = [
  [-1, -1],
  [1, -1],
  [1, 1],
  [-1, 1],
  [-1, -1],
];
const PROBLEMS = {
  "eight-gaussians": range(8, (k) =>
    point(2 * Math.cos((TURN * k) / 8), 2 * Math.sin((TURN * k) / 8), 0.05),
  ),
  "two-gaussians": [point(-1, 0, 0.2), point(1, 0, 0.2)],
  circle: [[[0, 1], [TURN, 1], 0, true]],
  "four-lines": range(4, (k) => [CORNERS[k], CORNERS[k + 1], 0, false]),
  line: [[[-1, 0], [1, 0], 0, false]],
};

function onPiece([start, end, thickness, arc], position, random) {
  const [u, v] = start.map((s, k) => s + position * (end[k] - s));
  const [x, y] = arc ? [v * Math.cos(u), v * Math.sin(u)] : [u, v];
  return [x + thickness * random.normal(), y + thickness * random.normal()];
}

function drawReal(pieces, random) {
  const piece = pieces[Math.floor(random.uniform() * pieces.length)];
  return onPiece(piece, random.uniform(), random);
}

const [LATENTS, HIDDEN, BATCH] = [2, 16, 64];
const GENERATOR = makeNetwork([LATENTS, HIDDEN, HIDDEN, 2]);
const DISCRIMINATOR = makeNetwork([2, HIDDEN, HIDDEN, 1]);

const drawLatent = (random) => range(LATENTS, random.normal);
const generate = (g, z) => Array.from(forward(GENERATOR, g, z));

// He's normal weights, as r1lab.theory.toy has them, and no biases.
function freshPlayer({ size, layers }, random) {
  const p = new Float64Array(size);
  for (const { from, at, biases } of layers)
    for (let k = at; k < biases; k++) p[k] = random.normal() * Math.sqrt(2 / from);
  return p;
}

// A method: the derivatives of its loss at real and fake logits, and of its penalty at the norm
// of an input gradient, divided by that norm: on real points, fakes and points between.
function methodOf(name, strength) {
  const square = () => strength;
  return {
    real: name === "wgan-gp" ? () => -1 : softplusPull(-1),
    fake: name === "wgan-gp" ? () => 1 : softplusPull(1),
    onReal: name.startsWith("r1") ? square : null,
    onFake: name === "r1+r2" ? square : null,
    between: name === "wgan-gp" ? (norm) => (norm ? (2 * strength * (norm - 1)) / norm : 0) : null,
  };
}

function discriminatorGradient(method, d, real, fake, between) {
  const grad = new Float64Array(d.length);
  addTerms(DISCRIMINATOR, d, grad, real, method.real, method.onReal);
  addTerms(DISCRIMINATOR, d, grad, fake, method.fake, method.onFake);
  if (method.between) addTerms(DISCRIMINATOR, d, grad, between, null, method.between);
  return grad;
}

// The generator minimises what D's loss on real points would be on the fakes.
function generatorGradient(method, g, d, latents) {
  const grad = new Float64Array(g.length);
  for (const z of latents) {
    const [value] = forward(DISCRIMINATOR, d, forward(GENERATOR, g, z));
    const pull = method.real(value) / latents.length;
    const [u, v] = inputGradient(DISCRIMINATOR, d);
    backward(GENERATOR, g, grad, [pull * u, pull * v], false);
  }
  return grad;
}

const descendInPlace = (p, grad, h) => {
  for (let k = 0; k < p.length; k++) p[k] -= h * grad[k];
};

// Plain gradient descent, each move on fresh samples; a state is the two players and `random`.
function makeMoves({ problem, method, strength, h }) {
  const [pieces, terms] = [PROBLEMS[problem], methodOf(method, strength)];
  const fresh = ({ g, random }) => generate(g, drawLatent(random));
  return {
    G({ g, d, random }) {
      const latents = range(BATCH, () => drawLatent(random));
      descendInPlace(g, generatorGradient(terms, g, d, latents), h);
    },
    D(state) {
      const { d, random } = state;
      const real = range(BATCH, () => drawReal(pieces, random));
      const fake = range(BATCH, () => fresh(state));
      const between = real.map((x, n) => {
        const share = random.uniform();
        return x.map((value, k) => share * value + (1 - share) * fake[n][k]);
      });
      descendInPlace(d, discriminatorGradient(terms, d, real, fake, between), h);
    },
  };
}

function startOf(seed) {
  const random = makeRandom(seed);
  const g = freshPlayer(GENERATOR, random);
  return { g, d: freshPlayer(DISCRIMINATOR, random), random };
}
