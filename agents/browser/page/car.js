// Car: the single-track models of drivesim/vehicle.py, kinematic and dynamic, and the cruise controller.
// x forward, y left, angles positive to the left; metres, seconds, radians.

const GRAVITY = 9.81;
const BLEND_FROM = 2, BLEND_TO = 4;

export const clip = (value, low, high) => Math.min(Math.max(value, low), high);

/** The pedal that holds a speed: drag fed forward, and a second to correct what is missing. */
export function cruisePedal(speed, target, car) {
  const wanted = car.max_acceleration * (target / car.max_speed) ** 2 + (target - speed);
  return clip(wanted > 0 ? wanted / car.max_acceleration : wanted / car.max_braking, -1, 1);
}

/** The state after substeps of dt seconds each, under one action: steering -1 left ... +1 right, pedal -1 ... +1. */
export function stepCar(state, steering, pedal, car, dt, substeps) {
  const target = -steering * car.max_steering_angle, limit = car.friction * GRAVITY;
  const drive = clip(pedal > 0 ? pedal * car.max_acceleration : pedal * car.max_braking, -limit, limit);
  for (let i = 0; i < substeps; i++) state = substep(state, target, drive, car, dt);
  return state;
}

function substep(state, target, drive, car, dt) {
  const rate = (target - state.steeringAngle) / Math.max(car.steering_time_constant, dt);
  const angle = state.steeringAngle + dt * clip(rate, -car.max_steering_rate, car.max_steering_rate);
  const acceleration = drive - (car.max_acceleration / car.max_speed ** 2) * state.speed * state.speed;
  const speed = Math.max(state.speed + dt * acceleration, 0);
  let yawRate = speed * Math.tan(angle) * (1 / (car.cg_to_front + car.cg_to_rear));
  let lateralVelocity = yawRate * car.cg_to_rear;
  if (car.model === "dynamic") {
    const [slippingLateral, slippingYaw] = slip(state, angle, acceleration, car, dt);
    const weight = clip((speed - BLEND_FROM) / (BLEND_TO - BLEND_FROM), 0, 1);
    lateralVelocity += weight * (slippingLateral - lateralVelocity);
    yawRate += weight * (slippingYaw - yawRate);
  }
  const middle = state.heading + 0.5 * dt * yawRate, cos = Math.cos(middle), sin = Math.sin(middle);
  return {
    x: state.x + dt * (speed * cos - lateralVelocity * sin),
    y: state.y + dt * (speed * sin + lateralVelocity * cos),
    heading: state.heading + dt * yawRate,
    speed, lateralVelocity, yawRate, steeringAngle: angle,
  };
}

/** Lateral velocity and yaw rate after dt of tyre forces, which saturate. */
function slip(state, angle, acceleration, car, dt) {
  const speed = Math.max(state.speed, BLEND_FROM), lateral = state.lateralVelocity, yawRate = state.yawRate;
  const wheelbase = car.cg_to_front + car.cg_to_rear;
  const slipFront = Math.atan((lateral + car.cg_to_front * yawRate) / speed) - angle;
  const slipRear = Math.atan((lateral - car.cg_to_rear * yawRate) / speed);
  // What braking or driving takes from the tyres is not there for cornering.
  const used = clip(acceleration / (car.friction * GRAVITY), -0.95, 0.95);
  const grip = car.friction * car.mass * GRAVITY * Math.sqrt(1 - used * used);
  const gripFront = grip * (car.cg_to_rear / wheelbase), gripRear = grip * (car.cg_to_front / wheelbase);
  const forceFront = -gripFront * Math.tanh((car.cornering_stiffness_front * slipFront) / gripFront);
  const forceRear = -gripRear * Math.tanh((car.cornering_stiffness_rear * slipRear) / gripRear);
  const across = forceFront * Math.cos(angle);
  const lateralAcceleration = (across + forceRear) / car.mass - speed * yawRate;
  const yawAcceleration = (car.cg_to_front * across - car.cg_to_rear * forceRear) / car.yaw_inertia;
  return [lateral + dt * lateralAcceleration, yawRate + dt * yawAcceleration];
}
