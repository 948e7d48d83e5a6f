// A GAN in the plane: its problems, its players and their steps; no exports.

const [LATENTS, HIDDEN, BATCH] = [4, 24, 64];
const TURN = 2 * Math.PI;

// The pieces of each problem of r1lab.theory.toy: [start, end, thickness, is it an arc].
const at = (x, y, thickness) => [[x, y], [x, y], thickness, false];
const CORNERS = [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]];
const PROBLEMS = {
  "two-gaussians": [at(-1, 0, 0.2), at(1, 0, 0.2)],
  line: [[[-1, 0], [1, 0], 0, false]],
  circle: [[[0, 1], [TURN, 1], 0, true]],
  "four-lines": CORNERS.slice(1).map((end, k) => [CORNERS[k], end, 0, false]),
  "eight-gaussians": Array.from({ length: 8 }, (_, k) =>
    at(2 * Math.cos((TURN * k) / 8), 2 * Math.sin((TURN * k) / 8), 0.05),
  ),
};

function pointOf([start, end, , arc], position) {
  const [u, v] = start.map((s, k) => s + position * (end[k] - s));
  return arc ? [v * Math.cos(u), v * Math.sin(u)] : [u, v];
}

function drawReal(pieces, random) {
  const piece = pieces[Math.floor(random.uniform() * pieces.length)];
  const [x, y] = pointOf(piece, random.uniform());
  return [x + piece[2] * random.normal(), y + piece[2] * random.normal()];
}
const many = (n, draw) => Array.from({ length: n }, draw);
const drawLatent = (random) => many(LATENTS, random.normal);
