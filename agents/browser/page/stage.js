// Stage: the road as a person sees it, from behind the car. Every pixel goes to the ground by a homography, as in the
// frames that the network sees; the graphics card does it, on a finer picture of the same ground.

const FOV = 58, PITCH = 17, BEHIND = 13.5, HEIGHT = 7.2;
// The camera turns after the car with this delay, seconds.
const LAG = 0.28;

const VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2[3](vec2(-1, -1), vec2(3, -1), vec2(-1, 3))[gl_VertexID], 0, 1); }`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D picture;
uniform vec4 area;         // Of the picture: left, top, width, height, metres.
uniform mat3 homography;   // From pixels to the ground, in the frame of this camera: x forward, y left of the car.
uniform vec3 eye;
uniform vec2 size;
uniform vec3 pose;         // Of this camera's frame in the world: x, y, heading.
uniform float turned;      // Of the car in this camera's frame, radians.
uniform vec4 car;          // Its rear and front end, half its width, and its rear axle, metres from its centre of gravity.
uniform vec2 wheels;       // Steering angle, curvature of the way that it leads.
uniform vec4 seen;         // What the network's camera sees: centre, half its sides; or nothing.
uniform vec3 sky, horizon, earth, hand;
out vec4 color;

vec2 rotate(vec2 v, float angle) { float c = cos(angle), s = sin(angle); return vec2(c * v.x - s * v.y, s * v.x + c * v.y); }

// Where a ray enters a box: the distance, and the normal of the side.
vec4 enter(vec3 from, vec3 ray, vec3 low, vec3 high) {
  vec3 a = (low - from) / ray, b = (high - from) / ray, near = min(a, b), far = max(a, b);
  float t = max(max(near.x, near.y), near.z);
  if (t > min(min(far.x, far.y), far.z) || t < 0.0) return vec4(1e9, 0, 0, 0);
  return vec4(t, -sign(ray) * step(vec3(t), near));
}

// The same for a wheel: a cylinder across the car.
vec4 enterWheel(vec3 from, vec3 ray, float radius, float half_) {
  vec4 hit = vec4(1e9, 0, 0, 0);
  float a = dot(ray.xz, ray.xz), b = dot(from.xz, ray.xz), root = b * b - a * (dot(from.xz, from.xz) - radius * radius);
  if (root <= 0.0) return hit;
  float t = (-b - sqrt(root)) / a;
  vec3 at = from + ray * t;
  if (abs(at.y) <= half_) hit = vec4(t, at.x / radius, 0, at.z / radius);
  float side = (-sign(ray.y) * half_ - from.y) / ray.y;
  at = from + ray * side;
  if (dot(at.xz, at.xz) <= radius * radius && side < hit.x) hit = vec4(side, 0, -sign(ray.y), 0);
  return hit;
}

vec3 lit(vec3 paint, vec3 normal) { return paint * (0.62 + 0.38 * max(dot(normal, normalize(vec3(-0.35, 0.5, 0.9))), 0.0)); }

// The car, as boxes; w is 0 where the ray misses it.
vec4 carColor(vec3 from, vec3 ray) {
  float rear = car.x, front = car.y, half_ = car.z, size_ = front - rear, best = 1e8;
  vec4 found = vec4(0);
  vec4 hull = enter(from, ray, vec3(rear - 0.1, -half_ - 0.25, 0.0), vec3(front + 0.1, half_ + 0.25, 0.33 * size_));
  if (hull.x > 1e8) return found;
  float h = size_ / 4.5;
  vec3 red = vec3(0.80, 0.13, 0.17);
  vec4 body = enter(from, ray, vec3(rear, -half_, 0.3 * h), vec3(front, half_, 0.86 * h));
  if (body.x < best) {
    best = body.x;
    vec3 at = from + ray * body.x;
    vec3 paint = red;
    if (body.y < -0.5 && at.z > 0.58 * h && at.z < 0.76 * h && abs(at.y) > 0.52 * half_ && abs(at.y) < 0.92 * half_) paint = vec3(1.0, 0.32, 0.25);
    if (body.y < -0.5 && at.z < 0.42 * h) paint = vec3(0.10, 0.11, 0.13);
    found = vec4(lit(paint, body.yzw), 1);
  }
  vec4 cabin = enter(from, ray, vec3(rear + 0.10 * size_, -0.84 * half_, 0.86 * h), vec3(rear + 0.66 * size_, 0.84 * half_, 1.38 * h));
  if (cabin.x < best) {
    best = cabin.x;
    vec3 at = from + ray * cabin.x;
    bool glass = abs(cabin.w) < 0.5 && at.z > 0.92 * h && at.z < 1.3 * h
      && (abs(cabin.y) < 0.5 || abs(at.y) < 0.74 * half_);
    found = vec4(lit(glass ? vec3(0.09, 0.12, 0.16) : red, cabin.yzw), 1);
  }
  for (int i = 0; i < 4; i++) {
    bool ahead = i < 2;
    vec3 middle = vec3(ahead ? front - 0.19 * size_ : rear + 0.19 * size_, (i % 2 == 0 ? 1.0 : -1.0) * (half_ - 0.06 * h), 0.34 * h);
    float angle = ahead ? -wheels.x : 0.0;
    vec3 p = from - middle, r = ray;
    p.xy = rotate(p.xy, angle);
    r.xy = rotate(r.xy, angle);
    vec4 tyre = enterWheel(p, r, 0.34 * h, 0.12 * h);
    if (tyre.x < best) {
      best = tyre.x;
      vec3 at = p + r * tyre.x;
      bool rim = abs(tyre.z) > 0.5 && length(at.xz) < 0.2 * h;
      found = vec4(lit(rim ? vec3(0.62, 0.64, 0.67) : vec3(0.09, 0.095, 0.11), tyre.yzw), 1);
    }
  }
  return found;
}

// How far beside the way that the wheels lead a place is; from, too, how far along.
vec2 beside(vec2 place) {
  vec2 p = place - vec2(car.w, 0);
  float k = wheels.y;
  if (abs(k) < 1e-3) return vec2(p.y - 0.5 * k * p.x * p.x, p.x);
  float radius = 1.0 / k;
  return vec2(sign(k) * (abs(radius) - length(vec2(p.x, p.y - radius))), atan(p.x, sign(k) * (radius - p.y)) * abs(radius));
}

// The picture; where it is enlarged, by a cubic B-spline of four taps, which shows no stairs.
vec3 sampled(vec2 place) {
  vec2 pixels = vec2(textureSize(picture, 0)), at = place * pixels - 0.5, width = fwidth(at);
  vec3 plain = texture(picture, place).rgb;
  float large = 1.0 - smoothstep(0.5, 1.0, max(width.x, width.y));
  if (large <= 0.0) return plain;
  vec2 f = fract(at), base = at - f, g = 1.0 - f;
  vec2 w0 = g * g * g / 6.0, w1 = (4.0 - 6.0 * f * f + 3.0 * f * f * f) / 6.0, w3 = f * f * f / 6.0, w2 = 1.0 - w0 - w1 - w3;
  vec2 low = (base - 0.5 + w1 / (w0 + w1)) / pixels, high = (base + 1.5 + w3 / (w2 + w3)) / pixels, share = w2 + w3;
  vec3 upper = mix(textureLod(picture, low, 0.0).rgb, textureLod(picture, vec2(high.x, low.y), 0.0).rgb, share.x);
  vec3 lower = mix(textureLod(picture, vec2(low.x, high.y), 0.0).rgb, textureLod(picture, high, 0.0).rgb, share.x);
  return mix(plain, mix(upper, lower, share.y), large);
}

float stroke(float distance, float width) { float soft = max(fwidth(distance), 0.02); return 1.0 - smoothstep(width - soft, width + soft, abs(distance)); }

void main() {
  vec2 at = vec2(gl_FragCoord.x - 0.5, size.y - gl_FragCoord.y - 0.5);
  vec3 q = homography * vec3(at, 1);
  vec2 spot = q.xy / max(q.z, 1e-4);
  float far = length(spot - eye.xy);
  vec2 world = pose.xy + rotate(spot, pose.z);
  vec2 place = vec2(world.x - area.x, area.y - world.y) / area.zw;
  vec3 ground = sampled(place);
  ground = mix(ground, earth, smoothstep(-6.0, 0.0, max(max(abs(place.x - 0.5) - 0.5, abs(place.y - 0.5) - 0.5) * min(area.z, area.w), -6.0)));
  vec2 local = rotate(spot, -turned);
  vec2 way = beside(local);
  float reach = car.y - car.w;
  float fade = smoothstep(reach - 0.6, reach + 0.6, way.y) * (1.0 - smoothstep(9.0, 19.0, way.y));
  float lines = max(stroke(way.x - 0.86 * car.z, 0.07), stroke(way.x + 0.86 * car.z, 0.07));
  float band = 1.0 - smoothstep(0.80 * car.z, 0.90 * car.z, abs(way.x));
  ground = mix(ground, hand, fade * max(0.95 * lines, 0.20 * band));
  if (seen.z > 0.0) {
    vec2 d = abs(local - seen.xy) - seen.zw;
    float edge = max(d.x, d.y);
    ground = mix(ground, vec3(1), 0.62 * stroke(edge, 0.085));
    ground *= mix(1.0, 0.84, smoothstep(0.0, 0.4, edge));
  }
  vec2 under = abs(local - vec2(0.5 * (car.x + car.y) + 0.1, -0.12)) - vec2(0.5 * (car.y - car.x) - 0.25, car.z - 0.25);
  ground *= 1.0 - 0.55 * (1.0 - smoothstep(0.0, 0.62, length(max(under, 0.0))));
  ground = mix(ground, horizon, smoothstep(40.0, 230.0, far));
  vec3 heaven = mix(horizon, sky, smoothstep(0.0, 0.34, (-q.z) * 1.6));
  vec3 shown = mix(heaven, ground, smoothstep(0.0, 0.006, q.z));
  vec4 sum = vec4(0);
  for (int i = 0; i < 4; i++) {
    vec3 sub = homography * vec3(at + vec2(i % 2 == 0 ? -0.25 : 0.25, i < 2 ? -0.25 : 0.25), 1);
    vec3 ray = vec3(sub.xy - eye.xy * sub.z, -eye.z * sub.z), from = eye;
    ray.xy = rotate(ray.xy, -turned);
    from.xy = rotate(from.xy, -turned);
    sum += carColor(from, ray);
  }
  if (sum.w > 0.0) shown = mix(shown, sum.rgb / sum.w, sum.w / 4.0);
  color = vec4(shown, 1);
}`;

