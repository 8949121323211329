// What each key does. Radiologists read without the mouse, so every act has one.

import { el } from "./form.js";

const STEP = 6; // grey levels
const HELD = true; // may be held down

const look = (change) => (reading) => reading.act(change);
const scroll = (steps) => look((view) => view.scroll(view.plane, steps));
const enlarge = (plane) => look((view) => view.enlarge(plane));
const form = (name) => (reading) => reading.form.act(name);
const tool = (name) => (reading) => reading.tools[name]();
const magnify = (factor) => look((view) => view.magnify(factor));
const adjust = (lighter, contrast) => look((view) => view.adjust(lighter, contrast));
const aside = (steps) => (reading, event) => {
  if (!reading.form.aside(event.shiftKey ? 10 * steps : steps)) reading.act((view) => view.turnTo(steps));
};

// Rows of the list of keys: how it shows the keys, what they do, the act of each, and HELD. An act
// gets the reading and the event. Digits, Tab and Esc are told here and handled below.
const KEYS = {
  Answer: [
    ["1 – 9, 0", "answer the marked question (0: the tenth); two digits where there are more than ten options"],
    ["Tab, Shift+Tab", "next question, question before; after the last one the other controls"],
    ["← →", "another place on a line, or another option once Tab has led to it (with Shift: ten steps)",
      { ArrowLeft: aside(-1), ArrowRight: aside(1) }, HELD],
    ["Backspace", "take back the answer to the marked question", { Backspace: (reading) => reading.form.takeBack() }],
    ["T, Esc", "write in the text field, leave it", { t: (reading) => reading.form.write() }],
    ["G, Y, U, Q", "mark the crosshair, mark with the pointer; point or box, left or right",
      { g: form("put"), y: form("mode"), u: form("shape"), q: form("side") }],
    ["Enter", "submit when all is answered (Ctrl+Enter while writing)", { Enter: (reading) => reading.send() }],
    ["B", "back to the case before, where the study allows it", { b: (reading) => reading.goBack() }],
    [", .", "narrower, wider questions",
      { ",": (reading) => reading.divider.move(-1), ".": (reading) => reading.divider.move(1) }, HELD],
    ["?", "this list", { "?": (reading) => reading.help.showModal() }],
  ],
  Look: [
    ["↑ ↓", "scroll the marked plane, by one slice", { ArrowUp: scroll(1), ArrowDown: scroll(-1) }, HELD],
    ["Page ↑, Page ↓", "by ten slices", { PageUp: scroll(10), PageDown: scroll(-10) }, HELD],
    ["Home, End", "first slice, last slice", { Home: scroll(-Infinity), End: scroll(Infinity) }],
    ["A, C, S", "enlarge the axial, coronal, sagittal plane (← → mark the one before and after)",
      { a: enlarge("axial"), c: enlarge("coronal"), s: enlarge("sagittal") }],
    ["F", "large plane alone, and back", { f: look((view) => view.toggle("alone")) }],
    ["V", "3D, and back", { v: (reading) => reading.toggleSolid() }],
    ["W", "next window", { w: look((view) => view.nextPreset()) }],
    ["L, D", "lighter, darker", { l: adjust(STEP, 0), d: adjust(-STEP, 0) }, HELD],
    ["M, N", "more, less contrast", { m: adjust(0, STEP), n: adjust(0, -STEP) }, HELD],
    ["+ −", "zoom", { "+": magnify(1.25), "=": magnify(1.25), "-": magnify(0.8) }, HELD],
    ["H", "hide or show the crosshair", { h: look((view) => { view.crosshair = !view.crosshair; }) }],
    ["P, J, K", "play the slices and stop, slower, faster",
      { p: tool("play"), j: (reading) => reading.tools.cine.faster(-1), k: (reading) => reading.tools.cine.faster(1) }],
    ["E, X, Delete", "measure a distance (X: from or to the crosshair), remove the distances",
      { e: tool("toggleMeasure"), x: tool("mark"), Delete: tool("clear") }],
    ["Z, O", "full screen, fold the tool bar", { z: tool("fullScreen"), o: tool("fold") }],
    ["R", "reset the view", { r: tool("reset") }],
  ],
};
const OTHERWISE = [
  "Mouse: the wheel scrolls, Ctrl and the wheel zoom, the left button moves the crosshair, the right button " +
    "dragged sets the window, Shift and the left button move the picture, a double click shows a plane alone.",
  "Touch: one finger scrolls, two zoom and move, a long press and a drag set the window, a tap moves the crosshair.",
  "The edge of the questions can be dragged.",
];

const ACTS = new Map(Object.values(KEYS).flat().flatMap(([, , acts = {}, held]) =>
  Object.entries(acts).map(([name, act]) => [name, { act, held }])));

export function helpDialog() {
  const row = ([keys, what]) => el("div", {}, el("dt", {}, el("kbd", {}, keys)), el("dd", {}, what));
  const sections = Object.entries(KEYS).map(([title, rows]) =>
    el("section", {}, el("h3", {}, title), el("dl", {}, ...rows.map(row))));
  const close = el("button", { type: "button", onclick: () => dialog.close() }, "Close (Esc)");
  const dialog = el("dialog", { class: "help", "aria-label": "Keys" }, el("h2", {}, "Keys"),
    ...sections, ...OTHERWISE.map((text) => el("p", {}, text)), close);
  return dialog;
}

// By the key and, where a keyboard has other signs on the row of digits, by its place.
function digit(event) {
  const found = /^[0-9]$/.exec(event.key) ?? (!event.shiftKey && /^(?:Digit|Numpad)([0-9])$/.exec(event.code));
  return found ? Number(found.at(-1)) : null;
}
// A letter of another alphabet counts as the Latin one on its key.
function named(event) {
  if (event.key.length > 1) return event.key;
  const foreign = event.key > "\u024f" && /^Key([A-Z])$/.exec(event.code);
  return (foreign ? foreign[1] : event.key).toLowerCase();
}

// Handle a key wherever the focus is. What is pressed here is kept from Streamlit, whose own
// shortcuts would run the page anew.
export function press(reading, event) {
  const target = event.composedPath()[0];
  if (event.isComposing) return;
  if (target.tagName === "TEXTAREA") return whileWriting(reading, event);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^F[0-9]+$/.test(event.key)) return;
  event.stopPropagation();
  if (reading.help.open) {
    if (event.key === "?") reading.help.close();
    return;
  }
  const button = reading.root.contains(target) && target.tagName === "BUTTON" && !target.classList.contains("option");
  if (button && (event.key === "Enter" || event.key === " ")) {
    // Enter that is still held from the submission must not take away what is told of it.
    if (event.repeat) event.preventDefault();
    return;
  }
  if (reading.told) {
    if (event.key === "Enter" && !event.repeat) reading.told();
    return;
  }
  if (!reading.open) return;
  if (event.key === "Tab") {
    if (!event.shiftKey && reading.form.passOver(target)) event.preventDefault();
    return;
  }
  const typed = digit(event);
  const known = ACTS.get(named(event));
  if (typed !== null) {
    if (!event.repeat) reading.form.type(typed);
  } else if (known) {
    if (known.held || !event.repeat) known.act(reading, event);
  } else return;
  event.preventDefault();
}

function whileWriting(reading, event) {
  event.stopPropagation();
  if (event.key === "Escape") reading.form.leave();
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat) {
    event.preventDefault();
    reading.send();
  }
}
