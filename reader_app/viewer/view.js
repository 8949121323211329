// What is being looked at: slices, window, zoom. One view drives every viewer, so two are linked.

export const PLANES = ["axial", "coronal", "sagittal"];

// Axes of the patient (0 right, 1 anterior, 2 superior) across and up a picture and through it, and
// the letters at its edges: radiological convention, the patient's right on the left.
export const GEOMETRY = {
  axial: { across: 0, up: 1, through: 2, mirrored: true, letters: ["R", "L", "A", "P"] },
  coronal: { across: 0, up: 2, through: 1, mirrored: true, letters: ["R", "L", "S", "I"] },
  sagittal: { across: 1, up: 2, through: 0, mirrored: false, letters: ["P", "A", "S", "I"] },
};

// Grey levels shown as black and as white.
export const WINDOWS = [["full", 0, 255], ["brighter", 0, 170], ["darker", 60, 255], ["contrast", 50, 190]];
const NARROWEST = 8;
const LARGEST = 10;

const within = (low, value, high) => Math.min(high, Math.max(low, value));

export class View {
  constructor(shape, spacing) {
    Object.assign(this, { shape, spacing, plane: "axial", crosshair: true });
    this.reset();
  }
  reset() {
    this.place = this.shape.map((size) => Math.floor(size / 2));
    Object.assign(this, { low: 0, high: 255, alone: false, solid: false, turn: [110, 10] });
    this.unzoom();
  }
  unzoom() {
    Object.assign(this, { zoom: 1, pan: [0, 0, 0] });
  }

  shown() {
    if (this.solid) return [];
    return this.alone ? [this.plane] : PLANES;
  }
  count(plane) {
    return this.shape[GEOMETRY[plane].through];
  }
  index(plane) {
    return this.place[GEOMETRY[plane].through];
  }
  millimetres(axis) {
    return (this.place[axis] - (this.shape[axis] - 1) / 2) * this.spacing[axis];
  }

  scroll(plane, steps) {
    const axis = GEOMETRY[plane].through;
    this.place[axis] = within(0, this.place[axis] + steps, this.shape[axis] - 1);
  }
  look(place) {
    this.place = this.place.map((old, axis) => within(0, Math.round(place[axis]), this.shape[axis] - 1));
  }
  turnTo(step) {
    this.plane = PLANES[(PLANES.indexOf(this.plane) + step + PLANES.length) % PLANES.length];
  }
  // What is under the crosshair stays where it is on the screen.
  magnify(factor) {
    const zoom = within(1, this.zoom * factor, LARGEST);
    this.pan = this.pan.map((old, axis) => old + (this.zoom - zoom) * this.millimetres(axis));
    this.zoom = zoom;
    if (zoom === 1) this.unzoom();
  }
  // Pixels to the right and down, of which each is so many millimetres when not zoomed.
  drag(plane, right, down, millimetres) {
    const { across, up, mirrored } = GEOMETRY[plane];
    this.pan[across] += (mirrored ? -right : right) * millimetres;
    this.pan[up] -= down * millimetres;
  }
  setWindow(low, high) {
    this.low = within(0, Math.round(low), 255 - NARROWEST);
    this.high = within(this.low + NARROWEST, Math.round(high), 255);
  }
  // Positive: lighter, and more contrast.
  adjust(lighter, contrast) {
    this.setWindow(this.low - lighter + contrast, this.high - lighter - contrast);
  }
  preset() {
    return WINDOWS.findIndex(([, low, high]) => low === this.low && high === this.high);
  }
  nextPreset() {
    const [, low, high] = WINDOWS[(this.preset() + 1) % WINDOWS.length];
    this.setWindow(low, high);
  }
}
