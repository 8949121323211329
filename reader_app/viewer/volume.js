// The viewer over NiiVue. It only draws: pointer and keys act on the view, never on NiiVue.

import { GEOMETRY, PLANES } from "./view.js";
import { voxels } from "./server.js";

// This browser cannot show volumes; pictures have to do.
export class Unviewable extends Error {}

const SLICE_TYPE = { axial: 0, coronal: 1, sagittal: 2, all: 3, solid: 4 };

let script = null;
function niivue() {
  script ??= new Promise((resolve, reject) => {
    const tag = document.createElement("script");
    tag.src = "/reader/niivue.js";
    tag.onload = () => resolve(window.niivue);
    tag.onerror = () => {
      tag.remove();
      script = null;
      reject(new Unviewable("The viewer could not be loaded."));
    };
    document.head.append(tag);
  });
  return script;
}

export function hasWebGL2() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

// The window, as a filter over the canvas. NiiVue would upload the whole volume anew for each change,
// which takes seconds in software rendering; the volume has 256 grey levels, as the canvas has.
class WindowFilter {
  constructor(host, canvas) {
    const make = (tag, attributes, ...children) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
      Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
      made.append(...children);
      return made;
    };
    this.canvas = canvas;
    this.id = `window-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    this.channels = ["R", "G", "B"].map((channel) => make(`feFunc${channel}`, { type: "linear" }));
    const transfer = make("feComponentTransfer", {}, ...this.channels);
    this.drawing = make("svg", { width: 0, height: 0, style: "position: absolute", "aria-hidden": "true" },
      make("filter", { id: this.id, "color-interpolation-filters": "sRGB" }, transfer));
    host.append(this.drawing);
  }
  set(low, high) {
    const slope = 255 / (high - low);
    for (const channel of this.channels) {
      channel.setAttribute("slope", slope);
      channel.setAttribute("intercept", (-low / 255) * slope);
    }
    this.canvas.style.filter = low === 0 && high === 255 ? "" : `url(#${this.id})`;
  }
  close() {
    this.drawing.remove();
  }
}

export class VolumeViewer {
  kind = "webgl2";

  constructor(host, lost) {
    this.host = host;
    this.canvas = document.createElement("canvas");
    this.canvas.addEventListener("webglcontextlost", lost);
    host.append(this.canvas);
    this.filter = new WindowFilter(host, this.canvas);
  }

  async show(token, side) {
    const [library, content] = await Promise.all([niivue(), voxels(token, side)]);
    this.view ??= await this.attach(library);
    const url = URL.createObjectURL(new Blob([content]));
    try {
      await this.view.loadVolumes([{ url, name: "case.nii", colormap: "gray", cal_min: 0, cal_max: 255 }]);
    } finally {
      this.view.gl.disable(this.view.gl.SCISSOR_TEST);
      URL.revokeObjectURL(url);
    }
  }
  async attach(library) {
    const view = new library.Niivue({
      backColor: [0, 0, 0, 1],
      crosshairColor: [0.42, 0.78, 0.95, 0.55],
      crosshairWidthUnit: "percent",
      crosshairGap: 2,
      isRadiologicalConvention: true,
      isOrientationTextVisible: false, // the overlay's letters are larger
      multiplanarShowRender: library.SHOW_RENDER.NEVER,
      multiplanarPadPixels: 4,
      forceDevicePixelRatio: 1, // software rendering pays for every pixel
      dragAndDropEnabled: false,
      loadingText: "",
      logLevel: "silent",
    });
    try {
      await view.attachToCanvas(this.canvas, false);
    } catch (problem) {
      throw new Unviewable(String(problem));
    }
    this.skipGradients(view);
    return view;
  }
  // For lighting in 3D, which is off, NiiVue blurs and differentiates every volume: in software
  // rendering the larger part of the time to a picture. In an empty scissor box those passes, which
  // begin with this shader, draw nothing.
  skipGradients({ gl, blurShader }) {
    const use = blurShader.use.bind(blurShader);
    blurShader.use = (context) => {
      use(context);
      gl.enable(gl.SCISSOR_TEST);
      gl.scissor(0, 0, 0, 0);
    };
  }

  draw(view) {
    const { scene, opts } = this.view;
    const line = view.layout === "alone" ? 0.12 : 0.25; // percent of what is in sight, which is less when zoomed
    opts.crosshairWidth = view.crosshair && view.layout !== "solid" ? line / view.zoom : 0;
    opts.sliceType = SLICE_TYPE[{ solid: "solid", alone: view.main }[view.layout] ?? "all"];
    scene.crosshairPos = this.view.vox2frac(view.place);
    scene.pan2Dxyzmm = [...view.centre.map((middle) => -middle * view.zoom), view.zoom];
    [scene.renderAzimuth, scene.renderElevation] = view.turn;
    const { low, high } = view.stored();
    this.filter.set(low, high);
    this.view.drawScene();
  }
  resize() {
    this.view?.resizeListener();
  }

  // Where on the host each plane is, in pixels.
  tiles() {
    const slices = this.view.screenSlices.filter((slice) => slice.axCorSag < PLANES.length);
    return slices.map((slice) => {
      const [left, top, width, height] = slice.leftTopWidthHeight;
      return { plane: PLANES[slice.axCorSag], left, top, width, height };
    });
  }
  // The voxel under a point of the host, null outside the planes.
  at(x, y) {
    const fractions = this.view.canvasPos2frac([x, y]);
    if (fractions[0] < 0) return null;
    return [...fractions.slice(0, 3)].map((fraction, axis) => fraction * this.view.volumes[0].dimsRAS[axis + 1] - 0.5);
  }
  millimetresPerPixel(tile, view) {
    const { across } = GEOMETRY[tile.plane];
    return (view.shape[across] * view.spacing[across]) / tile.width;
  }
  close() {
    this.view?.cleanup();
    this.filter.close();
    this.canvas.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
    this.canvas.remove();
  }
}
