// A prepared case as the server sends it: NIfTI-1, little-endian, unsigned integers of 8 or 16 bits.

const HEADER = 348;
const VOXELS = { 2: Uint8Array, 512: Uint16Array };

// Shape and voxels, the first axis varying fastest, without copying them.
export function read(content) {
  const header = new DataView(content, 0, HEADER);
  const shape = [42, 44, 46].map((offset) => header.getInt16(offset, true));
  const count = shape.reduce((product, size) => product * size);
  const voxels = new VOXELS[header.getInt16(70, true)](content, header.getFloat32(108, true), count);
  return { shape, voxels };
}

// One slice across an axis as 16 bits, the lower of the other two axes varying fastest.
export function slice({ shape, voxels }, axis, index) {
  const [x, y, z] = shape;
  if (axis === 2) return Uint16Array.from(voxels.subarray(index * x * y, (index + 1) * x * y));
  const cut = new Uint16Array(axis === 1 ? x * z : y * z);
  if (axis === 1) {
    for (let k = 0; k < z; k += 1) {
      const row = (k * y + index) * x;
      cut.set(voxels.subarray(row, row + x), k * x);
    }
  } else {
    for (let row = 0; row < y * z; row += 1) cut[row] = voxels[row * x + index];
  }
  return cut;
}
