"""Ready configurations: two for small machines, four with the paper's published settings.

The paper's shapes and hyper-parameters are those of its public training scripts (Khader et al.,
Scientific Reports 13:7303, 2023). Differences: the network is MONAI's VQ-VAE (residual units
without normalisation) instead of the authors' own; bfloat16 instead of float16. GPU memory is half
as much again as `benchmarks/generator_memory.py` counts, not a measurement.
"""

from typing import Any

PAPER_VQGAN: dict[str, Any] = {
    "residual_layers": 2,
    "codes": 16384,
    "code_dimension": 8,
    "discriminator_start": 10_000,
    "training": {
        "steps": 100_000,
        "batch_size": 2,
        "learning_rate": 3e-4,
        "gradient_clip": 1.0,
        "validate_every": 1000,
        "checkpoint_every": 1000,
    },
}
PAPER_DIFFUSION: dict[str, Any] = {
    "channels": [64, 128, 256, 512],
    "attention": [False, False, True, True],
    "timesteps": 300,
    "prediction": "epsilon",
    "loss": "l1",
    "ema": 0.995,
    "training": {
        "steps": 700_000,
        "batch_size": 10,
        "accumulate": 2,
        "learning_rate": 1e-4,
        "validate_every": 1000,
        "checkpoint_every": 1000,
    },
}


def _paper(
    shape: list[int],
    channels: list[int],
    batch_size: int,
    gpu_memory: str,
    *,
    levels: int = 4,
    intensity: str = "percentile",
) -> dict[str, Any]:
    training = {**PAPER_DIFFUSION["training"], "batch_size": batch_size}
    return {
        "gpu_memory": gpu_memory,
        "preprocessing": {"shape": shape, "intensity": {"kind": intensity}},
        "vqgan": {**PAPER_VQGAN, "channels": channels},
        "diffusion": {
            **PAPER_DIFFUSION,
            "channels": PAPER_DIFFUSION["channels"][:levels],
            "attention": PAPER_DIFFUSION["attention"][:levels],
            "training": training,
        },
    }


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "gpu_memory": "none: made for 2 cores of a processor",
        # From the end of the process samples of so small a network are too much alike; see
        # benchmarks/generator_quality.py.
        "start": 0.9,
        "vqgan": {
            "channels": [32, 64],
            "residual_layers": 2,
            "codes": 2048,
            "code_dimension": 8,
            "decay": 0.95,
            "restart_below": 0.1,
            "reconstruction": 1.0,
            "perceptual": 1.0,
            "slice_adversarial": 0.01,
            "volume_adversarial": 0.01,
            "feature_matching": 0.05,
            "discriminator_channels": 16,
            "discriminator_layers": 2,
            "discriminator_start": 2000,
            "training": {
                "steps": 3000,
                "batch_size": 4,
                "learning_rate": 1.5e-3,
                "final_rate": 0.05,
                "warmup": 100,
                "validate_every": 250,
                "checkpoint_every": 250,
            },
        },
        "diffusion": {
            "channels": [48, 96],
            "attention": [False, True],
            "residual_blocks": 2,
            "groups": 16,
            "coordinates": True,
            "prediction": "v_prediction",
            "loss": "l2",
            "ema": 0.995,
            "training": {
                # Longer training memorises so few volumes: samples come nearer to them than
                # held-out volumes are, and the validation loss rises.
                "steps": 1500,
                "batch_size": 16,
                "learning_rate": 1e-3,
                "final_rate": 0.05,
                "warmup": 100,
                "validate_every": 500,
                "checkpoint_every": 500,
            },
        },
    },
    "small": {
        "gpu_memory": "about 13 GiB for volumes of 96 x 96 x 96 (estimate)",
        "vqgan": {
            "channels": [64, 128],
            "codes": 8192,
            "restart_below": 0.1,
            "perceptual": 0.5,
            "slice_adversarial": 0.1,
            "volume_adversarial": 0.1,
            "feature_matching": 1.0,
            "discriminator_channels": 32,
            "discriminator_start": 5000,
            "training": {
                "steps": 20_000,
                "batch_size": 4,
                "learning_rate": 5e-4,
                "final_rate": 0.05,
                "warmup": 500,
            },
        },
        "diffusion": {
            "channels": [128, 256, 256],
            "attention": [False, True, True],
            "prediction": "v_prediction",
            "loss": "l2",
            "ema": 0.999,
            "training": {
                "steps": 50_000,
                "batch_size": 16,
                "learning_rate": 2e-4,
                "final_rate": 0.05,
                "warmup": 1000,
            },
        },
    },
    "paper-brain": _paper([64, 64, 64], [16], 10, "about 8 GiB (estimate)"),
    "paper-knee": _paper([256, 256, 32], [16, 32, 64], 40, "about 3 GiB (estimate)", levels=3),
    "paper-breast": _paper([256, 256, 32], [16, 32, 64], 40, "about 3 GiB (estimate)", levels=3),
    "paper-chest": _paper(
        [128, 128, 128], [16, 32, 64], 50, "about 6 GiB (estimate)", intensity="window"
    ),
}
