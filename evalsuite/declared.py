"""What a user may declare: types with bounds, and one sentence where a value is none of them.

The sentence is made of the declaration, through its JSON schema, and not of the words in which a
validator complains: it tells which setting, what is allowed there and what was found. A type that
the schema cannot describe, such as a pattern, says `json_schema_extra={"expected": "..."}`.
"""

import difflib
import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from evalsuite.errors import EvalsuiteError

Model = TypeVar("Model", bound=BaseModel)
Schema = Mapping[str, Any]

LONGEST = 80  # characters of a found value that are shown


class Declared(BaseModel):
    """A frozen piece of a configuration in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def validated(model: type[Model], values: object, origin: str = "") -> Model:
    """Return the declaration in plain values.

    Args:
        model: what may be declared.
        values: as read from a file or the command line.
        origin: where the values come from, such as a file, for the message.

    Raises:
        EvalsuiteError: with all faults in one sentence.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        told = "; ".join(faults(error, model))
        raise EvalsuiteError(f"In {origin}, {told}." if origin else f"{told}.") from None


def faults(error: ValidationError, model: type[BaseModel], under: str = "") -> list[str]:
    """Return each fault as a clause: which setting, what is allowed, what was found.

    Args:
        error: of validating against `model`.
        under: keys with dots that lead to the model, put before every setting.
    """
    schema = _schema(model)
    places: dict[tuple[str | int, ...], tuple[ErrorDetails, Schema]] = {}
    for fault in error.errors():
        place, declared = _found(schema, _told_of(fault))
        known = places.get(place)
        # Each alternative of a union has its own complaint; the least deep one saw the whole value.
        if known is None or len(fault["loc"]) < len(known[0]["loc"]):
            places[place] = fault, declared
    # A list whose items are wrong counts as too short as well.
    inside = {place[:i] for place in places for i in range(len(place))}
    prefix = [under] if under else []
    return [
        _clause(fault, ".".join(map(str, [*prefix, *place])), declared)
        for place, (fault, declared) in places.items()
        if place not in inside
    ]


def allowed(schema: Schema) -> str:
    """Return what a JSON schema without references allows, as a noun phrase.

    Example:
        >>> allowed({"type": "integer", "minimum": 2})
        'a whole number of at least 2'
        >>> allowed({"anyOf": [{"const": "auto"}, {"type": "number", "exclusiveMinimum": 0}]})
        'auto or a number above 0'
        >>> allowed({"type": "number", "minimum": 0.0, "maximum": 1.5})
        'a number from 0 to 1.5'
    """
    return either(_alternatives(schema))


def properties(model: type[BaseModel]) -> dict[str, Schema]:
    """Return the JSON schema of each setting of a model, without references."""
    return dict(_schema(model)["properties"])


