"""Training: fits a policy's network, drives it after every epoch, and can be taken up where it stopped."""

import json
import math
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from rich.console import Console
from torch import nn

from agents.learning.checkpoint import NAME, Checkpoint, optimizer_tensors, restore_network, restore_optimizer
from agents.learning.distributed import first_decides, mean_of, rank, share_of, shared
from agents.learning.same_options import differences
from agents.learning.schedule import Plan, set_training
from agents.learning.score import score
from agents.models.devices import autocast
from agents.policy import Policy
from agents.progress import progress_bar
from datasets.augment import Augment
from datasets.frames import Batch
from datasets.stored_frames import Frames
from drivesim.errors import DrivesimError

_LOG = "metrics.jsonl"

# Seconds between checkpoints: what an interruption costs.
_CHECKPOINT_SECONDS = 10.0

Driving = dict[str, float]


class Logger(Protocol):
    """Takes figures as they come: a TensorBoard writer does."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Take a figure."""
        ...


class Training:
    """A policy's training.

    Args:
        policy: Its network learns.
        frames: To learn from.
        plan: How.
        drive: Drives a policy on the validation tracks: `autonomy` and `cross_track_error` (metres). Or lets it answer
            pictures that were held out: `steering_mae`, and `pedal_mae` where it is learned.
        folder: For the policy, the log and the checkpoint.
        seed: Of the order of samples, the views and the augmentation.
        options: What the training was asked for; a checkpoint is taken up by the same options alone.
        augment: Changes frames on their way into the network.
        compiled: Whether `torch.compile` makes the network faster first.
        logger: Takes losses and driving too.
    """

    def __init__(
        self,
        policy: Policy,
        frames: Frames,
        plan: Plan,
        drive: Callable[[Policy], Driving],
        folder: Path,
        seed: int,
        options: dict[str, Any],
        augment: Augment | None = None,
        compiled: bool = False,
        logger: Logger | None = None,
    ) -> None:
        self.policy, self.frames, self.plan, self.drive, self.folder = policy, frames, plan, drive, folder
        self._options = json.loads(json.dumps(options))
        self._augment, self._logger = augment, logger
        self._network = policy.network
        network = shared(self._network)
        self._forward = torch.compile(network) if compiled else network
        self._share = share_of(plan.batch_size)
        # What drives: the network itself, or the moving average of its weights.
        self._average = deepcopy(self._network) if plan.averaging else None
        self._optimizer = plan.optimizer(self._network)
        self._rng = np.random.default_rng(seed)
        self._epoch, self._step = 0, 0
        self._epoch_rng: dict[str, Any] = {}
        self._losses: list[float] = []
        self._since_better = 0
        self.best: Driving = {}
        self._saved_at = time.monotonic()

    def run(self, console: Console) -> Driving:
        """Train to the end, saving the policy whenever it drives better; returns the best driving."""
        while self._epoch < self.plan.epochs and not self._gave_up:
            with progress_bar(console, f"epoch {self._epoch + 1} of {self.plan.epochs}") as on_step:
                self._fit(on_step)
            loss = float(np.mean(self._losses))
            better, driving = self._judge()
            console.print(f"epoch {self._epoch:2d}  loss {loss:.5f}  {in_words(driving)}{'  saved' if better else ''}")
            self._log({"epoch": self._epoch, "loss": loss, **driving})
            self._checkpoint()
        if rank() == 0:
            (self.folder / NAME).unlink(missing_ok=True)
        return self.best

    @property
    def _gave_up(self) -> bool:
        return 0 < self.plan.patience <= self._since_better

    def _fit(self, on_step: Callable[[float], None]) -> None:
        """Go through an epoch, or through what is left of it."""
        plan = self.plan
        if self._step == 0:
            self._losses, self._epoch_rng = [], dict(self._rng.bit_generator.state)
        else:
            self._rng.bit_generator.state = self._epoch_rng
        learns = plan.backbone_learns(self._epoch)
        batches = self.frames.epoch(plan.samples, plan.batch_size, self._rng, self._step, self._share)
        set_training(self._network, learns)
        for batch in batches:
            plan.set_rates(self._optimizer, self._epoch * plan.steps + self._step)
            self._losses.append(self._learn(batch))
            self._step += 1
            on_step(self._step / plan.steps)
            if time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
                self._checkpoint()

    def _judge(self) -> tuple[bool, Driving]:
        """End an epoch: drive, and save the policy where it drives better than before."""
        policy = self.policy
        if self._average is not None:
            policy = Policy(policy.config, self._average, policy.device.type)
        driving = first_decides(lambda: self.drive(policy))
        self._epoch, self._step = self._epoch + 1, 0
        better = not self.best or score(driving) > score(self.best)
        self._since_better = 0 if better else self._since_better + 1
        if better:
            self.best = driving
        if better and rank() == 0:
            policy.with_driving(driving, self._epoch).save(self.folder)
        return better, driving

    def _learn(self, batch: Batch) -> float:
        """One step; returns the loss."""
        inputs, wanted = to_tensors(batch, self.policy, self._augment, self._augment_seed)
        with autocast(self.policy.device, self._network):
            actions = self._forward(*inputs)
        loss = loss_of(actions, wanted, self._options.get("pedal_weight", 1.0))
        value = mean_of(loss.detach()).item()
        if not math.isfinite(value):
            raise DrivesimError(
                f"training: the loss became {value} in epoch {self._epoch + 1}, batch {self._step + 1}; the last "
                f"checkpoint and the best policy are kept in {self.folder}. Lower --learning-rate."
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        if self._average is not None:
            self._follow(self._average)
        if self._logger is not None and rank() == 0:
            self._logger.add_scalar("loss", value, self._epoch * self.plan.steps + self._step)
        return value

    @property
    def _augment_seed(self) -> int:
        """Seed of the augmentation in this step: a function of where the training is, so that resuming repeats it."""
        return int(
            np.random.SeedSequence([self._options["seed"], self._epoch, self._step, rank()]).generate_state(1)[0]
        )

    @torch.no_grad()
    def _follow(self, average: nn.Module) -> None:
        """Move the average towards the network; young averages follow faster."""
        done = self._epoch * self.plan.steps + self._step
        share = 1 - min(self.plan.averaging, (1 + done) / (10 + done))
        for ours, theirs in zip(average.state_dict().values(), self._network.state_dict().values(), strict=True):
            if ours.is_floating_point():
                ours.lerp_(theirs, share)
            else:
                ours.copy_(theirs)

    def _log(self, row: dict[str, float]) -> None:
        if rank() > 0:
            return
        with (self.folder / _LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self._logger is not None:
            for name in self.best:
                self._logger.add_scalar(name, row[name], self._epoch * self.plan.steps)

    def _checkpoint(self) -> None:
        if rank() > 0:
            return
        tensors = {f"network.{name}": value for name, value in self._network.state_dict().items()}
        tensors |= {f"optimizer.{name}": value for name, value in optimizer_tensors(self._optimizer).items()}
        if self._average is not None:
            tensors |= {f"average.{name}": value for name, value in self._average.state_dict().items()}
        values = {
            "options": self._options,
            "epoch": self._epoch,
            "step": self._step,
            "rng": dict(self._rng.bit_generator.state) if self._step == 0 else self._epoch_rng,
            "losses": self._losses if self._step else [],
            "best": self.best,
            "since_better": self._since_better,
        }
        Checkpoint(tensors, values).write(self.folder)
        self._saved_at = time.monotonic()

    def resume(self) -> str:
        """Take up the training whose checkpoint is in the folder; returns where it goes on, in words.

        Raises:
            DrivesimError: If there is no whole checkpoint, or it is of another training.
        """
        checkpoint = Checkpoint.read(self.folder)
        values = checkpoint.values
        # An option that the training did not know makes no difference to it.
        before = values["options"]
        others = differences(before, {name: self._options.get(name) for name in before})
        if others:
            raise DrivesimError(
                f"--resume: the checkpoint in {self.folder} is of another training: it had {others}. "
                "Give the same options, or train anew into another folder."
            )
        restore_network(self._network, checkpoint.part("network."))
        restore_optimizer(self._optimizer, checkpoint.part("optimizer."))
        if self._average is not None:
            restore_network(self._average, checkpoint.part("average."))
        self._epoch, self._step = values["epoch"], values["step"]
        self._rng.bit_generator.state = self._epoch_rng = values["rng"]
        self._losses, self.best, self._since_better = values["losses"], values["best"], values["since_better"]
        if rank() == 0:
            self._keep_log(self._epoch)
        return f"epoch {self._epoch + 1}, batch {self._step + 1}"

    def _keep_log(self, epochs: int) -> None:
        """Drop from the log what came after the checkpoint: it comes again."""
        path = self.folder / _LOG
        rows = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        path.write_text("".join(rows[:epochs]), encoding="utf-8")


def to_tensors(
    batch: Batch, policy: Policy, augment: Augment | None, seed: int
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return the very tensors that enter a policy's network, and the wanted actions (B, A).

    A sample's frames, past ones and those of all cameras, are changed by the same light and weather.

    Args:
        batch: Samples.
        policy: Whose network.
        augment: Changes the frames.
        seed: Of the changes.
    """
    inputs = []
    # Frames that were drawn on a device are tensors there already.
    for frames in map(torch.as_tensor, batch.frames):
        if augment is not None:
            # One tall picture of all of a sample's frames.
            tall = frames.flatten(1, -3).movedim(-1, -3)
            frames = augment(tall, seed).movedim(-3, -1).reshape(frames.shape)
        # Colours last in memory and first in order: channels_last without a copy.
        inputs.append(frames.movedim(-1, -3).to(policy.device))
    if policy.config.takes_speed:
        inputs.append(torch.from_numpy(batch.speeds).to(policy.device))
    return inputs, torch.from_numpy(batch.actions).to(policy.device)


def overfit(policy: Policy, batch: Batch, learning_rate: float, steps: int = 200) -> tuple[float, float]:
    """Learn one batch by heart: a network that can't has a fault. Returns the first loss and the last."""
    network = policy.network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate)
    inputs, wanted = to_tensors(batch, policy, None, 0)
    losses = []
    for _ in range(steps):
        loss = loss_of(network(*inputs), wanted)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses[0], losses[-1]


def loss_of(actions: torch.Tensor, wanted: torch.Tensor, pedal_weight: float = 1.0) -> torch.Tensor:
    """The loss: errors beyond 0.1 of the range count linearly, since the far-off views are the least certain.

    Args:
        actions: (B, A) steering, and the pedal where it is learned.
        wanted: (B, A).
        pedal_weight: What an error of the pedal counts, of one of the steering.
    """
    losses = nn.functional.smooth_l1_loss(actions.float(), wanted, beta=0.1, reduction="none")
    weights = losses.new_tensor([1.0, pedal_weight])[: losses.shape[1]]
    return (losses * weights).mean()


def in_words(driving: Driving) -> str:
    """Say what chose a policy."""
    if "autonomy" in driving:
        return f"autonomy {driving['autonomy']:.3f}  cross-track error {driving['cross_track_error']:.3f} m"
    errors = [f"{name.removesuffix('_mae')} {value:.4f}" for name, value in driving.items()]
    return f"mean absolute error of {', '.join(errors)}"
