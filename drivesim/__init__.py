"""drivesim: an autonomous-driving steering simulator. Importing it registers its Gymnasium environments."""

from importlib.metadata import PackageNotFoundError, version

from gymnasium.envs.registration import register

from drivesim.scenario import TRAFFIC, TRAFFIC_ID

try:
    __version__ = version("drivesim")
except PackageNotFoundError:
    __version__ = "0.1.0"

register("drivesim/Steer-v0", "drivesim.env:SteerEnv", vector_entry_point="drivesim.vector_entry:steer_envs")
register("drivesim/Drive-v0", "drivesim.env:DriveEnv", vector_entry_point="drivesim.vector_entry:drive_envs")
register(TRAFFIC_ID, "drivesim.env:DriveEnv", vector_entry_point="drivesim.vector_entry:drive_envs", kwargs={**TRAFFIC})
