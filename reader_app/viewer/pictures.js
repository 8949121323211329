// The viewer for browsers without WebGL2: the same pixels, computed by the processor. No 3D.

import { Canvas } from "./canvas.js";
import { at, tiles } from "./layout.js";
import { read, slice } from "./nifti.js";
import { voxels } from "./server.js";
import { GEOMETRY } from "./view.js";

export class PictureViewer {
  constructor(host) {
    Object.assign(this, { host, canvas: new Canvas(host) });
    this.context = this.canvas.element.getContext("2d", { alpha: false });
  }
  async show(token, side, view) {
    Object.assign(this, { volume: read(await voxels(token, side)), held: {}, kind: "canvas" });
    view.arrange(view.flat);
  }

  draw(view) {
    this.view = view;
    if (this.canvas.draw("flat", (scale) => this.paint(scale))) this.kind = "canvas-coarse";
  }
  paint(scale) {
    const { host, context } = this;
    context.fillRect(0, 0, this.canvas.element.width, this.canvas.element.height);
    for (const tile of tiles(this.view, host.clientWidth, host.clientHeight)) {
      const [left, right] = [tile.left, tile.left + tile.width].map((x) => Math.round(x * scale[0]));
      const [top, bottom] = [tile.top, tile.top + tile.height].map((y) => Math.round(y * scale[1]));
      const { across, up } = GEOMETRY[tile.plane];
      const columns = Array.from({ length: right - left }, (_, i) =>
        at(this.view, tile, (left + i + 0.5) / scale[0], 0)[across]);
      const rows = Array.from({ length: bottom - top }, (_, i) =>
        at(this.view, tile, 0, (top + i + 0.5) / scale[1])[up]);
      context.putImageData(this.picture(tile.plane, columns, rows), left, top);
    }
  }
  // Interpolated linearly at so many voxels across and up, then windowed; black outside.
  picture(plane, columns, rows) {
    const { shape } = this.volume;
    const { across, up } = GEOMETRY[plane];
    const cut = this.cut(plane);
    const { low, high } = this.view.stored();
    const image = new ImageData(columns.length, rows.length);
    const pixels = new Uint32Array(image.data.buffer).fill(0xff000000);
    const [x, y] = [between(columns, shape[across]), between(rows, shape[up])];
    const slope = 255 / (high - low);
    for (let row = 0, place = 0; row < rows.length; row += 1) {
      const [below, above, rise] = [y.first[row] * shape[across], y.second[row] * shape[across], y.part[row]];
      for (let column = 0; column < columns.length; column += 1, place += 1) {
        const [a, b, part] = [x.first[column], x.second[column], x.part[column]];
        if (a < 0 || below < 0) continue;
        const under = cut[below + a] + (cut[below + b] - cut[below + a]) * part;
        const over = cut[above + a] + (cut[above + b] - cut[above + a]) * part;
        const grey = (under + (over - under) * rise - low) * slope;
        pixels[place] |= (grey <= 0 ? 0 : grey >= 255 ? 255 : Math.floor(grey + 0.5)) * 0x010101;
      }
    }
    return image;
  }
  cut(plane) {
    const index = this.view.index(plane);
    if (this.held[plane]?.index !== index) {
      this.held[plane] = { index, cut: slice(this.volume, GEOMETRY[plane].through, index) };
    }
    return this.held[plane].cut;
  }

  close() {
    this.canvas.close();
  }
}

// The voxels on either side of each place and the way between them; -1 where there is no image.
function between(places, size) {
  const first = new Int32Array(places.length).fill(-1);
  const [second, part] = [new Int32Array(places.length), new Float64Array(places.length)];
  places.forEach((place, i) => {
    if (place < -0.5 || place > size - 0.5) return;
    const inside = Math.min(size - 1, Math.max(0, place));
    first[i] = Math.floor(inside);
    second[i] = Math.min(size - 1, first[i] + 1);
    part[i] = inside - first[i];
  });
  return { first, second, part };
}
