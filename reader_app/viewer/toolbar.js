// The tool bar below the image: windows, layouts and tools in one line that folds away.

import { Cine, SPEEDS } from "./cine.js";
import { el } from "./form.js";
import { icon } from "./icons.js";
import { Measure } from "./measure.js";
import { load, save } from "./preferences.js";
import { LAYOUTS } from "./view.js";

const LAYOUT_NAMES = {
  main: "One large plane",
  three: "Three planes at one scale",
  alone: "One plane alone (F)",
  solid: "3D (V)",
};
const CONVENTION = "The patient's right is on the left of the image";

// The tools of a reading: what buttons and keys do, and what of it is drawn in the overlays.
export class ToolBar {
  constructor(reading) {
    Object.assign(this, { reading, mode: null, folded: false });
    this.measure = new Measure(() => reading.behaviour.used("distances"));
    this.drawings = [this.measure]; // whatever has shapes(view), as ink.js describes them, and drawing() after
    this.cine = new Cine(() => this.step(), () => this.draw());
    this.windows = el("div", { class: "windows", role: "group", "aria-label": "Windows (W: the next)" });
    this.speed = el("input", {
      type: "range", min: 0, max: SPEEDS.length - 1, "aria-label": "Slices a second", tabindex: -1,
      oninput: () => this.cine.faster(Number(this.speed.value) - SPEEDS.indexOf(this.cine.speed)),
    });
    this.rate = el("output");
    this.buttons = {
      ...Object.fromEntries(LAYOUTS.map((name) => [name, this.button(name, LAYOUT_NAMES[name], () => this.arrange(name))])),
      crosshair: this.button("crosshair", "Crosshair (H)", () => this.toggleCrosshair()),
      measure: this.button("measure", "Measure a distance (E)", () => this.toggleMeasure()),
      clear: this.button("clear", "Remove the distances (Delete)", () => this.clear()),
      play: this.button("play", "Play the slices (P)", () => this.play()),
      reset: this.button("reset", "Reset the view (R)", () => this.reset()),
      full: this.button("full", "Full screen (Z)", () => this.fullScreen()),
      keys: this.button("keys", "Keys (?)", () => reading.help.showModal()),
      fold: this.button("fold", "Fold the tool bar (O)", () => this.fold()),
    };
    this.buttons.play.append(icon("pause")); // the styles show one of the two
    this.buttons.full.hidden = !document.fullscreenEnabled;
    const { main, three, alone, solid, fold, ...tools } = this.buttons;
    const { play, ...others } = tools;
    const group = (name, ...parts) => el("div", { class: "group", role: "group", "aria-label": name }, ...parts);
    this.element = el("div", { class: "tools", role: "toolbar", "aria-label": "Tools" }, this.windows,
      group("Layout", main, three, alone, solid),
      group("Cine", play, this.speed, this.rate),
      group("Tools", ...Object.values(others)),
      el("span", { class: "convention" }, CONVENTION), fold);
  }
  button(name, title, act) {
    return named(el("button", { type: "button", "data-tool": name, onclick: act }, icon(name)), title);
  }

  // For another case: what was measured and drawn in the one before is gone.
  begin({ windows }, study) {
    this.study = study;
    this.folded = load(study).folded ?? false;
    this.leave();
    this.measure.clear();
    this.drawings = [this.measure];
    this.windows.replaceChildren(...windows.map(([name, low, high]) =>
      el("button", { type: "button", onclick: () => this.reading.act((view) => { view.window = { low, high }; }) }, name)));
  }
  // Nothing plays or waits for a click any more.
  leave() {
    this.cine.stop();
    this.mode = null;
  }
  shapes(view) {
    return this.drawings.flatMap((drawing) => drawing.shapes(view));
  }

  arrange(layout) {
    if (layout === "solid") this.reading.toggleSolid();
    else this.reading.act((view) => view.arrange(layout));
  }
  toggleCrosshair() {
    this.reading.act((view) => { view.crosshair = !view.crosshair; });
  }
  toggleMeasure() {
    this.setMode(this.mode === this.measure ? null : this.measure);
  }
  // Give the left button and one finger to a mode, or back to the crosshair.
  setMode(mode) {
    this.reading.act(() => { this.mode = mode; });
  }
  // An end of a distance where the crosshair is.
  mark() {
    if (this.mode === this.measure) this.reading.act((view) => this.measure.put(view));
  }
  clear() {
    this.reading.act(() => this.measure.clear());
  }
  step() {
    this.reading.act((view) => {
      const last = view.index(view.plane) + 1 === view.count(view.plane);
      view.scroll(view.plane, last ? -Infinity : 1);
    });
  }
  play() {
    if (!this.reading.open) return;
    if (!this.cine.playing) this.reading.behaviour.used("cine");
    this.cine.toggle();
  }
  reset() {
    this.leave();
    this.reading.act((view) => view.reset());
  }
  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.reading.root.requestFullscreen();
  }
  fold() {
    this.folded = !this.folded;
    this.draw();
  }
  // What a reader likes is kept for the next case and the next sitting.
  remember({ flat, several, main, crosshair }) {
    const liked = { flat, several, main, crosshair, folded: this.folded };
    const known = load(this.study);
    if (Object.entries(liked).some(([name, value]) => known[name] !== value)) save(this.study, liked);
  }

  draw() {
    const { view } = this.reading;
    if (!view) return;
    this.remember(view);
    this.drawings.forEach((one) => one.drawing?.());
    const { buttons } = this;
    const press = (button, on) => button.setAttribute("aria-pressed", on);
    LAYOUTS.forEach((name) => press(buttons[name], view.layout === name));
    press(buttons.crosshair, view.crosshair);
    press(buttons.measure, this.mode === this.measure);
    buttons.solid.hidden = !this.reading.drawsSolid;
    const drawn = this.measure.shapes(view);
    buttons.clear.hidden = !drawn.length;
    named(buttons.clear, `Remove the distances (Delete): ${drawn.map(({ text }) => text).filter(Boolean).join(", ")}`);
    press(buttons.play, this.cine.playing);
    this.speed.hidden = this.rate.hidden = !this.cine.playing;
    this.speed.value = SPEEDS.indexOf(this.cine.speed);
    this.rate.textContent = `${this.cine.speed}/s`;
    buttons.fold.setAttribute("aria-expanded", !this.folded);
    this.element.classList.toggle("folded", this.folded);
    const shown = view.preset();
    [...this.windows.children].forEach((button, place) => press(button, place === shown));
    this.windows.children[shown]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  close() {
    this.leave();
  }
}

function named(button, title) {
  button.title = title;
  button.setAttribute("aria-label", title);
  return button;
}
