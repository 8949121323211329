"""Where published weights lie and how their bytes come here: a hub, an address, a package."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import IO, ClassVar
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from evalsuite.errors import EvalsuiteError

HUB = "https://huggingface.co"
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 20


class WeightsError(EvalsuiteError):
    """Weights are absent, damaged or not those that were asked for."""


class SourceError(Exception):
    """The bytes did not come, for a reason that fits into a sentence."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a Hugging Face repository.

    `HF_ENDPOINT` names a mirror of the hub, `HF_TOKEN` the bearer of a token.

    Args:
        repository: `owner/name`.
        path: of the file in it.
        revision: branch, tag or commit.
        torch_hub: folders under `$TORCH_HOME/hub` in which other programs keep it.
        kept_as: its name in evalsuite's cache, where that on the hub says nothing.
    """

    repository: str
    path: str
    revision: str = "main"
    torch_hub: tuple[str, ...] = ()
    kept_as: str = ""
    remote: ClassVar[bool] = True  # whether it takes a network

    @property
    def file(self) -> str:
        """Name in the caches."""
        return self.kept_as or self.path.rpartition("/")[2]

    @property
    def url(self) -> str:
        """Address of the file.

        Raises:
            WeightsError: if `HF_ENDPOINT` names no hub.
        """
        endpoint = os.environ.get("HF_ENDPOINT") or HUB
        if not _is_address(endpoint):
            raise WeightsError(
                f'The environment variable HF_ENDPOINT is "{endpoint}"; expected the address of a '
                f"hub, such as {HUB}."
            )
        return f"{endpoint.rstrip('/')}/{self.repository}/resolve/{self.revision}/{self.path}"

    @property
    def mend(self) -> str:
        """What a user does who cannot fetch it, with the path it goes to as `{path}`."""
        return f"download {self.url} to {{path}}"

    def copies(self) -> Iterator[Path]:
        """Yield where torch.hub and huggingface_hub, with a folder per commit, may keep it."""
        yield from _in_torch_hub(self.torch_hub, self.file)
        hub = expanded(
            os.environ.get("HF_HUB_CACHE")
            or os.environ.get("HUGGINGFACE_HUB_CACHE")
            or Path(os.environ.get("HF_HOME") or _home() / "huggingface") / "hub"
        )
        repository = hub / f"models--{self.repository.replace('/', '--')}"
        yield from sorted((repository / "snapshots").glob(f"*/{self.path}"))

    def write(self, target: IO[bytes]) -> None:
        """Download its bytes, or raise SourceError."""
        _download(self.url, self.file, target, token=os.environ.get("HF_TOKEN"))


@dataclass(frozen=True, slots=True)
class Address:
    """A file at an address of its own, which torch.hub keeps among its checkpoints.

    Args:
        url: the address.
        kept_as: its name in the caches, where the address ends in another.
    """

    url: str
    kept_as: str = ""
    remote: ClassVar[bool] = True

    @property
    def file(self) -> str:
        """Name in the caches."""
        return self.kept_as or self.url.rpartition("/")[2]

    @property
    def mend(self) -> str:
        """What a user does who cannot fetch it, with the path it goes to as `{path}`."""
        return f"download {self.url} to {{path}}"

    def copies(self) -> Iterator[Path]:
        """Yield where torch.hub keeps it."""
        yield from _in_torch_hub(("checkpoints",), self.file)

    def write(self, target: IO[bytes]) -> None:
        """Download its bytes, or raise SourceError."""
        _download(self.url, self.file, target)


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file that packages of the Python index carry, in one part or several.

    The packages are found, never imported: none of their code runs.

    Args:
        file: its name in the caches.
        parts: `package/file` of each part, in order.
        extra: of evalsuite, which installs the packages.
    """

    file: str
    parts: tuple[str, ...]
    extra: str
    remote: ClassVar[bool] = False

    @property
    def installed(self) -> bool:
        """Whether every part is on this machine."""
        return all(map(_in_package, self.parts))

    @property
    def mend(self) -> str:
        """What a user does who cannot fetch it, with the path it goes to as `{path}`."""
        return f"run `pip install 'evalsuite[{self.extra}]'`"

    def copies(self) -> Iterator[Path]:
        """Yield the file itself where it is in one part."""
        if len(self.parts) == 1 and (path := _in_package(self.parts[0])):
            yield path

    def write(self, target: IO[bytes]) -> None:
        """Join its parts, or raise SourceError."""
        for part in self.parts:
            path = _in_package(part)
            if path is None:
                raise SourceError(f"the package {part.partition('/')[0]} is not installed")
            with path.open("rb") as file:
                shutil.copyfileobj(file, target)


@dataclass(frozen=True, slots=True)
class ByHand:
    """A file that evalsuite does not fetch, because of its licence.

    Args:
        page: where the publishers offer it.
        file: its name in evalsuite's cache.
    """

    page: str
    file: str
    remote: ClassVar[bool] = False

    @property
    def mend(self) -> str:
        """What a user does, with the path it goes to as `{path}`."""
        return f"accept their licence at {self.page} and download them to {{path}}"

    def copies(self) -> Iterator[Path]:
        """Yield nothing: no other program keeps it under a name that is known."""
        yield from ()

    def write(self, target: IO[bytes]) -> None:  # noqa: ARG002  (as every source's)
        """Raise SourceError."""
        raise SourceError("are not fetched by evalsuite")


Source = HubFile | Address | PackageFile | ByHand


def expanded(path: Path | str) -> Path:
    """Return the path with `~` replaced, which stays where that is the home of nobody."""
    # Path.expanduser raises for the home of a user who does not exist.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def _home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")


def _in_torch_hub(folders: tuple[str, ...], file: str) -> Iterator[Path]:
    hub = expanded(os.environ.get("TORCH_HOME") or _home() / "torch") / "hub"
    yield from (hub / folder / file for folder in folders)


def _in_package(part: str) -> Path | None:
    package, _, file = part.partition("/")
    found = find_spec(package)
    folders = (found.submodule_search_locations or ()) if found else ()
    return next((p for folder in folders if (p := Path(folder) / file).is_file()), None)


def _download(url: str, file: str, target: IO[bytes], token: str | None = None) -> None:
    """Write the bytes at the address, all that were announced; proxies are as in curl."""
    from rich.console import Console
    from rich.progress import Progress

    request = Request(url)  # noqa: S310  (the user's hub)
    if token:
        # The hub passes large files on to other hosts, which are not to see it.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with (
            urlopen(request, timeout=TIMEOUT_SECONDS) as response,  # noqa: S310
            Progress(console=Console(stderr=True), transient=True) as progress,
        ):
            if response.headers.get_content_type() == "text/html":
                # A warning, a login or a gateway: it must never be trusted as weights.
                raise SourceError("could not be downloaded (the address answers with a web page)")
            length = response.headers.get("Content-Length")
            expected = int(length) if length else None
            task = progress.add_task(f"Downloading {file}", total=expected)
            size = 0
            while chunk := response.read(CHUNK_BYTES):
                size += target.write(chunk)
                progress.advance(task, len(chunk))
    except HTTPError as error:
        hint = "; it may ask for a token in HF_TOKEN" if error.code in (401, 403) else ""
        raise SourceError(f"could not be downloaded ({error.reason}{hint})") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise SourceError(f"could not be downloaded ({reason})") from None
    if expected and size < expected:
        raise SourceError(f"broke off after {size:,} of {expected:,} bytes")


def _is_address(text: str) -> bool:
    if not (text.isascii() and text.isprintable()) or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an impossible port, or brackets without an address in them
        return False
