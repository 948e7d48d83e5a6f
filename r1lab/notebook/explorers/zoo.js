// The Dirac-GAN with its losses and regularisers: the formulas of r1lab.theory.dirac, in the
// paper's sign (D(x) = psi x is large on generated samples). No exports.

const sigmoid = (t) => 1 / (1 + Math.exp(-t));
const sigmoidSlope = (t) => sigmoid(t) * sigmoid(-t);
const zero = () => 0;
const one = () => 1;

// D ascends d(psi theta), G descends g(psi theta): the derivatives of d and g.
const MINIMAX = { d1: (t) => sigmoid(-t), d2: (t) => -sigmoidSlope(t), logistic: true };
const LOSSES = {
  minimax: { ...MINIMAX, g1: MINIMAX.d1, g2: MINIMAX.d2 },
  "non-saturating": { ...MINIMAX, g1: sigmoid, g2: sigmoidSlope },
  wasserstein: { d1: one, d2: zero, g1: one, g2: zero },
  "least-squares": { d1: (t) => 1 - t, d2: () => -1, g1: (t) => 1 + t, g2: one },
  hinge: { d1: (t) => (t < 1 ? 1 : 0), d2: zero, g1: one, g2: zero, kink: true },
  relativistic: { ...MINIMAX, g1: sigmoid, g2: sigmoidSlope, paired: true },
};

function plainField(loss, theta, psi) {
  const t = psi * theta;
  return [-psi * loss.g1(t), theta * loss.d1(t)];
}

const plainJacobian = (loss) => [
  [0, -loss.g1(0)],
  [loss.d1(0), 0],
];

// A penalty with derivative slope(psi, s, theta), damping * s * psi near 0.
function penalty(slope, damping) {
  return {
    field(loss, theta, psi, s) {
      const [vTheta, vPsi] = plainField(loss, theta, psi);
      return [vTheta, vPsi - slope(psi, s, theta)];
    },
    jacobian(loss, s) {
      const [[a, b], [c, d]] = plainJacobian(loss);
      return [
        [a, b],
        [c, d - damping * s],
      ];
    },
  };
}

// gamma/2 psi^2 [(1 - phi(real))^2 + phi(fake)^2], the weights differentiated too.
function rothSlope(psi, gamma, theta) {
  const phi = sigmoid(-psi * theta);
  return gamma * psi * (0.25 + phi * phi) - gamma * psi * psi * theta * phi * phi * (1 - phi);
}

// v - gamma grad (1/2 |v|^2).
const CONSENSUS = {
  field(loss, theta, psi, gamma) {
    const t = psi * theta;
    const [u, v] = plainField(loss, theta, psi);
    const byTheta = [-psi * psi * loss.g2(t), loss.d1(t) + t * loss.d2(t)];
    const byPsi = [-loss.g1(t) - t * loss.g2(t), theta * theta * loss.d2(t)];
    return [
      u - gamma * (byTheta[0] * u + byTheta[1] * v),
      v - gamma * (byPsi[0] * u + byPsi[1] * v),
    ];
  },
  jacobian(loss, gamma) {
    const [[, b], [c]] = plainJacobian(loss);
    return [
      [-gamma * c * c, b],
      [c, -gamma * b * b],
    ];
  },
};

// E[(x + sigma b) 1(psi (x + sigma b) < 1)], b standard normal: hinge under noise.
function noisyHingeSlope(x, psi, sigma) {
  const slope = Math.abs(psi) * sigma;
  if (slope === 0) return psi * x < 1 ? x : 0;
  const z = Math.min(Math.max((1 - psi * x) / slope, -40), 40);
  return x * normalCdf(z) - Math.sign(psi) * sigma * normalDensity(z);
}

// The trapezoidal rule for a standard normal variable: [node, weight] pairs from 0 upwards.
const RULES = new Map();
function normalRule(width) {
  if (!RULES.has(width)) {
    const count = Math.ceil(8 / width);
    const rule = Array.from({ length: count }, (_, k) => [
      k * width,
      width * normalDensity(k * width),
    ]);
    rule[0][1] /= 2; // counted from both sides
    RULES.set(width, rule);
  }
  return RULES.get(width);
}

