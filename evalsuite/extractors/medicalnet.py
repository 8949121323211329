"""MedicalNet's 3D ResNets (Chen, Ma and Zheng, Med3D, arXiv 1904.00625) as extractors.

MONAI builds the network, with the strides and dilations of the published one
(github.com/Tencent/MedicalNet, models/resnet.py): MONAI's own `resnetN` has tensors of the same
shapes, hence loads the same weights, but strides by 2 in layers 3 and 4 where MedicalNet was
trained with stride 1 and dilations 2 and 4. Its features there are not MedicalNet's.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from evalsuite.caches import cache_folder
from evalsuite.extractors.checkpoint import load_strictly
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.sources import HubFile
from evalsuite.extractors.volumetric.extractor import averaged_extractor
from evalsuite.extractors.weights import PublishedWeights, obtain
from evalsuite.records import Caveat
from evalsuite.writable import whole_file

if TYPE_CHECKING:
    import torch

UNTRAINED = Caveat(
    "untrained",
    "The network is untrained: its weights are random numbers, so these features know nothing of "
    "medicine, and no distance on them can be compared with a published one.",
    "extractor",
)
LAYERS = ("stem", "layer1", "layer2", "layer3", "layer4")
DILATIONS = {"layer3": 2, "layer4": 4}

# By depth: the SHA-256 of resnet_N.pth and of resnet_N_23dataset.pth.
_SHA256 = {
    10: (
        "2824951eaef30e115929b89bec72342380b08d14792bda1449974ac849e497c0",
        "afa8055f3e47f4a18239495d92a7abc587902c69c31c743de2b2784653b72605",
    ),
    18: (
        "38b3a17444c5c18a795355a868e6a2d9ce9318054067f5373d337f55c0f61da3",
        "61224f9317fcce873366deb3703183e92cc47325b726b69691b33536244e10f4",
    ),
    34: (
        "977a1be79298602fa35980de9c03789229ad36087fb1f4d9bde468aec653c658",
        "3ea7188e396774e4ef95b66e5e90a78273bb33f6e58d3d717bf24f5f1aaeaa28",
    ),
    50: (
        "5b6189cafbee2f5604a7279b62bc163365aa6a86a377e1dc260a14275cacbd84",
        "ff48a62219073fb977fd3f4ddfb8dc1367f0ec156c8d6f6c37e205bd683a246e",
    ),
}

WEIGHTS = tuple(
    PublishedWeights(
        name=f"medicalnet-resnet{depth}{datasets}",
        source=HubFile(
            f"TencentMedicalNet/MedicalNet-Resnet{depth}",
            f"resnet_{depth}{suffix}.pth",
            # Warvito/MedicalNet-models stores into the first, its first versions into the second.
            torch_hub=("medicalnet", "checkpoints"),
        ),
        sha256=sha256,
        code_licence="MIT",
        weights_licence="MIT",
    )
    for depth, hashes in _SHA256.items()
    for datasets, suffix, sha256 in zip(
        ("", "-23datasets"), ("", "_23dataset"), hashes, strict=True
    )
)


def build_network(depth: int, seed: int = 0) -> "torch.nn.Module":
    """Return the encoder of MedicalNet with random weights, in evaluation mode.

    Args:
        depth: 10, 18, 34 or 50.
        seed: of MONAI's initialisation; the global generator of torch is left as it was.
    """
    import torch
    from monai.networks.nets import resnet

    bias_downsample, shortcut = resnet.get_medicalnet_pretrained_resnet_args(depth)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network: torch.nn.Module = getattr(resnet, f"resnet{depth}")(
            spatial_dims=3,
            n_input_channels=1,
            conv1_t_stride=2,
            shortcut_type=shortcut,
            bias_downsample=bias_downsample,
            feed_forward=False,
        )
    for name, dilation in DILATIONS.items():
        layer = network.get_submodule(name)
        for module in layer.modules():
            if isinstance(module, torch.nn.Conv3d):
                module.stride = (1, 1, 1)
                if module.kernel_size == (3, 3, 3):
                    module.dilation = module.padding = (dilation, dilation, dilation)
            # Shortcut A is a function that subsamples, not a module.
            subsample = getattr(module, "downsample", None)
            if isinstance(subsample, partial):
                module.downsample = partial(subsample, stride=1)  # type: ignore[assignment]
    for module in network.modules():
        # MONAI's pools over one voxel, which OpenVINO takes for something else.
        subsample = getattr(module, "downsample", None)
        if isinstance(subsample, partial):
            told = subsample.keywords
            own = partial(_subsampled, planes=told["planes"], stride=told["stride"])
            module.downsample = own  # type: ignore[assignment]
    return network.eval()


def _subsampled(maps: "torch.Tensor", *, planes: int, stride: int) -> "torch.Tensor":
    """Return every how-many-eth voxel along each axis, with channels of zeros up to `planes`."""
    from torch.nn.functional import pad

    kept = maps[:, :, ::stride, ::stride, ::stride]
    return pad(kept, (0, 0, 0, 0, 0, 0, 0, planes - maps.shape[1]))


def stages(network: "torch.nn.Module", *, raw: bool = False) -> dict[str, "torch.nn.Module"]:
    """Return the parts of a network in their order.

    Args:
        raw: without the standardisation of the foreground before them.
    """
    from torch import nn

    from evalsuite.extractors.networks.foreground import StandardisedForeground

    parts = [network.get_submodule(name) for name in ("conv1", "bn1", "act", "maxpool")]
    stem = nn.Sequential(*([] if raw else [StandardisedForeground()]), *parts)
    first, *others = LAYERS
    return {first: stem, **{name: network.get_submodule(name) for name in others}}


def _load(
    weights_name: str, depth: int, options: ExtractorOptions, *, raw: bool = False
) -> Extractor:
    """Return the extractor with published weights.

    Args:
        raw: volumes as they are prepared, without the standardisation of their foreground that
            the network was trained with.
    """
    weights = obtain(weights_name, options)

    def loaded() -> "torch.nn.Module":
        network = build_network(depth)
        load_strictly(weights.path, network, under="state_dict", prefix="module.")
        return network

    name = f"{weights_name}-raw" if raw else weights_name
    network = weights.checked(loaded)
    return _extractor(name, depth, network, weights.sha256, weights.warnings, options, raw=raw)


def _extractor(
    name: str,
    depth: int,
    network: Callable[[], "torch.nn.Module"],
    weights_sha256: str,
    warnings: tuple[Caveat, ...],
    options: ExtractorOptions,
    *,
    raw: bool = False,
) -> Extractor:
    standardised = "z-score over non-zero voxels, background 0"
    return averaged_extractor(
        name,
        LAYERS,
        lambda: stages(network(), raw=raw),
        options,
        fingerprint={
            "architecture": f"MedicalNet 3D ResNet-{depth}, dilated layers 3-4, as published",
            "input": "volumes as they are prepared" if raw else standardised,
            "weights_sha256": weights_sha256,
        },
        warnings=warnings,
    )


def resnet10(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-10: 512 features of a 3D network trained on medical segmentation."""
    return _load("medicalnet-resnet10", 10, options)


