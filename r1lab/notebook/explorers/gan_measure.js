// What is measured of a GAN in the plane; no exports.

const SAMPLE = 256; // points that stand for a distribution, and latents for the generator's
const DIRECTIONS = range(24, (k) => [Math.cos((Math.PI * k) / 24), Math.sin((Math.PI * k) / 24)]);
const LATENT_SAMPLE = ((random) => range(SAMPLE, () => drawLatent(random)))(makeRandom(1001));

// Points of the data, evenly over the pieces and along each.
function evenSample(pieces) {
  const [each, random] = [SAMPLE / pieces.length, makeRandom(1000)];
  return pieces.flatMap((piece) => range(each, (k) => onPiece(piece, (k + 0.5) / each, random)));
}

const projections = (points) =>
  DIRECTIONS.map(([u, v]) => Float64Array.from(points, ([x, y]) => u * x + v * y).sort());

// W1 of the projections on a line, on average over the directions: at most W1.
function slicedDistance(some, others) {
  let sum = 0;
  some.forEach((line, k) => line.forEach((value, n) => (sum += Math.abs(value - others[k][n]))));
  return sum / (DIRECTIONS.length * SAMPLE);
}

// How far a point is from a piece without its noise; arcs count as circles.
function distanceTo([start, end, , arc], [x, y]) {
  if (arc) return Math.abs(Math.hypot(x, y) - start[1]);
  const [u, v] = [end[0] - start[0], end[1] - start[1]];
  const along = ((x - start[0]) * u + (y - start[1]) * v) / Math.max(u * u + v * v, 1e-30);
  const position = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - start[0] - position * u, y - start[1] - position * v);
}

// As r1lab.theory.toy.Problem.modes counts: pieces with a quarter of their share of the points.
function piecesCovered(pieces, points) {
  const reached = (piece) =>
    points.filter((x) => distanceTo(piece, x) <= Math.max(3 * piece[2], 0.1)).length;
  return pieces.filter((piece) => 4 * reached(piece) * pieces.length >= points.length).length;
}

// All measures of a state against one problem.
function makeMeasure(problem) {
  const pieces = PROBLEMS[problem];
  const data = evenSample(pieces);
  const lines = projections(data);
  const random = makeRandom(1002);
  const fresh = range(4, () => projections(range(SAMPLE, () => drawReal(pieces, random))));
  const floor = fresh.reduce((sum, one) => sum + slicedDistance(one, lines), 0) / fresh.length;
  const of = ({ g, d }) => {
    const fakes = LATENT_SAMPLE.map((z) => generate(g, z));
    let level = 0; // the mean logit of data and fakes
    for (const x of fakes) level += forward(DISCRIMINATOR, d, x)[0] / (2 * SAMPLE);
    const norms = data.map((x) => {
      level += forward(DISCRIMINATOR, d, x)[0] / (2 * SAMPLE);
      const [u, v] = inputGradient(DISCRIMINATOR, d);
      return Math.sqrt(u * u + v * v);
    });
    const steep = Math.sqrt(norms.reduce((sum, norm) => sum + norm * norm, 0) / SAMPLE);
    return { fakes, norms, steep, level, distance: slicedDistance(projections(fakes), lines) };
  };
  return { problem, pieces, data, floor, of };
}
