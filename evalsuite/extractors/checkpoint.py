"""Tensors of a file into a network: all of the network's, and no others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.extractors.sources import WeightsError

if TYPE_CHECKING:
    import torch


def load_strictly(
    path: Path,
    network: "torch.nn.Module",
    *,
    under: str = "",
    prefix: str = "",
    unused: Sequence[str] = (),
) -> None:
    """Fill the network from a PyTorch or safetensors file.

    Every tensor of the network must be there in its shape, and no other. The one exception are
    the counters `*.num_batches_tracked` of batch normalisation, which PyTorch before 0.4.1 did
    not write and evaluation does not use. No code in the file runs.

    Args:
        under: key of the checkpoint's table of tensors; "" if it is nothing else.
        prefix: what its names begin with and the network's do not.
        unused: beginnings of the names, without the prefix, of what the published file holds
            besides, such as a head.

    Raises:
        WeightsError: if the file is no such checkpoint, in one sentence.
    """
    import torch

    expected = network.state_dict()
    found = {
        key: value
        for name, value in _tensors(path, under).items()
        if not (key := name.removeprefix(prefix)).startswith(tuple(unused))
    }
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


def _tensors(path: Path, under: str) -> Mapping[str, Any]:
    import torch

    checkpoint: Any
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            checkpoint = load_file(path)
        else:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged pickles raise anything, IndexError included
        raise WeightsError(
            f"{path}: this is not a PyTorch checkpoint, or it is damaged ({type(error).__name__})."
        ) from error
    if under and isinstance(checkpoint, dict):
        checkpoint = checkpoint.get(under)
    if not isinstance(checkpoint, dict):
        key = f' with the key "{under}"' if under else ""
        raise WeightsError(
            f"{path}: this is not a checkpoint of this network, which is a dictionary of tensors"
            f"{key}."
        )
    return {str(key): value for key, value in checkpoint.items()}
