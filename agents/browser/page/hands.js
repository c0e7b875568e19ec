// Hands: of the person at the page: keys and touch buttons, as drivesim/cockpit/controls.py reads keys.

import { clip } from "./car.js";

// A held key turns the wheel so much a second, and it comes back so much when let go; gentler above 10 m/s.
const TURN_RATE = 1.6, RETURN_RATE = 2.5, GENTLE_FROM = 10;
const PRESS_RATE = 4;

const KEYS = { ArrowLeft: "left", a: "left", A: "left", ArrowRight: "right", d: "right", D: "right", ArrowUp: "up", w: "up", W: "up", ArrowDown: "down", s: "down", S: "down" };

export class Hands {
  /** usesPedal: whether the keys up and down do anything, or are left to the page. */
  constructor(usesPedal) {
    this.held = new Set();
    this.steering = this.pedal = 0;
    addEventListener("keydown", (event) => this.#turn(event, usesPedal, true));
    addEventListener("keyup", (event) => this.#turn(event, usesPedal, false));
    addEventListener("blur", () => this.held.clear());
  }

  /** Lets a button of the page stand for a key as long as it is held. */
  take(button, key) {
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      button.setPointerCapture(event.pointerId);
      this.held.add(key);
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(name, () => this.held.delete(key));
    button.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** What the person asks for in a step of dt seconds; wheel: where the wheel is; speed: m/s. */
  read(wheel, speed, dt) {
    const turn = this.held.has("right") - this.held.has("left"), press = this.held.has("up") - this.held.has("down");
    const back = RETURN_RATE * dt;
    if (turn) {
      const gentle = GENTLE_FROM / Math.max(speed, GENTLE_FROM);
      const other = wheel * turn < 0 ? turn * Math.min(Math.abs(wheel), back) : 0;
      this.steering = clip(wheel + turn * gentle * TURN_RATE * dt + other, -1, 1);
    } else {
      this.steering = wheel - clip(wheel, -back, back);
    }
    this.pedal = clip(press, this.pedal - PRESS_RATE * dt, this.pedal + PRESS_RATE * dt);
    return { steering: this.steering, pedal: this.pedal, isTouched: this.held.has("left") || this.held.has("right") || press !== 0 };
  }

  #turn(event, usesPedal, isDown) {
    const key = KEYS[event.key];
    if (!key || event.ctrlKey || event.metaKey || event.altKey || (!usesPedal && (key === "up" || key === "down"))) return;
    event.preventDefault();
    if (isDown) this.held.add(key);
    else this.held.delete(key);
  }
}