def resnet10_23datasets(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-10 trained on 23 datasets: 512 features."""
    return _load("medicalnet-resnet10-23datasets", 10, options)


def resnet18(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-18: 512 features of a 3D network trained on medical segmentation."""
    return _load("medicalnet-resnet18", 18, options)


def resnet18_23datasets(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-18 trained on 23 datasets: 512 features."""
    return _load("medicalnet-resnet18-23datasets", 18, options)


def resnet34(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-34: 512 features of a 3D network trained on medical segmentation."""
    return _load("medicalnet-resnet34", 34, options)


def resnet34_23datasets(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-34 trained on 23 datasets: 512 features."""
    return _load("medicalnet-resnet34-23datasets", 34, options)


def resnet50(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-50: 2048 features of a 3D network trained on medical segmentation."""
    return _load("medicalnet-resnet50", 50, options)


def resnet50_23datasets(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-50 trained on 23 datasets: 2048 features."""
    return _load("medicalnet-resnet50-23datasets", 50, options)


def resnet50_raw(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-50 on volumes as they are prepared, as HA-GAN uses it: 2048 features."""
    return _load("medicalnet-resnet50", 50, options, raw=True)


def resnet50_23datasets_raw(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-50 (23 datasets) on volumes as prepared, as WDM-3D uses it: 2048 features."""
    return _load("medicalnet-resnet50-23datasets", 50, options, raw=True)


def resnet10_untrained(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-10 with random weights, for tests and research: 512 features, offline."""
    network = cache(lambda: build_network(10))
    digest = _digest_of_untrained(network)
    return _extractor("medicalnet-resnet10-untrained", 10, network, digest, (UNTRAINED,), options)


def _digest_of_untrained(network: Callable[[], "torch.nn.Module"]) -> str:
    """Return the SHA-256 of weights that follow from a seed, and keep it: MONAI is slow to import.

    What may change them, the versions and the instructions of the processor, is in the file's name.
    """
    import torch

    drawn = [torch.__version__, version("monai"), torch.backends.cpu.get_cpu_capability()]
    kept = cache_folder() / "weights" / f"untrained-{'-'.join(drawn)}.sha256"
    if kept.is_file() and len(known := kept.read_text()) == 64:
        return known
    digest = hashlib.sha256()
    for key, tensor in network().state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.numpy().tobytes())
    # On a read-only disk it is made anew next time.
    with suppress(OSError), whole_file(kept) as file:
        file.write(digest.hexdigest().encode())
    return digest.hexdigest()