export class Stage {
  /** canvas: to draw on. Throws where the browser has no WebGL 2. */
  constructor(canvas, { cameras: [camera], vehicle }) {
    this.canvas = canvas;
    const gl = (this.gl = canvas.getContext("webgl2", { antialias: false, alpha: false }));
    if (!gl) throw new Error("this browser has no WebGL 2");
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    this.uniform = (name) => gl.getUniformLocation(program, name);
    this.vehicle = vehicle;
    this.scale = vehicle.length / 4.5;
    const front = (vehicle.length + vehicle.cg_to_front + vehicle.cg_to_rear) / 2 - vehicle.cg_to_rear;
    gl.uniform4f(this.uniform("car"), front - vehicle.length, front, vehicle.width / 2, -vehicle.cg_to_rear);
    const ahead = camera.looks_down && Math.abs(camera.yaw) < 1e-6 ? camera.span / 2 : 0;
    gl.uniform4f(this.uniform("seen"), camera.mount[0], camera.mount[1], (ahead * camera.height) / camera.width, ahead);
    this.picture = gl.createTexture();
    this.heading = null;
  }

  /** Loads the picture of a road. */
  async load({ picture }) {
    const gl = this.gl, answer = await fetch(picture.file);
    if (!answer.ok) throw new Error(`${picture.file} is missing (${answer.status})`);
    const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    let bitmap = await createImageBitmap(await answer.blob());
    if (Math.max(bitmap.width, bitmap.height) > most) {
      const share = most / Math.max(bitmap.width, bitmap.height);
      bitmap = await createImageBitmap(bitmap, { resizeWidth: Math.floor(bitmap.width * share), resizeHeight: Math.floor(bitmap.height * share) });
    }
    return bitmap;
  }

