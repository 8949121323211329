"""Settings before they are checked: read from a file, given as KEY=VALUE, laid over one another.

Every configuration of the suite, whether of an evaluation, a study or a generator, goes this way.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer
import yaml

from evalsuite.errors import EvalsuiteError

Settings = dict[str, Any]


def read_settings(path: Path) -> Settings:
    """Return the table in a YAML (.yaml, .yml) or TOML (.toml) file.

    Raises:
        EvalsuiteError: if it cannot be read or holds no table.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise EvalsuiteError(f"{path}: the settings cannot be read: {reason}.") from None
    try:
        table = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        where = " ".join(str(error).split())
        raise EvalsuiteError(f"{path}: not valid {_language(path)}: {where}.") from None
    if not isinstance(table, dict):
        raise EvalsuiteError(f"{path}: expected a table of settings, such as `seed: 1`.")
    return table


def assignment(text: str) -> tuple[str, Any]:
    """Return key and value of a `KEY=VALUE` as `--set` takes it; the value is read as YAML.

    Raises:
        typer.BadParameter: if it is none.
    """
    key, separator, value = text.partition("=")
    if not separator or not all(key.split(".")):
        raise typer.BadParameter(f"--set {text}: expected KEY=VALUE.")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        raise typer.BadParameter(
            f"--set {text}: {value} cannot be read as YAML. Put it into quotes."
        ) from None


def nested(key: str, value: object) -> Settings:
    """Return the tables that a key with dots goes through, with the value in the last one."""
    *tables, last = key.split(".")
    result: Settings = {last: value}
    for table in reversed(tables):
        result = {table: result}
    return result


def laid_over(base: Mapping[str, Any], *others: Mapping[str, Any]) -> Settings:
    """Return settings with others laid over them, table by table; any other value is replaced.

    A table that tells its `kind` is replaced by one of another kind, whose settings are others;
    the mere name of a kind stands for a table of it.
    """
    result = dict(base)
    for over in others:
        for key, value in over.items():
            result[key] = _over(result.get(key), value)
    return result


def assigned(texts: Iterable[str]) -> Settings:
    """Return the settings of several `KEY=VALUE`; a later one wins."""
    return laid_over({}, *(nested(*assignment(text)) for text in texts))


def _over(old: object, new: object) -> object:
    if not isinstance(old, Mapping):
        return new
    if "kind" in old and isinstance(new, str):
        new = {"kind": new}
    if not isinstance(new, Mapping) or new.get("kind", old.get("kind")) != old.get("kind"):
        return new
    return laid_over(old, new)


def _language(path: Path) -> str:
    return "TOML" if path.suffix == ".toml" else "YAML"
