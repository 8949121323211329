"""Figures of a report as files."""

import base64
import io
import warnings
from pathlib import Path
from typing import Any

from reports.document import Image, Picture


def save(picture: Picture, folder: Path) -> tuple[str, str]:
    """Write the figure as SVG, PDF and PNG.

    Returns:
        The figure as a data address, and the letters that no installed font has.
    """
    import matplotlib as mpl
    from matplotlib.text import Text

    from reports.figures.letters import lacking

    if isinstance(picture.figure, Image):
        content = picture.figure.path.read_bytes()
        (folder / f"{picture.name}.png").write_bytes(content)
        return "data:image/png;base64," + base64.b64encode(content).decode(), ""
    words = "".join(text.get_text() for text in picture.figure.findobj(Text))
    without = lacking(words)
    # Letters are outlines, which look alike everywhere; where this machine has no font for some,
    # they stay text, for which the reader's machine may have one.
    # Without a fixed salt and date the same figure would be another file every time.
    settings: dict[Any, Any] = {
        "svg.hashsalt": picture.name,
        "svg.fonttype": "none" if without else "path",
        "pdf.fonttype": 42,
    }
    buffer = io.BytesIO()
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # told once, by name
        # Measured once: bbox_inches="tight" would draw the figure once more for every file.
        picture.figure.draw_without_rendering()
        box = picture.figure.get_tightbbox().padded(mpl.rcParams["savefig.pad_inches"])
        picture.figure.savefig(buffer, format="svg", bbox_inches=box, metadata={"Date": None})
        (folder / f"{picture.name}.svg").write_bytes(buffer.getvalue())
        picture.figure.savefig(
            folder / f"{picture.name}.pdf", bbox_inches=box, metadata={"CreationDate": None}
        )
        picture.figure.savefig(folder / f"{picture.name}.png", bbox_inches=box, dpi=200)
    address = "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
    return address, without
