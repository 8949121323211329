// The reading page: state from the server, one case after another, every answer acknowledged.

import { Behaviour } from "./behaviour.js";
import { Divider } from "./divider.js";
import { el, Form } from "./form.js";
import { helpDialog, press } from "./keys.js";
import { Overlay } from "./overlay.js";
import { PictureViewer } from "./pictures.js";
import { load } from "./preferences.js";
import { tooSmall } from "./screen.js";
import { forgetAllBut, Refused, request, voxels } from "./server.js";
import { ToolBar } from "./toolbar.js";
import { View } from "./view.js";
import { hasWebGL2, Unviewable, VolumeViewer } from "./volume.js";

const OFFLINE = "No connection to the server. Your answers are kept here; trying again.";
const LONGEST_WAIT = 10; // seconds between two attempts
const PACE = "evalsuite-pace"; // active seconds of the last cases, for the time that is left
const REMEMBERED = 10;
const UNSENT = "evalsuite-unsent"; // the answer that the server has not acknowledged yet
const UNFIT = [400, 413, 415, 422]; // the answer has to change

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

class Reading {
  constructor(root, ended) {
    Object.assign(this, { root, ended, viewers: [], overlays: [] });
    this.Viewer = hasWebGL2() ? VolumeViewer : PictureViewer;
    this.build();
    this.open = false;
    this.keys = (event) => press(this, event);
    window.addEventListener("keydown", this.keys, { capture: true });
    this.resized = new ResizeObserver(() => {
      this.warnOfScreen();
      this.paint();
    });
    this.resized.observe(this.stage);
    this.silenceStreamlit();
    this.load();
  }

  build() {
    const button = (text, act, kind = "") => el("button", { type: "button", class: kind, onclick: act }, text);
    this.title = el("strong");
    this.place = el("span", { class: "place" });
    this.left = el("span", { class: "remaining" });
    const out = "Instructions, sign out";
    this.leave = el("button", {
      type: "button", class: "leave", title: out, "aria-label": out, onclick: () => this.end("instructions"),
    }, "☰");
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.stage = el("div", { class: "stage" });
    this.small = el("p", { class: "small", role: "status", hidden: true });
    this.notice = el("p", { class: "notice", role: "alert", hidden: true });
    this.message = el("div", { class: "message", role: "status", hidden: true });
    this.questions = el("div", { class: "questions" });
    this.submit = button("", () => this.send(), "submit");
    this.back = button("Case before (B)", () => this.goBack(), "back");
    this.help = helpDialog();
    this.tools = new ToolBar(this);
    const panel = el("aside", {},
      el("header", {}, this.title, this.place, this.leave, this.bar, this.left), this.notice, this.message, this.questions,
      el("footer", {}, this.submit, this.back));
    this.form = new Form(this.questions, () => this.offer(), this.image());
    const page = el("div", { class: "reading" },
      this.small, el("main", {}, this.stage, this.tools.element), panel, this.help);
    this.divider = new Divider(page, panel);
    this.root.replaceChildren(page);
    // Focus that a click left on a button or slider would take the next Enter or arrow for itself.
    this.root.addEventListener("click", (event) => {
      if (event.detail && event.target.closest("button, input[type=range]")) this.form.focus();
    });
    this.help.addEventListener("close", () => this.form.focus());
  }
  // What the form of a question may do with the volume; see form.js.
  image() {
    return {
      view: () => this.view,
      sides: () => this.state.sides,
      look: (voxel) => this.act((view) => voxel && view.look(voxel)),
      draw: (drawing) => this.tools.drawings.push(drawing),
      mode: (mode) => this.tools.setMode(mode),
      marking: () => this.tools.mode,
    };
  }
  // This page tells of a lost connection itself. Streamlit's dialog would hide the case and make the
  // page inert, and the letters of who is writing would become shortcuts.
  silenceStreamlit() {
    this.quiet = el("style", {}, '[data-testid="stDialog"] { display: none; }');
    document.head.append(this.quiet);
    this.awake = new MutationObserver(() => {
      for (let box = this.root.getRootNode().host; box; box = box.parentElement) box.inert = false;
    });
    this.awake.observe(document.body, { attributeFilter: ["inert"], subtree: true });
  }

  // Whether there is a case to answer. Where not, pointers reach nothing of it, and a drag in progress
  // is over, so that what it draws or marks belongs to the case on which it began.
  get open() {
    return !this.stage.inert;
  }
  set open(on) {
    if (!on) this.overlays.forEach(({ pointers }) => pointers.finish());
    this.stage.inert = !on;
  }

  async load(token = null) {
    this.open = false;
    const unsent = sessionStorage.getItem(UNSENT);
    if (unsent) return this.deliver(unsent);
    const query = token ? `?presentation=${encodeURIComponent(token)}` : "";
    try {
      await this.enter(await this.patiently(() => request(`state${query}`)));
    } catch (problem) {
      await this.recover(problem);
    }
  }
  async recover(problem) {
    if (this.closed) return;
    if (!(problem instanceof Refused)) throw problem;
    if (problem.status === 401 || problem.status === 403) return this.end("signed out");
    await this.tell(problem.message, "Try again (Enter)");
    return this.load();
  }

