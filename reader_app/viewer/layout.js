// Where planes and voxels are on the screen: pure functions, which viewers and overlay share.
//
// A tile is a plane's part of the host, in CSS pixels. At zoom 1 the whole plane fits into it; all
// coordinates on the screen are those of the host, all places are voxels along the patient's axes
// (of which whole numbers are the middles).

import { GEOMETRY, PLANES } from "./view.js";

export const GAP = 4; // pixels between two tiles
const SMALL = [0.25, 0.5]; // share of the host that the small planes beside a large one may get

// Millimetres across and up a plane.
function extent(view, plane) {
  const { across, up } = GEOMETRY[plane];
  return [view.shape[across] * view.spacing[across], view.shape[up] * view.spacing[up]];
}
function fit(view, { plane, width, height }) {
  const [across, up] = extent(view, plane);
  return Math.min(width / across, height / up);
}
// Pixels that show image.
export function area(view, tile) {
  const [across, up] = extent(view, tile.plane);
  return across * up * fit(view, tile) ** 2;
}

// The side of a large plane: as much of `side` as the plane can use.
function large(side, usable) {
  const [least, most] = SMALL;
  return Math.round(Math.min((side - GAP) * (1 - least), Math.max((side - GAP) * (1 - most), usable)));
}
const tile = (plane, left, top, width, height) =>
  ({ plane, left, top, width: Math.max(1, width), height: Math.max(1, height) });

// One large plane, the small ones below one another at its right.
function column(view, width, height) {
  const [across, up] = extent(view, view.main);
  const small = PLANES.filter((plane) => plane !== view.main);
  const wide = large(width, (height * across) / up);
  const rest = width - GAP - wide;
  const half = Math.floor((height - GAP) / 2);
  return [
    tile(view.main, 0, 0, wide, height),
    tile(small[0], wide + GAP, 0, rest, half),
    tile(small[1], wide + GAP, half + GAP, rest, height - GAP - half),
  ];
}
// One large plane, the small ones beside one another below it.
function row(view, width, height) {
  const [across, up] = extent(view, view.main);
  const small = PLANES.filter((plane) => plane !== view.main);
  const high = large(height, (width * up) / across);
  const rest = height - GAP - high;
  const half = Math.floor((width - GAP) / 2);
  return [
    tile(view.main, 0, 0, width, high),
    tile(small[0], 0, high + GAP, half, rest),
    tile(small[1], half + GAP, high + GAP, width - GAP - half, rest),
  ];
}
// Coronal above axial, sagittal beside coronal, all at one scale.
function three(view, width, height) {
  const size = view.shape.map((count, axis) => count * view.spacing[axis]);
  const left = Math.round(((width - GAP) * size[0]) / (size[0] + size[1]));
  const top = Math.round(((height - GAP) * size[2]) / (size[1] + size[2]));
  return [
    tile("axial", 0, top + GAP, left, height - GAP - top),
    tile("coronal", 0, 0, left, top),
    tile("sagittal", left + GAP, 0, width - GAP - left, top),
  ];
}

// The tiles of the view's layout, without overlap, in whole pixels; none in 3D. The large plane
// comes first.
export function tiles(view, width, height) {
  if (view.layout === "solid") return [];
  if (view.layout === "alone") return [tile(view.main, 0, 0, width, height)];
  if (view.layout === "three") return three(view, width, height);
  const image = (layout) => layout.reduce((sum, one) => sum + area(view, one), 0);
  return [column, row]
    .map((arrange) => arrange(view, width, height))
    .reduce((best, other) => (image(other) > image(best) ? other : best));
}
export function tileAt(tiles, x, y) {
  return tiles.find((t) => x >= t.left && x < t.left + t.width && y >= t.top && y < t.top + t.height);
}

export function pixelsPerMillimetre(view, tile) {
  return fit(view, tile) * view.zoom;
}

// The voxel under a point; through the plane it is the slice shown.
export function at(view, tile, x, y) {
  const { across, up } = GEOMETRY[tile.plane];
  const scale = pixelsPerMillimetre(view, tile);
  const left = (tile.left + tile.width / 2 - x) / scale;
  const above = (tile.top + tile.height / 2 - y) / scale;
  const voxel = (axis, millimetres) =>
    (view.centre[axis] + millimetres) / view.spacing[axis] + (view.shape[axis] - 1) / 2;
  const place = [...view.place];
  place[across] = voxel(across, left);
  place[up] = voxel(up, above);
  return place;
}

// The point over the middle of a voxel.
export function onScreen(view, tile, place) {
  const { across, up } = GEOMETRY[tile.plane];
  const scale = pixelsPerMillimetre(view, tile);
  const from = (axis) => (view.millimetres(axis, place) - view.centre[axis]) * scale;
  return [
    tile.left + tile.width / 2 - from(across),
    tile.top + tile.height / 2 - from(up),
  ];
}
