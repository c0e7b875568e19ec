// Instruments: what the page tells beside the road: figures, the network's view, steering, and a map.

const TRACE_STEPS = 200;
const by = (id) => document.getElementById(id);

/** A path through points, with a jump wherever `isJump` says so. */
function path(points, isJump = () => false) {
  return points.map(([x, y], i) => `${i === 0 || isJump(i) ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

export class Instruments {
  constructor(demo) {
    this.demo = demo;
    this.trace = [];
    this.views = demo.cameras.map(({ width, height }) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", "The camera's frame");
      by("views").append(canvas);
      const context = canvas.getContext("2d");
      return { context, image: context.createImageData(width, height) };
    });
    this.#explain(demo);
  }

  /** Takes another road. */
  show(road) {
    by("road-name").textContent = `${Math.round(road.length)} m`;
    const outline = road.outline, xs = outline.map(([x]) => x), ys = outline.map(([, y]) => -y), room = 12;
    const left = Math.min(...xs) - room, top = Math.min(...ys) - room;
    const box = [left, top, Math.max(...xs) + room - left, Math.max(...ys) + room - top];
    const closed = `${path(outline.map(([x, y]) => [x, -y]))}Z`;
    const [[x0, y0], [x1, y1]] = outline, size = Math.hypot(x1 - x0, y1 - y0) / 7;
    const across = `M${x0 - (y1 - y0) / size} ${-y0 - (x1 - x0) / size}L${x0 + (y1 - y0) / size} ${-y0 + (x1 - x0) / size}`;
    by("minimap").setAttribute("viewBox", box.map((value) => value.toFixed(1)).join(" "));
    by("minimap").innerHTML = `<path class="road" d="${closed}"/><path class="start" d="${across}"/>`
      + '<path class="network" id="way-network"/><path class="person" id="way-person"/><path class="car" id="way-car"/>';
    this.trace = [];
    this.drawn = -1;
  }

  /** After a control step. */
  note(drive) {
    this.trace.push([drive.wish, drive.personDrives ? drive.steering : NaN]);
    if (this.trace.length > TRACE_STEPS) this.trace.shift();
  }

  draw(drive, pilot) {
    const { demo } = this, person = drive.personDrives;
    drive.cameras.forEach((camera, i) => this.#drawView(this.views[i], camera.frame));
    by("who").dataset.who = person ? "person" : "network";
    by("who").lastElementChild.textContent = person ? "You drive" : "Network drives";
    by("lap").textContent = `Lap ${drive.lap + 1} · ${(drive.elapsed - drive.lapStart).toFixed(1)} s`
      + (drive.lapTime === null ? "" : ` · last ${drive.lapTime.toFixed(1)} s`);
    by("steering").textContent = `${drive.wish < 0 ? "−" : "+"}${Math.abs(drive.wish).toFixed(2)}`;
    by("wish").style.left = `${50 + 50 * drive.wish}%`;
    by("applied").style.left = `${50 + 50 * drive.steering}%`;
    by("applied").classList.toggle("person", person);
    for (const [id, column] of [["trace-wish", 0], ["trace-applied", 1]]) {
      const points = this.trace.map((row, i) => [i + TRACE_STEPS - this.trace.length, 28 + 26 * row[column]]);
      const known = points.filter(([, y]) => !Number.isNaN(y));
      by(id).setAttribute("d", path(known, (i) => known[i][0] - known[i - 1][0] > 1.5));
    }
    by("autonomy").textContent = (100 * drive.autonomy).toFixed(drive.autonomy > 0.9995 ? 0 : 1);
    by("autonomy-note").textContent = `${drive.interventions || "no"} intervention${drive.interventions === 1 ? "" : "s"} in ${drive.elapsed.toFixed(0)} s`;
    by("error").textContent = Math.abs(drive.lateral).toFixed(2);
    by("error-note").textContent = `mean ${drive.meanError.toFixed(2)} m, most ${drive.worst.toFixed(2)} m; the road is ${(2 * drive.halfWidth).toFixed(1)} m wide`;
    by("speed").textContent = (3.6 * drive.car.speed).toFixed(0);
    by("inference").textContent = Number.isNaN(pilot.time) ? "–" : pilot.time.toFixed(1);
    by("inference-note").textContent = `of the ${(1000 * demo.rules.dt).toFixed(0)} ms that it has; median, by WebAssembly on one core`;
    this.#drawMap(drive);
  }

  #drawView({ context, image }, frame) {
    for (let from = 0, to = 0; from < frame.length; from += 3, to += 4) {
      image.data[to] = frame[from];
      image.data[to + 1] = frame[from + 1];
      image.data[to + 2] = frame[from + 2];
      image.data[to + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  #drawMap(drive) {
    const at = `${drive.car.x.toFixed(1)} ${(-drive.car.y).toFixed(1)}`;
    by("way-car").setAttribute("d", `M${at}L${at}`);
    if (drive.trail.length === this.drawn) return;
    this.drawn = drive.trail.length;
    for (const [id, isPerson] of [["way-network", false], ["way-person", true]]) {
      const points = [], jumps = new Set();
      drive.trail.forEach((place, i) => {
        if (place.isPerson !== isPerson) return;
        const before = drive.trail[i - 1];
        if (!before || before.isPerson !== isPerson || Math.hypot(place.x - before.x, place.y - before.y) > 6) jumps.add(points.length);
        points.push([place.x, -place.y]);
      });
      by(id).setAttribute("d", path(points, (i) => jumps.has(i)));
    }
  }

  #explain({ policy, cameras, rules, drivesim }) {
    const [{ width, height, looks_down: looksDown }] = cameras, hz = rules.control_hz;
    const learned = policy.seconds ? `${policy.laps} lap${policy.laps === 1 ? "" : "s"}, ${(policy.seconds / 60).toFixed(0)} minutes of driving on other roads` : "";
    by("origin").textContent = `It never saw ${this.demo.roads.length > 1 ? "these roads" : "this road"}${learned ? `; it learned from ${learned}` : ""}.`;
    by("pixels").textContent = `${width} × ${height} pixels, ${hz} times a second`
      + (looksDown ? ": the outlined square of the road" : "") + (policy.past ? `, and ${policy.past} earlier` : "") + ".";
    by("speed-note").textContent = rules.cruise_speed === null ? "the network works the pedal too" : "held by a cruise controller";
    by("network").textContent = `${policy.backbone} takes the pixels${policy.takes_speed ? " and the speed" : ""} and answers with `
      + `${policy.outputs.length > 1 ? "two numbers, steering and pedal" : "one number, the steering"}, ${hz} times a second.`;
    by("foot").textContent = `Policy “${policy.name}”, ${(policy.bytes / 1e6).toFixed(1)} MB as ONNX, run by onnxruntime-web in this page; `
      + `made by drivesim ${drivesim}: python -m agents.webpage --policy policy --out docs/demo`;
  }
}
