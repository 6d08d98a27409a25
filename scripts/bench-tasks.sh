#!/usr/bin/env bash
# TaskRouter under load, over HTTP and the workers' websockets, on servers of its own with fresh stores: SQLite, then
# PostgreSQL (TANDEM_BENCH_DATABASE_URL, else TANDEM_TEST_DATABASE_URL, else this machine's own). Ends with the lines of the
# table in docs/benchmarks.md. TANDEM_BIN names the server's binary, TANDEM_LOAD the load's; arguments go to the load:
# scripts/bench-tasks.sh --seconds 30
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
export TANDEM_BIN=${TANDEM_BIN:-$target/release/tandem}
load=${TANDEM_LOAD:-$target/release/tandem-load}
# Stores lie beside the build, on a disk: a temporary folder may be in memory, where everything is durable at once.
TMPDIR=$(realpath "$target")
export TMPDIR
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
# Longer than a whole run takes on a busy machine with two cores: what hangs, ends.
limit=140
lines=$(mktemp)
database=${TANDEM_BENCH_DATABASE_URL:-${TANDEM_TEST_DATABASE_URL:-postgres://tandem_test:tandem_test@127.0.0.1:5432/tandem_test}}
database=${database%%\?*}
schema=load_$$
drop() {
  rm -f "$lines"
  psql -q "$database" -c "set client_min_messages = warning" -c "drop schema if exists $schema cascade" || true
}
trap drop EXIT

echo "== TaskRouter, SQLite"
timeout "$limit" "$load" --name SQLite "$@" | tee -a "$lines"
echo "== TaskRouter, PostgreSQL"
timeout "$limit" "$load" --name PostgreSQL "$@" -- --database "$database?schema=$schema" | tee -a "$lines"

echo "== Lines of the table ($(nproc) cores, load average after: $(cut -d' ' -f1-3 /proc/loadavg))"
grep '^|' "$lines" | awk '!seen[$0]++'
