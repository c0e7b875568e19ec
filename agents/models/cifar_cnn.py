"""CIFAR CNN: a small convolutional network for pictures of 32 x 32 pixels, and for frames of any size."""

import torch
from torch import Tensor, nn

# Of CIFAR-10's 50,000 training pictures, in 0..1.
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class CifarCnn(nn.Module):
    """Two convolutions (5 x 5; 6 and 16 channels), each with ReLU and 2 x 2 max pooling, and layers of 120 and 84.

    The second pooling leaves 5 x 5 of a picture of 32 x 32 pixels; averaging makes 5 x 5 of any larger or smaller one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 6, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.pool = nn.AdaptiveAvgPool2d(5)
        self.hidden = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120), nn.ReLU(inplace=True), nn.Linear(120, 84), nn.ReLU(inplace=True)
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Take normalised frames (B, 3, H, W) float32, 16 pixels or more, to features (B, 84)."""
        return self.hidden(torch.flatten(self.pool(self.convolutions(frames)), 1))
