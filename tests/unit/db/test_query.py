"""Questions in SQL: everything can be read, nothing changed, here or anywhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import query
from quiltctl.db.connection import open_to_write
from quiltctl.db.migrate import LATEST

if TYPE_CHECKING:
    from quiltctl.paths import Paths

ENDLESS = "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT max(x) FROM r"


@pytest.mark.parametrize(
    ("sql", "columns", "rows"),
    [
        ("select 1 as a, null as b, x'ff' as c, 2.5 as d", ("a", "b", "c", "d"), ((1, None, b"\xff", 2.5),)),
        ("values (1), (2)", ("column1",), ((1,), (2,))),
        ("select count(*) from container_overview;", ("count(*)",), ((0,),)),
        ("-- a comment\nselect 1 as a", ("a",), ((1,),)),
        ("pragma user_version", ("user_version",), ((LATEST,),)),
        ("select name from pragma_table_info('meta')", ("name",), (("key",), ("value",))),
        ("select value from json_each('[1, 2]')", ("value",), ((1,), (2,))),
        (
            "with recursive r(x) as (select 1 union all select x + 1 from r) select x from r limit 2",
            ("x",),
            ((1,), (2,)),
        ),
    ],
)
def test_question_is_answered(quilt_root: Paths, sql: str, columns: tuple[str, ...], rows: tuple[object, ...]) -> None:
    """What reads is answered with the names of its columns and its rows."""
    open_to_write(quilt_root)
    answer = query.ask(quilt_root, sql)
    assert (answer.columns, answer.rows) == (columns, rows)


@pytest.mark.parametrize(
    "sql",
    [
        "delete from meta",
        "insert into meta values ('a', 'b')",
        "update containers set name = 'x'",
        "create table t (a)",
        "create temp table t (a)",
        "drop table meta",
        "attach '{folder}/other.db' as other",
        "attach ':memory:' as other",
        "vacuum into '{folder}/other.db'",
        "vacuum",
        "reindex",
        "analyze",
        "begin",
        "savepoint s",
        "commit",
        "pragma journal_mode = delete",
        "pragma user_version = 7",
        "pragma writable_schema = on",
        "pragma query_only = off",
        "pragma wal_checkpoint",
        "update sqlite_master set sql = ''",
        "select load_extension('{folder}/x.so')",
        "select 1; delete from meta",
        "explain delete from meta",
    ],
)
@pytest.mark.parametrize("made", [True, False])
def test_whatever_writes_is_refused(quilt_root: Paths, sql: str, *, made: bool) -> None:
    """A statement that would change the database, or any file, or the connection, is refused and changes nothing."""
    folder = os.path.dirname(quilt_root.root)
    if made:
        open_to_write(quilt_root)
    with pytest.raises(errors.UsageError) as caught:
        query.ask(quilt_root, sql.format(folder=folder))
    assert "\n" not in str(caught.value)
    assert os.listdir(folder) == (["root"] if made else [])
    assert query.ask(quilt_root, "select count(*) from meta").rows == ((0,),)


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("", "the query is empty"),
        ("  -- nothing", "the query is empty"),
        ("selec 1", 'the query is wrong: near "selec": syntax error'),
        ("select * from missing", "the query is wrong: no such table: missing"),
        ("select 1; select 2", "the query is several statements"),
        ("select ?", "the query is wrong: Incorrect number of bindings supplied"),
    ],
)
def test_wrong_question_is_explained(quilt_root: Paths, sql: str, sentence: str) -> None:
    """What is not one statement of SQL is a mistake of the command line, said in a sentence."""
    with pytest.raises(errors.UsageError) as caught:
        query.ask(quilt_root, sql)
    assert str(caught.value).startswith(sentence)


def test_endless_question_ends_by_ctrl_c(quilt_root: Paths) -> None:
    """A question that never ends can be interrupted, as any other command."""
    script = f"""
import sys
from quiltctl.db import query
from quiltctl.paths import Paths
print("begun", flush=True)
try:
    query.ask(Paths({quilt_root.root!r}), {ENDLESS!r})
except KeyboardInterrupt:
    print("interrupted")
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.2)  # into the search; were the signal to come before, it would end all the same
    process.send_signal(2)
    assert process.communicate(timeout=10)[0] == "interrupted\n"
