"""Files that are whole or absent: writing takes effect at the end, reading npz fails in one line."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A path beside ``path`` to write to: it becomes ``path`` when the block ends, and vanishes if it fails.

    Raises SpecError when the place cannot be written.
    """
    partial = Path(f"{path}.part")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SpecError.rule(f"File {path}", "writable", f"refused ({reason})") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def read_npz(path: Path | str, thing: str = "File") -> dict[str, NDArray[Any]]:
    """Every array of an npz file; a missing or broken one is a SpecError that calls it ``thing``."""
    try:
        with Path(path).open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise zipfile.BadZipFile
            file.seek(0)
            with np.load(file, allow_pickle=False) as data:
                return {name: data[name] for name in data.files}
    except OSError as error:
        raise SpecError.rule(f"{thing} {path}", "readable", (error.strerror or str(error)).lower()) from None
    except (ValueError, zipfile.BadZipFile, zlib.error):
        raise SpecError.rule(f"{thing} {path}", "an npz file", "something else") from None
