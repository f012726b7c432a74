"""The completion script of zsh, for its function _arguments."""

from __future__ import annotations

from quiltctl.cli.metavar import metavar_of
from quiltctl.cli.shells.facts import CONTAINERS, IMAGES, NETWORKS, NOTE, RUNNING, SHELLS, SIGNALS
from quiltctl.model.parameters import Argument, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from quiltctl.cli.shells.facts import Entry
    from quiltctl.model.parameters import Flag

ACTIONS = {
    "container": "_quiltctl_containers",
    "running": "_quiltctl_running",
    "image": "_quiltctl_images",
    "network": "_quiltctl_networks",
    "signal": f"({SIGNALS})",
    "shell": f"({SHELLS})",
    "file": "_files",
    "directory": "_files -/",
}


def script(entries: Sequence[Entry], menus: dict[str, dict[str, str]], top: Sequence[Flag | Option]) -> str:
    """Return the script: a function for each verb, one for each list of words, and the one that chooses."""
    parts = [f"#compdef quiltctl\n# {NOTE}\n", _NAMES]
    parts += [_verb(entry) for entry in entries]
    parts += [_menu(noun, words) for noun, words in menus.items()]
    specs = " ".join(spec for option in top for spec in _option(option))
    parts.append(_MAIN.replace("@TOP@", specs).replace("@CASES@", "\n".join(_cases(entries, menus))))
    return "\n".join(parts)


def _verb(entry: Entry) -> str:
    specs = [spec for option in entry.options for spec in _option(option)]
    specs += [_argument(place, argument) for place, argument in enumerate(entry.arguments, start=1)]
    ends = " -A '-*'" if entry.words_end_options else ""
    lines = " \\\n".join(f"        {spec}" for spec in specs)
    return f"_quiltctl-verb-{entry.verb}() {{\n    _arguments -s -S{ends} \\\n{lines}\n}}\n"


def _menu(noun: str, words: dict[str, str]) -> str:
    lines = "\n".join(f"        {_quoted(f'{word}:{summary}')}" for word, summary in words.items())
    return (
        f"_quiltctl-words-{noun}() {{\n    local -a words_here\n    words_here=(\n{lines}\n    )\n"
        f"    _describe -t commands command words_here\n}}\n"
    )


def _cases(entries: Sequence[Entry], menus: dict[str, dict[str, str]]) -> list[str]:
    verbs = [f"        {_either(entry.phrases)}) _quiltctl-verb-{entry.verb} ;;" for entry in entries]
    return [*verbs, *(f"        {_quoted(noun)}) _quiltctl-noun {noun} ;;" for noun in menus if noun)]


def _either(phrases: Sequence[str]) -> str:
    return "|".join(_quoted(phrase) for phrase in phrases)


def _option(option: Flag | Option) -> list[str]:
    """Return one spec for each name; a name given rules out the others, unless it may be repeated."""
    specs = []
    for name in option.names:
        others = "*" if getattr(option, "multiple", False) else f"({' '.join(option.names)})"
        value = f":{_escaped(metavar_of(option))}:{_action(option)}" if isinstance(option, Option) else ""
        sign = ("=" if name.startswith("--") else "+") if value else ""
        specs.append(_quoted(f"{others}{name}{sign}[{_escaped(option.help)}]{value}"))
    return specs


def _argument(place: int, argument: Argument) -> str:
    message = f"{argument.key}:{_action(argument)}"
    return _quoted(f"*:{message}" if argument.multiple else f"{place}:{message}")


def _action(parameter: Option | Argument) -> str:
    choices = parameter.choices if isinstance(parameter, Option) else ()
    return f"({' '.join(choices)})" if choices else ACTIONS.get(parameter.completes, " ")


def _escaped(text: str) -> str:
    for special in ("\\", "[", "]", ":"):
        text = text.replace(special, f"\\{special}")
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_NAMES = f"""\
_quiltctl-names() {{
    local -a names
    names=(${{(f)"$(quiltctl $_quiltctl_root "$@" 2>/dev/null)"}})
    compadd -a names
}}

_quiltctl_containers() {{ _quiltctl-names {CONTAINERS} }}
_quiltctl_running() {{ _quiltctl-names {RUNNING} }}
_quiltctl_images() {{ _quiltctl-names {IMAGES} }}
_quiltctl_networks() {{ _quiltctl-names {NETWORKS} }}
"""

_MAIN = """\
_quiltctl-verb() {
    case "$1" in
@CASES@
    esac
}

_quiltctl-noun() {
    local noun=$1 curcontext=$curcontext state line
    local -A opt_args
    _arguments -C -S -A '-*' '(-): :_quiltctl-words-'$noun '(-)*:: :->verb' && return
    [[ -n $state ]] && _quiltctl-verb "$noun $words[1]"
}

_quiltctl() {
    local curcontext=$curcontext state line
    local -a _quiltctl_root
    local -A opt_args
    _arguments -C -S -A '-*' @TOP@ '(-): :_quiltctl-words-' '(-)*:: :->verb' && return
    (( $+opt_args[--root] )) && _quiltctl_root=(--root ${(Q)opt_args[--root]})
    [[ -n $state ]] && _quiltctl-verb "$words[1]"
}

if [[ $funcstack[1] == _quiltctl ]]; then
    _quiltctl "$@"
else
    compdef _quiltctl quiltctl
fi
"""
