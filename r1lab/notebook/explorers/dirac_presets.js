// The Dirac-GAN's menus: names, strengths, and the settings of the lemmas. No exports.

const LOSS_NAMES = [
  ["minimax", "minimax"],
  ["non-saturating", "non-saturating"],
  ["wasserstein", "Wasserstein"],
  ["least-squares", "least squares"],
  ["hinge", "hinge"],
  ["relativistic", "relativistic"],
];
const REGULARIZER_NAMES = [
  ["none", "none"],
  ["r1", "R1"],
  ["r2", "R2"],
  ["r1+r2", "R1 + R2"],
  ["wgan-gp", "WGAN-GP"],
  ["dragan", "DRAGAN"],
  ["instance-noise", "instance noise"],
  ["consensus", "consensus"],
  ["roth", "Roth et al."],
  ["clip", "weight clipping"],
  ["spectral-norm", "spectral norm"],
];
const SCHEME_NAMES = [
  ["simultaneous", "simultaneous steps"],
  ["alternating", "alternating steps"],
  ["flow", "continuous flow"],
];

// Which trait is the strength of a regulariser.
const STRENGTH = {
  gamma: { of: ["r1", "r2", "r1+r2", "consensus", "roth"], text: "γ", min: 0, max: 3, step: 0.05 },
  weight: { of: ["wgan-gp", "dragan"], text: "weight", min: 0, max: 3, step: 0.05 },
  sigma: { of: ["instance-noise"], text: "noise σ", min: 0, max: 3, step: 0.05 },
  bound: { of: ["clip"], text: "bound on |ψ|", min: 0.1, max: 2, step: 0.1 },
};
const strengthOf = (regularizer) =>
  Object.keys(STRENGTH).find((trait) => STRENGTH[trait].of.includes(regularizer));

const preset = (group, name, note, changes) => ({
  group,
  name,
  note,
  traits: {
    loss: "minimax",
    regularizer: "none",
    scheme: "simultaneous",
    h: 0.2,
    d_steps: 1,
    theta: 1,
    psi: 1,
    ...changes,
  },
});
const [NO_CURE, UPDATES, FAILING, WORKING] = [
  "no cure",
  "other update rules",
  "cures that fail",
  "cures that work",
];
const PRESETS = [
  preset(
    NO_CURE,
    "spirals outwards (lemma 2.4)",
    "Press Run: the point never reaches the centre. Then choose the regulariser R1 and γ = 0.3.",
    {},
  ),
  preset(
    NO_CURE,
    "circles forever (lemma 2.3)",
    "In continuous time the two players circle, always at the same distance.",
    { scheme: "flow" },
  ),
  preset(
    NO_CURE,
    "only rotates (lemma 2.2)",
    "Both eigenvalues sit on the imaginary axis: pure rotation.",
    { scheme: "flow", theta: 0.5, psi: 0 },
  ),
  preset(
    NO_CURE,
    "non-saturating: ever more slowly",
    "The same two eigenvalues with the non-saturating loss: the flow arrives, ever more slowly.",
    { loss: "non-saturating", scheme: "flow" },
  ),
  preset(
    UPDATES,
    "alternating: neither in nor out (lemma 2.5)",
    "Alternating steps: both multipliers exactly on the unit circle, and no pull inwards.",
    { scheme: "alternating", h: 0.5 },
  ),
  preset(
    UPDATES,
    "steps too long: leaves (lemma 2.5)",
    "Five discriminator steps and a large h: a multiplier has left the circle. Compare h = 1.7.",
    { scheme: "alternating", h: 1.9, d_steps: 5, theta: 0.1, psi: 0.1 },
  ),
  preset(
    FAILING,
    "WGAN, clipped: never rests (lemma 3.1)",
    "Clipping bounds ψ. It does not bring the players to rest.",
    { loss: "wasserstein", regularizer: "clip", bound: 1, scheme: "alternating", d_steps: 5 },
  ),
  preset(
    FAILING,
    "WGAN-GP: never rests (lemma 3.1)",
    "WGAN-GP asks for slope one, but the solution needs slope zero: the path never settles there.",
    {
      loss: "wasserstein",
      regularizer: "wgan-gp",
      weight: 0.35,
      scheme: "alternating",
      d_steps: 5,
    },
  ),
  preset(
    WORKING,
    "instance noise: comes to rest (lemma 3.2)",
    "Noise on real and fake samples moves both eigenvalues to the left.",
    { regularizer: "instance-noise", sigma: 0.8 },
  ),
  preset(
    WORKING,
    "R1: comes to rest (lemma 3.3)",
    "R1 is friction for the discriminator: both eigenvalues move left, and training comes to rest.",
    { regularizer: "r1", gamma: 0.3 },
  ),
];
