// Main: loads what the page needs, and runs it: control steps at the network's rate, pictures at the screen's.

import { Drive } from "./drive.js";
import { FrameCamera } from "./frame.js";
import { Ground } from "./ground.js";
import { Hands } from "./hands.js";
import { Instruments } from "./instruments.js";
import { Pilot } from "./pilot.js";
import { Road } from "./road.js";
import { Stage } from "./stage.js";

// After a longer standstill, such as a hidden page, the time is not made up for, seconds.
const LONGEST_FRAME = 0.25;
const SAID_SECONDS = 3;
const HANDS = { network: [0.31, 0.82, 0.93], person: [1.0, 0.73, 0.22] };

const by = (id) => document.getElementById(id);

function followTheme() {
  const root = document.documentElement, button = by("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const nameTheme = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  try { const kept = localStorage.getItem("drivesim-theme"); if (kept) root.dataset.theme = kept; } catch { /* no storage */ }
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("drivesim-theme", root.dataset.theme); } catch { /* no storage */ }
    nameTheme();
  });
  system.addEventListener("change", nameTheme);
  nameTheme();
}

/** A pose between two, headings not being wrapped. */
function between(a, b, share) {
  const mixed = (name) => a[name] + (b[name] - a[name]) * share;
  return { x: mixed("x"), y: mixed("y"), heading: mixed("heading"), steeringAngle: mixed("steeringAngle") };
}

export class Page {
  static async load() {
    const answer = await fetch("demo.json");
    if (!answer.ok) throw new Error("demo.json is missing: make the page with python -m agents.webpage");
    const demo = await answer.json();
    const pilot = await Pilot.load(demo.policy, demo.cameras);
    const page = new Page(demo, pilot);
    await page.take(0);
    return page;
  }

  constructor(demo, pilot) {
    Object.assign(this, { demo, pilot, behind: 0, last: null, isBusy: false, saidUntil: 0, wanted: null, drawn: null });
    this.cameras = demo.cameras.map((camera) => new FrameCamera(camera));
    this.hands = new Hands(demo.rules.cruise_speed === null);
    this.instruments = new Instruments(demo);
    try {
      this.stage = new Stage(by("stage"), demo);
    } catch (error) {
      this.stage = null;
      this.say(`The road is not drawn large, ${error.message}; the network drives all the same`);
    }
    this.isPaused = matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  /** Takes the road of that number. */
  async take(number) {
    const road = this.demo.roads[number];
    const [table, bitmap] = await Promise.all([Road.load(road), this.stage?.load(road)]);
    const grounds = road.grounds.map((ground, i) => new Ground(ground, this.demo.cameras[i].levels));
    const drive = new Drive(this.demo, { road: table, grounds, look: road.look }, this.cameras, this.pilot);
    await drive.see();
    this.stage?.show(road, bitmap);
    this.instruments.show(road);
    Object.assign(this, { number, drive, behind: 0, wanted: null, drawn: null });
  }

  /** Takes the next road, as soon as the running step is over. */
  next() {
    this.wanted = (this.number + 1) % this.demo.roads.length;
  }

  restart() {
    this.drive.restart();
    this.instruments.trace = [];
    this.drawn = null;
  }

  pause(isPaused = !this.isPaused) {
    this.isPaused = isPaused;
    by("pause").setAttribute("aria-pressed", String(isPaused));
    by("pause").lastElementChild.textContent = isPaused ? "Go on" : "Pause";
  }

  say(words) {
    by("said").textContent = words;
    by("said").dataset.shown = "";
    this.saidUntil = performance.now() + 1000 * SAID_SECONDS;
  }

  /** One control step. */
  async step() {
    const { drive, hands, demo } = this;
    await drive.step(hands.read(drive.steering, drive.car.speed, demo.rules.dt));
    this.instruments.note(drive);
    for (const words of drive.events.splice(0)) this.say(words);
  }

  run() {
    this.pause(this.isPaused);
    requestAnimationFrame((now) => this.#frame(now));
  }

  #frame(now) {
    const seconds = this.last === null ? 0 : Math.min((now - this.last) / 1000, LONGEST_FRAME);
    this.last = now;
    if (!this.isPaused) this.behind = Math.min(this.behind + seconds, LONGEST_FRAME);
    this.#catchUp();
    this.#draw(seconds);
    if (this.saidUntil && now > this.saidUntil) {
      delete by("said").dataset.shown;
      this.saidUntil = 0;
    }
    requestAnimationFrame((next) => this.#frame(next));
  }

  #draw(seconds) {
    const canvas = by("stage"), what = `${this.isPaused} ${this.drive.steps} ${canvas.clientWidth} ${canvas.clientHeight}`;
    // What stands still is drawn once.
    if (this.isPaused && this.drawn === what) return;
    this.drawn = what;
    if (this.jumps !== this.drive.jumps) this.stage?.jump();
    this.jumps = this.drive.jumps;
    const { drive, demo } = this, share = Math.min(Math.max(this.behind / demo.rules.dt, 0), 1);
    const pose = between(drive.before, drive.car, share);
    this.stage?.draw(pose, pose.steeringAngle, drive.personDrives ? HANDS.person : HANDS.network, seconds);
    this.instruments.draw(drive, this.pilot);
  }

  async #catchUp() {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      if (this.wanted !== null) await this.take(this.wanted);
      while (this.behind >= this.demo.rules.dt && !this.isPaused) {
        await this.step();
        this.behind -= this.demo.rules.dt;
      }
    } catch (error) {
      this.pause(true);
      this.wanted = null;
      this.say(`It stopped: ${error.message}`);
    } finally {
      this.isBusy = false;
    }
  }
}

function takeButtons(page) {
  by("restart").addEventListener("click", () => page.restart());
  by("pause").addEventListener("click", () => page.pause());
  by("next").addEventListener("click", () => page.next());
  by("next").hidden = page.demo.roads.length < 2;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const action = { r: () => page.restart(), p: () => page.pause(), n: () => page.demo.roads.length > 1 && page.next() }[event.key.toLowerCase()];
    if (action) action();
  });
  page.hands.take(by("left"), "left");
  page.hands.take(by("right"), "right");
}

followTheme();
try {
  const page = await Page.load();
  takeButtons(page);
  by("cover").hidden = true;
  page.run();
  globalThis.page = page; // for whoever looks inside from the console
} catch (error) {
  by("cover").firstElementChild.textContent = `The page can't start: ${error.message}`;
  throw error;
}
