#!/usr/bin/env bash
# TaskRouter under load, over HTTP and the workers' websockets, on servers of its own with fresh stores: SQLite, then
# PostgreSQL (TANDEM_TEST_DATABASE_URL, else this machine's own). TANDEM_BIN names the server's binary, TANDEM_LOAD the
# load's; arguments go to the load: scripts/bench-tasks.sh --seconds 30
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
export TANDEM_BIN=${TANDEM_BIN:-$target/release/tandem}
load=${TANDEM_LOAD:-$target/release/tandem-load}
# Stores lie beside the build, on a disk: a temporary folder may be in memory, where everything is durable at once.
TMPDIR=$(realpath "$target")
export TMPDIR

echo "== TaskRouter, SQLite"
"$load" "$@"

echo "== TaskRouter, PostgreSQL"
if ! "$TANDEM_BIN" serve --help | grep -q -- --database; then
  echo "left out: this server knows no --database"
  exit
fi
database=${TANDEM_TEST_DATABASE_URL:-postgres://tandem_test:tandem_test@127.0.0.1:5432/tandem_test}
database=${database%%\?*}
schema=load_$$
drop() { psql -q "$database" -c "set client_min_messages = warning" -c "drop schema if exists $schema cascade"; }
trap drop EXIT
"$load" "$@" -- --database "$database?schema=$schema"
