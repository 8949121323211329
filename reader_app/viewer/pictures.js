// The viewer for browsers without WebGL2: slices drawn by the server.

import { GEOMETRY, PLANES } from "./view.js";
import { request } from "./server.js";

const GAP = 4; // pixels

export class PictureViewer {
  kind = "png";

  constructor(host, failed) {
    this.host = host;
    this.failed = failed;
    this.images = Object.fromEntries(PLANES.map((plane) => {
      const image = document.createElement("img");
      image.alt = `${plane} slice`;
      image.draggable = false;
      return [plane, image];
    }));
    this.frames = Object.fromEntries(PLANES.map((plane) => {
      const frame = document.createElement("figure");
      frame.append(this.images[plane]);
      return [plane, frame];
    }));
    this.lines = Object.fromEntries(PLANES.map((plane) => [plane, ["across", "up"].map((way) => {
      const line = document.createElement("i");
      line.className = way;
      this.frames[plane].append(line);
      return line;
    })]));
    host.append(...Object.values(this.frames));
  }

  async show(token, side, view) {
    Object.assign(this, { token, side, view, wanted: {}, drawn: {}, busy: {} });
    await Promise.all(PLANES.map((plane) => this.fetch(plane, this.address(plane))));
  }
  address(plane) {
    const { token, side, view } = this;
    const { low, high } = view.stored();
    const query = `low=${Math.round(low)}&high=${Math.round(high)}`;
    return `/reader/slice/${encodeURIComponent(token)}/${side}/${plane}/${view.index(plane)}?${query}`;
  }
  async fetch(plane, address) {
    const blob = await request(address, {}, (answer) => answer.blob());
    const image = this.images[plane];
    const old = image.src;
    image.src = URL.createObjectURL(blob);
    await image.decode();
    URL.revokeObjectURL(old);
    this.drawn[plane] = address;
  }
  // One request for each plane at a time: while a key is held, slices that no longer matter are
  // never asked for.
  async follow(plane) {
    if (this.busy[plane]) return;
    this.busy[plane] = true;
    const { token, side } = this;
    try {
      while (this.token === token && this.side === side && this.drawn[plane] !== this.wanted[plane]) {
        await this.fetch(plane, this.wanted[plane]);
      }
    } catch (problem) {
      this.failed(problem);
    } finally {
      this.busy[plane] = false;
    }
  }

  draw(view) {
    this.view = view;
    const tiles = Object.fromEntries(this.tiles().map((tile) => [tile.plane, tile]));
    for (const plane of PLANES) {
      const tile = tiles[plane];
      this.frames[plane].hidden = !tile;
      if (!tile) continue;
      this.arrange(plane, tile);
      this.wanted[plane] = this.address(plane);
      this.follow(plane);
    }
  }
  arrange(plane, { left, top, width, height }) {
    const { across, up, mirrored } = GEOMETRY[plane];
    const { view } = this;
    const scale = width / (view.shape[across] * view.spacing[across]);
    const right = (millimetres) => (mirrored ? -millimetres : millimetres) * scale;
    Object.assign(this.frames[plane].style,
      { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    this.images[plane].style.transform =
      `translate(${right(-view.centre[across] * view.zoom)}px, ${view.centre[up] * view.zoom * scale}px) scale(${view.zoom})`;
    const [vertical, horizontal] = this.lines[plane];
    vertical.hidden = horizontal.hidden = !view.crosshair;
    const onScreen = (axis) => view.zoom * (view.millimetres(axis) - view.centre[axis]);
    vertical.style.left = `${width / 2 + right(onScreen(across))}px`;
    horizontal.style.top = `${height / 2 - onScreen(up) * scale}px`;
  }
  resize() {
    if (this.view) this.draw(this.view);
  }

  // Coronal above axial, sagittal beside coronal, all at one scale; or one plane as large as can be.
  tiles() {
    const { view } = this;
    const size = (axis) => view.shape[axis] * view.spacing[axis];
    const [wide, high] = [this.host.clientWidth, this.host.clientHeight];
    const place = (plane, scale, left, top) => {
      const { across, up } = GEOMETRY[plane];
      return { plane, left, top, width: size(across) * scale, height: size(up) * scale };
    };
    if (view.layout === "alone") {
      const { across, up } = GEOMETRY[view.main];
      const scale = Math.min(wide / size(across), high / size(up));
      const [left, top] = [(wide - size(across) * scale) / 2, (high - size(up) * scale) / 2];
      return [place(view.main, scale, left, top)];
    }
    const scale = Math.min((wide - GAP) / (size(0) + size(1)), (high - GAP) / (size(1) + size(2)));
    const left = (wide - GAP - (size(0) + size(1)) * scale) / 2;
    const top = (high - GAP - (size(1) + size(2)) * scale) / 2;
    return [
      place("coronal", scale, left, top),
      place("sagittal", scale, left + size(0) * scale + GAP, top),
      place("axial", scale, left, top + size(2) * scale + GAP),
    ];
  }
  at(x, y) {
    const tile = this.tiles().find((t) => x >= t.left && x < t.left + t.width && y >= t.top && y < t.top + t.height);
    if (!tile) return null;
    const { view } = this;
    const { across, up, mirrored } = GEOMETRY[tile.plane];
    const step = this.millimetresPerPixel(tile, view);
    const fromMiddle = (x - tile.left - tile.width / 2) * step;
    const voxel = (axis, onScreen) =>
      (onScreen / view.zoom + view.centre[axis]) / view.spacing[axis] + (view.shape[axis] - 1) / 2;
    const found = [...view.place];
    found[across] = voxel(across, mirrored ? -fromMiddle : fromMiddle);
    found[up] = voxel(up, (tile.top + tile.height / 2 - y) * step);
    return found;
  }
  millimetresPerPixel(tile, view) {
    const { across } = GEOMETRY[tile.plane];
    return (view.shape[across] * view.spacing[across]) / tile.width;
  }
  close() {
    Object.values(this.images).forEach((image) => URL.revokeObjectURL(image.src));
    Object.values(this.frames).forEach((frame) => frame.remove());
  }
}
