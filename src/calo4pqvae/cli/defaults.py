"""Help texts in which every option tells its default."""

import argparse
from collections.abc import Iterable

__all__ = ["HelpWithDefaults", "default_of"]


class HelpWithDefaults(argparse.HelpFormatter):
    """Adds the default to the help of each option whose text does not name it."""

    def _format_action(self, action: argparse.Action) -> str:
        default = default_of(action)
        text = action.help or ""
        if default is not None and "default" not in text and f"({default}" not in text:
            escaped = default.replace("%", "%%")
            action.help = f"{text} ({escaped})" if text else f"default: {escaped}"
        return super()._format_action(action)


def default_of(action: argparse.Action) -> str | None:
    """The default of an option as its words would be typed; None if it is to do nothing."""
    default = action.default
    if not action.option_strings or default is None or default is False:
        return None
    if default == argparse.SUPPRESS or (not default and not isinstance(default, int | float)):
        return None
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, Iterable) and not isinstance(default, str):
        return " ".join(map(str, default))
    return str(default)
