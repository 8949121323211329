// How a case was read: time, slices seen, what was used. A reload goes on counting.

import { PLANES } from "./view.js";

const ONE_USE = 500; // milliseconds within which uses of a tool, or changes of the window, are one
const SIGNS_OF_LIFE = ["keydown", "pointermove", "pointerdown", "wheel"];

const key = (token) => `evalsuite-behaviour-${token}`;

export class Behaviour {
  constructor(idleSeconds, token) {
    this.idle = idleSeconds * 1000;
    this.key = key(token);
    this.seconds = this.active = 0;
    this.uses = { windows: 0 };
    this.usedAt = {};
    this.small = false; // whether the screen was too small
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

  used(tool) {
    const now = performance.now();
    if (!(now - this.usedAt[tool] <= ONE_USE)) this.uses[tool] = (this.uses[tool] ?? 0) + 1;
    this.usedAt[tool] = now;
  }

  record(viewer, shape) {
    this.tick();
    const ratio = Math.round(window.devicePixelRatio * 100) / 100;
    const { windows, ...tools } = this.uses;
    const rounded = (milliseconds) => Math.round(milliseconds / 100) / 10;
    return {
      seconds: rounded(this.seconds),
      active_seconds: rounded(this.active),
      slices: Object.fromEntries(PLANES.map((plane) => [plane, this.slices[plane].size])),
      window_changes: windows,
      viewer,
      shape,
      screen: { width: window.innerWidth, height: window.innerHeight, ratio },
      tools,
      small_screen: this.small,
    };
  }
  save() {
    this.tick();
    const slices = PLANES.map((plane) => [...this.slices[plane]]);
    const { seconds, active, uses, small } = this;
    sessionStorage.setItem(this.key, JSON.stringify({ seconds, active, uses, small, slices }));
  }
  restore() {
    const kept = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
    if (!kept) return;
    const { seconds, active, uses, small } = kept;
    Object.assign(this, { seconds, active, uses, small });
    PLANES.forEach((plane, place) => { this.slices[plane] = new Set(kept.slices[place]); });
  }
  static forget(token) {
    sessionStorage.removeItem(key(token));
  }
  close() {
    SIGNS_OF_LIFE.forEach((name) => window.removeEventListener(name, this.touch, { capture: true }));
    document.removeEventListener("visibilitychange", this.touch);
    window.removeEventListener("pagehide", this.leave);
  }
}
