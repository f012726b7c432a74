"""Any exception, as the error a user is told."""

from __future__ import annotations

import os
import sys

from quiltctl.errors import KernelError, QuiltError


def explain(error: Exception) -> QuiltError:
    """Return the QuiltError that says what this exception means.

    What is neither ours nor SQLite's nor the kernel's is a defect of quiltctl, and said to be one.
    """
    if isinstance(error, QuiltError):
        return error
    # Whoever can raise an sqlite3.Error has imported the engine; `version` and errors of usage need not pay for it.
    engine = sys.modules.get("quiltctl.db.engine")
    if engine is not None and isinstance(error, engine.sqlite3.Error):
        from quiltctl.db.connection import explain as explain_sqlite

        return explain_sqlite(error)
    if isinstance(error, OSError) and error.errno is not None:
        return _refused_by_kernel(error)
    return QuiltError(
        f"internal error: {type(error).__name__}: {error}",
        hint="this is a defect of quiltctl; QUILT_DEBUG=1 shows where",
    )


def _refused_by_kernel(error: OSError) -> KernelError:
    names = " to ".join(
        os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)
    )
    reason = error.strerror or os.strerror(error.errno or 0)
    hint = "run as root" if isinstance(error, PermissionError) and os.geteuid() != 0 else None
    return KernelError(f"{names}: {reason}" if names else reason, hint=hint)
