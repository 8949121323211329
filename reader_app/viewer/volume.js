// The viewer over WebGL2. It only draws: pointer and keys act on the view. What it holds on the
// graphics card is one slice for each plane, so no volume is too large and a window costs nothing.

import { Canvas } from "./canvas.js";
import { at, tiles } from "./layout.js";
import { read, slice } from "./nifti.js";
import { voxels } from "./server.js";
import { shader } from "./shaders.js";
import { GEOMETRY, PLANES } from "./view.js";

// This browser cannot show volumes; pictures have to do.
export class Unviewable extends Error {}

const THICKEST = 256; // voxels along a side in 3D

export function hasWebGL2() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

export class VolumeViewer {
  constructor(host, lost) {
    Object.assign(this, { host, lost, canvas: new Canvas(host) });
    this.canvas.element.addEventListener("webglcontextlost", lost);
    this.gl = this.canvas.element.getContext("webgl2", { alpha: false, antialias: false, depth: false });
  }

  async show(token, side) {
    const volume = read(await voxels(token, side));
    this.shaders ??= this.prepare();
    Object.assign(this, { volume, held: {}, kind: "webgl2" });
  }
  prepare() {
    const { gl } = this;
    const shaders = gl && { plane: shader(gl, "plane"), solid: shader(gl, "solid") };
    if (!shaders?.plane || !shaders.solid) throw new Unviewable("WebGL2 cannot draw volumes here.");
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 2);
    gl.enable(gl.SCISSOR_TEST);
    this.textures = Object.fromEntries(PLANES.map((plane) => [plane, gl.createTexture()]));
    return shaders;
  }

  draw(view) {
    this.view = view;
    const solid = view.layout === "solid";
    const coarse = this.canvas.draw(solid ? "solid" : "flat", (scale) => this.paint(scale));
    if (coarse && !solid) this.kind = "webgl2-coarse";
  }
  paint(scale) {
    const { gl, view, host } = this;
    const { width, height } = this.canvas.element;
    gl.viewport(0, 0, width, height);
    gl.scissor(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (view.layout === "solid") this.paintSolid(width, height);
    tiles(view, host.clientWidth, host.clientHeight).forEach((tile) => this.paintPlane(tile, scale, height));
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)); // waits for the drawing
  }

  paintPlane(tile, scale, height) {
    const { gl, view } = this;
    const { across, up } = GEOMETRY[tile.plane];
    this.hold(tile.plane);
    const [left, right] = [tile.left, tile.left + tile.width].map((x) => Math.round(x * scale[0]));
    const [top, bottom] = [tile.top, tile.top + tile.height].map((y) => Math.round(y * scale[1]));
    gl.scissor(left, height - bottom, right - left, bottom - top);
    const floor = height / scale[1];
    const origin = at(view, tile, 0, floor);
    const next = at(view, tile, 1 / scale[0], floor - 1 / scale[1]);
    const { low, high } = view.stored();
    this.shaders.plane({
      origin: [origin[across], origin[up]],
      pace: [next[across] - origin[across], next[up] - origin[up]],
      levels: [low, high],
    });
  }
  // The plane's slice on the graphics card.
  hold(plane) {
    const { gl, volume } = this;
    const { across, up, through } = GEOMETRY[plane];
    const index = this.view.index(plane);
    gl.bindTexture(gl.TEXTURE_2D, this.textures[plane]);
    if (this.held[plane] === index) return;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R16UI, volume.shape[across], volume.shape[up], 0, gl.RED_INTEGER,
      gl.UNSIGNED_SHORT, slice(volume, through, index));
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    this.held[plane] = index;
  }

  paintSolid(width, height) {
    const { view } = this;
    const extent = view.shape.map((count, axis) => count * view.spacing[axis]);
    const diagonal = Math.hypot(...extent);
    const { levels } = view.grey;
    const { low, high } = view.stored();
    this.thicken();
    this.shaders.solid({
      camera: camera(...view.turn.map((degrees) => (degrees * Math.PI) / 180)),
      size: extent.map((side) => side / diagonal),
      middle: [width / 2, height / 2],
      scale: view.zoom * 1.25 * Math.min(width, height),
      levels: [low / levels, high / levels],
    });
  }
  // The volume on the graphics card, for 3D only: every second voxel where it is large.
  thicken() {
    const { gl, volume } = this;
    if (this.held.solid) return;
    const steps = volume.shape.map((size) => Math.ceil(size / THICKEST));
    const [x, y, z] = volume.shape.map((size, axis) => Math.ceil(size / steps[axis]));
    const { levels } = this.view.grey;
    gl.deleteTexture(this.textures.solid);
    this.textures.solid = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_3D, this.textures.solid);
    gl.texStorage3D(gl.TEXTURE_3D, 1, gl.R16F, x, y, z);
    const sheet = new Float32Array(x * y);
    for (let k = 0; k < z; k += 1) {
      const cut = slice(volume, 2, k * steps[2]);
      for (let place = 0, j = 0; j < y; j += 1) {
        for (let i = 0; i < x; i += 1, place += 1) {
          sheet[place] = cut[j * steps[1] * volume.shape[0] + i * steps[0]] / levels;
        }
      }
      gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, k, x, y, 1, gl.RED, gl.FLOAT, sheet);
    }
    for (const [name, value] of [["MIN_FILTER", "LINEAR"], ["MAG_FILTER", "LINEAR"],
      ["WRAP_S", "CLAMP_TO_EDGE"], ["WRAP_T", "CLAMP_TO_EDGE"], ["WRAP_R", "CLAMP_TO_EDGE"]]) {
      gl.texParameteri(gl.TEXTURE_3D, gl[`TEXTURE_${name}`], gl[value]);
    }
    this.held.solid = true;
  }

  close() {
    this.canvas.element.removeEventListener("webglcontextlost", this.lost);
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    this.canvas.close();
  }
}

// Right, up and towards the reader along the patient's axes: at azimuth 180 the reader sees the face.
function camera(azimuth, elevation) {
  const [sideways, away] = [Math.sin(azimuth), Math.cos(azimuth)];
  const [rise, level] = [Math.sin(elevation), Math.cos(elevation)];
  return [away, -sideways, 0, -sideways * -rise, away * rise, level, -sideways * level, -away * level, rise];
}
