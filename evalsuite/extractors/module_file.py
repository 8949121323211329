"""Any TorchScript or exported PyTorch module as an extractor, by the path of its file."""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.weights import sha256
from evalsuite.machine import usable_device
from evalsuite.records import Caveat

if TYPE_CHECKING:
    import torch

# Raised whenever a change of the code below changes a feature.
VERSION = 1


@dataclass(slots=True)
class ModuleExtractor:
    """A module of the user's own.

    Volumes go through one by one: a stranger's module may mix the volumes of its batch, or may
    have been exported for a batch of one.
    """

    name: str
    fingerprint: dict[str, object]
    module: Callable[["torch.Tensor"], Any] = field(repr=False)
    device: "torch.device"
    warnings: tuple[Caveat, ...] = ()
    parallel: Literal["batch", "process"] = "batch"
    standardise: bool = False
    wants: Mapping[str, Any] = field(default_factory=dict)
    slices: None = None

    def __call__(self, voxels: Float[np.ndarray, "b x y z"]) -> Float[np.ndarray, "b d"]:
        """Return the module's output, or its global average where it is a map."""
        import torch

        volumes = torch.from_numpy(np.ascontiguousarray(voxels, dtype=np.float32))
        with torch.inference_mode():
            rows = [self._row(volume[None, None].to(self.device)) for volume in volumes]
        return torch.cat(rows).cpu().numpy()

    @property
    def has_maps(self) -> bool:
        """Whether it may have some: what a module answers with, it alone knows."""
        return True

    def maps(self, voxels: Float[np.ndarray, "x y z"]) -> list[Float[np.ndarray, "d x y z"]]:
        """Return the map that the module answers with.

        Raises:
            EvalsuiteError: if it answers with a vector.
        """
        import torch

        volume = torch.from_numpy(np.ascontiguousarray(voxels, dtype=np.float32))
        with torch.inference_mode():
            found = self._output(volume[None, None].to(self.device))
        if found.ndim == 2:
            raise EvalsuiteError(
                f"{self.name}: the module answers with a vector, but feature maps, (1, d, x, y, z), "
                "are compared place by place. Leave the metric paired_perceptual out."
            )
        return [found[0].cpu().numpy()]

    def _row(self, volume: "torch.Tensor") -> "torch.Tensor":
        features = self._output(volume)
        return features if features.ndim == 2 else features.mean(dim=(2, 3, 4))

    def _output(self, volume: "torch.Tensor") -> "torch.Tensor":
        import torch

        shape = tuple(volume.shape)
        try:
            output = self.module(volume)
        except Exception as error:  # a module may raise anything
            reason = _reason(error)
            raise EvalsuiteError(
                f"{self.name}: the module failed on an input of shape {shape}: {reason}"
            ) from error
        if not isinstance(output, torch.Tensor):
            raise EvalsuiteError(
                f"{self.name}: the module returns {type(output).__name__}, but one tensor of shape "
                "(1, d) or (1, d, x, y, z) was expected."
            )
        if output.ndim not in {2, 5} or len(output) != 1:
            raise EvalsuiteError(
                f"{self.name}: the module turns {shape} into {tuple(output.shape)}, but (1, d) or "
                "(1, d, x, y, z) was expected."
            )
        return output.float()


def load_module(path: Path, options: ExtractorOptions) -> Extractor:
    """Return the module in that file as an extractor.

    The module sees preprocessed voxels as float32 of shape (1, 1, x, y, z), nothing else is done
    to them; it answers with (1, d), or with (1, d, x, y, z), of which the global average is
    taken. Which format the file has is read from its contents, not from its name. A module is a
    program: load only those you trust.

    Raises:
        EvalsuiteError: if the file is missing, is not a module, or the device is unusable.
    """
    import torch

    digest = sha256(path)
    device = usable_device(options.device)
    kind = _kind(path)
    try:
        if kind == "exported program":
            module = _load_exported(path, device)
        else:
            # A module is left in the mode it was saved in, and that may be training.
            module = torch.jit.load(path, map_location=device).eval()  # type: ignore[no-untyped-call]
    except Exception as error:
        raise EvalsuiteError(f"{path}: this {kind} cannot be loaded: {_reason(error)}") from error
    fingerprint: dict[str, object] = {
        "module_sha256": digest,
        "format": kind,
        "input": "preprocessed voxels",
        "features": "output of the module, global average of a map",
        "version": VERSION,
    }
    return ModuleExtractor(str(path), fingerprint, module, device)


def _kind(path: Path) -> Literal["TorchScript module", "exported program"]:
    names = set()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = {name.rpartition("/")[2] for name in archive.namelist()}
    if "archive_format" in names:
        return "exported program"
    if "constants.pkl" in names:
        return "TorchScript module"
    found = "a checkpoint of tensors" if "data.pkl" in names else "neither"
    raise EvalsuiteError(
        f"{path}: expected a TorchScript module or an exported program, found {found}. "
        "Write one with torch.export.save(torch.export.export(module, (volume,)), path)."
    )


def _load_exported(path: Path, device: "torch.device") -> Callable[["torch.Tensor"], Any]:
    import torch
    from torch.export.passes import move_to_device_pass

    # Opened here, because torch refuses a path that does not end in .pt2.
    with path.open("rb") as file:
        program = torch.export.load(file)
    module: Callable[[torch.Tensor], Any] = move_to_device_pass(program, device).module()
    return module


def _reason(error: Exception) -> str:
    """Return the line that says why: the first, but the last of TorchScript's own traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return f"{type(error).__name__}."
    reason = lines[-1] if "TorchScript interpreter" in lines[0] else lines[0]
    return f"{reason.rstrip('.')}."
