// The edge between volumes and questions, moved by mouse, finger or keys, and remembered.

import { el } from "./form.js";
import { load, save } from "./preferences.js";

const NARROWEST = 240; // CSS pixels
const STEP = 16;

export class Divider {
  constructor(page, panel) {
    Object.assign(this, { page, panel });
    const edge = el("div", {
      class: "divider", title: "Drag to narrow or widen the questions (keys: , and .); double click for the usual width",
      onpointerdown: (event) => {
        edge.setPointerCapture(event.pointerId);
        event.preventDefault();
        this.held = panel.offsetWidth + event.clientX;
      },
      onpointermove: (event) => {
        if (edge.hasPointerCapture(event.pointerId)) this.widen(this.held - event.clientX);
      },
      ondblclick: () => this.widen(null),
    });
    panel.prepend(edge);
  }
  restore(study) {
    this.study = study;
    this.set(load(study).panel ?? null);
  }
  move(steps) {
    this.widen(this.panel.offsetWidth + steps * STEP);
  }
  // Null: the width that the styles give.
  widen(pixels) {
    const width = pixels && 2 * Math.round(Math.min(window.innerWidth / 2, Math.max(NARROWEST, pixels)) / 2);
    this.set(width);
    save(this.study, { panel: width });
  }
  set(width) {
    if (width) this.page.style.setProperty("--panel", `${width}px`);
    else this.page.style.removeProperty("--panel");
  }
}
