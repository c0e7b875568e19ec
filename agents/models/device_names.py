"""Device names: what `--device` may be, and what that means for the cars; torch is not needed to know."""

from drivesim.errors import check_name

# On the last, cars are simulated and drawn by torch on the CPU, as they are by cuda on a GPU: slower than by NumPy and
# OpenCV, but the same code.
TORCH_CPU = "torch-cpu"
DEVICES = ("auto", "cpu", "cuda", TORCH_CPU)


def loop_device(device: str) -> str | None:
    """Return the torch device that cars are simulated, seen and driven on; None where NumPy and OpenCV do that."""
    return {"cuda": "cuda", TORCH_CPU: "cpu"}.get(check_name("device", device, DEVICES))
