// Ground: a road's painted picture and its mip levels, as drivesim/texture.py makes them: pages of RGBA pixels.

const KEPT_PAGES = 6;

/** The pixels of a picture, exactly as they are in the file: {data: RGBA, width, height}. */
export async function readPixels(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} is missing (${answer.status})`);
  const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return { data: context.getImageData(0, 0, bitmap.width, bitmap.height).data, width: bitmap.width, height: bitmap.height };
}

/** A picture of half the resolution: each pixel is the mean of four. */
function halved({ data, width, height }) {
  const half = { width: width >> 1, height: height >> 1 };
  half.data = new Uint8ClampedArray(4 * half.width * half.height);
  for (let row = 0, to = 0; row < half.height; row++) {
    for (let column = 0; column < half.width; column++) {
      const from = 4 * (2 * row * width + 2 * column), below = from + 4 * width;
      for (let channel = 0; channel < 4; channel++, to++) {
        half.data[to] = (data[from + channel] + data[from + 4 + channel] + data[below + channel] + data[below + 4 + channel] + 2) >> 2;
      }
    }
  }
  return half;
}

export class Ground {
  /** ground: of demo.json: pages, and the grid that they lie in. levels: how many mip levels the camera takes. */
  constructor(ground, levels) {
    this.ground = ground;
    this.levels = levels;
    this.pages = new Map();
  }

  /** The page for a camera on a car at x, y (metres, world): {levels, left, top}, metres. */
  async pageAt(x, y) {
    const { low, cell, grid, resolution, pages } = this.ground;
    const place = (value, axis) =>
      Math.min(Math.max(Math.floor((value / resolution - low[axis]) / cell[axis]), 0), grid[axis] - 1);
    const number = place(y, 1) * grid[0] + place(x, 0);
    let page = this.pages.get(number);
    if (page === undefined) page = this.#read(pages[number]);
    this.pages.delete(number);
    this.pages.set(number, page);
    if (this.pages.size > KEPT_PAGES) this.pages.delete(this.pages.keys().next().value);
    return page;
  }

  async #read({ file, left, top }) {
    const levels = [await readPixels(file)];
    while (levels.length < this.levels) levels.push(halved(levels.at(-1)));
    return { levels, left, top };
  }
}