  async enter(state) {
    if (state.finished) return this.end("finished");
    if (state.study.paused) return this.end("paused");
    this.open = false;
    const over = this.state?.phase === "training" && state.phase === "reading";
    this.state = state;
    this.root.dataset.phase = state.phase;
    this.title.textContent = state.phase === "training" ? "Training" : state.study.title;
    this.place.textContent = `Case ${state.position} of ${state.total}`;
    this.bar.max = state.total;
    this.bar.value = state.position - 1;
    this.left.textContent = this.timeLeft();
    this.back.hidden = !state.back;
    await this.patiently(() => this.form.load(state.questions));
    this.divider.restore(state.study);
    this.view = new View(state, this.view ?? load(state.study));
    this.tools.begin(this.view, state.study);
    this.form.show(state.questions, state.presentation, state.earlier ?? {});
    if (over) await this.tell("The training is over. From here on there is no feedback.", "Begin the reading (Enter)");
    this.questions.inert = true;
    await this.showCase();
    this.questions.inert = false;
    this.behaviour?.close();
    this.behaviour = new Behaviour(state.study.idle_seconds, state.presentation);
    this.key = randomKey();
    this.open = true;
    this.form.focus();
    this.warnOfScreen();
    this.draw();
    this.offer();
    this.root.dataset.ready = state.presentation;
    this.prefetch();
  }

  async showCase() {
    const { sides, presentation } = this.state;
    this.loading(true);
    if (this.viewers.length !== sides || this.outdated()) this.openViewers(sides);
    this.overlays.forEach((overlay) => { overlay.view = this.view; });
    try {
      await this.patiently(() =>
        Promise.all(this.viewers.map((viewer, side) => viewer.show(presentation, side, this.view))));
    } catch (problem) {
      if (!(problem instanceof Unviewable)) throw problem;
      this.Viewer = PictureViewer;
    }
    if (this.outdated()) return this.showCase();
    this.loading(false);
  }
  // Until all of a case is there, nothing of it is drawn.
  loading(on) {
    this.stage.classList.toggle("loading", on);
  }
  // Whether the graphics turned out to be of no use since the viewers were opened.
  outdated() {
    return !(this.viewers[0] instanceof this.Viewer);
  }
  openViewers(sides) {
    this.closeViewers();
    this.stage.replaceChildren();
    for (let side = 0; side < sides; side += 1) {
      const host = el("div", { class: "viewer" });
      const heading = sides > 1 ? [el("h3", {}, side ? "Right (2)" : "Left (1)")] : [];
      this.stage.append(el("section", {}, ...heading, host));
      const viewer = new this.Viewer(host, () => this.lost());
      this.viewers.push(viewer);
      this.overlays.push(new Overlay(host, side, this.tools, (change) => this.act(change)));
    }
  }
  closeViewers() {
    this.overlays.forEach((overlay) => overlay.close());
    this.viewers.forEach((viewer) => viewer.close());
    Object.assign(this, { viewers: [], overlays: [] });
  }
  // The graphics were taken away: show the same case anew, or the one that comes without them.
  async lost() {
    this.Viewer = PictureViewer;
    if (!this.open) return;
    this.open = false;
    try {
      await this.showCase();
      this.open = true;
      this.draw();
    } catch (problem) {
      await this.recover(problem);
    }
  }
  prefetch() {
    const { presentation, next, sides } = this.state;
    forgetAllBut([presentation, next].filter(Boolean));
    if (!next) return;
    // Without it the case comes later; whatever is wrong is told then.
    for (let side = 0; side < sides; side += 1) voxels(next, side).catch(() => {});
  }

  // Change what is looked at, in all viewers.
  act(change) {
    if (!this.open) return;
    const { window: { low, high }, zoom, layout } = this.view;
    change(this.view);
    if (low !== this.view.window.low || high !== this.view.window.high) this.behaviour.used("windows");
    if (zoom !== this.view.zoom) this.behaviour.used("zooms");
    if (layout !== this.view.layout) this.behaviour.used("layouts");
    // Only the last of the changes within a frame is drawn.
    this.frame ??= requestAnimationFrame(() => this.draw());
  }
  draw() {
    this.frame = null;
    if (!this.open) return;
    const { view } = this;
    this.paint();
    this.root.dataset.viewer = this.viewers[0].kind;
    view.shown().forEach((plane) => this.behaviour.saw(plane, view.index(plane)));
    this.tools.draw();
  }
  // Also while an answer is on its way or its feedback is told, should the page change its size.
  paint() {
    if (this.stage.classList.contains("loading")) return;
    this.viewers.forEach((viewer) => viewer.draw(this.view));
    this.overlays.forEach((overlay) => overlay.draw());
  }
  // It stays as long as it is true; reading on is left to the reader.
  warnOfScreen() {
    const { clientWidth, clientHeight } = this.stage.parentElement;
    const sentence = tooSmall(clientWidth, clientHeight, this.state?.sides ?? 1);
    this.small.hidden = !sentence;
    this.small.textContent = sentence;
    if (sentence && this.behaviour) this.behaviour.small = true;
  }
  get drawsSolid() {
    return this.Viewer === VolumeViewer;
  }
  toggleSolid() {
    if (this.drawsSolid) this.act((view) => view.toggle("solid"));
  }

