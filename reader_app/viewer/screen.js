// Whether a screen is large enough to read on.

// CSS pixels that the images need: each of them, and all of them beside one another. A tablet has
// them, a telephone has not.
const EACH = 360;
const TOGETHER = 600;

// A sentence for the reader, empty where there is room for `sides` images.
export function tooSmall(width, height, sides) {
  const across = Math.max(TOGETHER, EACH * sides);
  if (width >= across && height >= EACH) return "";
  return `This screen is too small to read on: the images have ${Math.floor(width)} by ${Math.floor(height)} ` +
    `pixels here, and need ${across} by ${EACH}.`;
}
