// Pictures on the buttons of the tool bar, as strokes in a square of 20.

const PATHS = {
  main: "M2 3h10v14H2zM14 3h4v6h-4zM14 11h4v6h-4z",
  three: "M2 3h7v6H2zM11 3h7v6h-7zM2 11h7v6H2z",
  alone: "M2 3h16v14H2z",
  solid: "M10 2l7 4v8l-7 4-7-4V6zM3 6l7 4 7-4M10 10v8",
  crosshair: "M10 2v5M10 13v5M2 10h5M13 10h5",
  measure: "M2 13L13 2l5 5L7 18zM6 9l2 2M9 6l2 2M12 9l-1-1",
  play: "M5 3l11 7-11 7z",
  pause: "M5 3h3v14H5zM12 3h3v14h-3z",
  clear: "M4 6h12M8 6V3h4v3M6 6l1 12h6l1-12",
  reset: "M4 10a6 6 0 1 0 2-4.5M6 2v4h4",
  full: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  keys: "M2 5h16v10H2zM5 8h1M9 8h1M13 8h2M6 12h8",
  fold: "M4 7l6 6 6-6",
};

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  drawing.setAttribute("viewBox", "0 0 20 20");
  drawing.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  drawing.append(path);
  return drawing;
}
