"""Networks run by OpenVINO instead of PyTorch: the same features up to rounding, sooner on a processor."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.networks.averaged import Averaged
from evalsuite.extractors.networks.foreground import StandardisedForeground

if TYPE_CHECKING:
    import openvino

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


class ByOpenVINO:
    """A network in evaluation mode on the processor, compiled for each shape of its input.

    Args:
        name: of the extractor, for errors.
        network: takes one tensor and returns one; of an `Averaged` one several stages can be had.
        precision: of its arithmetic; OpenVINO would choose by the processor.
    """

    def __init__(
        self, name: str, network: nn.Module, precision: Literal["float32", "bfloat16"]
    ) -> None:
        self.name = name
        self.network = network
        self.precision = precision
        self._compiled: dict[tuple[object, ...], openvino.CompiledModel] = {}
        # Its masks have no counterpart in OpenVINO, and its sums are in float64, which that lacks.
        self._before: nn.Module = nn.Identity()
        if isinstance(network, Averaged):
            stem = network.stages[0]
            if isinstance(stem, nn.Sequential) and isinstance(stem[0], StandardisedForeground):
                self._before, network.stages[0] = stem[0], stem[1:]

    def __call__(self, images: Tensor) -> Tensor:
        """Return what the network makes of a batch."""
        return self._run(images, ())[0]

    def after(self, volumes: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Return what `Averaged.after` does."""
        return self._run(volumes, tuple(counts))

    def _run(self, batch: Tensor, counts: tuple[int, ...]) -> list[Tensor]:
        given = self._before(batch).contiguous()
        key = (*given.shape[1:], counts, torch.get_num_threads())
        if key not in self._compiled:
            self._compiled[key] = self._compile(given, counts)
        found = self._compiled[key](given.numpy())
        return [torch.from_numpy(found[i]) for i in range(len(found))]

    def _compile(self, given: Tensor, counts: tuple[int, ...]) -> "openvino.CompiledModel":
        """Return the network for inputs of that shape, in batches of any size.

        OpenVINO's `convert_model` is this with a report to its makers.
        """
        import openvino
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        module = _Stages(self.network, counts).eval() if counts else self.network
        # Two, since a batch of one may be taken for an axis that is always one.
        example = torch.zeros(2, *given.shape[1:])
        try:
            with (
                torch.inference_mode(False),
                torch.no_grad(),
                torch.autocast("cpu", enabled=False),
                warnings.catch_warnings(action="ignore"),  # of tracing, told to nobody's use
            ):
                decoder = TorchScriptPythonDecoder(module, example_input=example)
                frontend = FrontEndManager().load_by_framework("pytorch")
                model = frontend.convert(frontend.load(decoder))
            model.reshape([-1, *given.shape[1:]])
            settings: dict[str, Any] = {
                "INFERENCE_PRECISION_HINT": PRECISIONS[self.precision],
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "NUM_STREAMS": 1,
            }
            return openvino.Core().compile_model(model, "CPU", settings)
        except Exception as error:  # of a compiler for any network
            raise EvalsuiteError(
                f"{self.name}: OpenVINO cannot run this network ({type(error).__name__}). "
                "Pass --engine torch."
            ) from error


class _Stages(nn.Module):
    """Several stages of an `Averaged` network as one network of several outputs."""

    def __init__(self, network: nn.Module, counts: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.counts = counts

    def forward(self, volumes: Tensor) -> tuple[Tensor, ...]:
        """Return the averages after so many stages each."""
        assert isinstance(self.network, Averaged)  # noqa: S101  (only those have stages)
        return tuple(self.network.after(volumes, self.counts))
