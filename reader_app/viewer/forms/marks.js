// Places in the volume: marked with the pointer or at the crosshair, listed, and drawn over the image.
//
// A mark is { voxel, end, category, side }: `end` for the opposite corner of a box, `side` of a pair;
// voxels are fractional along the patient's axes, and whole numbers are the middles.

import { GEOMETRY } from "../view.js";
import { group } from "./options.js";

const SHAPES = { point: "Point", box: "Box" };
const SIDES = ["Left", "Right"];
const HALF = 0.5; // a voxel, from its middle to its edge
const NEAR = 3; // voxels beside a box at which a drag in another plane still takes hold of it
const HAIR = 0.001; // what a box is drawn smaller by, so that it is not seen in the next slice

const markers = new WeakMap(); // by the element that shows the marks of a question

export function controls(question, answer, tools) {
  const marker = new Marker(question, answer, tools);
  markers.set(marker.element, marker);
  return [marker.element];
}
export function refresh(box, question, answer) {
  of(box).show(answer);
}
// The category of the marked place, and of those to come; 0 says that there is nothing to mark.
export function digit(question, answer, value, box) {
  if (value === 10) return of(box).nothing();
  return value <= question.categories.length ? of(box).categorise(value) : null;
}
// Take back the last mark.
export function back(question, answer = []) {
  return answer.length > 1 ? answer.slice(0, -1) : undefined;
}
export const keys = {
  put: (box) => of(box).put(),
  mode: (box) => of(box).toggle(),
  shape: (box) => of(box).turn("shape"),
  side: (box) => of(box).turn("side"),
};
const of = (box) => markers.get(box.querySelector(".marks"));

const middle = ({ voxel, end = voxel }) => voxel.map((at, axis) => (at + end[axis]) / 2);
const sorted = (one, other) => [Math.min, Math.max].map((pick) => one.map((at, axis) => pick(at, other[axis])));

class Marker {
  name = "marks"; // as a mode of the overlay

  constructor(question, answer, { el, set, choose, image }) {
    Object.assign(this, { question, el, set, image, answer, selected: -1, category: 1, side: 1 });
    this.shape = question.shape === "box" ? "box" : "point";
    this.first = this.dragged = null; // a corner waiting for the other; the box under the pointer
    const button = (what, act) => el("button", { type: "button", "data-do": what, onclick: act });
    this.start = button("mode", () => this.toggle());
    this.at = button("put", () => this.put());
    this.form = button("shape", () => this.turn("shape"));
    this.of = button("side", () => this.turn("side"));
    this.none = button("nothing", () => this.nothing() && set([]));
    this.form.hidden = question.shape !== "both";
    this.of.hidden = image.sides() === 1;
    this.none.textContent = "Nothing to mark (0)";
    this.list = el("ol", {});
    const text = `What is wrong at the place: ${question.text}`;
    this.categories = question.categories.length
      ? [group({ text, options: question.categories, scale: "nominal" }, [1], "radio", { el, choose })] : [];
    this.element = el("div", { class: "marks" }, el("div", { class: "doing" }, this.start, this.at, this.form, this.of),
      ...this.categories, this.list, this.none);
    image.draw(this);
    this.show(answer);
  }
  get marks() {
    return this.answer ?? [];
  }
  get full() {
    return this.marks.length >= this.question.most;
  }

  // Acts of buttons and keys.
  toggle() {
    this.image.mode(this.image.marking() === this ? null : this);
  }
  turn(what) {
    if (what === "shape" && this.question.shape === "both") this.shape = this.shape === "box" ? "point" : "box";
    if (what === "side") this.side = 3 - this.side;
    this.first = null;
    this.show(this.answer);
    this.image.look(null);
  }
  // At the crosshair: a point, or a corner of a box and then the opposite one.
  put() {
    const voxel = [...this.image.view().place];
    if (this.shape === "point") this.add({ voxel }, this.side);
    else if (!this.first) {
      this.first = voxel;
      this.show(this.answer);
      this.image.look(null);
    } else this.add(this.clipped(this.first, voxel, HALF), this.side);
  }
  nothing() {
    return this.marks.length ? null : { answer: [], done: true };
  }
  categorise(value) {
    this.category = value;
    const marks = this.marks.map((mark, place) => (place === this.selected ? { ...mark, category: value } : mark));
    if (!marks.length) this.show(this.answer);
    return marks.length ? { answer: marks } : null;
  }
  add(mark, side) {
    this.first = null;
    if (this.full) return;
    const more = this.question.categories.length ? { category: this.category } : {};
    this.selected = this.marks.length;
    this.set([...this.marks, { ...mark, ...more, ...(this.image.sides() > 1 ? { side } : {}) }]);
    this.image.look(null);
  }
  select(place) {
    this.selected = place;
    this.category = this.marks[place].category ?? this.category;
    this.side = this.marks[place].side ?? this.side;
    this.show(this.answer);
    this.image.look(middle(this.marks[place]));
  }
  remove(place) {
    this.selected = -1;
    const left = this.marks.filter((_, other) => other !== place);
    this.set(left.length ? left : undefined);
    this.image.look(null);
  }

