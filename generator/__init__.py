"""Trains a 3D VQ-GAN and a latent diffusion model, and samples volumes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.model import Generator


def load(path: str, device: str = "cpu") -> "Generator":
    """Return the generator that `evalsuite generator train` wrote into a folder.

    Args:
        path: the folder.
        device: a torch device.

    Raises:
        EvalsuiteError: if it is not there, not finished or damaged.

    Example:
        volumes = generator.load("runs/mine").sample(4, seed=1)
    """
    from generator.model import load as load_model

    return load_model(path, device)
