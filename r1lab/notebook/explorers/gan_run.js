// A training run that can be gone through to and fro and by hand, and always comes out the same.

const [STEPS, EVERY, BY_HAND] = [2400, 20, 200];

// "240DDG 300G": after 240 whole steps two of the discriminator and one of the generator, ...
function parseMoves(text) {
  const groups = [...`${text}`.matchAll(/(\d+)([DG]+)/g)];
  const moves = groups.flatMap(([, step, letters]) => [...letters].map((one) => [+step, one]));
  return moves.sort((one, other) => one[0] - other[0]).slice(0, BY_HAND);
}

function writeMoves(moves) {
  const groups = new Map();
  for (const [step, letter] of moves) groups.set(step, (groups.get(step) ?? "") + letter);
  return [...groups].map(([step, letters]) => step + letters).join(" ");
}

const copyOf = ({ g, d, random }) => {
  const other = makeRandom(0);
  other.state = random.state;
  return { g: g.slice(), d: d.slice(), random: other };
};

// `until(goal)` trains towards goal.steps whole steps with the moves by hand on the way, for as
// long as it may, and says whether it has arrived. Every EVERY steps it notes state and measures;
// `leap` lets it start at the last note on the way.
function makeRun(settings, measure) {
  const [moves, notes] = [makeMoves(settings), []];
  const self = { notes, steps: 0, hand: "", before: "", state: startOf(settings.seed) };
  const note = () => {
    const { distance, steep } = measure.of(self.state);
    const { steps, before } = self;
    notes.push({ steps, before, distance, steep, state: copyOf(self.state) });
  };
  note();
  const before = (all, steps) => writeMoves(all.filter(([step]) => step < steps));
  const here = (all) =>
    all.flatMap(([step, letter]) => (step === self.steps ? letter : [])).join("");
  const find = (all, steps, leap) => {
    // What was noted under other moves by hand never happened.
    const valid = notes.findIndex((one) => one.before !== before(all, one.steps));
    if (valid >= 0) notes.length = valid;
    const fits = self.before === before(all, self.steps) && here(all).startsWith(self.hand);
    const { state, ...last } = notes.findLast((one) => one.steps <= steps);
    if (fits && self.steps <= steps && (self.steps >= last.steps || !leap)) return;
    Object.assign(self, { steps: last.steps, before: last.before, hand: "", state: copyOf(state) });
  };
  const whole = (all) => {
    moves.G(self.state);
    for (let k = 0; k < settings.dSteps; k++) moves.D(self.state);
    self.steps++;
    Object.assign(self, { hand: "", before: before(all, self.steps) });
    if (self.steps % EVERY === 0 && self.steps > notes.at(-1).steps) note();
  };
  self.until = ({ steps, byHand, leap = true }, milliseconds = Infinity) => {
    const end = performance.now() + milliseconds;
    find(byHand, steps, leap);
    do {
      const wanted = here(byHand);
      if (self.hand.length < wanted.length) {
        moves[wanted[self.hand.length]](self.state);
        self.hand += wanted[self.hand.length];
      } else if (self.steps < steps) whole(byHand);
      else return true;
    } while (performance.now() < end);
    return false;
  };
  return self;
}
