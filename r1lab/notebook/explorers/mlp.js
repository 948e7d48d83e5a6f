// Networks of tanh units, trained here with exact gradient penalties; no exports.
// The same numbers as torch's autograd gives for r1lab.losses and r1lab.penalties.

// The parameters lie in one array, layer by layer: weights input by input, then biases. A pass
// leaves what the next one needs: `a` activations, `c` and `e` the input gradient on its way down
// before and after the units, `z` what a loss sends back, `bend` what a penalty sends back.
function makeNetwork(widths) {
  const layers = [];
  let size = 0;
  for (let l = 1; l < widths.length; l++) {
    const [from, to] = [widths[l - 1], widths[l]];
    layers.push({ from, to, at: size, biases: size + from * to });
    size += (from + 1) * to;
  }
  const work = {};
  for (const name of ["a", "c", "e", "z", "bend", "way"])
    work[name] = widths.map((width) => new Float64Array(width));
  return { layers, size, depth: layers.length, ...work };
}

// z = W'x, on top of the biases or of nothing.
function up(p, { from, to, at, biases }, x, z, biased) {
  for (let j = 0; j < to; j++) z[j] = biased ? p[biases + j] : 0;
  for (let i = 0, k = at; i < from; i++) {
    const xi = x[i];
    for (let j = 0; j < to; j++, k++) z[j] += p[k] * xi;
  }
}

// x = W z.
function down(p, { from, to, at }, z, x) {
  for (let i = 0, k = at; i < from; i++) {
    let sum = 0;
    for (let j = 0; j < to; j++, k++) sum += p[k] * z[j];
    x[i] = sum;
  }
}

// Add the gradient of z'W'x with respect to W.
function addOuter(grad, { from, to, at }, x, z) {
  for (let i = 0, k = at; i < from; i++) {
    const xi = x[i];
    for (let j = 0; j < to; j++, k++) grad[k] += xi * z[j];
  }
}

// The outputs for one input.
function forward({ layers, depth, a }, p, x) {
  for (let i = 0; i < a[0].length; i++) a[0][i] = x[i];
  for (let l = 1; l <= depth; l++) {
    up(p, layers[l - 1], a[l - 1], a[l], true);
    if (l < depth) for (let j = 0; j < a[l].length; j++) a[l][j] = Math.tanh(a[l][j]);
  }
  return a[depth];
}

// After `forward`, for one output: its gradient with respect to the input.
function inputGradient({ layers, depth, a, c, e }, p) {
  e[depth][0] = 1;
  for (let l = depth; l > 0; l--) {
    down(p, layers[l - 1], e[l], c[l - 1]);
    if (l > 1)
      for (let j = 0; j < c[l - 1].length; j++)
        e[l - 1][j] = c[l - 1][j] * (1 - a[l - 1][j] * a[l - 1][j]);
  }
  return c[0];
}

// After `inputGradient`: the second derivatives. Add the gradient of v . grad_x D, v held fixed,
// through the weights that the input gradient met; what comes through the units' slopes goes to
// `bend`, and `backward` takes it on.
function backThroughGradient({ layers, depth, a, c, e, bend, way }, p, grad, v) {
  way[0].set(v);
  for (let l = 1; l <= depth; l++) {
    addOuter(grad, layers[l - 1], way[l - 1], e[l]);
    if (l === depth) return;
    up(p, layers[l - 1], way[l - 1], way[l], false);
    for (let j = 0; j < way[l].length; j++) {
      const [s, slope] = [a[l][j], 1 - a[l][j] * a[l][j]];
      bend[l][j] = -2 * s * slope * c[l][j] * way[l][j];
      way[l][j] *= slope;
    }
  }
}

// After `forward`: add the gradient of pull . outputs; `bent` if backThroughGradient came before.
function backward({ layers, depth, a, z, bend }, p, grad, pull, bent) {
  z[depth].set(pull);
  for (let l = depth; l > 0; l--) {
    const { biases, to } = layers[l - 1];
    addOuter(grad, layers[l - 1], a[l - 1], z[l]);
    for (let j = 0; j < to; j++) grad[biases + j] += z[l][j];
    if (l === 1) return;
    down(p, layers[l - 1], z[l], z[l - 1]);
    for (let j = 0; j < z[l - 1].length; j++) {
      const s = a[l - 1][j];
      z[l - 1][j] = z[l - 1][j] * (1 - s * s) + (bent ? bend[l - 1][j] : 0);
    }
  }
}

// The derivative of softplus(sign D).
const softplusPull = (sign) => (value) => sign / (1 + Math.exp(-sign * value));

// Add the gradient of a discriminator's mean loss over points, and of a penalty on it there.
// `pull` gives the loss's derivative at a logit, `penalty` the derivative at an input gradient
// (u, v) as [du, dv]; either may be null.
function addTerms(net, p, grad, points, pull, penalty) {
  const [share, pulled, sent] = [1 / points.length, [0], [0, 0]];
  for (const x of points) {
    const value = forward(net, p, x)[0];
    if (penalty) {
      const g = inputGradient(net, p);
      const slope = penalty(Math.hypot(g[0], g[1])) * share;
      sent[0] = slope * g[0];
      sent[1] = slope * g[1];
      backThroughGradient(net, p, grad, sent);
    }
    pulled[0] = pull ? share * pull(value) : 0;
    backward(net, p, grad, pulled, Boolean(penalty));
  }
}
