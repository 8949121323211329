"""MedicalNet's 3D ResNets (Chen, Ma and Zheng, Med3D, arXiv 1904.00625) as extractors.

MONAI builds the network, with the strides and dilations of the published one
(github.com/Tencent/MedicalNet, models/resnet.py): MONAI's own `resnetN` has tensors of the same
shapes, hence loads the same weights, but strides by 2 in layers 3 and 4 where MedicalNet was
trained with stride 1 and dilations 2 and 4. Its features there are not MedicalNet's.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float

from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.weights import WeightsError, obtain
from evalsuite.machine import usable_device

if TYPE_CHECKING:
    import torch

# Raised whenever a change of the code below changes a feature.
VERSION = 1
DILATIONS = {"layer3": 2, "layer4": 4}


@dataclass(slots=True)
class MedicalNet:
    """A ResNet of MedicalNet up to the global average of its last stage.

    Args:
        network: as `build_network` returns it, with its batch normalisation folded.
        precision: arithmetic of its convolutions.
    """

    name: str
    fingerprint: dict[str, object]
    network: "torch.nn.Module" = field(repr=False)
    device: "torch.device"
    precision: Literal["float32", "bfloat16"] = "float32"
    warnings: tuple[str, ...] = ()
    parallel: Literal["batch", "process"] = "batch"
    standardise: bool = False
    wants: Mapping[str, Any] = field(default_factory=dict)
    slices: None = None

    def __call__(self, voxels: Float[np.ndarray, "b x y z"]) -> Float[np.ndarray, "b d"]:
        """Return 512 (ResNet-10, 18, 34) or 2048 (ResNet-50) features per volume.

        Several volumes at once are much faster than one by one where volumes are small: PyTorch
        leaves its fast convolutions aside for a single small one.
        """
        import torch

        volumes = torch.from_numpy(np.ascontiguousarray(voxels, dtype=np.float32))[:, None]
        normalised = standardise_foreground(volumes.to(self.device))
        # TensorFloat-32, the default of convolutions on a GPU, keeps three digits only.
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        reduced = self.precision == "bfloat16"
        cast = torch.autocast(self.device.type, torch.bfloat16, enabled=reduced)
        with torch.inference_mode(), exact, cast:
            features: Float[np.ndarray, "b d"] = self.network(normalised).float().cpu().numpy()
        return features


def standardise_foreground(volumes: "torch.Tensor") -> "torch.Tensor":
    """Return volumes of mean 0 and standard deviation 1 over their non-zero voxels.

    MedicalNet was trained so, with the background (the zeros) replaced by standard normal noise.
    Here the background becomes 0, the mean of that noise: features must not depend on a draw.
    Brightness and contrast of the foreground have no effect. A volume whose foreground is empty
    or constant becomes 0 everywhere.

    Args:
        volumes: shape (b, 1, x, y, z), background 0.
    """
    import torch

    standardised = torch.zeros_like(volumes)
    for volume, target in zip(volumes, standardised, strict=True):
        inside = volume != 0
        values = volume[inside].double()
        if values.numel() and values.min() < values.max():
            target[inside] = ((values - values.mean()) / values.std(correction=0)).float()
    return standardised


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
    return network.eval()


def fold_batch_norms(network: "torch.nn.Module") -> "torch.nn.Module":
    """Return the network with every batch normalisation folded into the convolution before it.

    In evaluation mode both are one affine map, so the features stay the same up to rounding.
    """
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for module in list(network.modules()):
        for (first, convolution), (second, norm) in pairwise(list(module.named_children())):
            if isinstance(convolution, torch.nn.Conv3d) and isinstance(norm, torch.nn.BatchNorm3d):
                setattr(module, first, fuse_conv_bn_eval(convolution, norm))
                setattr(module, second, torch.nn.Identity())
    return network


def load_checkpoint(path: Path, network: "torch.nn.Module") -> None:
    """Fill the network from a checkpoint in the published format, strictly.

    The format is `{"state_dict": {"module.conv1.weight": ...}}`. Every tensor of the network must
    be there in its shape, and no other. The one exception are the counters
    `*.num_batches_tracked` of batch normalisation, which PyTorch before 0.4.1 did not write and
    evaluation does not use; resnet_10_23dataset.pth has them (72 tensors, 14,361,292 numbers).

    Raises:
        WeightsError: if the file is no such checkpoint, in one sentence.
    """
    import torch

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged pickles raise anything, IndexError included
        raise WeightsError(
            f"{path}: this is not a PyTorch checkpoint, or it is damaged ({type(error).__name__})."
        ) from error
    tensors = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    if not isinstance(tensors, dict):
        raise WeightsError(
            f"{path}: this is not a checkpoint of MedicalNet, which is a dictionary with the key "
            '"state_dict".'
        )
    found = {str(key).removeprefix("module."): value for key, value in tensors.items()}
    expected = network.state_dict()
    missing = [
        key for key in expected if key not in found and not key.endswith(".num_batches_tracked")
    ]
    unexpected = [key for key in found if key not in expected]
    for problem, keys in (("lacks", missing), ("has the unknown", unexpected)):
        if keys:
            others = f" and {len(keys) - 1} others" if len(keys) > 1 else ""
            raise WeightsError(
                f'{path}: the checkpoint {problem} "{keys[0]}"{others}, so it is not of this '
                "network."
            )
    for key, tensor in found.items():
        shape = tuple(getattr(tensor, "shape", ()))
        if not isinstance(tensor, torch.Tensor) or shape != tuple(expected[key].shape):
            raise WeightsError(
                f'{path}: "{key}" has the shape {shape}, but this network needs '
                f"{tuple(expected[key].shape)}."
            )
    # A plain dictionary carries no version, and then PyTorch fills in absent counters itself.
    network.load_state_dict(found, strict=True)


def _load(name: str, depth: int, options: ExtractorOptions) -> Extractor:
    weights = obtain(name, options)
    network = build_network(depth)
    load_checkpoint(weights.path, network)
    own = (
        f"The weights are {weights.path} (SHA-256 {weights.sha256}), not the published ones: "
        "features and distances compare only with those of the same file."
    )
    warnings = () if weights.published else (own,)
    return _extractor(name, depth, network, weights.sha256, warnings, options)


def _extractor(
    name: str,
    depth: int,
    network: "torch.nn.Module",
    weights_sha256: str,
    warnings: tuple[str, ...],
    options: ExtractorOptions,
) -> MedicalNet:
    device = usable_device(options.device)
    fingerprint: dict[str, object] = {
        "architecture": f"MedicalNet 3D ResNet-{depth}, dilated layers 3-4, as published",
        "features": "global average of the last stage",
        "input": "z-score over non-zero voxels, background 0",
        "arithmetic": options.precision,
        "weights_sha256": weights_sha256,
        "version": VERSION,
    }
    network = fold_batch_norms(network).to(device)
    return MedicalNet(name, fingerprint, network, device, options.precision, warnings)


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


def resnet10_untrained(options: ExtractorOptions) -> Extractor:
    """MedicalNet ResNet-10 with random weights, for tests and research: 512 features, offline."""
    network = build_network(10)
    digest = hashlib.sha256()
    for key, tensor in network.state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.numpy().tobytes())
    warning = (
        "The network is untrained: its weights are random numbers, so these features know nothing "
        "of medicine, and no distance on them can be compared with a published one."
    )
    return _extractor(
        "medicalnet-resnet10-untrained", 10, network, digest.hexdigest(), (warning,), options
    )
