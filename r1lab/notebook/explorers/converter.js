// The gamma converter: menus, numbers, and where gamma lies on a ruler; see converter.py.

const TRAITS = [
  "value",
  "source",
  "target",
  "channels",
  "resolution",
  "batch",
  "interval",
  "sigma",
];
const [LOW, HIGH] = [1e-4, 1e4]; // of the ruler
const [LEAST, MOST] = [1e-6, 1e6]; // of a strength

const CONVERTER_STYLE = `
.r1-explorer .r1-convention .r1-caption { text-align: start; max-width: none; margin: 0 0 0 6rem; }
.r1-explorer .r1-fields { grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr));
  gap: 0.6rem 1rem; margin: 0.9rem 0 0; }
.r1-explorer label.r1-field { grid-template-columns: 1fr; align-content: start; gap: 0.1rem; }
.r1-explorer .r1-field input { font: inherit; color: inherit; background: ${PAPER}; width: 100%;
  min-height: 2.5rem; padding: 0.2rem 0.5rem; border-radius: 6px; box-sizing: border-box;
  border: 1px solid color-mix(in srgb, currentColor 45%, transparent); }
.r1-explorer .r1-field input:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
.r1-explorer .r1-field input[aria-invalid="true"] { border: 2px dashed currentColor; }
.r1-explorer .r1-field .r1-hint { font-size: 0.86em; }
.r1-explorer .r1-result { font-size: 1.15em; margin: 0; font-variant-numeric: tabular-nums; }
.r1-explorer .r1-buttons:has(.r1-result) { gap: 0.4rem 1.25rem; margin: 1rem 0 0.4rem; }
@container (max-width: 34rem) {
  .r1-explorer .r1-convention .r1-caption { margin: 0.2rem 0 0; }
}
`;

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
  if (value >= 1e-6 && value < 1e6)
    return `${Number(value.toPrecision(4))}`.replace(/^(\d+)(\d{3})(\.|$)/, "$1\u202f$2$3");
  const [mantissa, exponent] = value.toExponential(3).split("e");
  return `${Number(mantissa)}e${exponent.replace("+", "").replace("-", "\u2212")}`;
}

// A number to paste into code: seven digits, no separator.
const plain = (value) => `${Number(value.toPrecision(7))}`;

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
    if (!Object.hasOwn(CONVENTIONS, model.get(trait))) assign(model, { [trait]: "paper" });
    select.value = model.get(trait);
    formula.textContent = CONVENTIONS[model.get(trait)].formula;
  };
  select.addEventListener("change", () => assign(model, { [trait]: select.value }));
  model.on(`change:${trait}`, show);
  show();
  return node("div", { class: "r1-convention" }, [
    node("label", {}, [node("span", {}, text), select]),
    node("p", { class: "r1-caption" }, formula),
  ]);
}

// A field for a number bound both ways to a trait; what is out of range stays in the field only.
function field(model, trait, { text, min, max, whole = true }) {
  const step = whole ? 1 : "any";
  const input = node("input", { type: "number", min, max, step, "aria-label": text });
  const hint = node("span", { class: "r1-hint", role: "alert" });
  const show = () => {
    const value = within(Number(model.get(trait)) || 0, min, max, whole);
    if (value !== model.get(trait)) assign(model, { [trait]: value });
    if (input.valueAsNumber !== value) input.value = value;
    check();
  };
  const check = () => {
    const good = input.validity.valid && input.value !== "";
    hint.textContent = good ? "" : `${whole ? "a whole number, " : ""}${min} to ${max}`;
    input.setAttribute("aria-invalid", `${!good}`);
    return good;
  };
  input.addEventListener("input", () => check() && assign(model, { [trait]: input.valueAsNumber }));
  input.addEventListener("change", show);
  model.on(`change:${trait}`, show);
  show();
  return node("label", { class: "r1-field" }, [node("span", {}, text), input, hint]);
}

