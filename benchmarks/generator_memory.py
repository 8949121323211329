"""What training each preset needs on a GPU, counted without one; see `generator.memory`.

python benchmarks/generator_memory.py
"""

from generator.config import load_config
from generator.memory import training_needs
from generator.presets import PRESETS


def main() -> None:
    print(f"{'preset':14s}{'shape':>16s}{'VQ-GAN':>10s}{'diffusion':>12s}   GiB")
    for name in PRESETS:
        config = load_config(None, {"preset": name})
        shape = config.preprocessing.shape
        sides = (96, 96, 96) if isinstance(shape, str) else shape
        vqgan, diffusion = (one.memory / 2**30 for one in training_needs(config, sides))
        print(f"{name:14s}{'x'.join(map(str, sides)):>16s}{vqgan:10.1f}{diffusion:12.1f}")


if __name__ == "__main__":
    main()