// The field for f' = sigmoid: one power a node gives all slopes. At exp(460) every sigmoid is 0 or
// 1, and no product overflows.
function noisyLogistic({ d1, g1, paired }, theta, psi, spread, width) {
  const logit = Math.min(Math.max(psi * theta, -460), 460);
  const [centre, ratio] = [Math.exp(logit), Math.exp(psi * spread * width)];
  let [power, vTheta, vPsi] = [1, 0, 0];
  for (const [x, weight] of normalRule(width)) {
    const noise = x * spread;
    const [above, below] = [1 / (1 + centre * power), power / (power + centre)];
    vPsi += weight * ((theta + noise) * above + (theta - noise) * below);
    vTheta -= weight * (g1 === d1 ? above + below : 2 - above - below);
    if (!paired) vPsi += (weight * noise * (1 - power)) / (1 + power);
    power *= ratio;
  }
  return [psi * vTheta, vPsi];
}

// Twice the alternating zeta function at 2, 4, ...: how a steep sigmoid differs from a step.
const SOMMERFELD = [
  0.8224670334241132, 0.9470328294972459, 0.9855510912974352, 0.996233001852648, 0.9990395075982714,
  0.9997576851438582, 0.9999391703459798, 0.9999847642149061, 0.9999961878696102, 0.9999990466115815,
].map((eta) => 2 * eta);

// E[f'] and E[x f'] at x = theta + spread b, b standard normal and f' = sigmoid(-psi x) steep: those
// of a step and Sommerfeld's series, with Hermite polynomials for the derivatives of the density.
function steepMeans(theta, psi, spread) {
  const z = Math.min(Math.max(-theta / spread, -40), 40);
  const [bell, side, square] = [normalDensity(z), Math.sign(psi), (psi * spread) ** -2];
  let [even, odd, power] = [1, z, bell]; // of the degrees 0 and 1
  let [mean, first] = [normalCdf(side * z), theta * normalCdf(side * z) - side * spread * bell];
  SOMMERFELD.forEach((a, k) => {
    power *= square;
    mean -= side * a * odd * power;
    first += side * a * (2 * k + 1) * even * power * spread;
    even = z * odd - (2 * k + 1) * even;
    odd = z * even - (2 * k + 2) * odd;
  });
  return [mean, first];
}

function steepLogistic({ d1, g1, paired }, theta, psi, spread) {
  const [mean, first] = steepMeans(theta, psi, spread);
  const real = paired ? 0 : steepMeans(0, psi, spread)[1];
  return [-psi * (g1 === d1 ? mean : 1 - mean), first + real];
}

// Noise of standard deviation sigma on real and fake samples, by the trapezoidal rule with nodes as
// dense as the steepness psi sigma of the sigmoid needs for ten digits.
function noisyField(loss, theta, psi, sigma) {
  if (!Number.isFinite(theta + psi)) return [NaN, NaN];
  if (loss.kink) return [-psi, noisyHingeSlope(theta, psi, sigma) + noisyHingeSlope(0, psi, sigma)];
  if (!loss.logistic) {
    const [vTheta, vPsi] = plainField(loss, theta, psi);
    return [vTheta, vPsi + 2 * sigma * sigma * psi * loss.d2(0)]; // f' is linear: noise only damps
  }
  const spread = sigma * (loss.paired ? Math.SQRT2 : 1);
  const steep = Math.abs(psi) * spread;
  if (steep > 10) return steepLogistic(loss, theta, psi, spread);
  const halvings = Math.max(0, Math.ceil(Math.log2(0.8 * steep)));
  return noisyLogistic(loss, theta, psi, spread, 0.5 / 2 ** halvings);
}

const NOISE = {
  field: noisyField,
  jacobian(loss, sigma) {
    const [[a, b], [c, d]] = plainJacobian(loss);
    return [
      [a, b],
      [c, d + 2 * sigma * sigma * loss.d2(0)],
    ];
  },
};

