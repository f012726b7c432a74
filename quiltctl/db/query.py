"""Questions that users ask the database in SQL. They can look at everything and change nothing."""

from __future__ import annotations

import sqlite3

from quiltctl import errors
from quiltctl.db.connection import explain, open_to_read
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.paths import Paths

_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_PLAIN_PRAGMAS = frozenset({"user_version", "journal_mode", "page_count", "page_size", "freelist_count", "table_list"})
_PRAGMAS_ABOUT = frozenset({"table_info", "table_xinfo", "index_list", "index_info", "foreign_key_list", "quick_check"})
"""Those whose argument names what is asked about; the argument of others would set something."""
_STEPS_BETWEEN_LOOKS = 100_000
"""How many steps of SQLite's machine pass until a pending Ctrl-C is noticed: some milliseconds."""


class Answer(Value):
    """What a query gave: the names of its columns, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def ask(paths: Paths, sql: str) -> Answer:
    """Run one statement that reads.

    A read-only connection alone is not enough: ATTACH would make and write other files through it.

    Raises:
        UsageError: it is not SQL, is several statements, or would change something.
        StoreError: the database cannot be read.
        KeyboardInterrupt: the user has seen enough.
    """
    connection = open_to_read(paths)
    # SQLite does not come back to Python while it searches: without this, Ctrl-C would wait for the last row.
    connection.set_progress_handler(_go_on, _STEPS_BETWEEN_LOOKS)
    connection.set_authorizer(_allow)
    try:
        cursor = connection.execute(sql)
        if cursor.description is None:
            raise errors.UsageError("the query is empty", hint="try: select * from container_overview")
        return Answer(tuple(column[0] for column in cursor.description), tuple(tuple(row) for row in cursor))
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _worded(error, paths) from error


def _go_on() -> int:
    return 0


def _allow(action: int, first: str | None, second: str | None, *_: object) -> int:
    """Say whether SQLite may do this one thing (sqlite.org/c3ref/c_alter_table.html has the actions)."""
    if action in _READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":
        return (
            sqlite3.SQLITE_OK
        )  # how json_each and its kin declare their columns; a real UPDATE of it is refused anyway
    if action == sqlite3.SQLITE_PRAGMA and (first in _PRAGMAS_ABOUT or (first in _PLAIN_PRAGMAS and second is None)):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _worded(error: Exception, paths: Paths) -> BaseException:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        return KeyboardInterrupt()
    # For temporary tables and load_extension the code says less than the text.
    if code in {sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY} or "not authorized" in str(error):
        return errors.UsageError(f"the query may only read: {error}", hint="change things with quiltctl's own verbs")
    if "one statement at a time" in str(error):
        return errors.UsageError("the query is several statements", hint="ask them one by one")
    if isinstance(error, sqlite3.Error) and code not in {0, sqlite3.SQLITE_ERROR}:
        return explain(error, paths.database)
    return errors.UsageError(f"the query is wrong: {error}", hint="the tables: select name from sqlite_master")
