"""The errors a user sees: one or two sentences that name the file and the mend, no traceback."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


class EvalsuiteError(Exception):
    """A mistake in the user's input; the command line prints it and exits with status 1."""


class VolumeError(EvalsuiteError):
    """One volume cannot be used.

    Args:
        path: the file or folder at fault.
        problem: what was found and what was expected, as a clause without the path.
    """

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")

    def __reduce__(self) -> tuple[type["VolumeError"], tuple[Path, str]]:
        """Let the error cross from a worker process to its parent."""
        return VolumeError, (self.path, self.problem)


class FaultsError(EvalsuiteError):
    """Several volumes cannot be used; all faults are told together.

    Args:
        faults: one error per volume, in the order of the cohort.
        hint: what to do about it, one sentence.
    """

    def __init__(self, faults: Sequence[VolumeError], hint: str) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(f"  {fault}" for fault in faults)
        count = f"{len(faults)} volume" + ("s" if len(faults) > 1 else "")
        super().__init__(f"{count} cannot be used:\n{lines}\n{hint}")


def unknown(
    kind: str, name: str, known: Iterable[str], hints: Mapping[str, str] | None = None
) -> str:
    """Return the sentence for a name nobody knows, with the nearest known one.

    Args:
        hints: by known name, a text in which the unknown name may occur as a word.
    """
    names = sorted(known)
    separated = str.maketrans("(),", "   ")
    words = {n: (hints or {}).get(n, "").lower().translate(separated).split() for n in names}
    near = [n for n in names if name.lower() in words[n]]
    near = near or difflib.get_close_matches(name, names, n=1)
    suggestion = f' Did you mean "{near[0]}"?' if near else ""
    return f'Unknown {kind} "{name}".{suggestion} Known {kind}s: {", ".join(names)}.'
