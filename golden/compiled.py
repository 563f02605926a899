"""Golden steps at the speed of compiled code: a loop that calls the very function that is the specification.

``kernel`` compiles a loop over plain arrays with Numba. What it calls from ``golden`` must have been declared with
``compilable``: the function itself is then compiled into the loop, so that ints, arrays, circuits and machine code
share one text. The compiled code is kept between runs, under a name made from all sources of this package: a changed
step is never answered by an old loop.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from llvmlite import ir
from numba.extending import intrinsic, overload, register_jitable

from golden import polymorphic

F = TypeVar("F", bound=Callable[..., Any])

_config: Any = numba.config


@overload(polymorphic.select, strict=False)  # strict would compare annotations, which a lambda has none of
def _select(condition: Any, if_true: Any, if_false: Any) -> Any:
    return lambda condition, if_true, if_false: if_true if condition else if_false


def compilable(*functions: Callable[..., Any], inline: bool = False) -> None:
    """Let compiled loops call these functions; in plain Python they stay what they are.

    ``inline`` is for vector code: it puts their code into the loop however long it is, for a loop with a call in it is
    not vectorised, and lets a division by zero give inf, as in NumPy, instead of a check at every division.
    """
    declare = register_jitable(forceinline=True, error_model="numpy") if inline else register_jitable
    for function in functions:
        declare(function)


compilable(polymorphic.saturate)


def kernel(function: F) -> F:
    """The function, compiled at its first call for the types that it is called with (kept between runs)."""
    kept, _config.CACHE_DIR = _config.CACHE_DIR, str(_folder())  # Numba reads it at the decoration, and only there
    try:
        return cast("F", numba.njit(cache=True, error_model="numpy")(function))
    finally:
        _config.CACHE_DIR = kept


@cache
def _folder() -> Path:
    """Where the compiled code of these sources is kept."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    kept = os.environ.get("HILLOCK_CACHE")
    folder = Path(kept).expanduser().absolute() if kept else platformdirs.user_cache_path("hillock")
    return folder / "kernels" / digest.hexdigest()[:16]


def _popcount(typing_context: Any, word: Any) -> Any:
    return word(word), lambda context, builder, signature, arguments: builder.ctpop(arguments[0])


def _lowest_one(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return word(word), generate


#: Number of ones of an integer, and the position of the lowest one of an integer that is not 0; in compiled loops only.
popcount = cast("Callable[[Any], Any]", intrinsic(_popcount))
lowest_one = cast("Callable[[Any], Any]", intrinsic(_lowest_one))
