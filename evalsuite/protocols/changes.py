"""What an evaluation changed of its protocol."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalsuite.protocols.protocol import Protocol, load_protocol


def recorded(config: Mapping[str, Any], others: Sequence[str] = ()) -> dict[str, Any] | None:
    """Return the protocol for the record of an evaluation, None where there is none.

    Args:
        config: as declared, in plain values.
        others: what is not the protocol's beside the settings, such as weights.
    """
    if config["protocol"] is None:
        return None
    protocol = load_protocol(config["protocol"])
    return {
        "name": protocol.name,
        "modified": [*modifications(protocol, config), *others],
        "source": protocol.source.told,
        "paper": protocol.paper,
    }


def modifications(protocol: Protocol, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a configuration changes of its protocol, each as setting and value.

    Args:
        config: in plain values, see `Protocol.settings`.

    Example: `("shape 64 x 64 x 64", "intensity low -500")`.
    """
    frozen, found = dict(_leaves(protocol.settings())), dict(_leaves(config))
    own = tuple(f"{key}." for key in protocol.settings() if key != "metrics")
    differing = [
        key
        for key in {**frozen, **found}
        # Of a metric what the protocol says nothing of, such as a level, is free.
        if (f"{key}.".startswith(own) or key in frozen)
        and key not in protocol.free
        and (key in frozen, frozen.get(key)) != (key in found, found.get(key))
        and not (key.startswith("metrics.") and key.split(".")[1] not in config["metrics"])
    ]
    # Of a rule of another kind all settings are others; its name says it.
    other = tuple(key.removesuffix("kind") for key in differing if key.endswith(".kind"))
    other += tuple(f"{key}." for key in differing if key in found)  # one value for a whole table
    changed = [
        _told(key.removesuffix(".kind"), found.get(key))
        for key in differing
        if key.endswith(".kind") or not key.startswith(other)
    ]
    added = [f"{name} added" for name in config["metrics"] if name not in protocol.metrics]
    left_out = [f"{name} left out" for name in protocol.metrics if name not in config["metrics"]]
    return (*changed, *added, *left_out)


def _leaves(values: object, key: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, values


def _told(key: str, value: object) -> str:
    """Return a setting and its value as they stand behind a name."""
    words = key.split(".")
    words = words[1:] if len(words) > 1 and words[0] == "preprocessing" else words
    name = " ".join(words).replace("_", " ")
    if isinstance(value, list | tuple):
        between = " x " if words[-1] == "shape" else ", "
        return f"{name} {between.join(map(str, value))}"
    return f"{name} {'none' if value is None else value}"
