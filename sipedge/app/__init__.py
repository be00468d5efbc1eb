"""The composition root: the only place that knows every class; it makes a running edge of them."""

from sipedge.app.lifecycle import App, StartError, run

__all__ = ["App", "StartError", "run"]