def either(names: Iterable[str]) -> str:
    """Return names as `a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


@functools.cache
def _schema(model: type[BaseModel]) -> Schema:
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, str) and part.startswith("#/$defs/"):
            return resolved(definitions[part.removeprefix("#/$defs/")])
        if isinstance(part, list):
            return [resolved(item) for item in part]
        if not isinstance(part, dict):
            return part
        flat = {key: resolved(value) for key, value in part.items()}
        return flat.pop("$ref", {}) | flat

    flat: Schema = resolved(schema)
    return flat


def _told_of(fault: ErrorDetails) -> Sequence[str | int]:
    """Return the location of what was found: of an item that is missing, the list."""
    short = fault["type"] == "missing" and isinstance(fault["loc"][-1], int)
    return fault["loc"][:-1] if short else fault["loc"]


def _found(schema: Schema, location: Sequence[str | int]) -> tuple[tuple[str | int, ...], Schema]:
    """Return the path of a fault as the user wrote it, and what is declared there.

    The location of an error names the alternative of a union as well. Of one with a tag that leads
    on; of any other the path ends at the union, which is described as a whole.
    """
    place: list[str | int] = []
    for part in location:
        schema = _not_null(schema)
        if "discriminator" in schema and part in schema["discriminator"]["mapping"]:
            schema = schema["discriminator"]["mapping"][part]
            continue
        step = _step(schema, part)
        if step is None and "anyOf" in schema:
            break
        place.append(part)
        schema = step if step is not None else {}
    return tuple(place), schema


def _step(schema: Schema, part: str | int) -> Schema | None:
    """Return what is declared one key or index further, or None where nothing is."""
    if isinstance(part, int):
        items = schema.get("prefixItems", ())
        found = items[part] if part < len(items) else schema.get("items")
    elif "items" in schema:  # what is given alone, where a list is declared, has no index
        return _step(schema["items"], part)
    else:
        found = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    if isinstance(found, Mapping):
        return found
    # The parent of an unknown key tells which ones are known.
    return {"known": list(schema["properties"])} if "properties" in schema else None


def _not_null(schema: Schema) -> Schema:
    """Return the one alternative to null, whose faults pydantic tells as if it were alone."""
    others = [a for a in schema.get("anyOf", ()) if a.get("type") != "null"]
    return others[0] if len(others) == 1 else schema


def _alternatives(schema: Schema) -> list[str]:
    if "expected" in schema:
        return [str(schema["expected"])]
    if "discriminator" in schema:
        tag = schema["discriminator"]
        return [f"a table whose {tag['propertyName']} is {either(tag['mapping'])}"]
    if "anyOf" in schema:
        return [text for one in schema["anyOf"] for text in _alternatives(one)]
    if "enum" in schema:
        return [str(value) for value in schema["enum"]]
    if "const" in schema:
        return [str(schema["const"])]
    describe = _DESCRIBE.get(schema.get("type", ""))
    return [describe(schema) if describe else "anything"]


def _clause(fault: ErrorDetails, where: str, declared: Schema) -> str:
    if fault["type"] == "extra_forbidden":
        key = str(fault["loc"][-1])
        known = sorted(declared.get("known", ()))
        near = difflib.get_close_matches(key, known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known) or 'none'}"
        return f'the setting "{where}" is unknown ({hint})'
    if fault["type"] == "missing" and isinstance(fault["loc"][-1], str):
        return f'the setting "{where}" is missing'
    found = json.dumps(fault["input"], default=str, ensure_ascii=False)
    found = found if len(found) <= LONGEST else f"{found[: LONGEST - 3]}..."
    place = f"{where}: " if where else ""
    if fault["type"] in {"value_error", "assertion_error"}:
        reason = str(fault["ctx"]["error"]).removesuffix(".")
        told = f", but found {found}" if reason.startswith("Expected ") else ""
        return f"{place}{reason[:1].lower()}{reason[1:]}{told}"
    return f"{place}expected {allowed(declared)}, but found {found}"


def _number(schema: Schema) -> str:
    whole = schema["type"] == "integer"
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low, high, above, below = map(_plain, (low, high, above, below))
    if whole and above is not None:
        low, above = above + 1, None
    if whole and below is not None:
        high, below = below - 1, None
    noun = "a whole number" if whole else "a number"
    if low is not None and high is not None:
        return f"{noun} from {low} to {high}"
    bounds = [
        f"{words} {bound}"
        for words, bound in (
            ("of at least", low),
            ("above", above),
            ("of at most" if low is above is None else "at most", high),
            ("below", below),
        )
        if bound is not None
    ]
    return " ".join([noun, " and ".join(bounds)]).strip()


def _plain(bound: float | None) -> float | None:
    """Return 1 for 1.0, as a bound is written; pydantic has it either way."""
    return int(bound) if bound is not None and float(bound).is_integer() else bound


def _text(schema: Schema) -> str:
    low, high = schema.get("minLength"), schema.get("maxLength")
    if "pattern" in schema:
        return f"text of the form {schema['pattern']}"
    if high is not None:
        return f"text of {low or 0} to {high} characters"
    return "text that is not empty" if low else "text"


def _list(schema: Schema) -> str:
    low, high = schema.get("minItems"), schema.get("maxItems")
    items: Schema = schema.get("items") or next(iter(schema.get("prefixItems", ())), {})
    each = f", each {allowed(items)}" if items else ""
    if low is not None and low == high:
        return f"a list of {low}{each}"
    return f"a list of {_range(low, high)}{each}" if low or high else f"a list{each}"


def _range(low: int | None, high: int | None) -> str:
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if low is None else f"{low} to {high}"


_DESCRIBE: dict[str, Callable[[Schema], str]] = {
    "integer": _number,
    "number": _number,
    "string": _text,
    "array": _list,
    "object": lambda _: "a table of settings",
    "boolean": lambda _: "true or false",
    "null": lambda _: "null",
}
