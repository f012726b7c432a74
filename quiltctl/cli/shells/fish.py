"""The completion script of fish."""

from __future__ import annotations

from quiltctl.cli.shells.facts import CONTAINERS, IMAGES, NETWORKS, NOTE, RUNNING, SHELLS, SIGNALS
from quiltctl.model.parameters import Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from quiltctl.cli.shells.facts import Entry
    from quiltctl.model.parameters import Flag

OFFERS = {
    "container": "-a '(__quiltctl_list containers)'",
    "running": "-a '(__quiltctl_list running)'",
    "image": "-a '(__quiltctl_list images)'",
    "network": "-a '(__quiltctl_list networks)'",
    "signal": f"-a '{SIGNALS}'",
    "shell": f"-a '{SHELLS}'",
    "file": "-F",
    "directory": "-a '(__fish_complete_directories)'",
}


def script(entries: Sequence[Entry], menus: dict[str, dict[str, str]], top: Sequence[Flag | Option]) -> str:
    """Return the script: two functions, then one line for each word, option and argument."""
    lines = [_FUNCTIONS.replace("@NOUNS@", " ".join(noun for noun in menus if noun)), "complete -c quiltctl -f"]
    for phrase, words in menus.items():
        at = _at([phrase])
        lines += [f"{at} -a {word} -d {_quoted(summary)}" for word, summary in words.items()]
    lines += [_option(_at(["", *filter(None, menus)]), option) for option in top]
    for entry in entries:
        at = _at(entry.phrases)
        lines += [_option(at, option) for option in entry.options]
        kinds = dict.fromkeys(argument.completes for argument in entry.arguments)
        lines += [f"{at} {OFFERS[kind]}" for kind in kinds if kind in OFFERS]
    return f"# fish completion for quiltctl. {NOTE}\n\n" + "\n".join(lines) + "\n"


def _at(phrases: Sequence[str]) -> str:
    return f'complete -c quiltctl -n "__quiltctl_at {" ".join(_quoted(phrase) for phrase in phrases)}"'


def _option(at: str, option: Flag | Option) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    if not isinstance(option, Option):
        value = ""
    elif option.completes == "file":
        value = " -r -F"
    elif option.choices:
        value = f" -x -a {_quoted(' '.join(option.choices))}"
    else:
        value = f" -x {OFFERS.get(option.completes, '')}".rstrip()
    return f"{at} {names}{value} -d {_quoted(option.help)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_FUNCTIONS = f"""\
# Whether the words of the line so far are one of these phrases, such as "image ls".
function __quiltctl_at
    set -l words (commandline -opc)
    set -e words[1]
    set -l phrase
    while set -q words[1]
        switch $words[1]
            case --root --log-level
                set -e words[1]
            case '-*'
            case '*'
                set -a phrase $words[1]
                if test (count $phrase) -eq 2; or not contains -- $phrase[1] @NOUNS@
                    break
                end
        end
        set -e words[1]
    end
    contains -- "$phrase" $argv
end

function __quiltctl_list
    set -l root (string match -r -- '--root[= ]\\S+' (commandline -pc) | string split -m 1 -n ' ')
    switch $argv[1]
        case containers
            quiltctl $root {CONTAINERS} 2>/dev/null
        case running
            quiltctl $root {RUNNING} 2>/dev/null
        case images
            quiltctl $root {IMAGES} 2>/dev/null
        case networks
            quiltctl $root {NETWORKS} 2>/dev/null
    end
end
"""
