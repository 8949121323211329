// The viewer for browsers without WebGL2: slices drawn by the server.

import { onScreen, tiles } from "./layout.js";
import { request } from "./server.js";
import { GEOMETRY, PLANES } from "./view.js";

export class PictureViewer {
  kind = "png";

  constructor(host, failed) {
    Object.assign(this, { host, failed });
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
    host.append(...Object.values(this.frames));
  }

  async show(token, side, view) {
    Object.assign(this, { token, side, view, wanted: {}, drawn: {}, busy: {} });
    await Promise.all(view.shown().map((plane) => this.fetch(plane, this.address(plane))));
  }
  address(plane) {
    const { token, side, view } = this;
    const query = `low=${view.window.low}&high=${view.window.high}`;
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
    PLANES.forEach((plane) => { this.frames[plane].hidden = true; });
    for (const tile of tiles(view, this.host.clientWidth, this.host.clientHeight)) {
      this.arrange(tile);
      this.wanted[tile.plane] = this.address(tile.plane);
      this.follow(tile.plane);
    }
  }
  // The picture reaches from the outer edge of the first voxel to that of the last.
  arrange(tile) {
    const { across, up, mirrored } = GEOMETRY[tile.plane];
    const { shape } = this.view;
    const corner = (end) => shape.map((size, axis) => {
      const last = axis === up ? !end : axis === across && mirrored ? !end : end;
      return last ? size - 0.5 : -0.5;
    });
    const [left, top] = onScreen(this.view, tile, corner(false));
    const [right, bottom] = onScreen(this.view, tile, corner(true));
    const frame = this.frames[tile.plane];
    frame.hidden = false;
    const put = (element, box) =>
      Object.entries(box).forEach(([name, value]) => { element.style[name] = `${value}px`; });
    put(frame, { left: tile.left, top: tile.top, width: tile.width, height: tile.height });
    put(this.images[tile.plane],
      { left: left - tile.left, top: top - tile.top, width: right - left, height: bottom - top });
  }
  resize() {
    if (this.view) this.draw(this.view);
  }

  close() {
    Object.values(this.images).forEach((image) => URL.revokeObjectURL(image.src));
    Object.values(this.frames).forEach((frame) => frame.remove());
  }
}
