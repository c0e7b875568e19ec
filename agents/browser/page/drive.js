// Drive: a car on a road, with a network at the wheel that a person may take. One call of `step` is one control step.

import { clip, cruisePedal, stepCar } from "./car.js";

// The network has the wheel back when nothing was touched for this long, seconds: a key may be tapped.
const LET_GO_SECONDS = 0.3;
// What one intervention costs, seconds (Bojarski et al. 2016).
const INTERVENTION_SECONDS = 6;
const TRAIL_SPACING = 1.5;

export class Drive {
  /** demo: of demo.json; road: a Road; grounds: a Ground for each camera; look: of the road; cameras: FrameCameras; pilot: {act, forget}. */
  constructor(demo, { road, grounds, look }, cameras, pilot) {
    Object.assign(this, { demo, road, grounds, look, cameras, pilot });
    this.restart();
  }

  restart() {
    this.elapsed = this.errorSum = this.worst = this.interventions = this.travelled = this.lap = this.lapStart = 0;
    this.lapTime = null;
    this.steps = 0;
    this.trail = [];
    this.untouched = Infinity;
    this.events = [];
    this.#place(0, this.demo.rules.cruise_speed ?? 0);
  }

  get personDrives() {
    return this.untouched < LET_GO_SECONDS - 1e-9;
  }

  /** 1 less 6 s for each intervention of the time driven: a person took the wheel, or the car was put back. */
  get autonomy() {
    return this.elapsed ? Math.max(1 - (INTERVENTION_SECONDS * this.interventions) / this.elapsed, 0) : 1;
  }

  get meanError() {
    return this.elapsed ? this.errorSum / this.steps : 0;
  }

  /** Draws what the network's cameras see now. */
  async see() {
    const { x, y } = this.car, pages = await Promise.all(this.grounds.map((ground) => ground.pageAt(x, y)));
    return this.cameras.map((camera, i) => camera.draw(pages[i], this.car, this.look));
  }

  /** hand: {steering, pedal, isTouched}, of the person. */
  async step(hand) {
    const { rules, vehicle } = this.demo;
    const asked = await this.pilot.act(await this.see(), this.car.speed);
    this.wish = clip(asked[0], -1, 1);
    const drove = this.personDrives;
    this.untouched = hand.isTouched ? 0 : this.untouched + rules.dt;
    if (this.personDrives && !drove) this.#intervene();
    this.steering = this.personDrives ? hand.steering : this.wish;
    let pedal = asked.length > 1 && !this.personDrives ? clip(asked[1], -1, 1) : (hand.pedal ?? 0);
    if (rules.cruise_speed !== null) pedal = cruisePedal(this.car.speed, rules.cruise_speed, vehicle);
    this.before = this.car;
    this.car = stepCar(this.car, this.steering, pedal, vehicle, rules.dt / rules.substeps, rules.substeps);
    this.#follow(rules);
  }

  #follow(rules) {
    const at = this.road.follow(this.s, this.car);
    Object.assign(this, { s: at.s, lateral: at.lateral, halfWidth: (at.left + at.right) / 2 });
    this.travelled += at.gained;
    this.elapsed += rules.dt;
    this.steps++;
    const error = Math.abs(this.lateral);
    this.errorSum += error;
    this.worst = Math.max(this.worst, error);
    if (this.travelled >= (this.lap + 1) * this.road.length) {
      this.lap++;
      this.lapTime = this.elapsed - this.lapStart;
      this.lapStart = this.elapsed;
      this.events.push(`Lap ${this.lap} in ${this.lapTime.toFixed(1)} s`);
    }
    const last = this.trail.at(-1);
    if (!last || Math.hypot(this.car.x - last.x, this.car.y - last.y) > TRAIL_SPACING) {
      this.trail.push({ x: this.car.x, y: this.car.y, isPerson: this.personDrives });
    }
    if (Math.max(this.lateral - at.left, -this.lateral - at.right) > rules.off_road_margin) this.#putBack();
  }

  #putBack() {
    if (!this.personDrives) this.#intervene();
    this.untouched = Infinity;
    this.events.push("Off the road: put back on the centreline");
    this.#place(this.s, this.car.speed);
  }

  #intervene() {
    this.interventions++;
  }

  #place(s, speed) {
    const pose = this.road.poseAt(s), { left, right } = this.road.sample(s);
    this.car = { ...pose, speed, lateralVelocity: 0, yawRate: 0, steeringAngle: 0 };
    this.before = this.car;
    this.pilot.forget();
    this.jumps = (this.jumps ?? 0) + 1;
    Object.assign(this, { s, lateral: 0, halfWidth: (left + right) / 2, steering: 0, wish: 0 });
  }
}
