#!/usr/bin/env bash
# Every test. Each section says how many tests passed and failed; a section that cannot run counts as a failure.
# The last line is the sum, and the exit status is 0 only if nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never NO_COLOR=1
target=${CARGO_TARGET_DIR:-target}
logs=$target/test-logs
mkdir -p "$logs"
passed=0 failed=0

# section NAME COMMAND...: runs it, and adds what its output says. At least one test must have run.
section() {
  local name=$1 start=$SECONDS status=0 p f
  shift
  local log=$logs/${name//[^a-z0-9]/-}.log
  echo "== $name"
  "$@" >"$log" 2>&1 || status=$?
  read -r p f < <(count "$log")
  [ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
  [ $((p + f)) -gt 0 ] || { f=1; echo "   nothing ran" >>"$log"; }
  if [ "$f" -gt 0 ]; then tail -n 120 "$log"; fi
  passed=$((passed + p)) failed=$((failed + f))
  echo "   $name: $p passed, $f failed, $((SECONDS - start)) s (log: $log)"
}

# Adds up the summaries of cargo test, nextest, unittest, pytest, node --test, vitest, and of our own programs. Colours are
# taken out first: some of these print them even into a file when CI is set.
count() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    /^test result: / { p += $4; f += $6 }
    /Summary \[/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^(failed|timed)/) f += $i } }
    /^Ran [0-9]+ tests? in/ { ran = $2; p += ran }
    /^FAILED \(/ { n = 0; s = $0; while (match(s, /(failures|errors)=[0-9]+/)) { split(substr(s, RSTART, RLENGTH), kv, "="); n += kv[2]; s = substr(s, RSTART + RLENGTH) } f += n; p -= n }
    /^=*[ ]*[0-9].* in [0-9.]+s[ =(]*/ && / (passed|failed|error)/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^(failed|error)/) f += $i } }
    /^ *Tests +[0-9]/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i } }
    /^(#|ℹ) pass [0-9]+$/ { p += $NF }
    /^(#|ℹ) fail [0-9]+$/ { f += $NF }
    /^[0-9]+ checks passed, [0-9]+ failed/ { p += $1; f += $4 }
    /^[0-9]+ days from seed/ { p += 1 }
    END { print p + 0, f + 0 }'
}

rust_tests() {
  if command -v cargo-nextest >/dev/null; then
    cargo nextest run --workspace --no-fail-fast --no-tests=warn && cargo test --workspace --doc
  else
    cargo test --workspace --no-fail-fast
  fi
}

python_sdk() {
  [ -x .venv/bin/python ] || python3 -m venv .venv || return 1
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/sdk/python/requirements.txt || return 1
  scripts/with-server.sh .venv/bin/python -m pytest -q -p no:cacheprovider tests/sdk/python
}

node_sdk() {
  (cd tests/sdk/node && npm ci --no-audit --no-fund) || return 1
  scripts/with-server.sh npm --prefix tests/sdk/node test || return 1
  # The same packages at the desks of agents with phones.
  cargo test --workspace --test transfer -- --ignored --test-threads=1
}

phones() {
  for program in sipp baresip openssl; do
    command -v "$program" >/dev/null || { echo "$program is missing: scripts/setup.sh installs it"; return 1; }
  done
  cargo test --workspace --test baresip -- --ignored &&
    cargo test --workspace --test real_phones -- --ignored --test-threads=1 &&
    cargo test --workspace --test secure_phones -- --ignored --test-threads=1
}

browsers() {
  command -v chromium >/dev/null || { echo "chromium is missing: scripts/setup.sh installs it"; return 1; }
  (cd tests/browser && npm ci --ignore-scripts --no-audit --no-fund) || return 1
  cargo test --workspace --test browser -- --ignored --test-threads=1
}

web_units() {
  for app in apps/web apps/phone; do
    (cd "$app" && npm run -s setup && npm run build && npm test) || return 1
  done
}

# Real Tandem, real phones, real Chromium.
web_desk() {
  command -v "${CHROMIUM:-chromium}" >/dev/null || { echo "chromium is missing: scripts/setup.sh installs it"; return 1; }
  command -v turnserver >/dev/null || { echo "coturn is missing: scripts/setup.sh installs it"; return 1; }
  npm --prefix apps/web run e2e
}

# Everything is built at once and in one selection of features: `-p` would build what is shared once more.
section "build" bash -c 'cargo build --workspace --all-targets && echo "1 checks passed, 0 failed"'
section "rust" rust_tests
section "simulated days" "$target/debug/tandem-sim" --days "${TANDEM_SIM_DAYS:-300}"
section "python sdk" python_sdk
section "node sdk" node_sdk
section "real phones" phones
section "browsers" browsers
section "web" web_units
section "desk in a browser" web_desk
section "demo" "$target/debug/tandem-demo"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
