#!/bin/sh
# fuzz/run.sh TARGET [SECONDS]: fuzzes one target with the stable toolchain, at low priority.
# FUZZ_TIMEOUT (10) is how many seconds one input may take; on a busy machine it takes long to be served at all.
# Needs a C++ compiler. The corpus grows in fuzz/corpus/TARGET; what breaks the target is kept in fuzz/artifacts/TARGET.
set -eu
target=${1:?"usage: fuzz/run.sh TARGET [SECONDS]"}
seconds=${2:-600}
cd "$(dirname "$0")"
host=$(rustc -vV | sed -n 's/^host: //p')
out=${CARGO_TARGET_DIR:-target}
mkdir -p "corpus/$target" "artifacts/$target"
# The flags that cargo-fuzz passes, without a sanitizer: those need a nightly compiler. The code is safe Rust, so what is
# looked for is panics, overflows and broken promises, and those abort without one.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
-Ccodegen-units=1 --cfg fuzzing" \
  cargo build --release --target "$host" --bin "$target" --features "$target"
dictionary=""
[ -f "dictionaries/$target.txt" ] && dictionary="-dict=dictionaries/$target.txt"
seeds=""
[ -d "seeds/$target" ] && seeds="seeds/$target"
# shellcheck disable=SC2086
exec nice -n 19 "$out/$host/release/$target" "corpus/$target" $seeds $dictionary \
  -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -max_len=4096 -timeout="${FUZZ_TIMEOUT:-10}" -print_final_stats=1
