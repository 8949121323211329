"""A protocol laid under what a user sets, and what the user changed of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from evalsuite.protocols.protocol import Protocol, load_protocol
from evalsuite.settings import Settings, laid_over

NO_PROTOCOL = (
    "No protocol was named: these numbers stand beside no published table "
    "(`evalsuite protocols` lists those that do)."
)


def laid_under(values: Settings) -> Settings:
    """Return settings with those of the protocol that they name laid under them.

    Of metrics the user's choice counts, with the protocol's options for those it has.

    Raises:
        EvalsuiteError: for an unknown protocol.
    """
    if "protocol" not in values:
        return values
    frozen = load_protocol(str(values["protocol"])).settings()
    chosen = values.get("metrics")
    if isinstance(chosen, Mapping):
        frozen["metrics"] = {k: v for k, v in frozen["metrics"].items() if k in chosen}
    return laid_over(frozen, values)


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


def label(config: Mapping[str, Any]) -> str:
    """Return how the protocol of a recorded configuration is called, or nothing if it has none.

    Args:
        config: the configuration in the record of an evaluation.

    Example: `maisi-2.5d, modified: shape 64 x 64 x 64`.
    """
    protocol = config.get("protocol")
    if not protocol:
        return ""
    changed = ", ".join(protocol["modified"])
    return f"{protocol['name']}, modified: {changed}" if changed else str(protocol["name"])


def standing(config: Mapping[str, Any]) -> str:
    """Return the sentence on which published tables the numbers stand beside."""
    protocol = config.get("protocol")
    if not protocol:
        return NO_PROTOCOL
    if protocol["modified"]:
        return (
            f"Protocol {label(config)}. Because of that the numbers do not stand beside the "
            "published ones."
        )
    return f"Protocol {protocol['name']} ({protocol['source']}), unchanged."


class _Absent:
    pass


_ABSENT = _Absent()


def _leaves(values: object, key: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(values, Mapping) and (values or not key):
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
