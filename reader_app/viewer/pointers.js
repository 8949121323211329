// Mouse, pen and fingers over an image, as changes of the view.

import { at, pixelsPerMillimetre, tileAt } from "./layout.js";

const CLOSER = 1.25;
const NOTCH = 30; // pixels of the wheel for one slice; a trackpad sends fewer at a time
const SWIPE = 12; // pixels of a finger for one slice
const TREMBLE = 8; // pixels that a resting finger may move
const LONG = 450; // milliseconds after which a resting finger sets the window
const BOTH = 2; // buttons: 0 left, 1 middle, 2 right

// What a drag does, by `way`: look, pan, window, mode, scroll, turn. A finger `rests` until it moves
// or has been long there; two fingers `pinch`; then what is left on the glass is `spent`.
export class Pointers {
  constructor(layer, overlay) {
    Object.assign(this, { layer, overlay, fingers: new Map(), held: null, wheeled: 0 });
    const listen = (name, handler) => layer.addEventListener(name, handler, { passive: false });
    listen("wheel", (event) => this.onWheel(event));
    listen("pointerdown", (event) => this.onDown(event));
    listen("pointermove", (event) => this.onMove(event));
    listen("pointerup", (event) => this.onUp(event));
    listen("pointercancel", (event) => this.onUp(event));
    listen("dblclick", (event) => this.onDouble(event));
    listen("contextmenu", (event) => event.preventDefault());
    listen("mousedown", (event) => {
      if (!isControl(event)) event.preventDefault();
    });
  }

  // End what is going on, as if all were lifted.
  finish() {
    if (!this.held) return;
    clearTimeout(this.held.timer);
    this.held.mode?.end(this.place(this.held.spot));
    this.held = null;
    this.fingers.clear();
    this.overlay.windowing = false;
  }
  spot(event) {
    const box = this.layer.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  tile(spot) {
    return tileAt(this.overlay.tiles, ...spot);
  }
  act(change) {
    this.overlay.act(change);
  }

  onWheel(event) {
    event.preventDefault();
    const spot = this.spot(event);
    const tile = this.tile(spot);
    this.wheeled += event.deltaY;
    if (!tile || Math.abs(this.wheeled) < NOTCH) return;
    const forward = this.wheeled < 0 ? 1 : -1;
    this.wheeled = 0;
    this.act((view) => {
      view.mark(tile.plane);
      if (event.ctrlKey) view.magnify(CLOSER ** forward, at(view, tile, ...spot));
      else view.scroll(tile.plane, forward);
    });
  }
  onDouble(event) {
    const tile = this.tile(this.spot(event));
    if (tile && !this.overlay.mode && !isControl(event)) this.act((view) => view.toggle("alone"));
  }

  onDown(event) {
    if (isControl(event)) return;
    const spot = this.spot(event);
    const solid = this.overlay.view.layout === "solid";
    const tile = this.tile(spot);
    if (!tile && !solid) return;
    this.layer.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") this.fingers.set(event.pointerId, spot);
    if (this.fingers.size > 1) return this.pinch();
    this.held = { tile, spot, from: spot, carried: 0 };
    if (tile) this.act((view) => view.mark(tile.plane));
    if (this.fingers.size) {
      this.held.way = "rests";
      this.held.timer = setTimeout(() => this.begin(solid ? "turn" : "window"), LONG);
    } else this.begin(solid ? "turn" : this.wayOf(event));
  }
  wayOf({ button, shiftKey }) {
    if (button === BOTH) return "window";
    if (button === 1 || shiftKey) return "pan";
    return this.overlay.mode ? "mode" : "look";
  }
  begin(way) {
    clearTimeout(this.held.timer);
    this.held.way = way;
    if (way === "look") this.look(this.held.spot);
    // The same mode until its end, whatever keys do to the overlay's meanwhile.
    if (way === "mode") this.held.mode = this.overlay.mode;
    this.held.mode?.begin(this.place(this.held.from));
    this.overlay.windowing = way === "window";
    this.act(() => {});
  }

  onMove(event) {
    const spot = this.spot(event);
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, spot);
    if (!this.held || this.held.way === "spent") return;
    if (this.held.way === "pinch") return this.onPinch();
    const [right, down] = [0, 1].map((axis) => spot[axis] - this.held.spot[axis]);
    this.held.spot = spot;
    if (this.held.way === "rests") {
      if (Math.hypot(spot[0] - this.held.from[0], spot[1] - this.held.from[1]) < TREMBLE) return;
      this.begin(!this.held.tile ? "turn" : this.overlay.mode ? "mode" : "scroll");
    }
    this[this.held.way](spot, right, down);
  }
  onUp(event) {
    this.fingers.delete(event.pointerId);
    if (!this.held) return;
    const { way, spot, tile } = this.held;
    clearTimeout(this.held.timer);
    if (event.type === "pointerup" && way === "rests" && tile) this.begin(this.overlay.mode ? "mode" : "look");
    this.held.mode?.end(this.place(spot));
    this.overlay.windowing = false;
    if (way === "pinch") this.held.way = "spent";
    if (!this.fingers.size) this.held = null;
    this.act(() => {});
  }

  // What is at a point of the plane that is held, also beyond its edge.
  place(spot) {
    const { view, side } = this.overlay;
    const { tile } = this.held;
    return { side, plane: tile.plane, voxel: at(view, tile, ...spot) };
  }
  look(spot) {
    if (this.tile(spot)?.plane !== this.held.tile?.plane) return;
    this.act((view) => view.look(at(view, this.held.tile, ...spot)));
  }
  pan(_spot, right, down) {
    const { tile } = this.held;
    this.act((view) => view.drag(tile.plane, right, down, pixelsPerMillimetre(view, tile)));
  }
  // Down is darker, to the right is wider; 128 pixels double the width.
  window(_spot, right, down) {
    this.act((view) => view.adjust(-down, -right / 2));
  }
  mode(spot) {
    this.act(() => this.held.mode.move(this.place(spot)));
  }
  scroll(_spot, _right, down) {
    this.held.carried -= down;
    const steps = Math.trunc(this.held.carried / SWIPE);
    this.held.carried -= steps * SWIPE;
    if (steps) this.act((view) => view.scroll(this.held.tile.plane, steps));
  }
  turn(_spot, right, down) {
    this.act((view) => { view.turn = [view.turn[0] + right, view.turn[1] + down]; });
  }

  pinch() {
    clearTimeout(this.held.timer);
    this.held.mode?.end(this.place(this.held.spot));
    this.overlay.windowing = false;
    Object.assign(this.held, { mode: null, way: this.held.tile ? "pinch" : "spent", ...this.grip() });
  }
  grip() {
    const [[left, top], [right, bottom]] = [...this.fingers.values()];
    const spread = Math.max(1, Math.hypot(right - left, bottom - top));
    return { middle: [(left + right) / 2, (top + bottom) / 2], spread };
  }
  // What is between the fingers stays between them.
  onPinch() {
    const { tile, middle, spread } = this.held;
    Object.assign(this.held, this.grip());
    const [right, down] = [0, 1].map((axis) => this.held.middle[axis] - middle[axis]);
    this.act((view) => {
      view.magnify(this.held.spread / spread, at(view, tile, ...middle));
      view.drag(tile.plane, right, down, pixelsPerMillimetre(view, tile));
    });
  }
}

// A slider or button within the layer does for itself what pointers do to it.
function isControl(event) {
  return event.target.closest("input, button") !== null;
}
