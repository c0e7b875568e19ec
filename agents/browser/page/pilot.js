// Pilot: the exported network, run by onnxruntime-web from files beside this page.

export class Pilot {
  static async load({ file, inputs }, { width, height }) {
    const runtime = new URL("runtime/", import.meta.url).href;
    const ort = await import(`${runtime}ort.wasm.bundle.min.mjs`);
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = runtime;
    const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
    return Object.assign(new Pilot(), { ort, session, shape: [1, height, width, 3], takesSpeed: inputs.includes("speed"), times: [] });
  }

  /** Takes a frame's bytes and the speed, m/s, to the actions: steering, or steering and pedal. */
  async act(frame, speed) {
    const started = performance.now();
    const feeds = { frames: new this.ort.Tensor("uint8", frame, this.shape) };
    if (this.takesSpeed) feeds.speeds = new this.ort.Tensor("float32", Float32Array.of(speed), [1]);
    const { actions } = await this.session.run(feeds);
    this.times.push(performance.now() - started);
    if (this.times.length > 100) this.times.shift();
    return actions.data;
  }

  /** The median time of the last answers, milliseconds. */
  get time() {
    const sorted = [...this.times].sort((a, b) => a - b);
    return sorted.length ? sorted[sorted.length >> 1] : NaN;
  }
}
