"""What a reader of a figure sees of its words, and whether they are in one another's way."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


def shown(figure):
    """Return every text that is drawn, with its box in pixels."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                inside = low - slack <= tick.get_loc() <= high + slack
                hidden |= {label for label in (tick.label1, tick.label2)
                           if not (inside and label.get_visible() and label in tick.get_children())}  # fmt: skip
            hidden |= {axis.label} if not axes.axison else set()
    labels = {
        label
        for axes in figure.axes
        for label in axes.get_xticklabels()
        if not axes.xaxis.get_tick_params()["labelbottom"]
    }
    return [
        (text, text.get_window_extent())
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in hidden | labels
    ]


def assert_sound(figure):
    """Check that no words leave the page, lie over others or, unless written there, over slices."""
    boxes = shown(figure)
    x0, y0, x1, y1 = np.array([box.extents for _, box in boxes]).reshape(-1, 4).T
    across = np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0)
    along = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0)
    clear = (np.minimum(across, along) < 2.5) | np.eye(len(boxes), dtype=bool)
    assert clear.all(), [[boxes[i][0].get_text() for i in pair] for pair in np.argwhere(~clear)]
    for text, box in boxes:
        words = text.get_text()
        assert box.x0 >= -1, words
        assert box.x1 <= figure.bbox.x1 + 1, words
        assert box.y0 >= -1, words
        assert box.y1 <= figure.bbox.y1 + 1, words
        for axes in figure.axes:
            if axes.images and text.axes is not axes:
                assert not box.padded(-2).overlaps(axes.get_window_extent()), words
