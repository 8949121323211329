"""Networks run by OpenVINO instead of PyTorch: the same features up to rounding, sooner on a processor."""

import math
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
TOLERANCE = 0.01  # of a row, relative to its length: a cosine of 0.99995; bfloat16 takes a quarter


class ByOpenVINO:
    """A network in evaluation mode on the processor, compiled for each shape of its input.

    What was compiled is held against PyTorch on the first batch that it sees.

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
        self._compiled: dict[tuple[object, ...], tuple[int, openvino.CompiledModel]] = {}
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
        rows, key = len(given), (*given.shape[1:], counts, torch.get_num_threads())
        size, compiled = self._compiled.get(key, (0, None))
        fresh = compiled is None or rows > size
        if compiled is None or fresh:
            size, compiled = rows, self._compile(given, counts)
            self._compiled[key] = size, compiled
        # What is traced may hold the size of its batch: a smaller one is filled up.
        full = torch.cat([given, given[-1:].expand(size - rows, *given.shape[1:])])
        outputs = compiled(full.numpy())
        found = [torch.from_numpy(outputs[i])[:rows] for i in range(len(outputs))]
        if fresh:
            self._refuse_others(given, counts, found)
        return found

    def _refuse_others(self, given: Tensor, counts: Sequence[int], found: Sequence[Tensor]) -> None:
        """Raise EvalsuiteError if what was compiled does not make the features of PyTorch."""
        network: Any = self.network
        with torch.autocast("cpu", enabled=False):
            expected = network.after(given, counts) if counts else [network(given)]
        for own, other in zip(expected, found, strict=True):
            least = torch.finfo(torch.float32).tiny
            apart = (
                (other - own).norm(dim=1) / own.norm(dim=1).clamp_min(least)
                if own.shape == other.shape
                else torch.tensor(math.inf)
            )
            if not bool((apart <= TOLERANCE).all()):
                raise EvalsuiteError(
                    f"{self.name}: by OpenVINO this network makes other features than by PyTorch. "
                    "Pass --engine torch."
                )

    def _compile(self, given: Tensor, counts: tuple[int, ...]) -> "openvino.CompiledModel":
        """Return the network for batches of that shape.

        OpenVINO's `convert_model` is this with a report to its makers.
        """
        import openvino
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        module = _Stages(self.network, counts).eval() if counts else self.network
        example = torch.zeros(given.shape)
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
            model.reshape(list(given.shape))
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
