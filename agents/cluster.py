"""Cluster: drives spread over the machines of a Ray cluster, and what comes back is what driving here would give.

A job is some worlds, whoever drives them, and how; it is driven as `agents.rollout.drive` drives it here, in the code
of this checkout, which is sent along. Grounds are painted where they are needed. A job whose worker is lost is driven
again.
"""

import logging
import platform
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from agents.driver import Driver
from agents.evaluation.inference import TimedDriver
from agents.rollout import Course, Drive, drive
from drivesim.errors import DrivesimError
from drivesim.world import World

# Worlds to a job where nobody says.
USUAL_CARS = 25

# Seconds in which a cluster answers.
_PATIENCE = 10.0

# Times that a job is driven again before it is given up.
_RETRIES = 8

# What results depend on, besides the code that is sent.
_PACKAGES = ("ray", "numpy", "opencv-python-headless", "numba", "scipy", "gymnasium", "torch")

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, eq=False)
class Job:
    """Worlds to drive.

    Attributes:
        driver: Who drives.
        worlds: Where.
        course: How.
        rng: Of the noise, where there is any.
    """

    driver: Driver
    worlds: Sequence[World]
    course: Course
    rng: np.random.Generator | None = None


def drive_jobs(jobs: Sequence[Job], address: str, on_step: Callable[[float], None] | None = None) -> list[list[Drive]]:
    """Drive every job on a cluster; returns the drives of each.

    Args:
        jobs: What to drive.
        address: Of the cluster, `host:port`; empty for the one that runs here, or a new one on this machine.
        on_step: Told the share of the jobs that are done.

    Raises:
        DrivesimError: If the cluster does not answer, has other versions, or loses a job again and again.
    """
    ray = join(address)
    # A job takes a core; its frames are drawn on that core alone.
    remote = ray.remote(num_cpus=1, max_retries=_RETRIES, retry_exceptions=False)(_drive)
    try:
        pending = {remote.remote(*_sent(job)): number for number, job in enumerate(jobs)}
    except TypeError as error:
        raise DrivesimError(f"--ray: {jobs[0].driver.name} can't be sent to other machines. Drive it here.") from error
    results: list[list[Drive]] = [[] for _ in jobs]
    while pending:
        (ready,), _ = ray.wait(list(pending), num_returns=1)
        job = jobs[number := pending.pop(ready)]
        try:
            drives, seconds, answers = ray.get(ready)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, DrivesimError):
                raise DrivesimError(str(error.cause)) from error
            raise
        except ray.exceptions.RayError as error:
            raise DrivesimError(
                f"--ray: a job was lost {_RETRIES + 1} times ({type(error).__name__}). Look after the cluster's "
                "machines, or drive here."
            ) from error
        if isinstance(job.driver, TimedDriver):
            job.driver.seconds += seconds
            job.driver.answers += answers
        results[number] = [replace(each, world=world) for each, world in zip(drives, job.worlds, strict=True)]
        if on_step is not None:
            on_step(1 - len(pending) / len(jobs))
    return results


def _sent(job: Job) -> tuple[Any, ...]:
    """A job without what is made anew elsewhere: painted grounds, and the clock."""
    driver = job.driver.driver if isinstance(job.driver, TimedDriver) else job.driver
    bare = {world: replace(world, _textures={}) for world in job.worlds}
    course = replace(job.course, envs=None, ray=None, threads=1)
    return driver, [bare[world] for world in job.worlds], course, job.rng


def _drive(
    driver: Driver, worlds: list[World], course: Course, rng: np.random.Generator | None
) -> tuple[list[Any], list[float], int]:
    """Drive a job, on a worker; returns its drives, without the worlds, and what the clock says."""
    timed = TimedDriver(driver)
    drives = drive(timed, worlds, course, rng)
    nowhere: Any = None
    return [replace(each, world=nowhere) for each in drives], timed.seconds, timed.answers


def join(address: str) -> Any:
    """Return Ray, connected to a cluster; until the process ends it stays that.

    Args:
        address: See `drive_jobs`.
    """
    try:
        import ray
    except ImportError as error:
        raise DrivesimError("--ray: it is not installed: pip install -e '.[ray]'") from error
    if ray.is_initialized():
        return ray
    if address:
        _check_answers(address)
    # Workers import this checkout, whatever is installed where they run.
    modules = [str(_ROOT / name) for name in ("drivesim", "datasets", "agents")]
    environment = {"py_modules": modules, "env_vars": {"OMP_NUM_THREADS": "1"}, "excludes": ["__pycache__"]}
    try:
        ray.init(address or None, runtime_env=environment, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        words = " ".join(str(error).split())[:300]
        raise DrivesimError(f"--ray: the cluster at {address or 'this machine'} can't be joined: {words}") from error
    try:
        _check_versions(ray)
    except DrivesimError:
        ray.shutdown()
        raise
    return ray


def _check_answers(address: str) -> None:
    """Refuse an address where nobody answers."""
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdigit()):
        raise DrivesimError(f"--ray: expected an address such as 10.0.0.1:6379, got {address!r}.")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise DrivesimError(
            f"--ray: {address} did not answer within {_PATIENCE:g} s ({error}). Start the cluster there with "
            "ray start --head --port 6379, or leave the address out."
        ) from error


def _check_versions(ray: Any) -> None:
    """Refuse nodes with other versions of what results depend on."""
    here = versions()
    tell = ray.remote(num_cpus=0, max_retries=_RETRIES)(versions)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    told = []
    for node in nodes:
        on_node = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        told.append(tell.options(scheduling_strategy=on_node).remote())
    for node, there in zip(nodes, ray.get(told), strict=True):
        differ = [
            f"{name} {here[name]} here and {there.get(name)} there" for name in here if here[name] != there.get(name)
        ]
        if differ:
            raise DrivesimError(
                f"--ray: versions on {node['NodeManagerAddress']} differ: {', '.join(differ)}. Install the same on all "
                "machines."
            )


def versions() -> dict[str, str]:
    """Return the versions of all that results depend on, but for the code that is sent."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
