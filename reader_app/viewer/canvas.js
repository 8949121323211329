// A viewer's canvas: as many pixels as the screen has, and how long they take to draw.

const FLUENT = 80; // milliseconds for a drawing, above which fewer pixels are drawn while moving
const PATIENT = 1000; // milliseconds for a drawing in 3D at rest
const REST = 200; // milliseconds without a change once the screen shows the last
const FEWEST = { flat: 1, solid: 0.25 }; // pixels along a CSS pixel

// Give a canvas its host's place in whole CSS pixels, which the browser shows as whole pixels of the
// screen, and `ratio` pixels of its own along each. Returns how many there are exactly.
export function fit(canvas, host, ratio) {
  const { left, top, right, bottom } = host.getBoundingClientRect();
  const edges = [[left, right], [top, bottom]].map((ends) => ends.map(Math.round));
  const screen = edges.map(([from, to]) =>
    Math.round(to * devicePixelRatio) - Math.round(from * devicePixelRatio));
  const wanted = screen.map((count) => Math.max(1, Math.round((count * ratio) / devicePixelRatio)));
  if (canvas.width !== wanted[0] || canvas.height !== wanted[1]) [canvas.width, canvas.height] = wanted;
  const [wide, high] = edges.map(([from, to]) => to - from);
  Object.assign(canvas.style, {
    left: `${edges[0][0] - left}px`, top: `${edges[1][0] - top}px`, width: `${wide}px`, height: `${high}px`,
  });
  return [wanted[0] / Math.max(1, wide), wanted[1] / Math.max(1, high)];
}

export class Canvas {
  constructor(host) {
    this.host = host;
    this.element = document.createElement("canvas");
    host.append(this.element);
    this.drawn = 0;
    this.times = { flat: [0], solid: [Infinity] }; // milliseconds a pixel of the last drawings
  }

  // Let `paint(scale)` draw every pixel of the screen, `scale` of them along a CSS pixel across and
  // down; where that is measured too slow, fewer while the view changes. Tells whether fewer.
  draw(way, paint) {
    const full = devicePixelRatio;
    const ratio = Math.min(full, this.affordable(way, FLUENT));
    this.drawn += 1;
    this.timed(way, ratio, paint);
    if (ratio === full) return false;
    this.rest(this.drawn, () =>
      this.timed(way, way === "solid" ? Math.min(full, this.affordable(way, PATIENT)) : full, paint));
    return true;
  }
  // Frames come late where the browser is busy showing what was drawn.
  async rest(drawn, paint) {
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    await new Promise((resolve) => setTimeout(resolve, REST));
    if (drawn === this.drawn) paint();
  }
  // Pixels along a CSS pixel that can be drawn within so many milliseconds.
  affordable(way, milliseconds) {
    const area = Math.max(1, this.host.clientWidth * this.host.clientHeight);
    return Math.max(FEWEST[way], Math.sqrt(milliseconds / Math.min(...this.times[way]) / area));
  }
  timed(way, ratio, paint) {
    const scale = fit(this.element, this.host, ratio);
    const start = performance.now();
    paint(scale);
    const time = (performance.now() - start) / (this.element.width * this.element.height);
    this.times[way] = [time, ...this.times[way].slice(0, 2)];
  }
  close() {
    this.drawn += 1;
    this.element.remove();
  }
}
