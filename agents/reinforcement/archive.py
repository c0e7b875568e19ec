"""Archive: a policy out of a file that Stable-Baselines3 wrote, which is executed on the way."""

import zipfile
from pathlib import Path

from agents.models.policy_config import PolicyConfig
from agents.policy import Policy
from agents.reinforcement.options import SOFT
from agents.reinforcement.proximal import Proximal, ProximalPolicy
from agents.reinforcement.soft import Soft, SoftPolicy
from drivesim.errors import DrivesimError


def read_archive(path: Path, algorithm: str, device: str) -> Policy:
    """Read a policy out of what a learner of agents.reinforce saved by `save`; the file's code is run.

    Args:
        path: Of the .zip.
        algorithm: That wrote it: `ppo` or `sac`.
        device: See `Policy`.

    Raises:
        DrivesimError: If it can't be read, or holds another network than a driving one.
    """
    kind: type[Soft] | type[Proximal] = Soft if algorithm == SOFT else Proximal
    try:
        learner = kind.load(path, device="cpu")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, zipfile.BadZipFile) as error:
        raise DrivesimError(
            f"--policy: {path} can't be read as an archive of {algorithm} ({str(error).splitlines()[0]}). Give its "
            "--algorithm, or a policy's folder."
        ) from error
    config = getattr(learner, "drivesim_config", None)
    if not isinstance(learner.policy, ProximalPolicy | SoftPolicy) or not isinstance(config, PolicyConfig):
        raise DrivesimError(
            f"--policy: what {path} holds, {type(learner.policy).__name__}, is no driving network. Begin with a "
            "policy's folder, or from scratch."
        )
    return Policy(config, learner.policy.network, device)
