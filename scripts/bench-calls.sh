#!/usr/bin/env bash
# Calls through the whole system, a fresh server in dev mode (scripts/with-server.sh). First as many callers as PARKED says wait
# on hold music together, called by sipp; prints memory and CPU per caller. Then calls per second, as RATES says: sipp calls
# the plain TwiML application, hears its greeting for a second and hangs up; prints failures and CPU per call.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
head -c 8000 /dev/zero | tr '\0' '\377' >"$folder/silence.ul"
sed "s|TONE_FILE|$folder/silence.ul|; s|WAIT_MS|1000|" crates/server/tests/sipp/call.xml >"$folder/call.xml"
cd "$folder"
server=$(pgrep -P "$PPID" -x tandem || true)
cpu() { [ -n "$server" ] && awk '{print $14 + $15}' "/proc/$server/stat" || echo 0; }
# Callers who wait: a number that plays hold music for ever.
parked=${PARKED:-500}
auth=$TANDEM_ACCOUNT_SID:$TANDEM_AUTH_TOKEN
curl -fsS -o /dev/null -u "$auth" -d FriendlyName=bench -d MaxSize="$parked" \
  "$TANDEM_URL/2010-04-01/Accounts/$TANDEM_ACCOUNT_SID/Queues.json"
twiml='<Response><Enqueue>bench</Enqueue></Response>'
bin=$(curl -fsS -u "$auth" -H 'Content-Type: application/json' -d "{\"friendly_name\":\"bench\",\"twiml\":\"$twiml\"}" \
  "$TANDEM_URL/tandem/v1/TwimlBins" | sed 's/.*"document_url":"\([^"]*\)".*/\1/')
curl -fsS -o /dev/null -u "$auth" --data-urlencode PhoneNumber=+15550100077 --data-urlencode "VoiceUrl=$bin" \
  "$TANDEM_URL/2010-04-01/Accounts/$TANDEM_ACCOUNT_SID/IncomingPhoneNumbers.json"
memory() { [ -n "$server" ] && awk '/^VmRSS/ {print $2}' "/proc/$server/status" || echo 0; }
sed "s|TONE_FILE|$folder/silence.ul|; s|WAIT_MS|30000|" "$OLDPWD/crates/server/tests/sipp/call.xml" >"$folder/wait.xml"
before=$(memory)
sipp "$TANDEM_SIP_ADDRESS" -sf wait.xml -s +15550100077 -i 127.0.0.1 -mi 127.0.0.1 -m "$parked" -r 50 -l "$parked" \
  -nostdin -timeout 120s >/dev/null 2>&1 &
callers=$!
sleep $((parked / 50 + 5))
at=$(cpu) middle=$(memory)
sleep 10
echo "$parked parked callers: $(((middle - before) / parked)) KiB each, $((($(cpu) - at) * 10 / 100)) % of a core"
wait "$callers" || echo "some of them failed"

# Calls a second, for ten seconds each.
for rate in ${RATES:-10 50 100 200}; do
  calls=$((rate * 10)) before=$(cpu)
  if sipp "$TANDEM_SIP_ADDRESS" -sf call.xml -s +15550100004 -i 127.0.0.1 -mi 127.0.0.1 -m "$calls" -r "$rate" -l 2000 \
    -nostdin -timeout 120s -timeout_error -trace_stat -stf "stat-$rate.csv" -fd 1s >/dev/null 2>"err-$rate"; then failed=0
  else failed=$(awk -F';' 'NR==1 {for (i=1;i<=NF;i++) if ($i=="FailedCall(C)") c=i} END {print $c}' "stat-$rate.csv"); fi
  echo "$rate calls/s: $calls calls, $failed failed, $(((($(cpu) - before)) * 10 / calls)) ms CPU per call"
done
