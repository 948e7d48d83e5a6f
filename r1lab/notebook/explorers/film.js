// The training film: what the records say at a frame, and where the pictures come from; film.py.

const FRAMES = 12;
const IMAGES = 9600; // real images from one frame to the next
const [TILES, TILE, GAP] = [6, 32, 2]; // a frame is a square of generated images
const SIDE = TILES * (TILE + GAP) - GAP;

// The last of some pairs [real images, value] that is not later than `images`, or null.
const latest = (pairs, images) => pairs.filter(([at]) => at <= images).pop()?.[1] ?? null;

const twoDigits = (value) => `${Number(value.toPrecision(2))}`;

// What was measured up to a frame, as text; the monitor may not have looked yet.
function readings(run, frame) {
  const write = (name, form) => {
    const value = latest(run[name], frame * IMAGES);
    return value === null ? "\u2013" : form(value);
  };
  return {
    frechet: write("frechet", (value) => fixed(value, 1)),
    slope: write("slope", twoDigits),
    share: write("share", (value) => `${fixed(100 * value, 0)} %`),
  };
}

const thousands = (count) => `${count}`.replace(/(\d)(\d{3})$/, "$1,$2");

function verdict(runs, frame) {
  const list = (parts) =>
    parts.length < 2 ? parts.join() : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
  const all = runs.map((run) => ({ name: run.name, ...readings(run, frame) }));
  const slopes = all.map(({ slope }) => (slope === "\u2013" ? "not measured yet" : slope));
  return (
    `After ${thousands(frame * IMAGES)} real images (frame ${frame} of ${FRAMES}) the Fréchet ` +
    `distance is ${list(all.map(({ name, frechet }) => `${frechet} for ${name}`))}. The ` +
    `discriminator's squared slope at real images is, in the same order, ${list(slopes)}.`
  );
}

// The published page has the films beside its scripts; Sphinx says where its root is.
function addressOf(method) {
  const root = document.documentElement.dataset.content_root;
  const path = `${root}_static/films/${encodeURIComponent(method)}.webp`;
  return root === undefined ? null : new URL(path, document.baseURI).href;
}

async function picture(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

const blob = (bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));

const LOST = "lost";

// The films, each fetched once, when it is first wanted; a notebook's kernel sends them. One that
// did not come is fetched again when it is next wanted.
function makeReel(live, model, arrived) {
  const films = new Map();
  const keep = (method, address) => {
    const came = (found) => {
      films.set(method, found);
      arrived();
    };
    films.set(method, null);
    picture(address)
      .then(came, () => came(LOST))
      .finally(() => URL.revokeObjectURL(address)); // of a blob: a decoded image needs it no more
  };
  const order = (method) => {
    const address = addressOf(method);
    if (address) return keep(method, address);
    films.set(method, null);
    live.send({ film: method });
  };
  model.on("msg:custom", ({ film }, [bytes]) => film && keep(film, blob(bytes)));
  keep("last", blob(model.get("_last")));
  // The strip that shows a frame and the frame's row in it, or null until it is there.
  const at = (method, frame) => {
    const whole = frame < FRAMES;
    const strip = films.get(whole ? method : "last");
    return strip && [strip, whole ? frame - 1 : model.get("_runs")[method].row];
  };
  const there = (method) => films.has(method) && films.get(method) !== LOST;
  return { at, want: (method) => there(method) || order(method) };
}

// The images of a frame without the white lines between them, enlarged threefold.
function paint(canvas, strip, row) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  for (let i = 0; i < TILES; i++)
    for (let j = 0; j < TILES; j++) {
      const [x, y] = [i * (TILE + GAP), j * (TILE + GAP)];
      const [dx, dy, size] = [3 * x, 3 * y, 3 * TILE];
      context.drawImage(strip, x, row * SIDE + y, TILE, TILE, dx, dy, size, size);
    }
}
