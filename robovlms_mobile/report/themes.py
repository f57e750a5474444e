"""The colours of figures and page, in light and dark, and how a figure becomes PNG bytes."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from robovlms_mobile.errors import MobileError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#3f83c8", "#4fb08f", "#2b7d68", "#7466d6", "#9161bb", "#bd83cc", "#dc6a3c", "#e3a93f", "#98a2ae")
LINES = ("#98a2ae", "#3f83c8", "#7466d6", "#dc6a3c")


@dataclass(frozen=True)
class Theme:
    """Colours of one mode: paper behind a figure, ink of its text, rules of its grid."""

    name: str
    paper: str
    ink: str
    muted: str
    rule: str


THEMES = (
    Theme("light", "#ffffff", "#1f2630", "#5d6875", "#e4e8ec"),
    Theme("dark", "#191e25", "#e3e8ee", "#98a4b1", "#323a45"),
)


def new_figure(theme: Theme, size: tuple[float, float]) -> "Figure":
    """Return an empty matplotlib Figure of `size` inches on the theme's paper.

    Raises:
        MobileError: matplotlib is missing.
    """
    require_plots()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", facecolor=theme.paper)
    FigureCanvasAgg(figure)
    return figure


def plain_axes(figure: "Figure", theme: Theme) -> "Axes":
    """Return one axes in the theme's colours, without a frame."""
    axes = figure.add_subplot(facecolor=theme.paper)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=theme.muted, labelcolor=theme.muted, length=0, labelsize=11)
    axes.xaxis.label.set(color=theme.muted, size=11)
    axes.yaxis.label.set(color=theme.muted, size=11)
    axes.set_axisbelow(True)
    return axes


def to_png(figure: "Figure", dpi: int = 130) -> bytes:
    """Return a figure as PNG bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi, facecolor=figure.get_facecolor())
    return content.getvalue()


def require_plots() -> None:
    """Raise MobileError, with the command to run, where matplotlib or jinja2 is missing."""
    for name in ("matplotlib", "jinja2"):
        try:
            __import__(name)
        except ImportError as error:
            raise MobileError(
                f"The report needs {name}, which is not installed. Run: pip install 'robovlms-mobile[plots]'"
            ) from error
