// Playing through the slices of the active plane, round and round.

export const SPEEDS = [2, 5, 10, 15, 20, 30]; // slices a second

export class Cine {
  // `step` shows the next slice; `changed` tells that it plays, stops, or is faster.
  constructor(step, changed) {
    Object.assign(this, { step, changed, speed: 10, frame: null });
  }
  get playing() {
    return this.frame !== null;
  }
  toggle() {
    if (this.playing) return this.stop();
    let shown = performance.now();
    const play = (now) => {
      if (now - shown >= 1000 / this.speed) {
        // A screen that cannot follow leaves no slice out; it is slower.
        shown = Math.max(shown + 1000 / this.speed, now - 1000 / this.speed);
        this.step();
      }
      this.frame = requestAnimationFrame(play); // after the step, which so is drawn before the next
    };
    this.frame = requestAnimationFrame(play);
    this.changed();
  }
  stop() {
    if (this.playing) cancelAnimationFrame(this.frame);
    this.frame = null;
    this.changed();
  }
  faster(steps) {
    const place = SPEEDS.indexOf(this.speed) + steps;
    this.speed = SPEEDS[Math.min(Math.max(place, 0), SPEEDS.length - 1)];
    this.changed();
  }
}
