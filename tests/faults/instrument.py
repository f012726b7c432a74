"""Fault points by rewriting: a copy of the installed package in which every step with an outside effect has one.

A step is a statement that calls what changes something outside of the process: the kernel's files, processes, mounts,
interfaces, the disk; or a transaction. Before each stands a point, and after each transaction too, named by module,
function, callee and number. The package itself has none of it, and no step can be forgotten: the list makes itself.

In the copy a point looks into the file ``armed`` beside it: ``record`` writes its name into ``hits``; a name and a
number kill the process that comes to this point for the so-manyth time.
"""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import quiltctl

EFFECTS = frozenset(
    (
        *("os.mkdir", "os.makedirs", "os.rmdir", "os.unlink", "os.rename", "os.chown", "os.fchown"),
        *("os.symlink", "os.mknod", "os.mkfifo", "os.truncate"),
        *("os.ftruncate", "os.setxattr", "posix.rename", "posix.ftruncate", "posix.fsync", "remove_tree"),
        *("tree.make", "tree.write", "tree.remove", "tree.remove_shared", "tree.enable"),
        *("population.freeze", "population.thaw", "population.kill", "population.adopt"),
        *("processes.clone", "os.fork", "os.execve", "posix.fork", "posix.execv", "pidfd.send_signal", "os.kill"),
        *("posix.kill"),
        *("netlink.ask", "nft.run"),
    )
)
"""What callees are called where they are called."""
RUNTIME = '''"""The points of a copy."""
import os
_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_seen = {}
def point(name):
    try:
        with open(_HOME + "/armed") as file:
            armed = file.read()
    except OSError:
        return
    if armed == "record":
        fd = os.open(_HOME + "/hits", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(fd, (name + "\\n").encode())
        os.close(fd)
        return
    wanted, _, number = armed.rpartition(" ")
    if wanted == name:
        _seen[name] = _seen.get(name, 0) + 1
        if _seen[name] == int(number):
            os.unlink(_HOME + "/armed")
            os.kill(os.getpid(), 9)
'''
SKIPPED = ("cli", "ui", "model")
"""What stands above the effects, or has none."""


def make(folder: Path) -> list[str]:
    """Copy the installed package into a folder, with points, and return the names of all of them."""
    source = Path(quiltctl.__file__).parent
    shutil.copytree(source, folder / "quiltctl")
    (folder / "quiltctl" / "_faults.py").write_text(RUNTIME)
    names: list[str] = []
    for path in sorted((folder / "quiltctl").rglob("*.py")):
        module = str(path.relative_to(folder / "quiltctl")).removesuffix(".py")
        if module.split("/")[0] in SKIPPED or module == "_faults":
            continue
        tree = ast.parse(path.read_text())
        rewriter = _Rewriter(module)
        rewritten = ast.fix_missing_locations(rewriter.visit(tree))
        if rewriter.names:
            _import_point(rewritten)
            path.write_text(ast.unparse(rewritten))
            names += rewriter.names
    return names


def _import_point(tree: ast.Module) -> None:
    """Import the points after the docstring and what is from the future."""
    at = next(
        (
            number
            for number, statement in enumerate(tree.body)
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__")
        ),
        len(tree.body),
    )
    tree.body[at:at] = ast.parse("from quiltctl import _faults").body


class _Rewriter(ast.NodeTransformer):
    """Puts points into the functions of one module."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.names: list[str] = []
        self._functions: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Know which function a point is in."""
        self._functions.append(node.name)
        self.generic_visit(node)
        self._functions.pop()
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Put points before the statements of a body that have effects."""
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list) and self._functions:
                setattr(node, field, [new for one in statements for new in self._with_points(one)])
            elif isinstance(statements, list):
                setattr(node, field, [self.visit(one) for one in statements])
        for handler in getattr(node, "handlers", []):
            self.generic_visit(handler)
        return node

    def _with_points(self, statement: ast.stmt) -> list[ast.stmt]:
        callees = _effects_of(statement)
        before = [self._point(callee) for callee in callees]
        transaction = isinstance(statement, ast.With) and "transaction" in callees
        self.visit(statement)
        return [*before, statement, *([self._point("committed")] if transaction else [])]

    def _point(self, callee: str) -> ast.stmt:
        base = f"{self.module}:{'.'.join(self._functions)}:{callee}"
        name = f"{base}#{sum(one.rpartition('#')[0] == base for one in self.names) + 1}"
        self.names.append(name)
        return ast.parse(f"_faults.point({name!r})").body[0]


def _effects_of(statement: ast.stmt) -> list[str]:
    """Return the callees with effects in a statement itself, not in the statements within it."""
    expressions = [
        child for child in ast.iter_child_nodes(statement) if isinstance(child, (ast.expr, ast.withitem, ast.keyword))
    ]
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return []
    found = []
    for expression in expressions:
        for node in ast.walk(expression):
            if isinstance(node, ast.Call):
                callee = ast.unparse(node.func)
                if callee in EFFECTS or callee == "transaction":
                    found.append(callee)
    return found
