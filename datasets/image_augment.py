"""Image augment: pictures of things changed on their way into a classifier, so that it learns what does not change."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms import v2

from drivesim.errors import DrivesimError

# Pictures that are changed alike: a change for each takes four times as long, and every epoch groups them anew.
_ALIKE = 4


@dataclass(frozen=True)
class ImageAugment:
    """Random crops, mirror images and colours.

    Attributes:
        strength: 0 changes nothing; 1 moves by up to an eighth of the side and changes colours by up to 40%.
        flip: Whether half of the pictures are mirrored; not for letters and digits.
    """

    strength: float = 1.0
    flip: bool = True

    def __post_init__(self) -> None:
        """Refuse a strength that is none."""
        if not 0 <= self.strength <= 1:
            raise DrivesimError(f"--augment: expected a strength from 0 to 1, got {self.strength}.")

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Change pictures (B, 3, S, S) uint8 RGB; the same seed changes the same pictures alike."""
        change = self._transform(images.shape[-1])
        # Transforms draw from torch's own generator; it is given back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            changed = torch.cat([change(part) for part in images.split(_ALIKE)])
        return changed.contiguous(memory_format=torch.channels_last)

    def _transform(self, side: int) -> v2.Transform:
        steps: list[v2.Transform] = [v2.RandomHorizontalFlip()] if self.flip else []
        if self.strength:
            padding, s = max(round(self.strength * side / 8), 1), 0.4 * self.strength
            steps.append(v2.RandomCrop(side, padding=padding, padding_mode="edge"))
            steps.append(v2.ColorJitter(brightness=s, contrast=s, saturation=s, hue=0.05 * self.strength))
        return v2.Compose(steps) if steps else v2.Identity()
