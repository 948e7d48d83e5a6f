// Contours by marching squares; no exports.

// The heights of a function over a plot, row by row from the lower left.
function heightsOver({ x: [x0, x1], y: [y0, y1] }, height, columns, rows) {
  return Array.from({ length: rows + 1 }, (_, j) =>
    Array.from({ length: columns + 1 }, (_, i) =>
      height(x0 + ((x1 - x0) * i) / columns, y0 + ((y1 - y0) * j) / rows),
    ),
  );
}

// As path data: the contours one half apart up to the highest, and the one at zero.
function contours(heights, { x, y, sx, sy }, highest = 6) {
  const paths = { zero: "", others: "" };
  const [rows, columns] = [heights.length - 1, heights[0].length - 1];
  const [wide, high] = [(sx(x[1]) - sx(x[0])) / columns, (sy(y[0]) - sy(y[1])) / rows];
  for (let j = 0; j < rows; j++)
    for (let i = 0; i < columns; i++) {
      const corner = [heights[j][i], heights[j][i + 1], heights[j + 1][i + 1], heights[j + 1][i]];
      const [low, top] = [Math.min(...corner), Math.max(...corner)];
      const [px, py] = [sx(x[0]) + i * wide, sy(y[0]) - j * high];
      const last = Math.min(top, highest + 0.1);
      for (let level = Math.max(Math.ceil(2 * low) / 2, -highest); level < last; level += 0.5)
        paths[level === 0 ? "zero" : "others"] += cellLines(corner, level, px, py, wide, high);
    }
  return paths;
}

// The lines of one level through a cell; corners run round it from the lower left.
function cellLines(corner, level, px, py, wide, high) {
  const places = [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ];
  const hits = [];
  for (let k = 0; k < 4; k++) {
    const [from, to] = [corner[k], corner[(k + 1) % 4]];
    if (from <= level === to <= level) continue;
    const share = (level - from) / (to - from);
    const [[a, b], [c, d]] = [places[k], places[(k + 1) % 4]];
    hits.push(
      `${(px + wide * (a + share * (c - a))).toFixed(1)} ${(py - high * (b + share * (d - b))).toFixed(1)}`,
    );
  }
  let d = "";
  for (let k = 0; k + 1 < hits.length; k += 2) d += `M${hits[k]}L${hits[k + 1]}`;
  return d;
}
