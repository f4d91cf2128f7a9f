"use strict";
// Ball-and-stick drawing on a canvas. An item has atoms (symbol, colour, size; none is drawn at size 0), bonds
// (i, j, order), frames of coordinates in angstrom, a radius and perhaps the width of its sticks; a view has an item, a
// frame, a turn (3x3, row by row), a zoom and hydrogens.
const UNTURNED = [1, 0, 0, 0, 1, 0, 0, 0, 1];
function rotated(turn, p) {
  return [0, 3, 6].map(r => turn[r] * p[0] + turn[r + 1] * p[1] + turn[r + 2] * p[2]);
}
function spun(turn, ax, ay) {
  const cx = Math.cos(ax), sx = Math.sin(ax), cy = Math.cos(ay), sy = Math.sin(ay);
  const step = [cy, 0, sy, sx * sy, cx, -sx * cy, -cx * sy, sx, cx * cy];
  return [0, 1, 2].flatMap(i => [0, 1, 2].map(j =>
    step[3 * i] * turn[j] + step[3 * i + 1] * turn[3 + j] + step[3 * i + 2] * turn[6 + j]));
}
function shade(hex, near) {
  const mix = 0.45 * (1 - near), part = k => parseInt(hex.slice(k, k + 2), 16);
  return `rgb(${[1, 3, 5].map(k => Math.round(part(k) * (1 - mix) + 255 * mix)).join(",")})`;
}
function paint(canvas, view) {
  const item = view.item, pen = canvas.getContext("2d");
  const box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
  canvas.width = box.width * ratio; canvas.height = box.height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, box.width * ratio / 2, box.height * ratio / 2);
  pen.clearRect(-box.width, -box.height, 2 * box.width, 2 * box.height);
  const scale = view.zoom * 0.46 * Math.min(box.width, box.height) / item.radius;
  const points = item.frames[view.frame].map(p => rotated(view.turn, p));
  const shown = item.atoms.map(a => view.hydrogens || a.symbol !== "H");
  const depth = points.map(p => p[2]), low = Math.min(...depth), span = Math.max(1, Math.max(...depth) - low);
  const near = k => (depth[k] - low) / span, jobs = [];
  item.bonds.forEach(([i, j, order]) => {
    if (!shown[i] || !shown[j]) return;
    const middle = points[i].map((v, k) => (v + points[j][k]) / 2);
    for (const end of [i, j]) jobs.push([(points[end][2] + middle[2]) / 2 - 0.01, () => {
      const dx = points[j][0] - points[i][0], dy = points[j][1] - points[i][1], size = Math.hypot(dx, dy) || 1;
      for (let n = 0; n < order; n++) {
        const off = (n - (order - 1) / 2) * 0.2, ox = -dy / size * off, oy = dx / size * off;
        pen.strokeStyle = shade(item.atoms[end].colour, near(end));
        pen.lineWidth = (order > 1 ? 0.1 : item.stick || 0.17) * scale;
        pen.lineCap = "round"; pen.beginPath();
        pen.moveTo((points[end][0] + ox) * scale, -(points[end][1] + oy) * scale);
        pen.lineTo((middle[0] + ox) * scale, -(middle[1] + oy) * scale); pen.stroke();
      }
    }]);
  });
  points.forEach((p, k) => shown[k] && item.atoms[k].size && jobs.push([p[2], () => {
    pen.beginPath(); pen.arc(p[0] * scale, -p[1] * scale, item.atoms[k].size * scale, 0, 7);
    pen.fillStyle = shade(item.atoms[k].colour, near(k)); pen.fill();
    pen.lineWidth = 1; pen.strokeStyle = shade("#202020", near(k)); pen.stroke();
  }]));
  jobs.sort((a, b) => a[0] - b[0]).forEach(job => job[1]());
}
