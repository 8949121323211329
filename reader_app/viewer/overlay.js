// What lies over a viewer: letters of direction, names of the planes, and the mouse.

import { el } from "./form.js";
import { GEOMETRY } from "./view.js";

const EDGES = ["left", "right", "top", "bottom"];
const CLOSER = 1.25;
const NOTCH = 30; // pixels of the wheel for one slice; a trackpad sends fewer at a time

export class Overlay {
  // `act(change)` applies a change to the view and draws it.
  constructor(host, viewer, view, act) {
    Object.assign(this, { viewer, view, act, wheeled: 0 });
    this.layer = el("div", { class: "overlay" });
    host.append(this.layer);
    const listen = (name, handler) => this.layer.addEventListener(name, handler, { passive: false });
    listen("wheel", (event) => this.onWheel(event));
    listen("pointerdown", (event) => this.onDown(event));
    listen("pointermove", (event) => this.onMove(event));
    listen("pointerup", () => { this.held = null; });
    listen("pointercancel", () => { this.held = null; });
    listen("dblclick", (event) => this.onDouble(event));
    listen("contextmenu", (event) => event.preventDefault());
    listen("mousedown", (event) => event.preventDefault());
  }

  draw() {
    this.tiles = this.view.layout === "solid" ? [] : this.viewer.tiles();
    this.layer.replaceChildren(...this.tiles.map((tile) => this.frame(tile)));
  }
  frame({ plane, left, top, width, height }) {
    const { view } = this;
    const letters = GEOMETRY[plane].letters.map((letter, place) => el("b", { class: EDGES[place] }, letter));
    const name = `${plane} ${view.index(plane) + 1} of ${view.count(plane)}`;
    const frame = el("div", { class: plane === view.plane ? "tile marked" : "tile", "data-plane": plane },
      el("span", { class: "name" }, name), ...letters);
    Object.assign(frame.style,
      { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    return frame;
  }

  spot(event) {
    const box = this.layer.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  tileAt([x, y]) {
    return this.tiles.find((t) => x >= t.left && x < t.left + t.width && y >= t.top && y < t.top + t.height);
  }
  onWheel(event) {
    event.preventDefault();
    const tile = this.tileAt(this.spot(event));
    this.wheeled += event.deltaY;
    if (!tile || Math.abs(this.wheeled) < NOTCH) return;
    const forward = this.wheeled < 0 ? 1 : -1;
    this.wheeled = 0;
    this.act((view) => {
      view.mark(tile.plane);
      if (event.ctrlKey) view.magnify(CLOSER ** forward);
      else view.scroll(tile.plane, forward);
    });
  }
  onDown(event) {
    const spot = this.spot(event);
    const tile = this.tileAt(spot);
    if (!tile && this.view.layout !== "solid") return;
    this.layer.setPointerCapture(event.pointerId);
    const look = event.button === 0 && !event.shiftKey;
    const pan = event.button === 1 || (event.button === 0 && event.shiftKey);
    this.held = { tile, spot, way: this.view.layout === "solid" ? "turn" : look ? "look" : pan ? "pan" : "window" };
    if (tile) this.act((view) => view.mark(tile.plane));
    if (this.held.way === "look") this.look(spot);
  }
  onMove(event) {
    if (!this.held) return;
    const { way, tile, spot } = this.held;
    const next = this.spot(event);
    const [right, down] = [next[0] - spot[0], next[1] - spot[1]];
    this.held.spot = next;
    if (way === "look" && this.tileAt(next)?.plane === tile.plane) this.look(next);
    if (way === "pan") {
      const scale = this.view.zoom / this.viewer.millimetresPerPixel(tile, this.view);
      this.act((view) => view.drag(tile.plane, right, down, scale));
    }
    if (way === "window") this.act((view) => view.adjust(-down, -right));
    if (way === "turn") this.act((view) => { view.turn = [view.turn[0] + right, view.turn[1] + down]; });
  }
  onDouble(event) {
    if (this.tileAt(this.spot(event))) this.act((view) => view.toggle("alone"));
  }
  look(spot) {
    const place = this.viewer.at(...spot);
    if (place) this.act((view) => view.look(place));
  }
  close() {
    this.layer.remove();
  }
}
