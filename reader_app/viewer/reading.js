// The reading page: state from the server, one case after another, every answer acknowledged.

import { el, Form } from "./form.js";
import {
  PLANES, PictureViewer, VolumeViewer, forgetAllBut, hasWebGL2, voxels,
} from "./viewers.js";

const WINDOWS = [["full", 0, 255], ["brighter", 0, 200], ["darker", 50, 255], ["contrast", 60, 215]];
const HELP = [
  ["1 to 9", "answer the marked question"],
  ["Tab, Shift Tab", "next, previous question"],
  ["Enter", "submit"],
  ["Up, Down", "scroll the slices of the marked plane"],
  ["Page Up, Page Down", "scroll by five"],
  ["Left, Right", "mark another plane"],
  ["F", "marked plane alone, or all planes"],
  ["W", "next window preset"],
  ["[ and ]", "less, more contrast"],
  ["+ and -", "zoom"],
  ["V", "3D view"],
  ["R", "reset the view"],
  ["B", "back to the case before, where the study allows it"],
  ["?", "this list"],
];

// Slices seen, changes of window, and time: away while the page is hidden or nothing happens.
class Behaviour {
  constructor(idleSeconds) {
    this.idle = idleSeconds * 1000;
    this.restart();
    this.touch = () => this.tick(true);
    this.events = ["keydown", "pointermove", "pointerdown", "wheel"];
    this.events.forEach((name) => window.addEventListener(name, this.touch, { passive: true }));
    document.addEventListener("visibilitychange", this.touch);
  }
  restart() {
    this.begun = this.last = performance.now();
    this.active = 0;
    this.windows = 0;
    this.clear();
  }
  // Time counts from one sign of life to the next, but never for longer than the idle limit.
  tick() {
    const now = performance.now();
    if (!this.hidden) this.active += Math.min(now - this.last, this.idle);
    this.hidden = document.visibilityState === "hidden";
    this.last = now;
  }
  add(plane, index) {
    this.slices[plane].add(index);
  }
  clear() {
    this.slices = Object.fromEntries(PLANES.map((plane) => [plane, new Set()]));
  }
  record(viewer) {
    this.tick();
    const seconds = (ms) => Math.round(ms / 100) / 10;
    const slices = Object.entries(this.slices).map(([plane, seen]) => [plane, seen.size]);
    return {
      seconds: seconds(performance.now() - this.begun),
      active_seconds: seconds(this.active),
      slices: Object.fromEntries(slices),
      window_changes: this.windows,
      viewer,
    };
  }
  close() {
    this.events.forEach((name) => window.removeEventListener(name, this.touch));
    document.removeEventListener("visibilitychange", this.touch);
  }
}

const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

class Reading {
  constructor(root, ended) {
    this.root = root;
    this.ended = ended;
    this.durations = [];
    this.plane = "axial";
    this.preset = 0;
    this.build();
    this.keys = (event) => this.onKey(event);
    window.addEventListener("keydown", this.keys);
    this.resized = new ResizeObserver(() => this.viewers?.forEach((viewer) => viewer.redraw()));
    this.resized.observe(this.stage);
    this.load();
  }

