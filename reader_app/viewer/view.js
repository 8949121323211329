// What is being looked at: slices, window, zoom. One view drives every viewer, so two are linked.

export const PLANES = ["axial", "coronal", "sagittal"];

// Axes of the patient (0 right, 1 anterior, 2 superior) across and up a picture and through it, and
// the letters at its edges: radiological convention, the patient's right or front on the left.
export const GEOMETRY = {
  axial: { across: 0, up: 1, through: 2, letters: ["R", "L", "A", "P"] },
  coronal: { across: 0, up: 2, through: 1, letters: ["R", "L", "S", "I"] },
  sagittal: { across: 1, up: 2, through: 0, letters: ["A", "P", "S", "I"] },
};

// One large plane with two small ones, three planes at one scale, the large plane alone, or 3D.
export const LAYOUTS = ["main", "three", "alone", "solid"];

const NARROWEST = 0.001; // of the range of grey, and never less than this many levels:
const FEWEST = 8;
const LARGEST = 10;

const within = (low, value, high) => Math.min(high, Math.max(low, value));

export class View {
  // `before`: the view of the case before, whose layout stays.
  constructor({ shape, spacing, grey, windows }, before = null) {
    const { flat = "main", several = "main", main = "axial", crosshair = true } = before ?? {};
    Object.assign(this, { shape, spacing, grey, windows, main, plane: main, crosshair, several });
    this.arrange(flat);
    this.reset();
  }
  reset() {
    this.place = this.shape.map((size) => Math.floor(size / 2));
    this.turn = [110, 10];
    this.arrange(this.flat);
    const [, low, high] = this.windows[0];
    this.window = { low, high };
    this.unzoom();
  }
  // `centre`: millimetres from the middle of the volume to what is in the middle of each tile.
  unzoom() {
    Object.assign(this, { zoom: 1, centre: [0, 0, 0] });
  }

  // Planes in sight.
  shown() {
    return { solid: [], alone: [this.main] }[this.layout] ?? PLANES;
  }
  count(plane) {
    return this.shape[GEOMETRY[plane].through];
  }
  index(plane) {
    return this.place[GEOMETRY[plane].through];
  }
  // From the middle of the volume.
  millimetres(axis, place = this.place) {
    return (place[axis] - (this.shape[axis] - 1) / 2) * this.spacing[axis];
  }

  // `plane` is the marked one, which keys scroll; `main` is the large one.
  mark(plane) {
    this.plane = plane;
    if (this.layout === "alone") this.main = plane;
  }
  enlarge(plane) {
    this.plane = this.main = plane;
  }
  turnTo(step) {
    this.mark(PLANES[(PLANES.indexOf(this.plane) + step + PLANES.length) % PLANES.length]);
  }
  arrange(layout) {
    this.layout = layout;
    if (layout === "alone") this.main = this.plane;
    if (layout === "main" || layout === "three") this.several = layout;
    if (layout !== "solid") this.flat = layout;
  }
  // To "alone" or "solid", and back to the layout before.
  toggle(layout) {
    const back = layout === "solid" ? this.flat : this.several;
    this.arrange(layout === this.layout ? back : layout);
  }

  scroll(plane, steps) {
    const axis = GEOMETRY[plane].through;
    this.place[axis] = within(0, this.place[axis] + steps, this.shape[axis] - 1);
  }
  look(place) {
    this.place = this.place.map((old, axis) => within(0, Math.round(place[axis]), this.shape[axis] - 1));
  }
  // A place, that of the crosshair by default, stays where it is on the screen.
  magnify(factor, place = this.place) {
    const zoom = within(1, this.zoom * factor, LARGEST);
    this.centre = this.centre.map((old, axis) => {
      const fixed = this.millimetres(axis, place);
      return fixed - ((fixed - old) * this.zoom) / zoom;
    });
    this.zoom = zoom;
    if (zoom === 1) this.unzoom();
  }
  // By pixels to the right and down.
  drag(plane, right, down, pixelsPerMillimetre) {
    const { across, up } = GEOMETRY[plane];
    this.centre[across] += right / pixelsPerMillimetre;
    this.centre[up] += down / pixelsPerMillimetre;
  }

  // The grey shown as black and as white, in the unit of `grey`. The level stays within the range of
  // what is stored; the window may reach beyond it, as presets do.
  setWindow(low, high) {
    const { levels, low: least, high: most } = this.grey;
    const range = most - least;
    const width = within(range * Math.max(NARROWEST, FEWEST / levels), high - low, 2 * range);
    const level = within(least, (low + high) / 2, most);
    this.window = { low: level - width / 2, high: level + width / 2 };
  }
  get level() {
    return (this.window.low + this.window.high) / 2;
  }
  get width() {
    return this.window.high - this.window.low;
  }
  // Positive: lighter by so many 256ths of the window, and more contrast: 64 halve its width.
  adjust(lighter, contrast) {
    const level = this.level - (lighter * this.width) / 256;
    const half = (this.width * 2 ** (-contrast / 64)) / 2;
    this.setWindow(level - half, level + half);
  }
  preset() {
    return this.windows.findIndex(([, low, high]) => low === this.window.low && high === this.window.high);
  }
  nextPreset() {
    const [, low, high] = this.windows[(this.preset() + 1) % this.windows.length];
    this.window = { low, high };
  }
  // The window in stored levels.
  stored() {
    const { levels, low, high } = this.grey;
    const level = (value) => ((value - low) / (high - low)) * levels;
    return { low: level(this.window.low), high: level(this.window.high) };
  }
}
