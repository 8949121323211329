"""Letters of figures: their fonts and sizes, and texts that are made to fit."""

from bisect import bisect_right
from functools import cache, lru_cache

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font, get_font_names
from matplotlib.text import Text

DPI = 150  # at which texts are measured; with fewer dots letters snap to them and get wider

# Points.
TITLE, BODY, SMALL, NOTE, TINY = 8.5, 8.0, 7.0, 6.5, 5.8
NAME = 1.75  # inches of a cohort or a reader beside an axis or in a legend
SAFE = 0.98  # of the room is filled: letters are a little wider in other formats
FONTS = (
    "DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR",
    "Noto Sans JP", "Noto Sans SC", "Noto Sans KR", "Source Han Sans", "Source Han Sans SC",
    "IPAexGothic", "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei", "SimHei",
    "Malgun Gothic", "Nanum Gothic", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
    "Droid Sans Fallback", "Arial Unicode MS", "Noto Sans Arabic", "Noto Sans Hebrew",
    "Noto Sans Devanagari", "Noto Sans Thai",
)  # fmt: skip


@cache
def fonts() -> tuple[str, ...]:
    """Return the families that are installed, each for the letters that those before it lack."""
    return tuple(name for name in FONTS if name in get_font_names())


def lacking(text: str) -> str:
    """Return the letters of a text for which no family of `fonts` has a shape, each once."""
    there = set().union(*(_letters(family) for family in fonts()))
    return "".join(sorted({c for c in text if ord(c) not in there and not c.isspace()}))


@cache
def _letters(family: str) -> frozenset[int]:
    return frozenset(get_font(findfont(family)).get_charmap())


@cache
def _ruler(size: float, *, bold: bool) -> Text:
    """Return a text that can be set to any other, to measure it."""
    figure = Figure(dpi=DPI)
    FigureCanvasAgg(figure)
    weight = "bold" if bold else "normal"
    return figure.text(0, 0, "", size=size, weight=weight, family=list(fonts()), parse_math=False)


@lru_cache(maxsize=1 << 14)
def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the inches that one line of a text takes."""
    ruler = _ruler(size, bold=bold)
    ruler.set_text(text)
    return float(ruler.get_window_extent().width) / DPI


def wrapped(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """Return a text in lines of at most so many inches; a word longer than that is broken."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if width(longer, size, bold=bold) <= SAFE * room:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while len(line) > 1 and width(line, size, bold=bold) > SAFE * room:
                lengths = range(1, len(line))
                fits = bisect_right(
                    lengths, SAFE * room, key=lambda n: width(line[:n], size, bold=bold)
                )
                cut = max(fits, 1)
                lines.append(line[:cut])
                line = line[cut:]
        lines.append(line)
    return "\n".join(lines)


def shortened(name: str, room: float = NAME, size: float = BODY) -> str:
    """Return a name that fits, with its beginning and the end that tells it from others."""
    if width(name, size) <= SAFE * room:
        return name
    kept = len(name)
    while kept > 2 and width(short := _ends(name, kept), size) > SAFE * room:
        kept -= 1
    return short


def _ends(name: str, kept: int) -> str:
    end = kept // 2
    return f"{name[: kept - end]}…{name[-end:]}"
