"""Three-dimensional networks as extractors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.extractors.engine import require_openvino, run_by
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.networks.folding import fold_batch_norms
from evalsuite.extractors.once_built import OnceBuilt
from evalsuite.machine import inference, usable_device
from evalsuite.records import Caveat

if TYPE_CHECKING:
    import torch

    from evalsuite.extractors.networks.by_openvino import ByOpenVINO

# Raised whenever a change of the networks changes a feature.
VERSION = 1
BATCH_VOXELS = 1 << 22  # two volumes of 128 voxels a side


@dataclass(slots=True)
class VolumeExtractor:
    """A network that sees whole volumes; `volume_extractor` makes one."""

    name: str
    fingerprint: dict[str, object]
    build: Callable[[], "torch.nn.Module | ByOpenVINO"] = field(repr=False)
    device: "torch.device"
    precision: Literal["float32", "bfloat16"] = "float32"
    wants: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Caveat, ...] = ()
    stages: int = 0  # of the network; 0 for one that has none
    parallel: Literal["batch", "process"] = "batch"
    standardise: bool = False
    slices: None = None
    fitting: int | None = None  # volumes at once, once more did not fit into the memory of a GPU

    def __call__(self, voxels: Float[np.ndarray, "b x y z"]) -> Float[np.ndarray, "b d"]:
        """Return one row of features per volume."""
        return self.with_layers(voxels, ())[0]

    def beneath(self, others: Sequence[Extractor]) -> list[Extractor]:
        """Return those of other extractors that are earlier layers of the same network."""
        return [
            other
            for other in others
            if isinstance(other, VolumeExtractor)
            and self.stages > other.stages > 0
            and self.same_but_for_layer == other.same_but_for_layer
        ]

    def with_layers(
        self, voxels: Float[np.ndarray, "b x y z"], layers: Sequence[Extractor]
    ) -> list[Float[np.ndarray, "b _"]]:
        """Return its own features, then those of each of these layers, in one pass.

        Several volumes at once are much faster than one by one where volumes are small: PyTorch
        leaves its fast convolutions aside for a single small one. Large ones would only take
        memory.
        """
        import torch

        network: Any = self.network  # built here, for what is built in inference mode stays in it
        volumes = torch.from_numpy(np.ascontiguousarray(voxels, dtype=np.float32))[:, None]
        most = len(volumes)
        if self.device.type == "cpu":
            most = max(1, BATCH_VOXELS // voxels[0].size)
        stages = [e.stages for e in (self, *layers) if isinstance(e, VolumeExtractor)]
        rows: list[list[torch.Tensor]] = []
        done = 0
        with inference(self.device, self.precision):
            while done < len(volumes):
                count = min(most, self.fitting or most, len(volumes) - done)
                try:
                    shown = volumes[done : done + count].to(self.device)
                    features = network.after(shown, stages) if self.stages else [network(shown)]
                except torch.OutOfMemoryError as error:
                    if count == 1:
                        shape = " x ".join(map(str, voxels[0].shape))
                        raise EvalsuiteError(
                            f"{self.name}: one volume of {shape} voxels does not fit into the "
                            f"memory of {self.device}. Pass --device cpu, or a smaller --shape."
                        ) from error
                    self.fitting = count // 2
                    continue
                rows.append([part.float().cpu() for part in features])
                done += count
        return [torch.cat(parts).numpy() for parts in zip(*rows, strict=True)]

    @property
    def has_maps(self) -> bool:
        """Whether the network has stages, whose maps PyTorch tells, not OpenVINO."""
        return self.stages > 0 and "OpenVINO" not in str(self.fingerprint["arithmetic"])

    def maps(self, voxels: Float[np.ndarray, "x y z"]) -> list[Float[np.ndarray, "c x y z"]]:
        """Return the maps after each stage, or after that of the layer that was asked for."""
        import torch

        network: Any = self.network
        volume = torch.from_numpy(np.ascontiguousarray(voxels, dtype=np.float32))[None, None]
        with inference(self.device, self.precision):
            found = [maps[0].float().cpu().numpy() for maps in network.maps(volume.to(self.device))]
        return found[-1:] if "@" in self.name else found

    @property
    def network(self) -> "torch.nn.Module | ByOpenVINO":
        """The network, built when it is first asked for: not where all features are cached."""
        return self.build()

    @property
    def same_but_for_layer(self) -> dict[str, object]:
        """What decides the features but for the layer."""
        return {key: value for key, value in self.fingerprint.items() if key != "features"}


def volume_extractor(
    name: str,
    network: Callable[[], "torch.nn.Module"],
    options: ExtractorOptions,
    *,
    fingerprint: Mapping[str, object],
    wants: Mapping[str, Any] | None = None,
    warnings: tuple[Caveat, ...] = (),
    stages: int = 0,
) -> Extractor:
    """Return an extractor that shows a network each volume.

    Args:
        name: as the user typed it.
        network: builds what takes (b, 1, x, y, z) and answers with (b, d); it is called when the
            first volume comes, and what it built brought to the device of the options and into
            evaluation mode.
        fingerprint: what decides the features beside the arithmetic, which is added: the
            architecture, the features, `weights_sha256`.
        wants: fields of `Preprocessing` that the network was trained with.
        warnings: reasons not to trust its features.
        stages: of an `Averaged` network.
    """
    device = usable_device(options.device)
    whole = {**fingerprint, "arithmetic": options.arithmetic, "version": VERSION}
    if options.engine == "openvino":
        require_openvino(device)

    def built() -> "torch.nn.Module | ByOpenVINO":
        made = fold_batch_norms(network().eval()).to(device)
        return run_by(options, name, made)

    return VolumeExtractor(
        name, whole, OnceBuilt(built), device, options.precision, wants or {}, warnings, stages
    )


def averaged_extractor(
    name: str,
    layers: Sequence[str],
    stages: Callable[[], Mapping[str, "torch.nn.Module"]],
    options: ExtractorOptions,
    *,
    fingerprint: Mapping[str, object],
    wants: Mapping[str, Any] | None = None,
    warnings: tuple[Caveat, ...] = (),
) -> Extractor:
    """Return an extractor of the global average of a stage: of the last, or of the options' layer.

    Args:
        name: without the layer.
        layers: names of the stages, in their order.
        stages: builds the parts of a convolutional network by these names; those behind the layer
            are left out.
        fingerprint: as for `volume_extractor`, without the features.
        wants, warnings: as for `volume_extractor`.

    Raises:
        EvalsuiteError: for a layer that is none of the stages.
    """
    layer = options.layer
    if layer and layer not in layers:
        raise EvalsuiteError(f"{name}: {unknown('layer', layer, layers)}")
    used = layers[: layers.index(layer) + 1] if layer else layers

    def averaged() -> "torch.nn.Module":
        from evalsuite.extractors.networks.averaged import Averaged

        parts = stages()
        return Averaged([parts[name] for name in used])

    return volume_extractor(
        f"{name}@{layer}" if layer else name,
        averaged,
        options,
        fingerprint={**fingerprint, "features": f"global average of {layer or 'the last stage'}"},
        wants=wants,
        warnings=warnings,
        stages=len(used),
    )
