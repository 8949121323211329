// A viewer's canvas: as many pixels as the screen has, and how long they take to draw.

const FLUENT = 80; // milliseconds for a drawing, above which fewer pixels are drawn while moving
const PATIENT = 1000; // milliseconds for a drawing in 3D at rest
const REST = 200; // milliseconds without a change
const FEWEST = { flat: 1, solid: 0.25 }; // pixels along a CSS pixel

export class Canvas {
  constructor(host) {
    this.host = host;
    this.element = document.createElement("canvas");
    host.append(this.element);
    this.times = { flat: [0], solid: [Infinity] }; // milliseconds a pixel of the last drawings
  }

  // Let `paint(scale)` draw every pixel of the screen, `scale` of them along a CSS pixel across and
  // down; where that is measured too slow, fewer while the view changes. Tells whether fewer.
  draw(way, paint) {
    clearTimeout(this.resting);
    const full = devicePixelRatio;
    const ratio = Math.min(full, this.affordable(way, FLUENT));
    this.timed(way, ratio, paint);
    if (ratio === full) return false;
    this.resting = setTimeout(() => {
      this.timed(way, way === "solid" ? Math.min(full, this.affordable(way, PATIENT)) : full, paint);
    }, REST);
    return true;
  }
  // Pixels along a CSS pixel that can be drawn within so many milliseconds.
  affordable(way, milliseconds) {
    const area = Math.max(1, this.host.clientWidth * this.host.clientHeight);
    return Math.max(FEWEST[way], Math.sqrt(milliseconds / Math.min(...this.times[way]) / area));
  }
  timed(way, ratio, paint) {
    const scale = this.fit(ratio);
    const start = performance.now();
    paint(scale);
    const time = (performance.now() - start) / (this.element.width * this.element.height);
    this.times[way] = [time, ...this.times[way].slice(0, 2)];
  }
  // The browser puts the host's edges on whole pixels of the screen; so many has the canvas.
  fit(ratio) {
    const { left, top, width, height } = this.host.getBoundingClientRect();
    const pixels = (from, length) =>
      Math.round((from + length) * devicePixelRatio) - Math.round(from * devicePixelRatio);
    const screen = [pixels(left, width), pixels(top, height)];
    const wanted = screen.map((count) => Math.max(1, Math.round((count * ratio) / devicePixelRatio)));
    const { element } = this;
    if (element.width !== wanted[0] || element.height !== wanted[1]) [element.width, element.height] = wanted;
    [element.style.width, element.style.height] = screen.map((count) => `${count / devicePixelRatio}px`);
    return wanted.map((count, axis) => (count * devicePixelRatio) / screen[axis]);
  }

  close() {
    clearTimeout(this.resting);
    this.element.remove();
  }
}
