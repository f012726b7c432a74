"""The completion script of bash. It needs bash 4.3, and no package of completions."""

from __future__ import annotations

from quiltctl.cli.shells.facts import CONTAINERS, IMAGES, NETWORKS, NOTE, RUNNING, SHELLS, SIGNALS
from quiltctl.model.parameters import Argument, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quiltctl.cli.shells.facts import Entry
    from quiltctl.model.parameters import Flag


def script(entries: Sequence[Entry], menus: dict[str, dict[str, str]], top: Sequence[Flag | Option]) -> str:
    """Return the script: a table of what follows each phrase, and the function that walks the line through it."""
    cases = [f"        {_either([phrase])})\n{_facts(top, words=' '.join(words))}" for phrase, words in menus.items()]
    for entry in entries:
        arguments = " ".join(_kind(argument) + "*" * argument.multiple for argument in entry.arguments)
        facts = _facts(entry.options, arguments=arguments, ends="yes" * entry.words_end_options)
        cases.append(f"        {_either(entry.phrases)})\n{facts}")
    at = _AT.replace("@CASES@", "\n".join(cases))
    return f"# bash completion for quiltctl. {NOTE}\n\n{at}\n{_OFFER}\n{_WALK}"


def _either(phrases: Iterable[str]) -> str:
    return " | ".join(f'"{phrase}"' for phrase in phrases)


def _facts(options: Iterable[Flag | Option], **facts: str) -> str:
    names = " ".join(name for option in options for name in option.names)
    valued = " ".join(
        f"{name}={_kind(option)}" for option in options if isinstance(option, Option) for name in option.names
    )
    lines = {"options": names, "valued": valued, **facts}
    text = "".join(f'            {key}="{value}"\n' for key, value in lines.items() if value)
    return f"{text}            ;;"


def _kind(parameter: Option | Argument) -> str:
    choices = parameter.choices if isinstance(parameter, Option) else ()
    return f"of:{','.join(choices)}" if choices else parameter.completes or "text"


_AT = """\
# What may follow a phrase such as "image ls".
_quiltctl_at() {
    words="" options="" valued="" arguments="" ends=""
    case "$1" in
@CASES@
    esac
}
"""

_OFFER = f"""\
# Prints what quiltctl lists, as far as it fits. Not by compgen -W, which would expand the names as the shell does.
_quiltctl_names() {{
    local begun=$1 name
    shift
    quiltctl "${{root[@]}}" "$@" 2>/dev/null | while IFS= read -r name; do
        [[ $name == "$begun"* ]] && printf '%s\\n' "$name"
    done
}}

# Prints what fits an option's value or an argument, one per line.
_quiltctl_offer() {{
    local kind=$1 begun=$2
    case "$kind" in
        container) _quiltctl_names "$begun" {CONTAINERS} ;;
        running) _quiltctl_names "$begun" {RUNNING} ;;
        image) _quiltctl_names "$begun" {IMAGES} ;;
        network) _quiltctl_names "$begun" {NETWORKS} ;;
        signal) compgen -W "{SIGNALS}" -- "$begun" ;;
        shell) compgen -W "{SHELLS}" -- "$begun" ;;
        file) compgen -f -- "$begun" ;;
        directory) compgen -d -- "$begun" ;;
        of:*) kind=${{kind#of:}} && compgen -W "${{kind//,/ }}" -- "$begun" ;;
    esac
}}
"""

_WALK = """\
# Prints the kind of value that an option takes; nothing for a flag.
_quiltctl_kind() {
    local pair
    for pair in $valued; do
        [[ $pair == "$1="* ]] && printf '%s' "${pair#*=}" && return
    done
}

_quiltctl() {
    local line=${COMP_LINE:0:COMP_POINT} begun="" phrase="" expected="" name="" ended="" place=0 kind="" prefix="" word
    local words options valued arguments ends
    local -a typed root=()
    read -ra typed <<<"$line"
    if [[ $line != *[[:space:]] ]]; then
        begun=${typed[-1]}
        unset 'typed[-1]'
    fi
    _quiltctl_at ""
    for word in "${typed[@]:1}"; do
        if [[ $expected ]]; then
            [[ $name == --root ]] && root=(--root "$word")
            expected=""
        elif [[ ! $ended && $word == -- ]]; then
            ended=yes
        elif [[ ! $ended && $word == -?* ]]; then
            name=$word
            [[ $word == -[!-]?* ]] && name=-${word: -1} # of a cluster, the last may wait for its value
            [[ $word == --root=* ]] && root=("$word")
            expected=$(_quiltctl_kind "$name")
        elif [[ $words ]]; then
            phrase="${phrase:+$phrase }$word"
            _quiltctl_at "$phrase"
        else
            place=$((place + 1))
            ended=$ends
        fi
    done

    COMPREPLY=()
    if [[ $expected ]]; then
        kind=$expected
    elif [[ ! $ended && $begun == --*=* ]]; then
        prefix=${begun%%=*}=
        kind=$(_quiltctl_kind "${begun%%=*}")
    elif [[ ! $ended && $begun == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$begun")
        return
    elif [[ $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$begun")
        return
    else
        for word in $arguments; do
            [[ $place -eq 0 || $word == *"*" ]] && kind=${word%"*"} && break
            place=$((place - 1))
        done
    fi
    [[ $kind == file || $kind == directory ]] && compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(_quiltctl_offer "$kind" "${begun#"$prefix"}")
    COMPREPLY=("${COMPREPLY[@]/#/$prefix}")
    # Readline completes from the last character that breaks words, so what stands before it must not be repeated.
    local breaks="[${COMP_WORDBREAKS//[^:=]/}]"
    if [[ $breaks != "[]" && $begun == *$breaks* ]]; then
        prefix=${begun%"${begun##*$breaks}"}
        COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
    fi
}

complete -F _quiltctl quiltctl
"""
