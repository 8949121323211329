"""CT-FM (Pai et al., arXiv 2501.09001): an encoder trained on 148,000 CT volumes without labels.

The network is MONAI's, as github.com/project-lighter/CT-FM (commit f58c89a,
experiments/fm/backbones/segresenc.yaml) and the package lighter-zoo 0.1.3 build it. The input is that
of its training (experiments/fm/frameworks/intrasample_simclr.yaml), but whole volumes instead of
patches, and without the crop to the foreground.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evalsuite.extractors.checkpoint import load_strictly
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.sources import HubFile
from evalsuite.extractors.volumetric.extractor import averaged_extractor
from evalsuite.extractors.weights import PublishedWeights, obtain

if TYPE_CHECKING:
    import torch

NAME = "ct-fm"
LEVELS = ("level1", "level2", "level3", "level4", "level5")
WANTS = {
    "orientation": "SPL",
    "spacing": (3.0, 1.0, 1.0),
    "interpolation": "linear",
    "intensity": {"kind": "window", "low": -1024.0, "high": 2048.0},
    "padding": 0.0,
}
WEIGHTS = (
    PublishedWeights(
        name=NAME,
        source=HubFile(
            "project-lighter/ct_fm_feature_extractor",
            "model.safetensors",
            kept_as="ct_fm_feature_extractor.safetensors",
        ),
        sha256=None,
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
    ),
)


def ct_fm(options: ExtractorOptions) -> Extractor:
    """CT-FM SegResEncoder: 512 features of a 3D network trained on CT without labels."""
    weights = obtain(NAME, options)

    def loaded() -> "Mapping[str, torch.nn.Module]":
        network = build_network()
        load_strictly(weights.path, network)
        return stages(network)

    return averaged_extractor(
        NAME,
        LEVELS,
        weights.checked(loaded),
        options,
        fingerprint={
            "architecture": "SegResEncoder as in CT-FM",
            "weights_sha256": weights.sha256,
        },
        wants=WANTS,
        warnings=weights.warnings,
    )


def build_network() -> "torch.nn.Module":
    """Return the encoder with random weights."""
    from monai.networks.nets.segresnet_ds import SegResEncoder

    encoder: torch.nn.Module = SegResEncoder(
        spatial_dims=3, in_channels=1, init_filters=32, blocks_down=(1, 2, 2, 4, 4)
    )
    return encoder


def stages(network: "torch.nn.Module") -> dict[str, "torch.nn.Module"]:
    """Return the five levels, each with the convolution that leads to it."""
    from torch import nn

    stages: dict[str, nn.Module] = {}
    before = network.get_submodule("conv_init")
    for i, level in enumerate(LEVELS):
        blocks = network.get_submodule(f"layers.{i}.blocks")
        stages[level] = nn.Sequential(before, blocks)
        before = network.get_submodule(f"layers.{i}.downsample")
    return stages
