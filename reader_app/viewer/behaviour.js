// How a case was read: time, slices seen, changes of the window. A reload goes on counting.

import { PLANES } from "./view.js";

const SIGNS_OF_LIFE = ["keydown", "pointermove", "pointerdown", "wheel"];

export class Behaviour {
  constructor(idleSeconds, token) {
    this.idle = idleSeconds * 1000;
    this.key = `behaviour-${token}`;
    this.seconds = this.active = this.windows = 0;
    this.slices = Object.fromEntries(PLANES.map((plane) => [plane, new Set()]));
    this.restore();
    this.last = performance.now();
    this.hidden = document.visibilityState === "hidden";
    this.touch = () => this.tick();
    this.leave = () => this.save();
    SIGNS_OF_LIFE.forEach((name) => window.addEventListener(name, this.touch, { capture: true, passive: true }));
    document.addEventListener("visibilitychange", this.touch);
    window.addEventListener("pagehide", this.leave);
  }

  // Active time runs from one sign of life to the next, but never for longer than the idle limit.
  tick() {
    const passed = performance.now() - this.last;
    this.last += passed;
    this.seconds += passed;
    if (!this.hidden) this.active += Math.min(passed, this.idle);
    this.hidden = document.visibilityState === "hidden";
  }
  saw(plane, index) {
    this.slices[plane].add(index);
  }

  record(viewer, shape) {
    this.tick();
    const ratio = Math.round(window.devicePixelRatio * 100) / 100;
    const rounded = (milliseconds) => Math.round(milliseconds / 100) / 10;
    return {
      seconds: rounded(this.seconds),
      active_seconds: rounded(this.active),
      slices: Object.fromEntries(PLANES.map((plane) => [plane, this.slices[plane].size])),
      window_changes: this.windows,
      viewer,
      shape,
      screen: { width: window.innerWidth, height: window.innerHeight, ratio },
    };
  }
  save() {
    this.tick();
    const slices = PLANES.map((plane) => [...this.slices[plane]]);
    const { seconds, active, windows } = this;
    sessionStorage.setItem(this.key, JSON.stringify({ seconds, active, windows, slices }));
  }
  restore() {
    const kept = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
    if (!kept) return;
    const { seconds, active, windows } = kept;
    Object.assign(this, { seconds, active, windows });
    PLANES.forEach((plane, place) => { this.slices[plane] = new Set(kept.slices[place]); });
  }
  static forget(token) {
    sessionStorage.removeItem(`behaviour-${token}`);
  }
  close() {
    SIGNS_OF_LIFE.forEach((name) => window.removeEventListener(name, this.touch, { capture: true }));
    document.removeEventListener("visibilitychange", this.touch);
    window.removeEventListener("pagehide", this.leave);
  }
}