  // As a mode: a point where it is let go of, a box from corner to corner within a slice. A drag in
  // another plane that begins at the chosen box makes it as thick as the drag is long.
  begin({ side, plane, voxel }) {
    this.dragged = { side, plane, from: voxel, to: voxel, grown: this.held(side, plane, voxel) };
  }
  move({ voxel }) {
    this.dragged.to = voxel;
  }
  end({ voxel }) {
    const { side, from, grown } = this.dragged;
    this.move({ voxel });
    const box = this.box();
    this.dragged = null;
    if (grown) {
      this.set(this.marks.map((mark, place) => (place === this.selected ? { ...mark, ...box } : mark)));
      this.image.look(null);
    } else if (this.shape === "point") this.add(this.clipped(voxel), side + 1);
    else if (box.end.filter((at, axis) => at - box.voxel[axis] >= HALF).length === 3) this.add(box, side + 1);
    else this.image.look(from); // a click, which looks as it does elsewhere
  }
  // The axis along which a drag would change the chosen box.
  held(side, plane, voxel) {
    const mark = this.marks[this.selected];
    if (!mark?.end || (mark.side ?? 1) !== side + 1) return null;
    const thickness = mark.end.map((at, axis) => at - mark.voxel[axis]);
    const axis = thickness.indexOf(Math.min(...thickness));
    const within = mark.voxel.every((low, other) =>
      low - (other === axis ? NEAR : 0) <= voxel[other] && voxel[other] <= mark.end[other] + (other === axis ? NEAR : 0));
    return within && GEOMETRY[plane].through !== axis ? { axis } : null;
  }
  box() {
    const { plane, from, to, grown } = this.dragged;
    if (!grown) {
      const { through } = GEOMETRY[plane];
      const slice = Math.round(from[through]);
      const [one, other] = [[...from], [...to]];
      [one[through], other[through]] = [slice - HALF, slice + HALF];
      return this.clipped(one, other);
    }
    const mark = this.marks[this.selected];
    const [low, high] = sorted(from, to).map((end) => Math.round(end[grown.axis]));
    const [voxel, end] = [[...mark.voxel], [...mark.end]];
    voxel[grown.axis] = Math.min(voxel[grown.axis], low - HALF);
    end[grown.axis] = Math.max(end[grown.axis], high + HALF);
    return this.clipped(voxel, end);
  }
  // A place, or two corners and a margin around them, within the volume.
  clipped(one, other = null, margin = 0) {
    const { shape } = this.image.view();
    const inside = (place, more) => place.map((at, axis) =>
      Math.min(shape[axis] - HALF, Math.max(-HALF, Number((at + more).toFixed(2)))));
    if (!other) return { voxel: inside(one, 0) };
    const [low, high] = sorted(one, other);
    return { voxel: inside(low, -margin), end: inside(high, margin) };
  }

  shapes() {
    const drawn = this.marks.map((mark, place) => this.drawn(mark, `${place + 1}`, place === this.selected));
    const side = this.image.sides() > 1 ? this.side : undefined;
    if (this.first) drawn.push(this.drawn({ voxel: this.first, side }, ""));
    if (this.dragged && (this.shape === "box" || this.dragged.grown)) {
      drawn.push(this.drawn({ ...this.box(), side: this.dragged.side + 1 }, ""));
    }
    return drawn;
  }
  drawn({ voxel, end, side }, text, chosen = false) {
    const ends = end ? [voxel.map((at) => at + HAIR), end.map((at) => at - HAIR)] : [voxel];
    return { kind: end ? "box" : "point", ends, text, chosen, side: side ? side - 1 : undefined };
  }
  // After every drawing: the mode may have been left by another tool.
  drawing() {
    this.start.setAttribute("aria-pressed", this.image.marking() === this);
  }

  show(answer) {
    const { el, question, list } = this;
    this.answer = answer;
    if (this.selected >= this.marks.length) this.selected = -1;
    this.start.textContent = "Mark with the pointer (Y)";
    this.at.textContent = this.first ? "Opposite corner here (G)" : `${this.shape === "box" ? "Corner of a box" : "Point"} at the crosshair (G)`;
    this.form.textContent = `${SHAPES[this.shape]} (U)`;
    this.of.textContent = `${SIDES[this.side - 1]} (Q)`;
    this.start.disabled = this.at.disabled = this.full;
    this.none.hidden = this.marks.length > 0;
    this.none.setAttribute("aria-pressed", Boolean(answer && !this.marks.length));
    this.categories.forEach((box) => box.querySelectorAll(".option").forEach((option, place) => {
      option.setAttribute("aria-checked", place + 1 === this.category);
      option.tabIndex = place + 1 === this.category ? 0 : -1;
    }));
    list.replaceChildren(...this.marks.map((mark, place) => el("li", {},
      el("button", {
        type: "button", class: "mark", "aria-current": place === this.selected, onclick: () => this.select(place),
      }, this.told(mark, place)),
      el("button", {
        type: "button", class: "remove", "aria-label": `Remove mark ${place + 1}`, title: "Remove", onclick: () => this.remove(place),
      }, "×"))));
  }
  told(mark, place) {
    const at = middle(mark).map((one) => Math.round(one) + 1);
    const category = this.question.categories[mark.category - 1];
    const parts = [category, mark.end && "box", mark.side ? SIDES[mark.side - 1].toLowerCase() : ""];
    return [`${place + 1}`, ...parts, `axial ${at[2]}, coronal ${at[1]}, sagittal ${at[0]}`].filter(Boolean).join(" · ");
  }
}
