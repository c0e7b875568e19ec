// Road: a centreline's samples, and where a car is on it, as drivesim/simulation.py follows it.

import { clip } from "./car.js";

const COLUMNS = 8;

export class Road {
  /** table: Float64Array, rows of x, y, cos, sin, curvature, width left, width right, heading; spacing: metres. */
  constructor(table, spacing) {
    this.table = table;
    this.spacing = spacing;
    this.count = table.length / COLUMNS;
    this.length = this.count * spacing;
  }

  static async load({ table, spacing }) {
    const answer = await fetch(table);
    if (!answer.ok) throw new Error(`${table} is missing (${answer.status})`);
    return new Road(new Float64Array(await answer.arrayBuffer()), spacing);
  }

  /** The sample nearest to arc length s, and how many metres s is ahead of it. */
  sample(s) {
    const nearest = Math.floor(s / this.spacing + 0.5), row = COLUMNS * (((nearest % this.count) + this.count) % this.count);
    const [x, y, cos, sin, curvature, left, right, heading] = this.table.subarray(row, row + COLUMNS);
    return { x, y, cos, sin, curvature, left, right, heading, offset: s - nearest * this.spacing };
  }

  /** The pose on the centreline at arc length s. */
  poseAt(s) {
    const { x, y, cos, sin, curvature, heading, offset } = this.sample(s), bend = 0.5 * curvature * offset * offset;
    return { x: x + offset * cos - bend * sin, y: y + offset * sin + bend * cos, heading: heading + curvature * offset };
  }

  /** Follows a car from its last arc length to where it is now. */
  follow(from, car) {
    let s = from, sample, along, across, ahead;
    for (let i = 0; i < 2; i++) {
      sample = this.sample(s);
      const dx = car.x - sample.x, dy = car.y - sample.y;
      along = sample.cos * dx + sample.sin * dy;
      across = sample.cos * dy - sample.sin * dx;
      ahead = Math.max(1 - sample.curvature * across, 0.1);
      s = s - sample.offset + clip(along / ahead, -5, 5);
    }
    const turn = sample.curvature * along, reach = Math.sqrt((1 - sample.curvature * across) ** 2 + turn * turn);
    return {
      gained: s - from,
      s: s - this.length * Math.floor(s / this.length),
      lateral: (2 * across - sample.curvature * (along * along + across * across)) / (1 + reach),
      left: sample.left,
      right: sample.right,
    };
  }
}
