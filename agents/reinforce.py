"""python -m agents.reinforce --policy policy --env steer --algorithm ppo --out reinforced

Let a policy try, and learn from what comes of it: PPO (Schulman et al. 2017) or SAC (Haarnoja et al. 2018) of
Stable-Baselines3. A clone keeps its skill: the critic learns first, and going away from the clone costs, ever less.
Without --policy it begins from scratch. The result is a policy like any other. `docs/beyond_cloning.md` tells more.
"""

from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from agents.learning.checkpoint import Checkpoint
from agents.learning.same_options import differences
from agents.lineup import worlds_of_files
from agents.models.devices import choose_device
from agents.models.networks import network_of
from agents.policy import Policy
from agents.reinforcement.options import DRIVE, Args, check, check_fit, config_from_scratch, kept_options
from drivesim.command import run_command
from drivesim.errors import DrivesimError
from drivesim.folder_lock import only_writer
from drivesim.vector_env import DriveVectorEnv, SteerVectorEnv
from drivesim.vehicle import get_vehicle
from drivesim.world import World, WorldSource


def main(args: Args) -> None:
    """Learn."""
    _require_sb3()
    choose_device(args.device)
    check(args)
    start = _start(args)
    check_fit(args, start.config)
    kept = {"options": kept_options(args)}
    checkpoint = _checkpoint(args, kept["options"]) if args.resume else None
    files = worlds_of_files(args.track_files, True, "random") if args.track_files else []
    console = Console()
    # Here, so that a missing Stable-Baselines3 is told in a sentence.
    from agents.reinforcement.learner import DivergedError, go_on, make_learner, restore, seed_of
    from agents.reinforcement.vec_env import DriveVecEnv
    from agents.reinforcement.watch import Watch

    steps = 0 if checkpoint is None else checkpoint.values["steps"]
    env = DriveVecEnv(_make_env(args, start, files), start.config, seed_of(args, steps))
    if args.policy is None and checkpoint is None:
        _settle(start, env.reset())
        env.seed(seed_of(args, steps))
    args.out.mkdir(parents=True, exist_ok=True)
    learner = make_learner(args, start, env)
    if checkpoint is not None:
        restore(learner, checkpoint)
        kept = checkpoint.values
        console.print(f"Going on after {steps} of {args.steps} steps")
    worlds = files or WorldSource(range(args.validation_tracks), "mixed", "validation").all()
    watch = Watch(args, start.config, worlds, console, kept)
    try:
        with only_writer(args.out):
            go_on(learner, args.steps, watch)
            watch.finish()
    except DivergedError as reason:
        raise DrivesimError(
            f"reinforce: {reason}. The best policy until then, of step {watch.best['steps']}, is kept in {args.out}. "
            "Lower --learning-rate, or raise --penalty."
        ) from reason
    finally:
        env.close()
    best = watch.best
    console.print(
        f"Best after {best['steps']} steps: autonomy {best['autonomy']:.3f}, {watch.rows[0]['autonomy']:.3f} before. "
        f"Saved to {args.out}",
        soft_wrap=True,
    )
    console.print(f"Evaluate it: python -m agents.evaluate --policy {args.out} --tracks 100", soft_wrap=True)


def _require_sb3() -> None:
    try:
        import stable_baselines3  # noqa: F401
    except ImportError as error:
        raise DrivesimError("reinforce: Stable-Baselines3 is not installed: pip install -e '.[rl]'") from error


def _start(args: Args) -> Policy:
    """Return the policy to begin with."""
    if args.policy is None:
        config = config_from_scratch(args)
        torch.manual_seed(args.seed)
        return Policy(config, network_of(config), args.device)
    if args.policy.suffix != ".zip":
        return Policy.load(args.policy, args.device)
    if not args.trust:
        raise DrivesimError(
            f"--policy: {args.policy} is an archive of Stable-Baselines3, and reading it runs whatever code it holds "
            "(cloudpickle). Give --trust if you know who made it, or a policy's folder, in which nothing is executed."
        )
    from agents.reinforcement.archive import read_archive

    return read_archive(args.policy, args.algorithm, args.device)


def _make_env(args: Args, start: Policy, files: list[World]) -> DriveVectorEnv:
    config = start.config
    kind = DriveVectorEnv if args.env == DRIVE else SteerVectorEnv
    return kind(
        args.cars,
        autoreset_mode="SameStep",
        track=[world.track for world in files] or range(args.tracks),
        difficulty=args.difficulty,
        camera=config.cameras,
        vehicle=get_vehicle(config.vehicle),
        control_hz=config.control_hz,
        start="random",
        threads=args.threads,
    )


def _checkpoint(args: Args, options: dict[str, object]) -> Checkpoint:
    """Read the checkpoint to go on with.

    Raises:
        DrivesimError: If there is none, or it is of another run.
    """
    if not Path(args.out).is_dir():
        raise DrivesimError(f"--resume: {args.out} is not there: nothing was interrupted.")
    checkpoint = Checkpoint.read(args.out)
    others = differences(checkpoint.values["options"], options)
    if others:
        raise DrivesimError(f"--resume: the run in {args.out} had {others}. Give the same options, or another --out.")
    return checkpoint


def _settle(policy: Policy, seen: dict[str, np.ndarray]) -> None:
    """Let a new network's batch normalisation take the statistics of what is seen first, and keep them."""
    from agents.reinforcement.actor import inputs_of

    norms = [module for module in policy.network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momentums = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        inputs = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in seen.items()}
        policy.network.train()(*(values.to(policy.device) for values in inputs_of(inputs)))
    policy.network.eval()
    for norm, momentum in zip(norms, momentums, strict=True):
        norm.momentum = momentum


if __name__ == "__main__":
    run_command(main, Args, __doc__)
