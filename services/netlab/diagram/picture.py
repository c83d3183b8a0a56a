"""From an observation to its picture, in one step."""

from __future__ import annotations

from netlab.diagram.compose import figure
from netlab.diagram.layout import layout
from netlab.diagram.svg import svg
from netlab.model.observation import Observation


def picture(seen: Observation) -> str:
    """The SVG of what was seen."""
    return svg(layout(figure(seen)))
