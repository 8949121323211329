"""Ready configurations: two for small machines, four with the paper's published settings.

The paper's shapes and hyper-parameters are those of its public training scripts (Khader et al.,
Scientific Reports 13:7303, 2023). `docs/reference/paper-presets.md` says for each of them what
paper, scripts and presets have, and why they differ. GPU memory is what
`benchmarks/gpu.py` measured; an estimate is what `generator.memory` counts.
"""

from typing import Any

# Lightning 1.6, which the scripts pin, counts a step for each of the two optimisers.
PLAYERS = 2
PAPER_VQGAN: dict[str, Any] = {
    "residual_layers": 2,
    "bottleneck": "vq",
    "decoder": "transposed",
    "grain": 0,
    "codes": 16384,
    "code_dimension": 8,
    "decay": 0.99,
    "restart_below": 1.0,
    "reconstruction": 4.0,
    "commitment": 0.25,
    "perceptual": 4.0,
    "texture": 0.0,
    "slice_adversarial": 1.0,
    "volume_adversarial": 1.0,
    "feature_matching": 4.0,
    "feature_layers": "sum",
    "discriminator_channels": 64,
    "discriminator_layers": 3,
    "discriminator_start": 10_000 // PLAYERS,
    "discriminator_ramp": 0,
    "discriminator_rate": None,
    "adversarial_balance": False,
}
PAPER_VQGAN_TRAINING: dict[str, Any] = {
    "batch_size": 2,
    "accumulate": 1,
    # Accumulated batches x (GPUs / 8) x (batch / 4) x base rate.
    "learning_rate": 1 * (1 / 8) * (2 / 4) * 3e-4,
    "betas": [0.5, 0.9],
    "gradient_clip": 1.0,
    "precision": "float16",
    "validate_every": 1000,
    "checkpoint_every": 1000,
}
PAPER_DIFFUSION: dict[str, Any] = {
    "residual_blocks": 2,
    "head_channels": 32,
    "groups": 8,
    "timesteps": 300,
    "prediction": "epsilon",
    "scaling": "range",
    "loss": "l1",
    "ema": 0.995,
    "ema_start": 2000,
    "ema_every": 10,
}
PAPER_DIFFUSION_TRAINING: dict[str, Any] = {
    "steps": 700_000,
    "accumulate": 2,
    "learning_rate": 1e-4,
    "betas": [0.9, 0.999],
    "gradient_clip": None,
    "precision": "float32",
    "validate_every": 1000,
    "checkpoint_every": 1000,
}


def _paper(
    shape: list[int],
    *,
    halvings: int,
    vqgan_steps: int,
    levels: int,
    batch_size: int,
    intensity: dict[str, Any],
    mirrored: str,
    gpu_memory: str,
) -> dict[str, Any]:
    width = shape[0] >> halvings  # of the U-Net: the side of the latents
    return {
        "gpu_memory": gpu_memory,
        "sampler": "ddpm",
        "start": 1.0,
        "preprocessing": {"shape": shape, "intensity": intensity},
        "mirrored": mirrored,
        "vqgan": {
            **PAPER_VQGAN,
            "channels": [16 << level for level in range(1, halvings + 1)],
            "training": {**PAPER_VQGAN_TRAINING, "steps": vqgan_steps // PLAYERS},
        },
        "diffusion": {
            **PAPER_DIFFUSION,
            "channels": [width << level for level in range(levels)],
            "attention": [level >= 2 for level in range(levels)],
            "training": {**PAPER_DIFFUSION_TRAINING, "batch_size": batch_size},
        },
    }


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "gpu_memory": "none: made for 2 cores of a processor",
        # From the end of the process samples of so small a network are too much alike: the later
        # the start, the less they vary. docs/concepts/generator.md has the figures.
        "sampler": "dpm++",
        "steps": 8,
        "start": 0.9,
        "calibrate": True,
        "vqgan": {
            "channels": [32, 64],
            "residual_layers": 1,
            "bottleneck": "kl",
            "kl": 5e-4,
            "decoder": "interpolating",
            "grain": 4,
            "code_dimension": 4,
            "reconstruction": 1.0,
            "perceptual": 0.0,
            "texture": 1.0,
            "slice_adversarial": 0.02,
            "volume_adversarial": 0.02,
            "feature_matching": 0.0,
            "discriminator_channels": 16,
            "discriminator_layers": 2,
            "discriminator_start": 500,
            "discriminator_ramp": 300,
            "discriminator_rate": 1e-3,
            "training": {
                "steps": 1200,
                "batch_size": 2,
                "learning_rate": 1.5e-3,
                "final_rate": 0.05,
                "warmup": 100,
                "validate_every": 400,
                "checkpoint_every": 400,
            },
        },
        "diffusion": {
            "channels": [48, 96],
            "attention": [False, True],
            "residual_blocks": 2,
            "groups": 16,
            "coordinates": True,
            "prediction": "v_prediction",
            "scaling": "standard",
            "loss": "l2",
            "ema": 0.995,
            "training": {
                # Longer training memorises so few volumes: samples come nearer to them than
                # held-out volumes are, and the validation loss rises.
                "steps": 700,
                "take": "best",
                "batch_size": 8,
                "learning_rate": 1e-3,
                "final_rate": 0.05,
                "warmup": 100,
                "validate_every": 350,
                "checkpoint_every": 350,
            },
        },
    },
    "small": {
        "gpu_memory": "8 GiB for volumes of 96 x 96 x 96 (measured on an H100)",
        "calibrate": True,
        "vqgan": {
            "channels": [64, 128],
            "bottleneck": "kl",
            "kl": 1e-4,
            "decoder": "interpolating",
            "grain": 4,
            "reconstruction": 1.0,
            "perceptual": 0.0,
            "texture": 1.0,
            "slice_adversarial": 0.02,
            "volume_adversarial": 0.02,
            "feature_matching": 0.0,
            "discriminator_channels": 32,
            "discriminator_start": 2000,
            "discriminator_ramp": 1000,
            "discriminator_rate": 5e-4,
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
            "scaling": "standard",
            "loss": "l2",
            "ema": 0.999,
            "training": {
                "steps": 50_000,
                "take": "best",
                "batch_size": 16,
                "learning_rate": 2e-4,
                "final_rate": 0.05,
                "warmup": 1000,
            },
        },
    },
    "paper-brain": _paper(
        [64, 64, 64],
        halvings=1,
        vqgan_steps=99_000,
        levels=4,
        batch_size=10,
        intensity={"kind": "minmax"},
        mirrored="x",
        gpu_memory="4 GiB (measured on an H100, but for the search of the codebook)",
    ),
    "paper-knee": _paper(
        [256, 256, 32],
        halvings=3,
        vqgan_steps=114_000,
        levels=3,
        batch_size=40,
        intensity={"kind": "minmax"},
        mirrored="y",
        gpu_memory="about 3 GiB (estimate)",
    ),
    "paper-breast": _paper(
        [256, 256, 32],
        halvings=3,
        vqgan_steps=108_000,
        levels=3,
        batch_size=40,
        intensity={"kind": "minmax"},
        mirrored="y",
        gpu_memory="3 GiB (measured on an H100)",
    ),
    "paper-chest": _paper(
        [128, 128, 128],
        halvings=3,
        vqgan_steps=102_000,
        levels=4,
        batch_size=50,
        intensity={"kind": "window"},
        mirrored="x",
        gpu_memory="3 GiB (measured on an H100)",
    ),
}
