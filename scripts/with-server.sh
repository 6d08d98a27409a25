#!/usr/bin/env bash
# Runs a command against a fresh server in dev mode, on ports of its own:
#   scripts/with-server.sh COMMAND...
# The command finds TANDEM_URL, TANDEM_ACCOUNT_SID and TANDEM_AUTH_TOKEN. TANDEM_BIN names the server's binary,
# TANDEM_RTP_PORTS how many ports it has for RTP (400).
# The server's log is shown when the command fails, or the server does not stop cleanly.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${TANDEM_BIN:-${CARGO_TARGET_DIR:-target}/debug/tandem}
[ -x "$bin" ] || { echo "no server at $bin: cargo build -p tandem-server" >&2; exit 1; }
data=$(mktemp -d)
port() {
  python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
http=$(port) sip=$(port)
ports=${TANDEM_RTP_PORTS:-400}
rtp=$((10000 + RANDOM % 20 * 400))
"$bin" serve --dev --http "127.0.0.1:$http" --sip "127.0.0.1:$sip" --rtp "$rtp-$((rtp + ports - 1))" --data "$data/data" \
  >"$data/log" 2>&1 &
server=$!
stop() {
  status=$?
  kill -TERM "$server" 2>/dev/null || true
  if ! wait "$server" && [ $status -eq 0 ]; then
    echo "the server did not stop cleanly" >&2
    status=1
  fi
  [ $status -eq 0 ] || { echo "--- the server's log ---" >&2; tail -n 100 "$data/log" >&2; }
  rm -rf "$data"
  exit $status
}
trap stop EXIT

export TANDEM_URL=http://127.0.0.1:$http TANDEM_SIP_ADDRESS=127.0.0.1:$sip
export TANDEM_ACCOUNT_SID=AC00000000000000000000000000000001 TANDEM_AUTH_TOKEN=tandem-dev-token
for _ in $(seq 300); do
  curl -fsS -o /dev/null "$TANDEM_URL/readyz" 2>/dev/null && break
  kill -0 "$server" 2>/dev/null || { echo "the server ended before it was ready" >&2; exit 1; }
  sleep 0.1
done
curl -fsS -o /dev/null "$TANDEM_URL/readyz" || { echo "the server was not ready in 30 s" >&2; exit 1; }
"$@"
