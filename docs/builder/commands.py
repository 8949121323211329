"""The reference of the command line, from the commands themselves."""

from collections.abc import Iterator
from typing import Any

from builder.markdown import cell, code, table
from evalsuite.cli import Commands

HEAD = ("option", "what it is", "default")
WORDS = {"str": "TEXT", "path": "PATH", "int": "N", "float": "NUMBER"}
HIDDEN = {"--help", "--install-completion", "--show-completion"}


def commands() -> dict[str, Any]:
    """Return every command that does something, by its words, such as `study create`."""
    found: dict[str, Any] = {}
    for name, command in Commands().items():
        found.update(_within(name, command))
    return found


def parameters(command: Any) -> Iterator[Any]:
    """Yield the arguments and options of a command, without its help."""
    for parameter in command.params:
        if not HIDDEN & set(parameter.opts):
            yield parameter


def shown(parameter: Any) -> str:
    """Return a parameter as it is typed."""
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        return f"{name}..." if parameter.nargs == -1 else str(name)
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    value = parameter.metavar or _value(parameter.display_type(None).strip("<>"))
    return f"{names} {value}{' ...' if parameter.multiple else ''}"


def told() -> str:
    """Return all commands as Markdown: what each does, its arguments and options."""
    return "\n\n".join(_told(words, command) for words, command in commands().items())


def _within(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None or command.invoke_without_command:
        yield name, command
    for word, one in (inner or {}).items():
        yield from _within(f"{name} {word}", one)


def _value(kind: str) -> str:
    bare = kind.removeprefix("list[").removesuffix("]").lower()
    return WORDS.get(bare.removesuffix(" range"), bare)


def _told(words: str, command: Any) -> str:
    heading = f"## evalsuite {words} {{ #{words.replace(' ', '-')} }}"
    arguments = [p for p in parameters(command) if p.param_type_name == "argument"]
    named = " ".join(shown(p) for p in arguments)
    usage = f"```sh\nevalsuite {words}{' ' + named if named else ''} [options]\n```"
    rows = [
        (code(shown(p)), cell(p.help or ""), "required" if p.required else _default(p))
        for p in parameters(command)
    ]
    text = "\n\n".join(p.replace("\n", " ") for p in (command.help or "").split("\n\n"))
    return "\n\n".join([heading, text, usage, *([table(HEAD, rows)] if rows else [])])


def _default(parameter: Any) -> str:
    if isinstance(getattr(parameter, "show_default", None), str):
        return code(parameter.show_default)
    if parameter.default is None or parameter.default is False or parameter.multiple:
        return ""
    return code(str(parameter.default))
