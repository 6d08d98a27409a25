#!/usr/bin/env bash
# How fast the desk is in a real browser, on a server of its own: from an offer to its ring with 200 desks connected, and from
# a press to the next picture with 500 tasks on the boards. TANDEM_BIN names the server's binary; DESKS, OFFERS, TASKS and
# ROUNDS change how much of it.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
export TANDEM_BIN=${TANDEM_BIN:-$target/release/tandem}
command -v "${CHROMIUM:-chromium}" >/dev/null || { echo "chromium is missing: scripts/setup.sh installs it" >&2; exit 1; }
npm --prefix apps/web run -s setup
# Events are asked for afterwards: all of them are kept.
scripts/with-server.sh node apps/web/bench/desk.mjs
