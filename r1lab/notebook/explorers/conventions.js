// How code bases write R1: paper gamma for a strength of 1, as r1lab.gamma.CONVENTIONS has it.

const pixels = (s) => s.resolution * s.resolution;
const [HALF, WHOLE, LAZY] = [
  "v/2 · mean over the batch of Σg²",
  "v · mean over the batch of Σg²",
  "every k steps, not multiplied by k: ",
];

// A convention: its menu's group and label, its formula, its factor, and what that depends on.
const entry = (group, label, formula, factor, needs = [], exact = true) => ({
  group,
  label,
  formula,
  factor,
  needs,
  exact,
});
const AS_PAPER = (label) => entry("as in the paper", label, HALF, () => 1);

const CONVENTIONS = {
  paper: entry("as in the paper", "the paper (and r1lab)", HALF, () => 1),
  stylegan2: AS_PAPER("StyleGAN2"),
  stylegan3: AS_PAPER("StyleGAN3"),
  rosinality: AS_PAPER("rosinality"),
  r3gan: AS_PAPER("R3GAN"),
  stargan_v2: AS_PAPER("StarGAN v2"),
  studiogan: AS_PAPER("StudioGAN"),
  basicsr: AS_PAPER("BasicSR"),
  gan_stability: entry("without the one half", "GAN stability (the R1 authors)", WHOLE, () => 2),
  wgan_gp_weight: entry(
    "without the one half",
    "a WGAN-GP weight, centre 0",
    "v · mean over the batch of (‖g‖ − c)², c = 0",
    () => 2,
  ),
  lucidrains: entry(
    "lazy, without the multiplier",
    "lucidrains' StyleGAN2",
    LAZY + WHOLE,
    (s) => 2 / s.interval,
    ["interval"],
  ),
  lightweight_gan: entry(
    "lazy, without the multiplier",
    "lightweight-gan",
    `${LAZY}v · mean of Σg² over real and fake samples together`,
    (s) => 1 / s.interval,
    ["interval"],
  ),
  mmgen_hwc: entry(
    "lazy, without the multiplier",
    "MMGeneration, norm mode HWC",
    LAZY + WHOLE,
    (s) => 2 / s.interval,
    ["interval"],
  ),
  mmgen_pixel: entry(
    "lazy, without the multiplier",
    "MMGeneration, norm mode pixel",
    `${LAZY}v · mean over the batch and the pixels of Σg² over the channels`,
    (s) => 2 / (pixels(s) * s.interval),
    ["resolution", "interval"],
  ),
  feature_mean: entry(
    "reductions found in snippets",
    "mean over everything",
    "v · mean of g² over the batch and all features",
    (s) => 2 / (s.channels * s.resolution * s.resolution),
    ["channels", "resolution"],
  ),
  batch_sum: entry(
    "reductions found in snippets",
    "sum over everything",
    "v · sum of g² over the batch and all features",
    (s) => 2 * s.batch,
    ["batch"],
  ),
  mean_logit: entry(
    "reductions found in snippets",
    "gradient of the mean logit",
    `${WHOLE}, g the gradient of the batch's mean logit`,
    (s) => 2 / s.batch ** 2,
    ["batch"],
  ),
  apt: entry(
    "finite differences, d = D(x + σ noise) − D(x)",
    "APT",
    "v · mean over the batch of d²",
    (s) => 2 * s.sigma ** 2,
    ["sigma"],
    false,
  ),
  afm: entry(
    "finite differences, d = D(x + σ noise) − D(x)",
    "AFM",
    "v · mean over the batch of (d/σ)²",
    () => 2,
    [],
    false,
  ),
  self_forcing: entry(
    "finite differences, d = D(x + σ noise) − D(x)",
    "Self Forcing",
    "v/2 · mean over the batch of (d/σ)²",
    () => 1,
    [],
    false,
  ),
  gat: entry(
    "finite differences, d = D(x + σ noise) − D(x)",
    "GAT",
    "v/2 · mean over the batch of (d/σ)²",
    () => 1,
    [],
    false,
  ),
};

const convert = (value, source, target, setting) =>
  (value * CONVENTIONS[source].factor(setting)) / CONVENTIONS[target].factor(setting);

// StyleGAN2-ADA's first guess, in paper units.
const heuristic = ({ resolution, batch }) => (0.0002 * resolution ** 2) / batch;
