"""What a user changed of a protocol."""

from collections.abc import Iterator, Mapping
from typing import Any

from evalsuite.protocols.protocol import Protocol

def modifications(protocol: Protocol, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a configuration changes of its protocol, each as setting and value.

    Args:
        config: in plain values, see `Protocol.settings`.

    Example: `("shape 64 x 64 x 64", "intensity low -500")`.
    """
    frozen, found = dict(_leaves(protocol.settings())), dict(_leaves(config))
    own = tuple(f"{key}." for key in protocol.settings() if key != "metrics")
    own += tuple(f"metrics.{name}." for name in protocol.metrics)
    differing = [
        key
        for key in {**frozen, **found}
        if f"{key}.".startswith(own)
        and key not in protocol.free
        and frozen.get(key, _ABSENT) != found.get(key, _ABSENT)
        and not _free_option(key, frozen)
    ]
    # Of a rule of another kind all settings are others; its name says it.
    other = tuple(key.removesuffix("kind") for key in differing if key.endswith(".kind"))
    changed = [
        _told(key.removesuffix(".kind"), found.get(key))
        for key in differing
        if key.endswith(".kind") or not key.startswith(other)
    ]
    added = [f"{name} added" for name in config["metrics"] if name not in protocol.metrics]
    left_out = [f"{name} left out" for name in protocol.metrics if name not in config["metrics"]]
    return (*changed, *added, *left_out)


class _Absent:
    pass


_ABSENT = _Absent()


def _leaves(values: object, key: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, values


def _free_option(key: str, frozen: Mapping[str, object]) -> bool:
    """Tell whether a key is an option of a metric that the protocol does not speak of."""
    return key.startswith("metrics.") and key not in frozen


def _told(key: str, value: object) -> str:
    """Return a setting and its value as they stand behind a name."""
    words = key.split(".")
    words = words[1:] if len(words) > 1 and words[0] in {"preprocessing", "slices"} else words
    name = " ".join(words).replace("_", " ")
    if isinstance(value, list | tuple):
        told = " x ".join(map(str, value)) if name == "shape" else ", ".join(map(str, value))
        return f"{name} {told}"
    return f"{name} {'left out' if value is None else value}"
