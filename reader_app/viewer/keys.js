// What each key does. Radiologists read without the mouse, so every act has one.

import { el } from "./form.js";

const HELP = [
  ["1 – 9", "answer the marked question (0: the tenth option)"],
  ["Tab, Shift+Tab", "next question, question before"],
  ["Backspace", "take back the answer to the marked question"],
  ["Enter", "submit when all is answered (Ctrl+Enter while writing)"],
  ["↑ ↓", "scroll the marked plane, by one slice"],
  ["Page ↑, Page ↓", "by ten slices"],
  ["Home, End", "first slice, last slice"],
  ["← →", "mark another plane; on a line: move the answer"],
  ["A, C, S", "mark the axial, coronal, sagittal plane"],
  ["F", "marked plane alone, or all three"],
  ["W", "next window preset"],
  ["L, D", "lighter, darker"],
  ["M, N", "more, less contrast"],
  ["+ −", "zoom"],
  ["H", "hide or show the crosshair"],
  ["V", "3D, and back"],
  ["R", "reset the view"],
  ["T, Esc", "write in the text field, leave it"],
  ["B", "back to the case before, where the study allows it"],
  ["?", "this list"],
];
const MOUSE =
  "Mouse: the wheel scrolls, Ctrl and the wheel zoom, the left button moves the crosshair, the " +
  "right button dragged sets the window, Shift and the left button move the picture, a double " +
  "click enlarges a plane.";

const STEP = 6; // grey levels

export function helpDialog() {
  const close = el("button", { type: "button", onclick: () => dialog.close() }, "Close (Esc)");
  const rows = HELP.map(([keys, what]) => el("div", {}, el("dt", {}, el("kbd", {}, keys)), el("dd", {}, what)));
  const dialog = el("dialog", { class: "help", "aria-label": "Keys" }, el("h2", {}, "Keys"),
    el("dl", {}, ...rows), el("p", {}, MOUSE), close);
  return dialog;
}

// Keys that may be held down.
const HELD = {
  ArrowUp: (reading) => reading.act((view) => view.scroll(view.plane, 1)),
  ArrowDown: (reading) => reading.act((view) => view.scroll(view.plane, -1)),
  PageUp: (reading) => reading.act((view) => view.scroll(view.plane, 10)),
  PageDown: (reading) => reading.act((view) => view.scroll(view.plane, -10)),
  ArrowLeft: (reading) => aside(reading, -1),
  ArrowRight: (reading) => aside(reading, 1),
  "+": (reading) => reading.act((view) => view.magnify(1.25)),
  "=": (reading) => reading.act((view) => view.magnify(1.25)),
  "-": (reading) => reading.act((view) => view.magnify(0.8)),
  l: (reading) => reading.act((view) => view.adjust(STEP, 0)),
  d: (reading) => reading.act((view) => view.adjust(-STEP, 0)),
  m: (reading) => reading.act((view) => view.adjust(0, STEP)),
  n: (reading) => reading.act((view) => view.adjust(0, -STEP)),
};
const PRESSED = {
  Home: (reading) => reading.act((view) => view.scroll(view.plane, -Infinity)),
  End: (reading) => reading.act((view) => view.scroll(view.plane, Infinity)),
  a: (reading) => reading.act((view) => view.enlarge("axial")),
  c: (reading) => reading.act((view) => view.enlarge("coronal")),
  s: (reading) => reading.act((view) => view.enlarge("sagittal")),
  f: (reading) => reading.act((view) => view.toggle("alone")),
  w: (reading) => reading.act((view) => view.nextPreset()),
  h: (reading) => reading.act((view) => { view.crosshair = !view.crosshair; }),
  v: (reading) => reading.toggleSolid(),
  r: (reading) => reading.act((view) => view.reset()),
  t: (reading) => reading.form.write(),
  b: (reading) => reading.goBack(),
  Enter: (reading) => reading.send(),
  Backspace: (reading) => reading.form.takeBack(),
  "?": (reading) => reading.help.showModal(),
};

function aside(reading, step) {
  if (!reading.form.slide(step)) reading.act((view) => view.turnTo(step));
}

function digit(event) {
  const found = /^[0-9]$/.exec(event.key) ?? (!event.shiftKey && /^(?:Digit|Numpad)([0-9])$/.exec(event.code));
  return found ? Number(found.at(-1)) || 10 : null;
}

// Handle a key wherever the focus is. What is pressed here is kept from Streamlit, whose own
// shortcuts would run the page anew.
export function press(reading, event) {
  const target = event.composedPath()[0];
  if (event.isComposing) return;
  if (target.tagName === "TEXTAREA") return whileWriting(reading, event, target);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^F[0-9]+$/.test(event.key)) return;
  event.stopPropagation();
  if (reading.help.open) {
    if (event.key === "?") reading.help.close();
    return;
  }
  const button = reading.root.contains(target) && target.tagName === "BUTTON" && !target.classList.contains("option");
  if (button && (event.key === "Enter" || event.key === " ")) return;
  if (reading.told) {
    if (event.key === "Enter" && !event.repeat) reading.told();
    return;
  }
  if (!reading.open) return;
  if (event.key === "Tab") {
    const inForm = !reading.root.contains(target) || reading.form.host.contains(target);
    if (inForm && reading.form.move(event.shiftKey ? -1 : 1)) event.preventDefault();
    return;
  }
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const act = HELD[name] ?? (event.repeat ? null : PRESSED[name]);
  const chosen = digit(event);
  if (act) act(reading);
  else if (chosen !== null && !event.repeat && !PRESSED[name]) reading.form.choose(chosen);
  else if (!HELD[name] && !PRESSED[name] && chosen === null) return;
  event.preventDefault();
}

function whileWriting(reading, event, field) {
  event.stopPropagation();
  if (event.key === "Escape") reading.form.leave(field);
  else if (event.key === "Tab" && reading.form.move(event.shiftKey ? -1 : 1)) event.preventDefault();
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat) {
    event.preventDefault();
    reading.send();
  }
}
