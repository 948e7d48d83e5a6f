// The gamma converter: menus, numbers, and where gamma lies on a ruler; see converter.py.

const TRAITS = ["value", "source", "target", "channels", "resolution", "batch", "interval", "sigma"];
const LOW = 1e-4;
const HIGH = 1e4;

// Gammas that were used, in paper units: a link to each is in the book.
const USED = [
  [0.01, "CIFAR-10, StyleGAN2-ADA"],
  [10, "FFHQ 1024, StyleGAN2"],
  [20, "CelebA, the R1 authors"],
  [150, "FFHQ 256, R3GAN at the start"],
];

const read = (model) => Object.fromEntries(TRAITS.map((trait) => [trait, model.get(trait)]));

// Four significant digits, without an exponent where a person would write none.
function significant(value) {
  if (!(value > 0)) return "0";
  if (value >= 1e-4 && value < 1e6)
    return `${Number(value.toPrecision(4))}`.replace(/^(\d+)(\d{3})(\.|$)/, "$1\u202f$2$3");
  const [mantissa, exponent] = value.toExponential(3).split("e");
  return `${Number(mantissa)} · 10^${exponent.replace("+", "").replace("-", "\u2212")}`;
}

function menu(model, trait, text) {
  const groups = new Map();
  for (const [name, { group, label }] of Object.entries(CONVENTIONS))
    groups.set(group, [...(groups.get(group) ?? []), node("option", { value: name }, label)]);
  const select = node(
    "select",
    { "aria-label": text },
    [...groups].map(([label, options]) => node("optgroup", { label }, options)),
  );
  const formula = node("span", { class: "r1-full" });
  const show = () => {
    if (!(model.get(trait) in CONVENTIONS)) assign(model, { [trait]: "paper" });
    select.value = model.get(trait);
    formula.textContent = CONVENTIONS[model.get(trait)].formula;
  };
  select.addEventListener("change", () => assign(model, { [trait]: select.value }));
  model.on(`change:${trait}`, show);
  show();
  return node("div", {}, [
    node("label", {}, [node("span", {}, text), select]),
    node("p", { class: "r1-caption" }, formula),
  ]);
}

// A slider over powers: of two for whole numbers, of ten else.
function powers(model, trait, { text, base, low, high, parts = 1 }) {
  const caption = node("span");
  const input = node("input", { type: "range", min: low, max: high, step: 1 / parts, "aria-label": text });
  const at = (power) => (base === 2 ? Math.round(2 ** power) : Number((10 ** power).toPrecision(2)));
  const show = () => {
    const value = Math.min(Math.max(Number(model.get(trait)) || 0, at(low)), at(high));
    if (value !== model.get(trait)) assign(model, { [trait]: value });
    input.value = Math.log(value) / Math.log(base);
    caption.textContent = `${text} = ${significant(value)}`;
    input.setAttribute("aria-valuetext", caption.textContent);
  };
  input.addEventListener("input", () => assign(model, { [trait]: at(Number(input.value)) }));
  model.on(`change:${trait}`, show);
  show();
  return node("label", {}, [caption, input]);
}

const ruler = () =>
  plot({
    x: [Math.log10(LOW), Math.log10(HIGH)],
    y: [0, 1],
    aspect: 0.2,
    low: 128,
    margin: [8, 12, 34, 12],
    framed: true,
    xlabel: "γ in paper units",
    xticks: [-4, -2, 0, 2, 4].map((k) => [k, `${10 ** k}`]),
    label: "Where gamma lies",
  });

function drawRuler(target, gamma, guess) {
  const x = (value) => Math.log10(Math.min(Math.max(value, LOW), HIGH));
  const mark = (value, top, color, width) =>
    svg("path", {
      d: `M${target.sx(x(value))} ${target.sy(0)}V${target.sy(top)}`,
      stroke: color,
      "stroke-width": width,
    });
  const name = (value, height, text) => {
    const px = target.sx(x(value));
    const right = px > target.width / 2;
    return words(px + (right ? -7 : 7), target.sy(height) + 10, text, {
      "text-anchor": right ? "end" : "start",
    });
  };
  target.layer.replaceChildren(
    ...USED.map(([value]) => mark(value, 0.22, COLOR.ink, 1.5)),
    mark(guess, 0.62, COLOR.real, 2.4),
    mark(gamma, 1, COLOR.discriminator, 3),
  );
  target.notes.replaceChildren(
    name(gamma, 1, `yours: ${significant(gamma)}`),
    name(guess, 0.62, `rule of thumb: ${significant(guess)}`),
  );
}

function verdict(state) {
  const { value, source, target } = state;
  const [from, to] = [CONVENTIONS[source], CONVENTIONS[target]];
  const [gamma, guess] = [convert(value, source, "paper", state), heuristic(state)];
  const there = target === "paper" ? "" : ` In ${to.label} write ${significant(convert(value, source, target, state))}.`;
  const ratio = gamma / guess;
  const compared = ratio >= 1 ? `${significant(ratio)} times` : `1/${significant(1 / ratio)} of`;
  const caution =
    from.exact && to.exact
      ? ""
      : " Not exact: a finite difference is R1 only in the limit of small σ.";
  return (
    `${significant(value)} in ${from.label} is γ = ${significant(gamma)} in paper units.${there} ` +
    `That is ${compared} the StyleGAN2-ADA rule of thumb for ${state.resolution}² pixels in batches ` +
    `of ${state.batch}, ${significant(guess)}.${caution}`
  );
}

function render({ model: live, el }) {
  const model = scoped(live);
  const scale = ruler();
  const words_ = readout();
  const rows = {
    channels: slider(model, "channels", { min: 1, max: 4, step: 1, text: "channels", digits: 0 }),
    resolution: powers(model, "resolution", { text: "resolution", base: 2, low: 2, high: 10 }),
    batch: powers(model, "batch", { text: "batch", base: 2, low: 0, high: 12 }),
    interval: powers(model, "interval", { text: "lazy interval k", base: 2, low: 0, high: 6 }),
    sigma: powers(model, "sigma", { text: "noise σ", base: 10, low: -4, high: 0, parts: 4 }),
  };
  const swap = button("Swap", () =>
    assign(model, {
      source: model.get("target"),
      target: model.get("source"),
      value: convert(model.get("value"), model.get("source"), model.get("target"), read(model)),
    }),
  );
  const draw = () => {
    const state = read(model);
    const needs = new Set([state.source, state.target].flatMap((name) => CONVENTIONS[name].needs));
    for (const trait of ["channels", "interval", "sigma"]) rows[trait].hidden = !needs.has(trait);
    drawRuler(scale, convert(state.value, state.source, "paper", state), heuristic(state));
    words_.say(verdict(state));
  };
  mount(el, [
    node("div", { class: "r1-controls" }, [
      menu(model, "source", "I have"),
      menu(model, "target", "I want"),
      powers(model, "value", { text: "strength v", base: 10, low: -6, high: 6, parts: 10 }),
      ...Object.values(rows),
    ]),
    node("div", { class: "r1-buttons" }, [swap]),
    panel(
      scale,
      "Logarithmic. Short marks, from the left: " +
        `${USED.map(([value, where]) => `${where} (${value})`).join("; ")}.`,
    ),
    words_.root,
  ]);
  scale.draw = draw;
  watch(model, TRAITS, draw);
  return closing(model, { scale });
}

export default { render };
export { CONVENTIONS, convert, heuristic };