const R1 = penalty((psi, gamma) => gamma * psi, 1);
const ONE_CENTRED = {
  ...penalty((psi, weight) => 2 * weight * (Math.abs(psi) - 1) * Math.sign(psi), 2),
  jumps: "This penalty asks for slope one: its field jumps across ψ = 0, so there is no Jacobian",
};
const PLAIN = { field: plainField, jacobian: plainJacobian };
const REGULARIZERS = {
  none: PLAIN,
  r1: R1,
  r2: R1,
  "r1+r2": penalty((psi, gamma) => 2 * gamma * psi, 2),
  "wgan-gp": ONE_CENTRED,
  dragan: ONE_CENTRED,
  "instance-noise": NOISE,
  consensus: CONSENSUS,
  roth: penalty(rothSlope, 0.5),
  clip: { ...PLAIN, clips: true },
  "spectral-norm": {
    field: (loss, theta, psi) => [-Math.sign(psi) * loss.g1(Math.sign(psi) * theta), 0],
    jumps:
      "Spectral normalisation leaves only the sign of ψ, so (0, 0) is no equilibrium " +
      "and there is no Jacobian",
  },
};

// A game: its field, its Jacobian at the centre (null where there is none), its clipping.
function diracGame({ loss, regularizer, strength }) {
  const [chosen, kind] = [LOSSES[loss], REGULARIZERS[regularizer]];
  return {
    field: (theta, psi) => kind.field(chosen, theta, psi, strength),
    jacobian: kind.jumps && strength !== 0 ? null : (kind.jacobian?.(chosen, strength) ?? null),
    clip: (psi) => (kind.clips ? Math.min(Math.max(psi, -strength), strength) : psi),
    hasFlow: !kind.jumps && !kind.clips && !chosen.kink,
    why: kind.jumps,
  };
}

const moveGenerator = ({ field }, [theta, psi], h) => [theta + h * field(theta, psi)[0], psi];
const moveDiscriminator = ({ field, clip }, [theta, psi], h) => [
  theta,
  clip(psi + h * field(theta, psi)[1]),
];

function update(game, z, h, scheme, dSteps) {
  if (scheme === "alternating") {
    let next = moveGenerator(game, z, h);
    for (let k = 0; k < dSteps; k++) next = moveDiscriminator(game, next, h);
    return next;
  }
  const [u, v] = game.field(...z);
  return [z[0] + h * u, game.clip(z[1] + h * v)];
}

// The flow over a time: the modified midpoint rule with 2, 4, ..., 12 steps, extrapolated to
// infinitely many (Gragg, Bulirsch and Stoer), in halves where that is not yet exact.
function flowStep(game, z, time, halvings = 10) {
  if (!Number.isFinite(z[0] + z[1])) return z;
  let [row, before] = [[], []];
  for (let level = 1; level <= 6; level++) {
    before = row;
    row = [midpoint(game, z, time, 2 * level)];
    for (let k = 1; k < level; k++) {
      const ratio = (level / (level - k)) ** 2 - 1;
      row.push(row[k - 1].map((v, i) => v + (v - before[k - 1][i]) / ratio));
    }
    const [second, best] = row.slice(-2);
    const exact =
      level > 2 &&
      Math.hypot(best[0] - second[0], best[1] - second[1]) <= 3e-12 * (1 + Math.hypot(...z));
    if (exact || (level === 6 && !halvings)) return best;
  }
  const half = (from) => flowStep(game, from, time / 2, halvings - 1);
  return half(half(z));
}

function midpoint({ field }, z, time, n) {
  let [before, now] = [z, move(z, field(...z), time / n)];
  for (let k = 1; k < n; k++) [before, now] = [now, move(before, field(...now), (2 * time) / n)];
  return move(move(now, before, 1), field(...now), time / n).map((v) => v / 2);
}

const move = ([x, y], [u, v], h) => [x + h * u, y + h * v];

// The path from z, the start first: `count` updates, or the flow at as many times h apart.
function pathFrom(game, z, { h, scheme, dSteps, count }) {
  const path = [z];
  for (let k = 0; k < count; k++) {
    const next =
      scheme === "flow" ? flowStep(game, path[k], h) : update(game, path[k], h, scheme, dSteps);
    if (!(Math.hypot(...next) < 1e9)) break; // gone for good
    path.push(next);
  }
  return path;
}
