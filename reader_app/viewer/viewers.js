// Superseded by volume.js, pictures.js, overlay.js, view.js and server.js (helper D, 11:45): nothing imports this file any more.
// Two viewers with one face: NiiVue where there is WebGL2, pictures from the server where not.
// show(token, side, state), scroll(plane, steps), window(low, high), reset(), enlarge(plane|null)

const AXIS = { sagittal: 0, coronal: 1, axial: 2 };
export const PLANES = ["axial", "coronal", "sagittal"];

export function hasWebGL2() {
  try {
    return !!document.createElement("canvas").getContext("webgl2");
  } catch {
    return false;
  }
}

let script = null;
export function loadNiivue() {
  script ??= new Promise((resolve, reject) => {
    if (window.niivue) return resolve(window.niivue);
    const tag = document.createElement("script");
    tag.src = "/reader/niivue.js";
    tag.onload = () => resolve(window.niivue);
    tag.onerror = () => reject(new Error("The viewer could not be loaded."));
    document.head.appendChild(tag);
  });
  return script;
}

// One download per case: the next one is asked for while the reader looks at this one.
const downloads = new Map();
export function voxels(token, side) {
  const url = `/reader/voxels/${token}/${side}`;
  if (!downloads.has(url)) {
    const download = fetch(url).then((answer) => {
      if (!answer.ok) throw new Error("The case could not be loaded.");
      return answer.arrayBuffer();
    });
    download.catch(() => downloads.delete(url));
    downloads.set(url, download);
  }
  return downloads.get(url);
}
export function forgetAllBut(tokens) {
  for (const url of downloads.keys()) {
    if (!tokens.some((token) => url.includes(`/${token}/`))) downloads.delete(url);
  }
}

// Maps grey levels low..high to black..white. NiiVue would upload the whole volume anew for each
// window, which takes seconds in software rendering; the pictures have 8 bits either way.
let filters = 0;
class WindowFilter {
  constructor(host, canvas) {
    const space = "http://www.w3.org/2000/svg";
    const make = (tag, attributes, ...children) => {
      const made = document.createElementNS(space, tag);
      Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
      made.append(...children);
      return made;
    };
    this.canvas = canvas;
    this.id = `window-${(filters += 1)}`;
    this.channels = ["R", "G", "B"].map((c) => make(`feFunc${c}`, { type: "linear" }));
    host.append(make("svg", { width: 0, height: 0, style: "position:absolute" },
      make("filter", { id: this.id, "color-interpolation-filters": "sRGB" },
        make("feComponentTransfer", {}, ...this.channels))));
  }
  set(low, high) {
    const slope = 255 / (high - low);
    for (const channel of this.channels) {
      channel.setAttribute("slope", slope);
      channel.setAttribute("intercept", (-low / 255) * slope);
    }
    this.canvas.style.filter = low === 0 && high === 255 ? "" : `url(#${this.id})`;
  }
}

export class VolumeViewer {
  constructor(host, visited) {
    this.visited = visited;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-label", "Three planes through the volume");
    host.appendChild(this.canvas);
    this.filter = new WindowFilter(host, this.canvas);
    this.kind = "webgl2";
    this.plane = null;
    this.solid = false;
  }

  async show(token, side, state) {
    const library = await loadNiivue();
    const content = await voxels(token, side);
    if (!this.view) {
      this.view = new library.Niivue({
        backColor: [0, 0, 0, 1],
        crosshairColor: [0.42, 0.78, 0.95, 0.6],
        crosshairWidth: 0.3,
        crosshairWidthUnit: "percent",
        crosshairGap: 0,
        isRadiologicalConvention: true,
        isOrientationTextVisible: true,
        isColorbar: false,
        isRuler: false,
        show3Dcrosshair: true,
        multiplanarShowRender: library.SHOW_RENDER.NEVER,
        dragMode: library.DRAG_MODE.pan,
        dragAndDropEnabled: false,
        forceDevicePixelRatio: 1,
        viewModeHotKey: "",
        clipPlaneHotKey: "",
        fontMinPx: 22,
        fontColor: [1, 0.82, 0.4, 1],
        logLevel: "silent",
      });
      await this.view.attachToCanvas(this.canvas, false);
      this.skipGradients();
      this.view.onLocationChange = (place) => this.noteVisit(place);
    }
    const url = URL.createObjectURL(new Blob([content]));
    try {
      await this.view.loadVolumes([
        { url, name: "case.nii", colormap: "gray", cal_min: 0, cal_max: 255 },
      ]);
    } finally {
      this.view.gl.disable(this.view.gl.SCISSOR_TEST);
      URL.revokeObjectURL(url);
    }
    this.shape = state.shape;
    this.visited.clear();
    this.reset();
    this.noteSlices(this.shape.map((n) => Math.floor(n / 2)));
  }

