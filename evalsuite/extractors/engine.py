"""What runs the networks: PyTorch, or OpenVINO, which is faster on a processor."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from evalsuite import extras
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import ExtractorOptions
from evalsuite.machine import usable_device

if TYPE_CHECKING:
    import torch

    from evalsuite.extractors.networks.by_openvino import ByOpenVINO


def chosen_engine(asked: str | None, device: str) -> str | None:
    """Return the engine by its name; `auto` is OpenVINO if it is installed and no GPU is used.

    The choice, not `auto`, stands in the record: its rerun gives the same features elsewhere.
    """
    if asked != "auto":
        return asked
    if find_spec("openvino") is None or usable_device(device).type != "cpu":
        return "torch"
    return "openvino"


def require_openvino(device: "torch.device") -> None:
    """Refuse the engine where it cannot be used.

    Raises:
        EvalsuiteError: if it is not installed, or the device is no processor.
    """
    extras.require("openvino", purpose="The engine openvino", otherwise="pass --engine torch")
    if device.type != "cpu":
        raise EvalsuiteError(
            f"OpenVINO runs on the processor, not on {device}. Pass --device cpu or --engine torch."
        )


def run_by(
    options: ExtractorOptions, name: str, network: "torch.nn.Module"
) -> "torch.nn.Module | ByOpenVINO":
    """Return a network in evaluation mode as the engine of the options runs it.

    Args:
        name: of the extractor, for errors.
    """
    if options.engine == "torch":
        return network
    from evalsuite.extractors.networks.by_openvino import ByOpenVINO

    return ByOpenVINO(name, network, options.precision)
