"""An extractor of slices from a network whose weights are published."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from evalsuite.extractors.checkpoint import load_strictly
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.networks.folding import fold_batch_norms
from evalsuite.extractors.slices import Slices, slice_extractor
from evalsuite.extractors.weights import obtain

if TYPE_CHECKING:
    import torch

# Raised whenever a change of the networks changes a feature.
VERSION = 1
# Of red, green and blue from 0 to 1 in ImageNet, as torchvision and most others normalise them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def planar_extractor(
    name: str,
    network: Callable[[], "torch.nn.Module"],
    slices: Slices,
    options: ExtractorOptions,
    *,
    architecture: str,
    features: str,
) -> Extractor:
    """Return the extractor of a network once its weights are loaded.

    Args:
        name: of the weights; with the layer of the options, that of the extractor.
        network: builds what takes (b, 3, h, w) and answers with (b, d), with random weights; its
            tensors are named as in the file.
        architecture, features: what it is, and what its output is, for the record.

    Raises:
        WeightsError: if the weights are absent, or not of this network.
    """
    weights = obtain(name, options)

    def loaded() -> "torch.nn.Module":
        import torch

        made = network()
        load_strictly(weights.path, made)
        # Channels last: convolutions of small slices take half the time.
        last: torch.nn.Module = fold_batch_norms(made.eval()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return last

    fingerprint: dict[str, object] = {
        "architecture": architecture,
        "features": features,
        "weights_sha256": weights.sha256,
        "version": VERSION,
    }
    full_name = f"{name}@{options.layer}" if options.layer else name
    return slice_extractor(
        full_name,
        weights.checked(loaded),
        slices,
        fingerprint,
        options,
        warnings=weights.warnings,
    )
