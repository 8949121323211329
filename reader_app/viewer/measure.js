// Distances between two places of a slice, kept until they are removed.

import { GEOMETRY, PLANES } from "./view.js";

export function millimetres(spacing, [from, to]) {
  return Math.hypot(...spacing.map((step, axis) => (to[axis] - from[axis]) * step));
}

// A mode of the overlay: drag from one end to the other, or show one after the other.
export class Measure {
  name = "measure";

  constructor(measured) {
    this.measured = measured; // called after each distance
    this.clear();
  }
  clear() {
    Object.assign(this, { distances: [], first: null, current: null });
  }

  begin({ side, plane, voxel }) {
    const { first } = this;
    const goesOn = first && first.side === side && first.plane === plane && sameSlice(plane, first.ends[0], voxel);
    this.current = { side, plane, ends: [goesOn ? first.ends[0] : voxel, voxel] };
    this.first = null;
  }
  // What is dragged may have been removed meanwhile.
  move({ voxel }) {
    if (this.current) this.current.ends[1] = voxel;
  }
  end(place) {
    this.move(place);
    const { current } = this;
    this.current = null;
    if (!current) return;
    if (current.ends[0].every((at, axis) => at === current.ends[1][axis])) this.first = current;
    else {
      this.distances.push(current);
      this.measured();
    }
  }
  // One end by keyboard: where the crosshair is, on both sides of a pair.
  put(view) {
    const voxel = [...view.place];
    const planes = this.first && this.first.side === undefined ? [this.first.plane, ...PLANES] : [view.plane];
    const plane = planes.find((one) => !this.first || sameSlice(one, this.first.ends[0], voxel)) ?? view.plane;
    if (this.first) this.first.plane = plane;
    this.begin({ side: undefined, plane, voxel });
    this.end({ voxel });
  }

  shapes(view) {
    const point = this.first ? [{ ...this.first, kind: "point", ends: [this.first.ends[0]] }] : [];
    const lines = [...this.distances, ...(this.current ? [this.current] : [])].map((one) =>
      ({ ...one, kind: "line", text: `${millimetres(view.spacing, one.ends).toFixed(1)} mm` }));
    return [...point, ...lines];
  }
}

function sameSlice(plane, one, other) {
  const { through } = GEOMETRY[plane];
  return Math.round(one[through]) === Math.round(other[through]);
}
