// A small discriminator, D(x) = c + sum_j a_j tanh(w_j x + b_j), trained here with an exact R1.
// The same numbers as torch's autograd gives for r1lab.losses and r1lab.penalties. No exports.

const UNITS = 16;
const SIZE = 4 * UNITS + 1; // w0, w1, b, a (UNITS each), c
const [W0, W1, B, A] = [0, UNITS, 2 * UNITS, 3 * UNITS];
const RATE = 0.1;

// Standard normal numbers from a seed: mulberry32, then Box and Muller's transform.
function normals(seed, count) {
  let state = seed + 0x9e3779b9;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

function freshNetwork(seed) {
  const p = Float64Array.from(normals(seed, SIZE));
  for (let j = 0; j < UNITS; j++) p[A + j] /= Math.sqrt(UNITS);
  p[SIZE - 1] = 0;
  return p;
}

// The logit D and its gradient with respect to the input.
function discriminate(p, x, y) {
  let [value, gx, gy] = [p[SIZE - 1], 0, 0];
  for (let j = 0; j < UNITS; j++) {
    const s = Math.tanh(p[W0 + j] * x + p[W1 + j] * y + p[B + j]);
    const slope = p[A + j] * (1 - s * s);
    value += p[A + j] * s;
    gx += slope * p[W0 + j];
    gy += slope * p[W1 + j];
  }
  return [value, gx, gy];
}

// Add the gradient of mean softplus(sign D(x)) over the points to `grad`.
function addLoss(grad, p, points, sign) {
  const s = new Float64Array(UNITS);
  for (const [x, y] of points) {
    let value = p[SIZE - 1];
    for (let j = 0; j < UNITS; j++) {
      s[j] = Math.tanh(p[W0 + j] * x + p[W1 + j] * y + p[B + j]);
      value += p[A + j] * s[j];
    }
    const pull = sign / (1 + Math.exp(-sign * value)) / points.length;
    for (let j = 0; j < UNITS; j++) {
      const inner = pull * p[A + j] * (1 - s[j] * s[j]);
      grad[W0 + j] += inner * x;
      grad[W1 + j] += inner * y;
      grad[B + j] += inner;
      grad[A + j] += pull * s[j];
    }
    grad[SIZE - 1] += pull;
  }
}

// Add the gradient of R1, gamma/2 mean |grad_x D|^2, with respect to the weights: exact, by hand.
function addPenalty(grad, p, points, gamma) {
  const s = new Float64Array(UNITS);
  for (const [x, y] of points) {
    let [gx, gy] = [0, 0];
    for (let j = 0; j < UNITS; j++) {
      s[j] = Math.tanh(p[W0 + j] * x + p[W1 + j] * y + p[B + j]);
      const slope = p[A + j] * (1 - s[j] * s[j]);
      gx += slope * p[W0 + j];
      gy += slope * p[W1 + j];
    }
    const weight = gamma / points.length;
    for (let j = 0; j < UNITS; j++) {
      const first = 1 - s[j] * s[j]; // tanh'; its derivative is -2 s first
      const along = weight * (gx * p[W0 + j] + gy * p[W1 + j]);
      const bend = -2 * s[j] * first * p[A + j] * along;
      grad[A + j] += along * first;
      grad[W0 + j] += weight * p[A + j] * first * gx + bend * x;
      grad[W1 + j] += weight * p[A + j] * first * gy + bend * y;
      grad[B + j] += bend;
    }
  }
}

// The gradient of the discriminator's whole loss, non-saturating (or minimax: the same for D).
function lossGradient(p, real, fake, gamma) {
  const grad = new Float64Array(SIZE);
  addLoss(grad, p, real, -1);
  addLoss(grad, p, fake, 1);
  if (gamma) addPenalty(grad, p, real, gamma);
  return grad;
}

function descend(p, real, fake, gamma) {
  const grad = lossGradient(p, real, fake, gamma);
  return p.map((value, k) => value - RATE * grad[k]);
}
