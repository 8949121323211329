// What is written around one plane: its name and slice, letters of direction, a scale, numbers.

import { el } from "./form.js";
import { roundLength } from "./ink.js";
import { pixelsPerMillimetre } from "./layout.js";
import { GEOMETRY } from "./view.js";

const EDGES = ["left", "right", "top", "bottom"];
const SCALE = 0.3; // of the width of a plane, at most

// A window as it is spoken of: its width and its level.
export function numbers({ width, level, grey }) {
  const digits = width < 10 ? 1 : 0;
  return `W ${width.toFixed(digits)} L ${level.toFixed(digits)} ${grey.unit}`;
}

export class Frame {
  // `scroll(index)` shows a slice, `enlarge()` makes the plane the large one.
  constructor(plane, scroll, enlarge) {
    this.plane = plane;
    this.index = el("span");
    this.name = el("button", { type: "button", class: "name", tabindex: -1, title: "Enlarge", onclick: enlarge },
      el("span", { class: "plane" }, `${plane} `), this.index);
    this.numbers = el("span", { class: "numbers" });
    this.scale = el("span", { class: "scale" });
    this.slider = el("input", {
      type: "range", class: "slices", min: 0, tabindex: -1, "aria-label": `${plane} slice`,
      oninput: () => scroll(Number(this.slider.value)),
    });
    const letters = GEOMETRY[plane].letters.map((letter, place) => el("b", { class: EDGES[place] }, letter));
    this.element = el("div", { class: "tile", "data-plane": plane },
      this.name, this.numbers, this.scale, ...letters, this.slider);
  }
  // `first`: the plane that carries the numbers; `changing`: the window is being set.
  draw(view, tile, first, changing) {
    this.element.hidden = !tile;
    if (!tile) return;
    const { plane } = this;
    for (const side of ["left", "top", "width", "height"]) this.element.style[side] = `${tile[side]}px`;
    this.element.classList.toggle("marked", plane === view.plane);
    this.index.textContent = `${view.index(plane) + 1} of ${view.count(plane)}`;
    this.slider.max = view.count(plane) - 1;
    this.slider.value = view.index(plane);
    const perMillimetre = pixelsPerMillimetre(view, tile);
    const length = roundLength(SCALE * tile.width, perMillimetre);
    this.scale.textContent = `${length} mm`;
    this.scale.style.width = `${length * perMillimetre}px`;
    this.numbers.hidden = !first;
    this.numbers.classList.toggle("changing", changing);
    this.numbers.textContent = `zoom ${view.zoom.toFixed(2)}\n${numbers(view)}`;
  }
}