  build() {
    this.title = el("strong");
    this.place = el("span", { class: "place" });
    this.left = el("span", { class: "left" });
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.stage = el("div", { class: "stage" });
    this.planeName = el("span", { class: "plane" });
    this.windowName = el("button", { type: "button", onclick: () => this.nextWindow() });
    this.low = this.slider("Black at", 0, () => this.slideWindow());
    this.high = this.slider("White at", 255, () => this.slideWindow());
    this.notice = el("p", { class: "notice", role: "status", hidden: true });
    this.questions = el("div", { class: "questions" });
    this.submit = el("button", { type: "button", class: "submit", onclick: () => this.send() });
    this.back = el("button", { type: "button", class: "back", hidden: true, onclick: () => this.goBack() },
      "Back to the case before");
    this.message = el("div", { class: "message", hidden: true });
    this.help = el("dialog", { class: "help" }, el("h2", {}, "Keys"),
      el("dl", {}, ...HELP.flatMap(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)])),
      el("p", {}, "Mouse: wheel scrolls, click moves the crosshair, right button pans."),
      el("button", { type: "button", onclick: () => this.help.close() }, "Close"));
    this.footer = el("footer", {}, this.submit, this.back);
    const tools = el("div", { class: "tools" }, this.planeName, this.windowName, this.low, this.high,
      el("button", { type: "button", onclick: () => this.viewers.forEach((v) => v.reset()) }, "Reset"),
      el("button", { type: "button", onclick: () => this.help.showModal() }, "Keys (?)"),
      el("span", { class: "convention" },
        "Radiological convention: the patient's right is on the left of the image"));
    const panel = el("aside", {}, el("header", {}, this.title, this.place, this.bar, this.left),
      this.notice, this.message, this.questions, this.footer);
    this.form = new Form(this.questions, () => this.offer());
    this.root.replaceChildren(
      el("div", { class: "reading" }, el("main", {}, this.stage, tools), panel, this.help));
  }
  slider(label, value, oninput) {
    const input = el("input", { type: "range", min: 0, max: 255, "aria-label": label, tabindex: -1, oninput });
    input.value = value;
    return input;
  }

  async load(token = null) {
    const query = token ? `?presentation=${encodeURIComponent(token)}` : "";
    const answer = await this.patiently(() => fetch(`/reader/state${query}`, { cache: "no-store" }));
    if (answer.status === 401 || answer.status === 403) return this.ended("signed out");
    await this.enter(await answer.json());
  }

  async enter(state) {
    if (state.finished || state.study.paused) return this.ended(state.finished ? "finished" : "paused");
    const entered = this.state?.phase !== state.phase && state.phase === "reading" && this.state;
    this.state = state;
    this.title.textContent = state.phase === "training" ? "Training" : state.study.title;
    this.root.dataset.phase = state.phase;
    this.place.textContent = `Case ${state.position} of ${state.total}`;
    this.bar.max = state.total;
    this.bar.value = state.position - 1;
    this.left.textContent = this.timeLeft();
    this.back.hidden = !state.back;
    if (entered) {
      await this.tell("The training is over. From here on there is no feedback.", "Begin the reading");
    }
    await this.showCase();
    this.form.show(state.questions, state.presentation, state.earlier ?? {});
    this.key = randomKey();
    this.offer();
    this.behaviour.restart();
    this.viewers.forEach((viewer) => viewer.redraw());
    this.root.dataset.ready = state.presentation;
    this.prefetch();
  }

  async showCase() {
    const { state } = this;
    this.behaviour ??= new Behaviour(state.study.idle_seconds);
    if (!this.viewers || this.viewers.length !== state.sides) {
      this.viewers?.forEach((viewer) => viewer.close());
      this.stage.replaceChildren();
      const Kind = hasWebGL2() ? VolumeViewer : PictureViewer;
      this.viewers = Array.from({ length: state.sides }, (_, side) => {
        const host = el("div", { class: "viewer" });
        const label = state.sides > 1 ? el("h3", {}, side ? "Right (2)" : "Left (1)") : null;
        this.stage.append(el("section", {}, ...(label ? [label] : []), host));
        return new Kind(host, this.behaviour);
      });
    }
    this.stage.classList.add("loading");
    try {
      await Promise.all(this.viewers.map((viewer, side) => viewer.show(state.presentation, side, state)));
    } catch (problem) {
      this.warn(`${problem.message} Trying again.`);
      await new Promise((resolve) => setTimeout(resolve, 3000));
      return this.showCase();
    }
    this.stage.classList.remove("loading");
    this.warn("");
    this.preset = 0;
    this.markPlane("axial");
    this.showWindow(0, 255);
  }
  prefetch() {
    const { state } = this;
    const wanted = [state.presentation, state.next].filter(Boolean);
    forgetAllBut(wanted);
    if (!state.next || this.viewers[0].kind === "png") return;
    for (let side = 0; side < state.sides; side += 1) voxels(state.next, side).catch(() => {});
  }

  offer() {
    const missing = this.form.missing().length;
    this.submit.textContent = missing
      ? `${missing} question${missing > 1 ? "s" : ""} left`
      : "Submit (Enter)";
    this.submit.disabled = missing > 0 || this.sending;
  }
  async send() {
    if (this.sending || this.form.missing().length) return;
    this.sending = true;
    this.submit.textContent = "Saving";
    this.submit.disabled = true;
    const behaviour = this.behaviour.record(this.viewers[0].kind);
    const body = JSON.stringify({
      presentation: this.state.presentation, key: this.key, answers: this.form.collected(), behaviour,
    });
    const answer = await this.patiently(() => fetch("/reader/answer", {
      method: "POST", headers: { "Content-Type": "application/json" }, body,
    }));
    const told = await answer.json();
    this.sending = false;
    if (answer.status === 401) return this.ended("signed out");
    if (answer.status === 409) {
      this.warn(told.problem);
      return this.load();
    }
    if (!answer.ok) {
      this.warn(told.problem);
      return this.offer();
    }
    this.form.forget();
    this.durations.push(behaviour.active_seconds);
    if (told.feedback) await this.tell(told.feedback, "Next case (Enter)");
    await this.enter(told.state);
  }
  goBack() {
    if (this.state.back) this.load(this.state.back);
  }

  // Ask until the server answers: an answer is never given up, and sent twice it is stored once.
  async patiently(ask) {
    for (let wait = 1; ; wait = Math.min(wait * 2, 15)) {
      try {
        const answer = await ask();
        if (answer.status < 500) {
          this.warn("");
          return answer;
        }
      } catch {
        // No connection: the notice below says so, and the loop tries again.
      }
      this.warn("No connection to the server. Your answers are kept; trying again.");
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }
  warn(sentence) {
    this.notice.textContent = sentence;
    this.notice.hidden = !sentence;
  }
  tell(text, button) {
    return new Promise((resolve) => {
      const go = el("button", { type: "button", class: "submit" }, button);
      const done = () => {
        this.message.hidden = true;
        this.questions.hidden = this.footer.hidden = false;
        this.waiting = null;
        resolve();
      };
      go.addEventListener("click", done);
      this.waiting = done;
      this.message.replaceChildren(el("p", {}, text), go);
      this.message.hidden = false;
      this.questions.hidden = this.footer.hidden = true;
    });
  }
  timeLeft() {
    const known = this.durations.slice(-10);
    if (!known.length) return "";
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    const minutes = Math.ceil((mean * (this.state.total - this.state.position + 1)) / 60);
    return `about ${minutes} minute${minutes > 1 ? "s" : ""} left`;
  }

  markPlane(plane) {
    this.plane = plane;
    this.planeName.textContent = `Keys scroll: ${plane}`;
    this.stage.dataset.plane = plane;
  }
  showWindow(low, high) {
    Object.assign(this, { lowest: low, highest: high });
    this.low.value = low;
    this.high.value = high;
    const named = WINDOWS.find(([, a, b]) => a === low && b === high);
    this.windowName.textContent = `Window (W): ${named ? named[0] : `${low} to ${high}`}`;
  }
  setWindow(low, high) {
    const [bottom, top] = [Math.max(0, Math.min(low, 250)), Math.min(255, Math.max(high, low + 5))];
    this.behaviour.windows += 1;
    this.viewers.forEach((viewer) => viewer.window(bottom, top));
    this.showWindow(bottom, top);
  }
  slideWindow() {
    this.setWindow(Number(this.low.value), Number(this.high.value));
  }
  nextWindow() {
    this.preset = (this.preset + 1) % WINDOWS.length;
    this.setWindow(...WINDOWS[this.preset].slice(1));
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.state) return;
    const typing = event.target.closest?.("textarea");
    const target = event.composedPath()[0];
    if (typing || target.tagName === "TEXTAREA") {
      if (event.key === "Escape") target.blur();
      else if (event.key === "Tab") target.blur();
      else return;
    }
    if (this.help.open) {
      if (event.key === "?") this.help.close();
      return;
    }
    if (this.waiting) {
      if (event.key === "Enter") { event.preventDefault(); this.waiting(); }
      return;
    }
    const each = (act) => this.viewers.forEach(act);
    const scroll = (steps) => each((viewer) => viewer.scroll(this.plane, steps));
    const turn = (step) => {
      const next = PLANES[(PLANES.indexOf(this.plane) + step + PLANES.length) % PLANES.length];
      this.markPlane(next);
      each((viewer) => viewer.plane && viewer.enlarge(next));
    };
    const acts = {
      ArrowUp: () => scroll(1), ArrowDown: () => scroll(-1),
      PageUp: () => scroll(5), PageDown: () => scroll(-5),
      ArrowLeft: () => turn(-1), ArrowRight: () => turn(1),
      Tab: () => this.form.move(event.shiftKey ? -1 : 1),
      Enter: () => this.send(),
      f: () => each((viewer) => viewer.enlarge(viewer.plane ? null : this.plane)),
      w: () => this.nextWindow(),
      "[": () => this.setWindow(this.lowest - 8, this.highest + 8),
      "]": () => this.setWindow(this.lowest + 8, this.highest - 8),
      "+": () => each((viewer) => viewer.zoom(1.25)), "=": () => each((viewer) => viewer.zoom(1.25)),
      "-": () => each((viewer) => viewer.zoom(0.8)),
      v: () => each((viewer) => viewer.render3d()),
      r: () => { each((viewer) => viewer.reset()); this.showWindow(0, 255); },
      b: () => this.goBack(),
      "?": () => this.help.showModal(),
    };
    const act = acts[event.key] ?? acts[event.key.toLowerCase?.()];
    if (act) act();
    else if (/^[1-9]$/.test(event.key)) this.form.choose(Number(event.key));
    else if (event.key === "0") this.form.choose(10);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  close() {
    window.removeEventListener("keydown", this.keys);
    this.resized.disconnect();
    this.behaviour?.close();
    this.viewers?.forEach((viewer) => viewer.close());
  }
}

export function mount(root, ended) {
  const reading = new Reading(root, ended);
  return () => reading.close();
}
