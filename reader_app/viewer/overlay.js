// What lies over a viewer: lines, letters and numbers, and what the pointer does.

import { fit } from "./canvas.js";
import { el } from "./form.js";
import { Frame } from "./frame.js";
import { crosshair, shape, within } from "./ink.js";
import { tiles } from "./layout.js";
import { Pointers } from "./pointers.js";
import { GEOMETRY, PLANES } from "./view.js";

export class Overlay {
  // `act(change)` applies a change to the view and draws it. `tools` may have a `mode`, which gets
  // what the left button or one finger does in a plane instead of the crosshair:
  //   { name, begin(place), move(place), end(place) }, place: { side, plane, voxel }
  // with fractional voxels along the patient's axes; a click is a begin and an end at one place. And
  // `tools.shapes(view)` are the shapes to be drawn (see ink.js).
  constructor(host, side, tools, act) {
    Object.assign(this, { host, side, tools, act, view: null, tiles: [], windowing: false });
    this.canvas = el("canvas", { class: "ink" });
    this.frames = PLANES.map((plane) => new Frame(plane, (index) => this.scrollTo(plane, index),
      () => act((view) => view.enlarge(plane))));
    this.layer = el("div", { class: "overlay" }, this.canvas, ...this.frames.map(({ element }) => element));
    this.pointers = new Pointers(this.layer, this);
    host.append(this.layer);
  }
  get mode() {
    return this.tools.mode;
  }
  scrollTo(plane, index) {
    this.act((view) => {
      view.mark(plane);
      view.scroll(plane, index - view.place[GEOMETRY[plane].through]);
    });
  }

  draw() {
    const { view, host, canvas } = this;
    const ratio = window.devicePixelRatio;
    this.tiles = tiles(view, host.clientWidth, host.clientHeight);
    for (const frame of this.frames) {
      const tile = this.tiles.find(({ plane }) => plane === frame.plane);
      frame.draw(view, tile, tile === this.tiles[0], this.windowing);
    }
    this.layer.classList.toggle("drawing", Boolean(this.mode));
    fit(canvas, host, ratio);
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    const shapes = this.tools.shapes(view).filter(({ side }) => side === undefined || side === this.side);
    for (const tile of this.tiles) {
      within(context, ratio, tile, () => {
        if (view.crosshair) crosshair(context, ratio, view, tile);
        shapes.forEach((one) => shape(context, ratio, view, tile, one));
      });
    }
  }
  close() {
    this.layer.remove();
  }
}
