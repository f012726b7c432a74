"""The command table: which words name which verb, and where its module is.

A verb's module is imported when its verb is called, never to list it; so its summary stands here too,
and a test demands that the two are equal.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from quiltctl.model.parameters import Verb
    from quiltctl.paths import Paths

    class Module(Protocol):
        """What the module of a verb holds."""

        VERB: Verb

        def command(self, paths: Paths, /, **values: object) -> int:
            """Do what the verb says and return the exit code."""


SUMMARIES = {
    "completion": "Print the completion script of a shell.",
    "cleanup_ls": "List the cleanup tasks that are not done yet.",
    "cleanup_retry": "Try the open cleanup tasks again.",
    "container_exists": "Tell by the exit code whether a container exists.",
    "container_prune": "Remove all containers that do not run.",
    "create": "Create a container without starting it.",
    "events": "Show what happened to containers, images and networks.",
    "exec": "Run a command in a running container.",
    "gc": "Sweep what crashes and reboots left behind.",
    "image_exists": "Tell by the exit code whether an image exists.",
    "image_import": "Import a root filesystem as an image.",
    "image_inspect": "Show everything about images.",
    "image_ls": "List images.",
    "image_prune": "Remove images that nothing uses.",
    "image_rm": "Remove images.",
    "image_tag": "Give an image another name.",
    "info": "Show facts about this host and this root directory.",
    "inspect": "Show everything about containers, images or networks.",
    "kill": "Send a signal to containers.",
    "logs": "Show what containers wrote.",
    "metrics": "Print numbers for Prometheus and other monitoring.",
    "monitor_ls": "List the shims, one for each container that runs.",
    "network_connect": "Put a container into a network.",
    "network_create": "Make a network.",
    "network_disconnect": "Take a container out of a network.",
    "network_exists": "Tell by the exit code whether a network exists.",
    "network_inspect": "Show everything about networks.",
    "network_ls": "List networks.",
    "network_prune": "Remove the networks that no container is in.",
    "network_rm": "Remove networks.",
    "network_update": "Change a network.",
    "pause": "Have all processes of containers stand still.",
    "port": "Show which ports of the host lead to containers.",
    "ps": "List containers.",
    "rename": "Give a container another name.",
    "rm": "Remove containers.",
    "run": "Create a container and start it.",
    "start": "Start containers that do not run.",
    "stats": "Show what containers use.",
    "stop": "Stop containers.",
    "system_backup": "Copy the database into a file, while others use it.",
    "system_check": "Check what works on this host, and how to get what does not.",
    "system_sql": "Query the database, read-only.",
    "top": "Show the processes of a container.",
    "unpause": "Let paused containers go on.",
    "update": "Change what containers may.",
    "version": "Show the version.",
    "wait": "Wait until containers end and print their exit codes.",
}
"""By verb, which is the name of its module, what it is for."""

THEMES = {
    "Containers": {
        "run": "run",
        "create": "create",
        "start": "start",
        "stop": "stop",
        "kill": "kill",
        "wait": "wait",
        "rm": "rm",
        "exec": "exec",
        "pause": "pause",
        "unpause": "unpause",
        "rename": "rename",
        "update": "update",
    },
    "Looking": {
        "ps": "ps",
        "inspect": "inspect",
        "logs": "logs",
        "top": "top",
        "stats": "stats",
        "port": "port",
        "events": "events",
    },
    "Images": {"images": "image_ls", "import": "image_import", "tag": "image_tag", "rmi": "image_rm"},
    "Housekeeping": {
        "gc": "gc",
        "metrics": "metrics",
        "info": "info",
        "version": "version",
        "completion": "completion",
    },
}
"""The verbs that stand at the top, by the theme under which the help lists them."""

GROUPS = {
    "container": {
        "create": "create",
        "exec": "exec",
        "exists": "container_exists",
        "inspect": "inspect",
        "kill": "kill",
        "logs": "logs",
        "ls": "ps",
        "pause": "pause",
        "port": "port",
        "prune": "container_prune",
        "rename": "rename",
        "rm": "rm",
        "run": "run",
        "start": "start",
        "stats": "stats",
        "stop": "stop",
        "top": "top",
        "unpause": "unpause",
        "update": "update",
        "wait": "wait",
    },
    "image": {
        "exists": "image_exists",
        "import": "image_import",
        "inspect": "image_inspect",
        "ls": "image_ls",
        "prune": "image_prune",
        "rm": "image_rm",
        "tag": "image_tag",
    },
    "network": {
        "connect": "network_connect",
        "create": "network_create",
        "disconnect": "network_disconnect",
        "exists": "network_exists",
        "inspect": "network_inspect",
        "ls": "network_ls",
        "prune": "network_prune",
        "rm": "network_rm",
        "update": "network_update",
    },
    "system": {"backup": "system_backup", "check": "system_check", "info": "info", "sql": "system_sql"},
    "monitor": {"ls": "monitor_ls"},
    "cleanup": {"ls": "cleanup_ls", "retry": "cleanup_retry"},
}
"""The noun forms: by the first word, the second ones and their verbs."""

GROUP_SUMMARIES = {
    "container": "Manage containers.",
    "image": "Manage images.",
    "network": "Manage networks.",
    "system": "Look after this host and the database.",
    "monitor": "Look at the shims.",
    "cleanup": "Look after what does not go away by itself.",
}

ALIASES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("container", "list"): ("container", "ls"),
    ("container", "ps"): ("container", "ls"),
    ("container", "remove"): ("container", "rm"),
    ("image", "list"): ("image", "ls"),
    ("image", "remove"): ("image", "rm"),
    ("network", "list"): ("network", "ls"),
    ("network", "remove"): ("network", "rm"),
}
"""Other words for the same, understood and not listed."""

TOP = {word: verb for theme in THEMES.values() for word, verb in theme.items()}


def verb_of(path: tuple[str, ...]) -> str | None:
    """Return the verb that this path of one or two words names, or None."""
    if len(path) == 1:
        return TOP.get(path[0])
    group, word = ALIASES.get(path, path)
    return GROUPS.get(group, {}).get(word)


def paths() -> list[tuple[str, ...]]:
    """Return every path that is listed, those of one word first."""
    return [(word,) for word in TOP] + [(group, word) for group, words in GROUPS.items() for word in words]


def module_of(verb: str) -> str:
    """Return the full name of the module that declares the verb.

    ``completion`` speaks about the command line itself, and only this floor sees the table.
    """
    return "quiltctl.cli.completion" if verb == "completion" else f"quiltctl.commands.{verb}"


def load(verb: str) -> Module:
    """Return the module of the verb. By the statement's own function: importlib need not be loaded for it."""
    module: Module = __import__(module_of(verb), fromlist=("VERB",))
    return module