const within = (value, min, max, whole) =>
  Math.min(Math.max(whole ? Math.round(value) : value, min), max);

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
  // Names point away from each other where there is room.
  const name = (value, height, text, leftwards) => {
    const px = target.sx(x(value));
    const left = px > target.width - 135 || (leftwards && px > 135);
    return words(px + (left ? -7 : 7), target.sy(height) + 10, text, {
      "text-anchor": left ? "end" : "start",
      class: "r1-name",
    });
  };
  target.layer.replaceChildren(
    ...USED.map(([value]) => mark(value, 0.22, COLOR.ink, 1.5)),
    mark(guess, 0.62, COLOR.real, 2.4),
    mark(gamma, 1, COLOR.discriminator, 3),
  );
  target.notes.replaceChildren(
    name(gamma, 1, `yours: ${significant(gamma)}`, gamma < guess),
    name(guess, 0.62, `rule of thumb: ${significant(guess)}`, guess <= gamma),
  );
}

function verdict(state) {
  const { value, source, target } = state;
  const [from, to] = [CONVENTIONS[source], CONVENTIONS[target]];
  const [gamma, guess] = [convert(value, source, "paper", state), heuristic(state)];
  const there =
    target === "paper"
      ? ""
      : ` In ${to.label} write ${plain(convert(value, source, target, state))}.`;
  const ratio = significant(Number((gamma / guess).toPrecision(2)));
  const times = ratio === "1" ? "about" : `${ratio} times`;
  const caution =
    from.exact && to.exact
      ? ""
      : " Not exact: a finite difference is R1 only in the limit of small σ.";
  return (
    `${significant(value)} in ${from.label} is γ = ${significant(gamma)} in paper units.${there} ` +
    `That is ${times} the StyleGAN2-ADA rule of thumb for ${state.resolution}² pixels in batches ` +
    `of ${state.batch}, ${significant(guess)}.${caution}`
  );
}

// What both conventions call the same penalty, and the button that exchanges the two, where a
// strength may be what it is there.
function makeResult(model) {
  const shown = node("p", { class: "r1-result" });
  const there = ({ value, source, target, ...setting }) => convert(value, source, target, setting);
  const swap = button("Swap", () => {
    const state = read(model);
    assign(model, { source: state.target, target: state.source, value: there(state) });
  });
  const show = (state) => {
    swap.disabled = there(state) < LEAST || there(state) > MOST;
    swap.title = swap.disabled ? `A strength may be ${LEAST} to ${MOST}.` : "";
    shown.replaceChildren(
      `${significant(state.value)} in ${CONVENTIONS[state.source].label} = `,
      node("strong", {}, plain(there(state))),
      ` in ${CONVENTIONS[state.target].label}`,
    );
  };
  return { root: node("div", { class: "r1-buttons" }, [swap, shown]), show };
}

// What to do first.
const START = "Choose the code that a strength was written for, and the code that you use.";

function render({ model: live, el }) {
  const model = scoped(live);
  const [scale, words_, result] = [ruler(), readout(), makeResult(model)];
  const rows = {
    channels: field(model, "channels", { text: "channels", min: 1, max: 4 }),
    resolution: field(model, "resolution", { text: "resolution", min: 4, max: 1024 }),
    batch: field(model, "batch", { text: "batch", min: 1, max: 4096 }),
    interval: field(model, "interval", { text: "every k steps", min: 1, max: 64 }),
    sigma: field(model, "sigma", { text: "noise σ", min: 1e-4, max: 1, whole: false }),
  };
  const strength = { text: "strength v", min: LEAST, max: MOST, whole: false };
  const draw = () => {
    const state = read(model);
    const needs = new Set([state.source, state.target].flatMap((name) => CONVENTIONS[name].needs));
    for (const trait of ["channels", "interval", "sigma"]) rows[trait].hidden = !needs.has(trait);
    drawRuler(scale, convert(state.value, state.source, "paper", state), heuristic(state));
    result.show(state);
    words_.say(verdict(state));
  };
  const menus = [menu(model, "source", "I have"), menu(model, "target", "I want")];
  const fields = [field(model, "value", strength), ...Object.values(rows)];
  mount(el, [
    node("p", { class: "r1-note" }, START),
    node("style", {}, CONVERTER_STYLE),
    node("div", { class: "r1-controls" }, menus),
    node("div", { class: "r1-controls r1-fields" }, fields),
    result.root,
    panel(
      scale,
      "Logarithmic. Rule of thumb: γ = 0.0002 · resolution² / batch. Short marks, from the left: " +
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
