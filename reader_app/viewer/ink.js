// Lines over an image, drawn on whole pixels of the screen.

import { onScreen } from "./layout.js";
import { GEOMETRY } from "./view.js";

const LINE = "#6cc3ef"; // the crosshair
const DRAWN = "#ffd166"; // distances and marks
const GAP = 0.12; // of the shorter side of a plane, on each side of what is read
const INSET = 24; // pixels at the edges of a plane, where its letters are
const LENGTHS = [1, 2, 5];

export function within(context, ratio, { left, top, width, height }, draw) {
  context.save();
  context.beginPath();
  context.rect(left * ratio, top * ratio, width * ratio, height * ratio);
  context.clip();
  draw();
  context.restore();
}

// One pixel of the screen wide, with a gap around the voxel that is read, and short of the letters.
export function crosshair(context, ratio, view, tile) {
  const [x, y] = onScreen(view, tile, view.place).map((at) => Math.floor(at * ratio));
  const gap = Math.round(GAP * Math.min(tile.width, tile.height) * ratio);
  const edge = (at) => Math.round(at * ratio);
  const [left, right] = [edge(tile.left + INSET), edge(tile.left + tile.width - INSET)];
  const [top, bottom] = [edge(tile.top + INSET), edge(tile.top + tile.height - INSET)];
  const line = (from, to, draw) => from < to && draw(from, to - from);
  const across = (from, length) => context.fillRect(from, y, length, 1);
  const down = (from, length) => context.fillRect(x, from, 1, length);
  context.fillStyle = LINE;
  line(left, Math.min(x - gap, right), across);
  line(Math.max(x + gap + 1, left), right, across);
  line(top, Math.min(y - gap, bottom), down);
  line(Math.max(y + gap + 1, top), bottom, down);
}

// Whether a shape is to be seen in the slice that a plane shows.
function touches(view, plane, { plane: only, ends }) {
  if (only && only !== plane) return false;
  const depths = ends.map((end) => Math.round(end[GEOMETRY[plane].through]));
  return Math.min(...depths) <= view.index(plane) && view.index(plane) <= Math.max(...depths);
}

// A shape: { kind: "line", "point" or "box", ends: one or two places in voxels, text, chosen }, and,
// where it belongs to one only, its `plane` and its `side` of a pair.
export function shape(context, ratio, view, tile, drawn) {
  if (!touches(view, tile.plane, drawn)) return;
  const [[x, y], [right, bottom] = [x, y]] = drawn.ends.map((end) =>
    onScreen(view, tile, end).map((at) => at * ratio));
  const path = new Path2D();
  const tick = 4 * ratio;
  if (drawn.kind === "line") {
    path.moveTo(x, y);
    path.lineTo(right, bottom);
    for (const [across, down] of [[x, y], [right, bottom]]) {
      path.moveTo(across - tick, down);
      path.lineTo(across + tick, down);
      path.moveTo(across, down - tick);
      path.lineTo(across, down + tick);
    }
  } else if (drawn.kind === "box") path.rect(x, y, right - x, bottom - y);
  else path.arc(x, y, 2 * tick, 0, 2 * Math.PI);
  outlined(context, ratio, () => context.stroke(path), drawn.chosen ? 2 : 1);
  if (!drawn.text) return;
  context.font = `600 ${14 * ratio}px "Source Sans", system-ui, sans-serif`;
  const room = context.measureText(drawn.text).width + 3 * tick;
  const fits = right + room < (tile.left + tile.width) * ratio;
  context.textAlign = fits ? "left" : "right";
  const [across, down] = [right + (fits ? 2 : -2) * tick, bottom - tick];
  outlined(context, ratio, (last) =>
    last ? context.fillText(drawn.text, across, down) : context.strokeText(drawn.text, across, down));
}
// Bright over dark, so that it is seen on any grey.
function outlined(context, ratio, draw, width = 1) {
  Object.assign(context, { strokeStyle: "#000", lineWidth: (2 + width) * ratio, lineJoin: "round" });
  draw(false);
  Object.assign(context, { strokeStyle: DRAWN, fillStyle: DRAWN, lineWidth: width * ratio });
  draw(true);
}

// The longest round length in millimetres of at most so many pixels.
export function roundLength(pixels, perMillimetre) {
  const most = pixels / perMillimetre;
  const power = 10 ** Math.floor(Math.log10(most));
  return Math.max(...LENGTHS.filter((length) => length * power <= most)) * power;
}
