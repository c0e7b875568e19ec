// Frame: what the car's camera sees, by the contract of drivesim/render.py. The ground's picture is sampled bilinearly
// at each pixel's place on the ground, from the mip level of the pixel's row; far ahead, the mean of several samples;
// rows that show no ground are sky; then the car is drawn.

const FRACTION_BITS = 18;
const ONE = 2 ** FRACTION_BITS;

/** Rounds halves to even, as Python and NumPy do. */
function rint(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** The product of two 3 x 3 matrices, each of nine numbers row by row. */
export function product(a, b) {
  return Array.from({ length: 9 }, (_, i) => {
    const row = 3 * Math.floor(i / 3), column = i % 3;
    return a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
  });
}

/** From ego to world, of a car at x, y with that heading. */
export function poseMatrix({ x, y, heading }) {
  const cos = Math.cos(heading), sin = Math.sin(heading);
  return [cos, -sin, x, sin, cos, y, 0, 0, 1];
}

/** The homography from a band's pixels to texels of its mip level. */
function texelMatrix(band, page, pose) {
  const m = product(poseMatrix(pose), band.ground), r = band.resolution;
  const right = page.left / r + 0.5, down = page.top / r - 0.5;
  return [0, 1, 2].map((i) => m[i] / r - right * m[6 + i])
    .concat([0, 1, 2].map((i) => down * m[6 + i] - m[3 + i] / r), m.slice(6));
}

/** Mixes two values, weighted in 256ths, and rounds. */
const mix = (first, second, weight) => ((first << 8) + (second - first) * weight + 128) >> 8;

export class FrameCamera {
  /** camera: of demo.json. */
  constructor(camera) {
    this.camera = camera;
    this.frame = new Uint8Array(3 * camera.width * camera.height);
  }

  /** Draws (height, width, 3) RGB bytes; page: of a Ground; look: {sky, horizon} of the road. */
  draw(page, pose, look) {
    const { bands, looks_down: looksDown, sprite } = this.camera;
    for (const band of bands) {
      const image = page.levels[band.level], matrix = texelMatrix(band, page, pose);
      if (looksDown) this.#warpAffine(image, matrix);
      else this.#warpPerspective(image, matrix, band);
    }
    if (!looksDown) this.#drawSky(look);
    if (sprite) this.#drawSprite(sprite);
    return this.frame;
  }

  /** As drivesim/warp.py: places in fixed point, weights in 256ths, rounded twice. */
  #warpAffine({ data, width: across, height: down }, m) {
    const { width, height } = this.camera, frame = this.frame;
    const stepX = rint(m[0] * ONE), stepY = rint(m[3] * ONE), half = 1 << (FRACTION_BITS - 9);
    for (let row = 0, to = 0; row < height; row++) {
      let atX = Math.trunc((m[1] * row + m[2]) * ONE) + half, atY = Math.trunc((m[4] * row + m[5]) * ONE) + half;
      for (let column = 0; column < width; column++, atX += stepX, atY += stepY) {
        // Beyond the painted ground its border is repeated.
        const x = Math.floor(atX / ONE), y = Math.floor(atY / ONE);
        const left = Math.min(Math.max(x, 0), across - 1), right = Math.min(Math.max(x + 1, 0), across - 1);
        const upper = 4 * across * Math.min(Math.max(y, 0), down - 1);
        const lower = 4 * across * Math.min(Math.max(y + 1, 0), down - 1);
        const toRight = (atX >> (FRACTION_BITS - 8)) & 255, toLower = (atY >> (FRACTION_BITS - 8)) & 255;
        const a = upper + 4 * left, b = upper + 4 * right, c = lower + 4 * left, d = lower + 4 * right;
        for (let channel = 0; channel < 3; channel++) {
          frame[to++] = mix(
            mix(data[a + channel], data[c + channel], toLower), mix(data[b + channel], data[d + channel], toLower), toRight,
          );
        }
      }
    }
  }

  #warpPerspective({ data, width: across, height: down }, m, { start, stop, samples }) {
    const { width } = this.camera, frame = this.frame, sum = new Float64Array(3 * width);
    for (let row = start; row < stop; row++) {
      sum.fill(0);
      for (let sample = 0; sample < samples; sample++) {
        const fine = (row - start) * samples + sample;
        for (let column = 0; column < width; column++) {
          const w = m[6] * column + m[7] * fine + m[8];
          const x = (m[0] * column + m[1] * fine + m[2]) / w, y = (m[3] * column + m[4] * fine + m[5]) / w;
          const floorX = Math.floor(x), floorY = Math.floor(y), toRight = x - floorX, toLower = y - floorY;
          const left = Math.min(Math.max(floorX, 0), across - 1), right = Math.min(Math.max(floorX + 1, 0), across - 1);
          const upper = 4 * across * Math.min(Math.max(floorY, 0), down - 1);
          const lower = 4 * across * Math.min(Math.max(floorY + 1, 0), down - 1);
          for (let channel = 0; channel < 3; channel++) {
            const above = data[upper + 4 * left + channel] * (1 - toRight) + data[upper + 4 * right + channel] * toRight;
            const below = data[lower + 4 * left + channel] * (1 - toRight) + data[lower + 4 * right + channel] * toRight;
            sum[3 * column + channel] += rint(above * (1 - toLower) + below * toLower);
          }
        }
      }
      for (let i = 0; i < 3 * width; i++) frame[3 * width * row + i] = rint(sum[i] / samples);
    }
  }

  #drawSky({ sky, horizon }) {
    const { width, bands, height } = this.camera, rows = bands.length ? bands[0].start : height;
    for (let row = 0, to = 0; row < rows; row++) {
      const up = (rows - row) / rows;
      const color = [0, 1, 2].map((channel) => rint(horizon[channel] * (1 - up) + sky[channel] * up));
      for (let column = 0; column < width; column++) for (let channel = 0; channel < 3; channel++) this.frame[to++] = color[channel];
    }
  }

  #drawSprite({ row, column, width, color, transparency }) {
    for (let i = 0; i < color.length; i++) {
      const to = 3 * ((row + Math.floor(i / (3 * width))) * this.camera.width + column) + (i % (3 * width));
      const mixed = this.frame[to] * transparency[i] + color[i];
      this.frame[to] = (mixed + (mixed >> 8) + 1) >> 8;
    }
  }
}
