"""Whatever a parser raises on bytes from outside becomes one sentence of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calo4pqvae.errors import Calo4pQVAEError, MissingExtraError

__all__ = ["one_line", "parsing", "printable"]

ADVICE = "write or copy it again"

LONGEST_REASON = 300
"""Characters of a foreign library's own words; some quote the whole file."""


@contextmanager
def parsing(
    path: str | Path, what: str, error: type[Calo4pQVAEError], advice: str = ADVICE
) -> Iterator[None]:
    """Turn any exception inside the `with` block into `error`, the file named.

    Foreign parsers raise what they like on damaged bytes (KeyError, OverflowError,
    struct.error ..), so that no list of classes would be complete.

    Arguments:
        path: the file, the first words of the message.
        what: what it should have been, such as ``"split manifest"``.
        error: class to raise; errors of this class keep their words.
        advice: what to do about a damaged file.
    """
    try:
        yield
    except MissingExtraError:
        raise
    except error as found:
        if str(path) in str(found) or one_line(path) in str(found):
            raise
        raise type(found)(f"{one_line(path)}: {found}") from found
    except MemoryError as found:
        raise error(
            f"{one_line(path)}: needs more memory than there is to be read as {what}; use a "
            "smaller file or a larger machine"
        ) from found
    except RecursionError as found:
        raise error(
            f"{one_line(path)}: is nested too deeply to be a {what}; write it again"
        ) from found
    except OSError as found:
        if found.filename is None:  # a parser's own words for damaged bytes
            raise error(_unreadable(path, what, found, advice)) from found
        raise error(
            f"{one_line(path)}: cannot be read ({found.strerror}); check the path"
        ) from found
    except Exception as found:
        raise error(_unreadable(path, what, found, advice)) from found


def _unreadable(path: str | Path, what: str, found: Exception, advice: str) -> str:
    reason = one_line(found) or type(found).__name__
    if isinstance(found, KeyError):
        reason = f"it lacks {reason}"
    return f"{one_line(path)}: is no readable {what} ({reason}); {advice}"


def one_line(message: object) -> str:
    """Write a message on one line of printable characters, cut where it is very long."""
    text = " ".join(str(message).split())
    if len(text) > LONGEST_REASON:
        text = f"{text[: LONGEST_REASON - 3]}..."
    return printable(text)


def printable(message: object) -> str:
    """Write what a terminal would obey, such as escapes and line ends, as characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(message))
