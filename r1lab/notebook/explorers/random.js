// Random numbers from a seed, the same in every browser; no exports.

// mulberry32, then Box and Muller's transform; `state` can be read and put back.
function makeRandom(seed) {
  const self = { state: (seed + 0x9e3779b9) | 0 };
  self.uniform = () => {
    self.state = (self.state + 0x6d2b79f5) | 0;
    let t = Math.imul(self.state ^ (self.state >>> 15), 1 | self.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  self.normal = () =>
    Math.sqrt(-2 * Math.log(self.uniform())) * Math.cos(2 * Math.PI * self.uniform());
  return self;
}
