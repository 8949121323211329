"""What training a preset keeps in memory, counted without a GPU.

    python benchmarks/generator_memory.py

Each stage's forward pass runs on PyTorch's meta device, which computes shapes only, and every tensor
that the backward pass will need is counted once, at 4 bytes per number in float32 and at 2 in half
precision; weights, gradients and Adam's moments come on top at 16 bytes per weight. Workspaces of cuDNN and fragmentation are not
in it: take half as much again.
"""

import torch

from generator.config import GeneratorConfig, Optimisation, load_config
from generator.diffusion import Denoiser
from generator.presets import PRESETS
from generator.vqgan import VQGAN, Critics


def saved(run) -> int:
    """Return how many numbers a forward pass keeps for its backward pass, weights left out."""
    kept = {}

    def pack(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            # A view shares the storage of its base; the storage is kept alive to keep its id.
            storage = tensor.untyped_storage()
            kept[storage._cdata] = (storage, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(storage.nbytes() // tensor.element_size() for storage, tensor in kept.values())


def gibibytes(numbers: int, weights: int, settings: Optimisation) -> float:
    each = 4 if settings.precision == "float32" else 2
    return (each * numbers + 16 * weights) / 2**30


def estimate(config: GeneratorConfig, sides: list[int]) -> tuple[float, float]:
    """Return the GiB that the two stages keep."""
    with torch.device("meta"):
        model, critics = VQGAN(config.vqgan), Critics(config.vqgan)
        volumes = torch.rand(config.vqgan.training.batch_size, 1, *sides)

        def first():
            latents = model.encode(volumes)
            found = model.decode(latents)
            verdicts, features = critics(found, [0.5] * 3)
            # Feature matching keeps the features of the real volumes too.
            matched = [m - m.detach() for maps in features for m in maps]
            (found - volumes).abs().sum() + sum(v.relu().sum() for v in verdicts)
            sum(m.abs().sum() for m in matched)

        count = sum(p.numel() for m in (model, critics) for p in m.parameters())
        vqgan = gibibytes(saved(first), count, config.vqgan.training)
        denoiser = Denoiser(config.diffusion, config.vqgan.code_dimension)
        latent = [side // config.vqgan.factor for side in sides]
        batch = config.diffusion.training.batch_size
        noised = torch.rand(batch, config.vqgan.code_dimension, *latent)
        times = torch.zeros(batch, dtype=torch.long)
        numbers = saved(lambda: denoiser(noised, times))
        count = sum(p.numel() for p in denoiser.parameters())
        diffusion = gibibytes(numbers, count, config.diffusion.training)
    return vqgan, diffusion


def main() -> None:
    print(f"{'preset':14s}{'shape':>16s}{'VQ-GAN':>10s}{'diffusion':>12s}   GiB")
    for name in PRESETS:
        config = load_config(None, {"preset": name})
        shape = config.preprocessing.shape
        sides = [96, 96, 96] if shape == "auto" else list(shape)
        vqgan, diffusion = estimate(config, sides)
        print(f"{name:14s}{'x'.join(map(str, sides)):>16s}{vqgan:10.1f}{diffusion:12.1f}")


if __name__ == "__main__":
    main()
