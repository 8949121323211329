"""Tiny generators in the formats in which others publish theirs, with seeded weights."""

import json

import torch

SAMPLER = """
import nibabel
import torch

AFFINE = [[-2, 0, 0, 1], [0, 2, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1]]


def save_pair(volume, folder):
    image = volume.detach().numpy()[0, 0]
    for kind, voxels in (("label", (image > 0).astype("uint8")), ("image", image)):
        nibabel.Nifti1Image(voxels, AFFINE).to_filename(f"{folder}/sample_20260101_{kind}.nii.gz")


class Sampler:
    def draw(self, noise, autoencoder, network, scheduler):
        latents = noise
        for time in scheduler.timesteps:
            noise = network(latents, timesteps=torch.Tensor((time,)).long())
            latents, _ = scheduler.step(noise, time, latents)
        return autoencoder.decode_stage_2_outputs(latents)

    def run(self, noise, autoencoder, network, scheduler, saver):
        with torch.no_grad():
            saver(self.draw(noise, autoencoder, network, scheduler)[0])
"""
PIPELINE = """
from dataclasses import dataclass

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput


@dataclass
class VolumeOutput(BaseOutput):
    volumes: torch.Tensor


class VolumePipeline(DiffusionPipeline):
    def __init__(self, unet, scheduler, spacing=None):
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(spacing=spacing)

    @torch.no_grad()
    def __call__(self, batch_size=1, num_inference_steps=2, generator=None):
        x = torch.randn(batch_size, 1, 8, 6, 4, generator=generator)
        self.scheduler.set_timesteps(num_inference_steps)
        text = torch.zeros(batch_size, 1, 8)
        for t in self.scheduler.timesteps:
            x = self.scheduler.step(self.unet(x, t, text).sample, t, x).prev_sample
        return VolumeOutput(x)
"""


def write_bundle(folder, **changes):
    """Write a latent diffusion model as `brats_mri_generative_diffusion` of MONAI's zoo is."""
    for name in ("configs", "models", "scripts", "docs"):
        (folder / name).mkdir(parents=True)
    (folder / "scripts/__init__.py").write_text("from . import sampler\n")
    (folder / "scripts/sampler.py").write_text(SAMPLER)
    (folder / "configs/metadata.json").write_text(
        json.dumps({"name": "Tiny latent diffusion", "version": "0.1.2", "monai_version": "1.4.0"})
    )
    config = {
        "imports": ["$import torch", "$from datetime import datetime", "$from pathlib import Path"],
        "bundle_root": ".",
        "model_dir": "$@bundle_root + '/models'",
        "output_dir": "$@bundle_root + '/output'",
        "create_output_dir": "$Path(@output_dir).mkdir(exist_ok=True)",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "output_postfix": "$datetime.now().strftime('sample_%Y%m%d_%H%M%S')",
        "latent_shape": [2, 4, 6, 4],
        "steps": 2,
        "autoencoder_def": {
            "_target_": "monai.networks.nets.autoencoderkl.AutoencoderKL",
            "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "latent_channels": 2,
            "channels": [4, 4], "num_res_blocks": 1, "norm_num_groups": 2,
            "attention_levels": [False, False], "with_encoder_nonlocal_attn": False,
            "with_decoder_nonlocal_attn": False,
        },
        "network_def": {
            "_target_": "monai.networks.nets.diffusion_model_unet.DiffusionModelUNet",
            "spatial_dims": 3, "in_channels": 2, "out_channels": 2, "channels": [4, 8],
            "attention_levels": [False, False], "num_head_channels": [0, 4], "num_res_blocks": 1,
            "norm_num_groups": 2,
        },
        "load_autoencoder": "$@autoencoder_def.load_state_dict(torch.load(@model_dir + '/a.pt'))",
        "autoencoder": "$@autoencoder_def.to(@device)",
        "load_diffusion": "$@network_def.load_state_dict(torch.load(@model_dir + '/d.pt'))",
        "diffusion": "$@network_def.to(@device)",
        "noise_scheduler": {
            "_target_": "monai.networks.schedulers.ddim.DDIMScheduler",
            "_requires_": ["@load_diffusion", "@load_autoencoder"],
            "num_train_timesteps": 100, "clip_sample": False,
        },
        "noise": "$torch.randn([1]+@latent_shape).to(@device)",
        "set_timesteps": "$@noise_scheduler.set_timesteps(num_inference_steps=@steps)",
        "inferer": {"_target_": "scripts.sampler.Sampler", "_requires_": "@set_timesteps"},
        "saver": {
            "_target_": "SaveImage", "_requires_": "@create_output_dir",
            "output_dir": "@output_dir", "output_postfix": "@output_postfix",
        },
        "run": ["$@inferer.run(@noise, @autoencoder, @diffusion, @noise_scheduler, @saver)"],
    }  # fmt: skip
    config |= changes
    (folder / "configs/inference.json").write_text(json.dumps(config, indent=1))
    from monai.bundle import ConfigParser

    parser = ConfigParser(json.loads(json.dumps({k: config[k] for k in (
        "autoencoder_def", "network_def")})))  # fmt: skip
    torch.manual_seed(0)
    torch.save(parser.get_parsed_content("autoencoder_def").state_dict(), folder / "models/a.pt")
    torch.save(parser.get_parsed_content("network_def").state_dict(), folder / "models/d.pt")
    return folder


def write_pipeline(folder):
    """Write a pipeline with a three-dimensional U-Net, whose class lies beside its weights."""
    from diffusers import DDIMScheduler, DiffusionPipeline, UNet3DConditionModel

    torch.manual_seed(0)
    unet = UNet3DConditionModel(
        sample_size=8, in_channels=1, out_channels=1, down_block_types=("DownBlock3D",),
        up_block_types=("UpBlock3D",), block_out_channels=(8,), layers_per_block=1,
        cross_attention_dim=8, attention_head_dim=4, norm_num_groups=4,
    )  # fmt: skip
    scope = {"__name__": "volume_pipeline"}
    exec(PIPELINE, scope)
    made = scope["VolumePipeline"]
    assert issubclass(made, DiffusionPipeline)
    made(unet, DDIMScheduler(), [1.5, 1.5, 3.0]).save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name"] = ["pipeline", "VolumePipeline"]
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "pipeline.py").write_text(PIPELINE)
    return folder
