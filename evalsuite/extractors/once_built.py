"""Networks that are built when the first volume comes, and not where all features are cached."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import torch

    from evalsuite.extractors.networks.by_openvino import ByOpenVINO

    Network: TypeAlias = torch.nn.Module | ByOpenVINO


class OnceBuilt:
    """Builds a network when it is first called, and returns the same one ever after.

    What travels to another process, or is copied, is the network, for its builder knows the place
    that it was made at.

    Args:
        build: builds it.
    """

    def __init__(self, build: "Callable[[], Network]") -> None:
        self._build = build
        self._network: Network | None = None

    def __call__(self) -> "Network":
        """Return the network."""
        if self._network is None:
            self._network = self._build()
        return self._network

    def __reduce__(self) -> "tuple[Callable[[Network], OnceBuilt], tuple[Network]]":
        return _ready, (self(),)


def _ready(network: "Network") -> OnceBuilt:
    built = OnceBuilt(lambda: network)
    built()
    return built