  // For lighting in 3D, which is off, NiiVue blurs and differentiates every volume: most of the time
  // to a picture in software rendering. An empty scissor box makes those passes draw nothing.
  skipGradients() {
    const { gl, blurShader } = this.view;
    const use = blurShader.use.bind(blurShader);
    blurShader.use = (context) => {
      use(context);
      gl.enable(gl.SCISSOR_TEST);
      gl.scissor(0, 0, 0, 0);
    };
  }

  noteVisit(place) {
    if (place.vox) this.noteSlices(place.vox);
    if (this.onMoved) this.onMoved(place.vox);
  }
  noteSlices(vox) {
    for (const plane of PLANES) this.visited.add(plane, Math.round(vox[AXIS[plane]]));
  }

  scroll(plane, steps) {
    const move = [0, 0, 0];
    move[AXIS[plane]] = steps;
    this.view?.moveCrosshairInVox(...move);
  }
  window(low, high) {
    this.filter.set(low, high);
  }
  zoom(factor) {
    if (!this.view) return;
    const [x, y, z, scale] = this.view.scene.pan2Dxyzmm;
    const next = Math.min(8, Math.max(1, scale * factor));
    this.view.setPan2Dxyzmm(next === 1 ? [0, 0, 0, 1] : [x, y, z, next]);
  }
  reset() {
    this.window(0, 255);
    this.view.scene.pan2Dxyzmm = [0, 0, 0, 1];
    this.view.scene.crosshairPos = [0.5, 0.5, 0.5];
    this.enlarge(null); // draws
  }
  enlarge(plane) {
    this.plane = plane;
    this.solid = false;
    const type = { null: 3, axial: 0, coronal: 1, sagittal: 2 }[String(plane)];
    this.view?.setSliceType(type);
  }
  render3d() {
    this.solid = !this.solid;
    this.view?.setSliceType(this.solid ? 4 : 3);
  }
  redraw() {
    this.view?.resizeListener?.();
    this.view?.drawScene();
  }
  close() {
    this.view?.cleanup?.();
  }
}

const LETTERS = {
  axial: { left: "R", right: "L", top: "A", bottom: "P" },
  coronal: { left: "R", right: "L", top: "S", bottom: "I" },
  sagittal: { left: "P", right: "A", top: "S", bottom: "I" },
};

export class PictureViewer {
  constructor(host, visited) {
    this.kind = "png";
    this.visited = visited;
    this.images = {};
    this.places = {};
    this.low = 0;
    this.high = 255;
    this.host = host;
    host.classList.add("pictures");
    for (const plane of PLANES) {
      const box = document.createElement("figure");
      box.dataset.plane = plane;
      const image = document.createElement("img");
      image.alt = `${plane} slice`;
      image.draggable = false;
      box.appendChild(image);
      for (const [side, letter] of Object.entries(LETTERS[plane])) {
        const mark = document.createElement("span");
        mark.className = side;
        mark.textContent = letter;
        box.appendChild(mark);
      }
      box.addEventListener("wheel", (event) => {
        event.preventDefault();
        this.scroll(plane, event.deltaY > 0 ? -1 : 1);
      });
      this.images[plane] = image;
      host.appendChild(box);
    }
  }
  async show(token, side, state) {
    Object.assign(this, { token, side, shape: state.shape, low: 0, high: 255 });
    this.visited.clear();
    for (const plane of PLANES) this.places[plane] = Math.floor(state.shape[AXIS[plane]] / 2);
    this.enlarge(null);
    await Promise.all(PLANES.map((plane) => this.draw(plane)));
  }
  draw(plane) {
    this.visited.add(plane, this.places[plane]);
    const query = `low=${this.low}&high=${this.high}`;
    const address = `/reader/slice/${this.token}/${this.side}/${plane}/${this.places[plane]}?${query}`;
    return new Promise((resolve) => {
      const image = this.images[plane];
      image.onload = image.onerror = resolve;
      image.src = address;
    });
  }
  scroll(plane, steps) {
    const last = this.shape[AXIS[plane]] - 1;
    this.places[plane] = Math.min(last, Math.max(0, this.places[plane] + steps));
    this.draw(plane);
  }
  window(low, high) {
    Object.assign(this, { low: Math.round(low), high: Math.round(high) });
    PLANES.forEach((plane) => this.draw(plane));
  }
  zoom() {}
  reset() {
    for (const plane of PLANES) this.places[plane] = Math.floor(this.shape[AXIS[plane]] / 2);
    this.window(0, 255);
    this.enlarge(null);
  }
  enlarge(plane) {
    this.host.dataset.enlarged = plane ?? "";
  }
  render3d() {}
  redraw() {}
  close() {}
}
