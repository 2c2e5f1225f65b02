"""The completion scripts of bash, zsh and fish, and what they ask mapsweep at each press of the key.

click has a script for each shell, but takes words with a colon apart, and patterns of hosts have colons.
"""

import os
from typing import Final

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, split_arg_string

NAMES: Final = ("bash", "zsh", "fish")
VARIABLE: Final = "_MAPSWEEP_COMPLETE"  # which shell asks; click reads it
_LINE: Final = "MAPSWEEP_LINE"  # what is typed, up to the cursor
_BREAKS: Final = "MAPSWEEP_BREAKS"  # the characters at which bash begins a new word

_BASH: Final = r"""_mapsweep_completion() {
    local response type value
    COMPREPLY=()
    response=$(MAPSWEEP_LINE="${COMP_LINE:0:COMP_POINT}" MAPSWEEP_BREAKS="$COMP_WORDBREAKS" \
        _MAPSWEEP_COMPLETE=bash_complete "$1" 2>/dev/null)
    while IFS=$'\t' read -r type value _; do
        case $type in
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
            part) COMPREPLY+=("$value"); compopt -o nospace 2>/dev/null ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done <<< "$response"
}
complete -o nosort -F _mapsweep_completion mapsweep collect 2>/dev/null ||
    complete -F _mapsweep_completion mapsweep collect
"""
_ZSH: Final = r"""#compdef mapsweep collect
_mapsweep_completion() {
    local -a described plain
    local type value said
    while IFS=$'\t' read -r type value said; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files ;;
            part) compadd -S '' -- "$value" ;;
            plain)
                if [[ -n $said ]]; then
                    described+=("${value//:/\\:}:$said")
                else
                    plain+=("$value")
                fi ;;
        esac
    done < <(MAPSWEEP_LINE="${(j: :)words[1,CURRENT]}" \
        _MAPSWEEP_COMPLETE=zsh_complete "${words[1]}" 2>/dev/null)
    (( $#described )) && _describe -V unsorted described
    (( $#plain )) && compadd -V unsorted -- "${plain[@]}"
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _mapsweep_completion "$@"
else
    compdef _mapsweep_completion mapsweep collect
fi
"""
_FISH: Final = r"""function _mapsweep_completion
    set -l line (commandline -cp)
    set -l command (string split -m 1 ' ' -- (string trim -l -- $line))[1]
    for found in (MAPSWEEP_LINE="$line" _MAPSWEEP_COMPLETE=fish_complete $command 2>/dev/null)
        set -l fields (string split -m 2 \t -- $found)
        switch $fields[1]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                __fish_complete_path (commandline -ct)
            case plain part
                printf '%s\t%s\n' $fields[2] $fields[3]
        end
    end
end
complete -k -c mapsweep -f -a '(_mapsweep_completion)'
complete -k -c collect -f -a '(_mapsweep_completion)'
"""


class _Shell(ShellComplete):
    """Takes the line as it is typed, and splits it as a POSIX shell does.

    The answer is a line per value: its type, the word as it would be, and what is said of it, with tabs.
    """

    def source(self) -> str:
        return self.source_template

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get(_LINE, "")
        words = split_arg_string(line)
        incomplete = words.pop() if words and not line[-1].isspace() else ""
        return words[1:], incomplete

    # in quotes, because the class is generic only in newer versions of click
    def format_completion(self, item: "CompletionItem[str]") -> str:
        typed = self.get_completion_args()[1]
        option, equals, _ = typed.partition("=") if typed.startswith("-") else ("", "", "")
        kind = "part" if item.type == "plain" and item.value.endswith("=") else item.type
        word = f"{option}{equals}{item.value}" if equals else item.value
        return "\t".join((kind, self.replaced(typed, word), " ".join((item.help or "").split())))

    def replaced(self, typed: str, word: str) -> str:  # noqa: ARG002 - bash needs it
        """The part of the word that the shell puts in for what is typed."""
        return word


class _Bash(_Shell):
    name = "bash"
    source_template = _BASH

    def replaced(self, typed: str, word: str) -> str:
        """What is behind the last character at which bash begins a new word."""
        breaks = set(os.environ.get(_BREAKS, "")) & {":", "="}
        return word[max((typed.rfind(one) for one in breaks), default=-1) + 1 :]


class _Zsh(_Shell):
    name = "zsh"
    source_template = _ZSH


class _Fish(_Shell):
    name = "fish"
    source_template = _FISH


SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def register() -> None:
    """Have click answer these scripts."""
    for each in (_Bash, _Zsh, _Fish):
        add_completion_class(each)
