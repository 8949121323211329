"""The reference of configurations, from the models that judge them."""

import json
import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from builder.markdown import cell, code, table
from evalsuite.config import EvaluationConfig
from evalsuite.declared import allowed, properties
from evalsuite.extractors.slices import Slices
from evalsuite.study.protocol.design import StudyDesign
from evalsuite.utility.config import UtilityConfig
from evalsuite.volumes.preprocessing import Preprocessing
from generator.config import GeneratorConfig

HEAD = ("setting", "what it is", "allowed", "default")
ROOTS: dict[str, tuple[str, tuple[type[BaseModel], ...]]] = {
    "evaluation": (
        "An evaluation: `evalsuite compute-metrics --config FILE`",
        (EvaluationConfig, Preprocessing, Slices),
    ),
    "study": ("A reader study: `evalsuite study create FILE`", (StudyDesign,)),
    "generator": ("A generator: `evalsuite generator train --config FILE`", (GeneratorConfig,)),
    "utility": ("A utility experiment: `evalsuite utility --config FILE`", (UtilityConfig,)),
}
ENTRY = re.compile(r"^(?=\w)([\w, \n]+?):\s", re.MULTILINE)


def models(*roots: type[BaseModel]) -> list[type[BaseModel]]:
    """Return models and those that their settings are made of, outer ones first."""
    found = list(roots)
    for model in found:
        found += [m for m in _named(model) if m not in found]
    return list(dict.fromkeys(found))


def settings(model: type[BaseModel]) -> list[str]:
    """Return the names of what may be set; a `kind` that tells models apart is none."""
    return [
        name
        for name, field in model.model_fields.items()
        if not (name == "kind" and (field.default is not PydanticUndefined or field.is_required()))
    ]


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return what each setting is, from the `Args` of the model and of what it derives from."""
    found: dict[str, str] = {}
    for origin in reversed(model.__mro__):
        for names, text in _arguments(origin.__doc__ or ""):
            found.update(dict.fromkeys(names, text))
    return found


def told() -> str:
    """Return all configurations as Markdown."""
    chapters, seen = [], set[type[BaseModel]]()
    for anchor, (title, roots) in ROOTS.items():
        chapters.append(f"## {title} {{ #{anchor} }}")
        for model in models(*roots):
            if model not in seen:
                chapters.append(_told(model, top=model is roots[0]))
                seen.add(model)
    return "\n\n".join(chapters)


def settings_table(model: type[BaseModel]) -> str:
    """Return the settings of one model."""
    told = meanings(model)
    declared = properties(model)
    rows = [
        (
            code(name),
            cell(told.get(name, "")),
            cell(allowed(declared[name])),
            _default(model.model_fields[name]),
        )
        for name in settings(model)
    ]
    return table(HEAD, rows) if rows else "It has no settings."


def _told(model: type[BaseModel], *, top: bool) -> str:
    summary = (model.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    kind = model.model_fields.get("kind")
    title = f"`kind: {kind.default}`" if kind else f"`{model.__name__}`"
    heading = [] if top else [f"### {title} {{ #{model.__name__} }}"]
    return "\n\n".join([*heading, summary, settings_table(model)])


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return f"see [{type(value).__name__}](#{type(value).__name__})"
    if value is None or value in ("", (), {}):
        return ""
    plain = json.dumps(value, default=_plain, ensure_ascii=False)
    return code(plain.strip('"'))


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else str(value)


def _named(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        yield from _parts(field.annotation)


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _arguments(docstring: str) -> Iterator[tuple[list[str], str]]:
    """Yield the names and the text of each entry of `Args`."""
    _, _, rest = textwrap.dedent("    " + docstring).partition("Args:\n")
    block = re.split(r"\n\s*\n|\n\S", rest, maxsplit=1)[0]
    parts = ENTRY.split(textwrap.dedent(block))[1:]
    for names, text in zip(parts[::2], parts[1::2], strict=True):
        yield [name.strip() for name in names.split(",")], " ".join(text.split())
