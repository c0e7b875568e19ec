// Pilot: the exported network, run by onnxruntime-web from files beside this page.

export class Pilot {
  static async load(policy, cameras) {
    const runtime = new URL("runtime/", import.meta.url).href;
    const ort = await import(`${runtime}ort.wasm.bundle.min.mjs`);
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = { wasm: `${runtime}ort-wasm-simd-threaded.wasm` };
    const session = await ort.InferenceSession.create(policy.file, { executionProviders: ["wasm"] });
    return new Pilot(ort, session, policy, cameras);
  }

  constructor(ort, session, policy, cameras) {
    Object.assign(this, { ort, session, policy, times: [], seen: [] });
    const times = policy.past ? [1 + policy.past] : [];
    this.shapes = cameras.map(({ width, height }) => [1, ...times, height, width, 3]);
  }

  /** Forgets what was seen: the car was put somewhere else. */
  forget() {
    this.seen = [];
  }

  /** Takes each camera's frame and the speed, m/s, to the actions: steering, or steering and pedal. */
  async act(frames, speed) {
    const views = this.#withPast(frames);
    const started = performance.now();
    const feeds = {};
    this.policy.frame_inputs.forEach((name, i) => (feeds[name] = new this.ort.Tensor("uint8", views[i], this.shapes[i])));
    if (this.policy.takes_speed) feeds.speeds = new this.ort.Tensor("float32", Float32Array.of(speed), [1]);
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

  /** Frames with the past behind them, newest first; the first frame stands for all that came before it. */
  #withPast(frames) {
    const { past, stride } = this.policy;
    if (!past) return frames;
    this.seen.unshift(frames.map((frame) => frame.slice()));
    this.seen.length = Math.min(this.seen.length, past * stride + 1);
    return frames.map((frame, camera) => {
      const stack = new Uint8Array((1 + past) * frame.length);
      for (let i = 0; i <= past; i++) stack.set(this.seen[Math.min(i * stride, this.seen.length - 1)][camera], i * frame.length);
      return stack;
    });
  }
}
