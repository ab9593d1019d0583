#!/bin/sh
# Measures this machine's GPU with the binaries beside this script, most important first, and leaves the results in a
# folder.
#
#   run.sh [FOLDER]     default: results
#
# Needs a Vulkan driver and nothing else; PyTorch is measured beside it where python3 has it. KIT_PARTS="name name" runs
# only these parts and leaves the results of others. Each part has its time limit in seconds; one that fails, crashes or hangs is reported and the next one
# runs. A new part is a line in the list at the end. scripts/gpu-kit report FOLDER makes tables of the results.
set -u
kit=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-results}"
out=$(cd "${1:-results}" && pwd)
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/}"
# The tests look for their fixtures where they were built.
ALLOMETRY_FIXTURES=$kit/fixtures
export ALLOMETRY_FIXTURES
cd "$kit" || exit 1

# part NAME LIMIT COMMAND…: standard output goes to NAME.out (or NAME.json), errors to NAME.err.
part() {
    name=$1 limit=$2
    shift 2
    case " ${KIT_PARTS:-$name} " in *" $name "*) ;; *) return ;; esac
    begun=$(date +%s)
    timeout -k 5 "$limit" "$@" >"$out/$name.out" 2>"$out/$name.err"
    status=$?
    took=$(($(date +%s) - begun))
    case $status in
    0) said=ok ;;
    124 | 137) said="stopped after $limit s" ;;
    *) said="failed with $status" ;;
    esac
    printf '{"part": "%s", "status": %d, "said": "%s", "seconds": %d}\n' "$name" "$status" "$said" "$took" >>"$out/parts.jsonl"
    printf '%-14s %s, %d s\n' "$name" "$said" "$took"
}

[ -n "${KIT_PARTS:-}" ] || : >"$out/parts.jsonl"
printf '{"commit": "%s", "date": "%s", "cores": %d}\n' "$(cat commit)" "$(date -u +%Y-%m-%d)" "$(nproc)" >"$out/machine.json"

part devices 20 ./allometry devices --json
part conformance 240 ./conformance --skip every_op_has_samples
part parity 30 ./pytorch
part parity_conv 30 ./pytorch_convolutions
part kernels 90 ./allometry bench kernels --device gpu --seconds 0.2 --json
part steps 40 ./allometry bench steps --device gpu --seconds 1 --json
part torch 90 python3 pytorch_bench.py
part start 20 sh -c 'for i in 1 2 3; do b=$(date +%s%N); ./allometry train mlp --samples 256 --epochs 1 --batch 256 --device gpu >/dev/null || exit; echo $((($(date +%s%N) - b) / 1000000)); done'
part sweep 40 ./allometry sweep --device gpu --axis width --factors 0.5,1,2 --samples 8000 --epochs 1 --batch 64 --out "$out/sweep"
for threads in 1 2 4 8 16; do
    [ "$threads" -le "$(nproc)" ] && part "cpu_$threads" 20 env RAYON_NUM_THREADS="$threads" ./allometry bench steps --device cpu --seconds 0.5 --json
done
part tune 60 env ALLOMETRY_CACHE="$out/cache" ./allometry tune --device gpu --family matmul --json
part tuned 30 env ALLOMETRY_CACHE="$out/cache" ./allometry bench kernels --family matmul --device gpu --seconds 0.2 --json
