"""Settings before they are checked: read from a file, given as KEY=VALUE, laid over one another.

Every configuration of the suite, whether of an evaluation, a study or a generator, goes this way.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer
import yaml

from evalsuite.errors import EvalsuiteError

Settings = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML in which no key stands twice and 1e-4 is a number, as YAML 1.2 has it."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in lines:
                first = lines[key.tag, key.value] + 1
                problem = f'the key "{key.value}" stands in line {first} already'
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            lines[key.tag, key.value] = key.start_mark.line
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str) -> Any:
    """Return what a YAML document holds.

    Raises:
        yaml.YAMLError: if it is none, or a key stands twice in one table.
    """
    return yaml.load(text, _Loader)  # noqa: S506 - a safe loader


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
        table = tomllib.loads(text) if path.suffix == ".toml" else parse_yaml(text)
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        raise EvalsuiteError(
            f"{path}: not valid {_language(path)}: {_reason(error, text)}."
        ) from None
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
        return key, parse_yaml(value)
    except yaml.YAMLError:
        raise typer.BadParameter(
            f"--set {text}: {value} cannot be read as YAML. Put it into quotes."
        ) from None


def listed(values: Iterable[str] | None) -> list[str] | None:
    """Return the names of an option that may be repeated and may hold several with commas.

    Example:
        >>> listed(["mmd, frechet", "realism"])
        ['mmd', 'frechet', 'realism']
    """
    if values is None:
        return None
    return [name.strip() for text in values for name in text.split(",")]


def triple(text: str) -> object:
    """Return the three values of an option X,Y,Z as a list, one without commas as it is.

    Example:
        >>> triple("1,1,2.5"), triple("native")
        ([1, 1, 2.5], 'native')
    """
    return [parse_yaml(part) for part in text.split(",")] if "," in text else text


def with_assignments(options: Mapping[str, Any], texts: Iterable[str]) -> Settings:
    """Return the options that were given, by their keys with dots, and those of `--set`.

    Args:
        options: None where an option was not given.
        texts: each a `KEY=VALUE`.

    Raises:
        typer.BadParameter: as `assignments`, and for a key that is set by an option as well.
    """
    given = {key: value for key, value in options.items() if value is not None}
    for key, value in assignments(texts).items():
        if key in given:
            raise typer.BadParameter(
                f"--set {key}: there is an option of that name, given as well."
            )
        given[key] = value
    return given


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


def assignments(texts: Iterable[str]) -> Settings:
    """Return the values of several `KEY=VALUE` by their keys with dots.

    Raises:
        typer.BadParameter: if one is none, or a key is set twice.
    """
    values: Settings = {}
    for text in texts:
        key, value = assignment(text)
        if key in values:
            raise typer.BadParameter(f"--set {text}: {key} is set twice.")
        values[key] = value
    return values


def assigned(texts: Iterable[str]) -> Settings:
    """Return the settings of several `KEY=VALUE` as nested tables; raises as `assignments`."""
    return laid_over({}, *(nested(key, value) for key, value in assignments(texts).items()))


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


def _reason(error: Exception, text: str) -> str:
    """Return in one line what is wrong with a file, and in which line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    reason = " ".join(str(error).split())
    told = re.search(r"at line (\d+)", reason)  # of TOML, which names no key
    return f"{reason}: {text.splitlines()[int(told[1]) - 1].strip()}" if told else reason
