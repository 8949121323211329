// Whether a screen is large enough to read on.

const LEAST = 320; // CSS pixels that an image has across and down, at least

// A sentence for the reader, empty where there is room for `sides` images.
export function tooSmall(width, height, sides) {
  const across = Math.floor(width / sides);
  if (across >= LEAST && height >= LEAST) return "";
  return `This screen is too small to read on: an image has ${across} by ${Math.floor(height)} pixels here, ` +
    `and needs ${LEAST} by ${LEAST}.`;
}