  offer() {
    const missing = this.form.missing().length;
    this.submit.textContent = missing ? `${missing} question${missing > 1 ? "s" : ""} left` : "Submit (Enter)";
    this.submit.disabled = missing > 0;
  }
  async send() {
    if (!this.open || this.form.missing().length) return;
    this.open = false; // keys and buttons do nothing until there is a case to answer
    this.submit.textContent = "Saving";
    this.submit.disabled = true;
    this.notice.hidden = true;
    const behaviour = this.behaviour.record(this.viewers[0].kind, this.state.shape);
    const { presentation } = this.state;
    await this.deliver(JSON.stringify({ presentation, key: this.key, answers: this.form.answers, behaviour }));
  }
  // Also after a reload, should the server not have acknowledged the answer before. The key stays
  // the same, so an answer sent twice is stored once.
  async deliver(body) {
    const { presentation, behaviour } = JSON.parse(body);
    const headers = { "Content-Type": "application/json" };
    sessionStorage.setItem(UNSENT, body);
    try {
      const told = await this.patiently(() => request("answer", { method: "POST", headers, body }));
      sessionStorage.removeItem(UNSENT);
      Form.forget(presentation);
      Behaviour.forget(presentation);
      this.remember(behaviour.active_seconds);
      if (told.feedback) await this.tell(told.feedback, "Next case (Enter)");
      await this.enter(told.state);
    } catch (problem) {
      if (!(problem instanceof Refused)) return this.recover(problem);
      sessionStorage.removeItem(UNSENT);
      if (!this.state || !UNFIT.includes(problem.status)) return this.recover(problem);
      this.open = true;
      this.offer();
      this.warn(problem.message);
    }
  }
  goBack() {
    if (!this.open || !this.state.back) return;
    this.behaviour.save();
    this.load(this.state.back);
  }

  // Ask until the server decides: an answer is never given up.
  async patiently(ask) {
    for (let wait = 0.5; ; wait = Math.min(wait * 2, LONGEST_WAIT)) {
      try {
        const answer = await ask();
        // Another reading may be open by now, on the same page and with the same answers.
        if (this.closed) throw new Error("The reading is closed.");
        this.notice.hidden = true;
        return answer;
      } catch (problem) {
        if (problem instanceof Refused || problem instanceof Unviewable || this.closed) throw problem;
        this.warn(OFFLINE);
      }
      await pause(wait);
    }
  }
  warn(sentence) {
    this.notice.textContent = sentence;
    this.notice.hidden = false;
  }
  // Say something and wait for Enter.
  tell(text, button) {
    return new Promise((resolve) => {
      this.told = () => {
        this.told = null;
        this.message.hidden = true;
        this.questions.hidden = this.submit.hidden = false;
        resolve();
      };
      const go = el("button", { type: "button", class: "submit", onclick: () => this.told?.() }, button);
      this.message.replaceChildren(el("p", {}, text), go);
      this.message.hidden = false;
      this.questions.hidden = this.submit.hidden = this.back.hidden = true;
      go.focus();
    });
  }
  end(why) {
    this.open = false;
    this.ended(why);
    // Streamlit shows the next page; should its connection be down, a new load does.
    this.fallback = setTimeout(() => window.location.reload(), 8000);
  }

  remember(seconds) {
    const pace = JSON.parse(sessionStorage.getItem(PACE) ?? "[]");
    sessionStorage.setItem(PACE, JSON.stringify([...pace, seconds].slice(-REMEMBERED)));
  }
  timeLeft() {
    const pace = JSON.parse(sessionStorage.getItem(PACE) ?? "[]");
    if (!pace.length) return "";
    const mean = pace.reduce((sum, seconds) => sum + seconds, 0) / pace.length;
    const minutes = Math.ceil((mean * (this.state.total - this.state.position + 1)) / 60);
    return `about ${minutes} minute${minutes > 1 ? "s" : ""} left`;
  }

  close() {
    this.closed = true;
    this.open = false;
    clearTimeout(this.fallback);
    window.removeEventListener("keydown", this.keys, { capture: true });
    this.resized.disconnect();
    this.awake.disconnect();
    this.quiet.remove();
    this.behaviour?.save();
    this.behaviour?.close();
    this.tools.close();
    this.closeViewers();
  }
}

export function mount(root, ended) {
  const reading = new Reading(root, ended);
  return () => reading.close();
}