  /** Takes another road, and its loaded picture. */
  show({ picture, look }, bitmap) {
    const gl = this.gl;
    gl.bindTexture(gl.TEXTURE_2D, this.picture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, gl.RGB, gl.UNSIGNED_BYTE, bitmap);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    const anisotropic = gl.getExtension("EXT_texture_filter_anisotropic");
    if (anisotropic) gl.texParameterf(gl.TEXTURE_2D, anisotropic.TEXTURE_MAX_ANISOTROPY_EXT, 8);
    gl.uniform4f(this.uniform("area"), picture.left, picture.top, picture.width, picture.height);
    for (const [name, rgb] of [["sky", look.sky], ["horizon", look.horizon], ["earth", look.ground]]) {
      gl.uniform3fv(this.uniform(name), rgb.map((value) => value / 255));
    }
    this.jump();
  }

  /** Turns the camera to the car at once, which is somewhere else. */
  jump() {
    this.heading = null;
  }

  /** pose: {x, y, heading} of the car; steeringAngle: of its wheels; hand: colour of who steers; seconds since the last. */
  draw(pose, steeringAngle, hand, seconds) {
    const gl = this.gl, canvas = this.canvas, s = this.scale;
    const density = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.max(Math.round(canvas.clientWidth * density), 1), height = Math.max(Math.round(canvas.clientHeight * density), 1);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.viewport(0, 0, width, height);
    const behind = this.heading === null ? 0 : this.heading - pose.heading;
    const near = Math.atan2(Math.sin(behind), Math.cos(behind));
    this.heading = pose.heading + near * Math.exp(-seconds / LAG);
    // Of a high picture the width would see little: there the view's angle is the height's.
    const focal = Math.max(width / 2 / Math.tan((FOV * Math.PI) / 360), (0.62 * height) / 2 / Math.tan((FOV * Math.PI) / 360));
    const pitch = (PITCH * Math.PI) / 180, sin = Math.sin(pitch), cos = Math.cos(pitch);
    const x = -BEHIND * s, z = HEIGHT * s, cx = (width - 1) / 2, cy = (height - 1) / 2 - 0.06 * height;
    // A ray right, down, 1 runs along cos - down sin, -right, and falls by sin + down cos: columns of the homography.
    const right = [0, -z / focal, 0];
    const down = [(-z * sin + x * cos) / focal, 0, cos / focal];
    const one = [z * cos + x * sin - cx * right[0] - cy * down[0], -cx * right[1], sin - cy * down[2]];
    gl.uniformMatrix3fv(this.uniform("homography"), false, [...right, ...down, ...one]);
    gl.uniform3f(this.uniform("eye"), x, 0, z);
    gl.uniform2f(this.uniform("size"), width, height);
    gl.uniform3f(this.uniform("pose"), pose.x, pose.y, this.heading);
    gl.uniform1f(this.uniform("turned"), pose.heading - this.heading);
    gl.uniform2f(this.uniform("wheels"), steeringAngle, Math.tan(steeringAngle) / (this.vehicle.cg_to_front + this.vehicle.cg_to_rear));
    gl.uniform3fv(this.uniform("hand"), hand);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}
