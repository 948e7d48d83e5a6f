// The error function to machine precision, as scipy.special.erf; no exports.

function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  if (x > 27) return 0;
  const bell = Math.exp(-x * x) / Math.sqrt(Math.PI);
  if (x < 2) {
    let [term, sum] = [2 * x, 2 * x]; // all terms positive: nothing cancels within erf
    for (let n = 1; term > 1e-17 * sum; n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return 1 - bell * sum;
  }
  let fraction = x; // the continued fraction, from its tail
  for (let n = 100; n > 0; n--) fraction = x + n / 2 / fraction;
  return bell / fraction;
}

const erf = (x) => 1 - erfc(x);
const normalCdf = (z) => 0.5 * erfc(-z / Math.SQRT2);
const normalDensity = (z) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
