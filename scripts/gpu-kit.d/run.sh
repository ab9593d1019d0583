#!/bin/sh
# Measures this machine's GPU with the binaries beside this script, most important first, and leaves the results in a
# folder.
#
#   run.sh [FOLDER]     default: results
#
# Needs a Vulkan driver and nothing else; PyTorch is measured beside it where python3 has it. The file `parts` lists what is
# run; a part that fails, crashes or hangs is reported and the next one runs. scripts/gpu-kit report FOLDER makes tables of
# the results. Variables:
#
#   KIT_PARTS="name name"   runs only these parts and leaves the results of others
#   KIT_LIMIT=seconds       no part takes longer than this
#   KIT_RUNNER=command      starts the kit's programs by this one, as scripts/newest-lavapipe prints it
set -u
kit=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-results}"
OUT=$(cd "${1:-results}" && pwd)
RUN=${KIT_RUNNER:-}
# The tests look for their fixtures where they were built.
ALLOMETRY_FIXTURES=$kit/fixtures
XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/}
export OUT RUN ALLOMETRY_FIXTURES XDG_RUNTIME_DIR
cd "$kit" || exit 1

# part NAME LIMIT COMMAND: standard output goes to NAME.out, errors to NAME.err.
part() {
    limit=${KIT_LIMIT:-$2}
    [ "$limit" -le "$2" ] || limit=$2
    begun=$(date +%s)
    # Killed with all that it has started: a program that a driver holds up may not heed anything less.
    timeout -s KILL "$limit" sh -c "$3" </dev/null >"$OUT/$1.out" 2>"$OUT/$1.err"
    status=$?
    took=$(($(date +%s) - begun))
    if [ "$status" = 0 ]; then
        said=ok
    elif [ "$status" = 77 ]; then
        said=skipped
    elif [ "$status" = 137 ] && [ "$took" -ge "$limit" ]; then
        said="stopped after $limit s"
    elif [ "$status" -gt 128 ] && [ "$status" -lt 160 ]; then
        said="crashed with signal $((status - 128))"
    else
        said="ended with $status"
    fi
    printf '{"part": "%s", "status": %d, "said": "%s", "seconds": %d}\n' "$1" "$status" "$said" "$took" >>"$OUT/parts.jsonl"
    printf '%-14s %s, %d s\n' "$1" "$said" "$took"
}

[ -n "${KIT_PARTS:-}" ] || : >"$OUT/parts.jsonl"
printf '{"commit": "%s", "date": "%s", "cores": %d}\n' "$(cat commit)" "$(date -u +%Y-%m-%d)" "$(nproc)" >"$OUT/machine.json"

while read -r name limit command; do
    case $name in '' | '#'*) continue ;; esac
    case " ${KIT_PARTS:-$name} " in *" $name "*) part "$name" "$limit" "$command" ;; esac
done <parts
