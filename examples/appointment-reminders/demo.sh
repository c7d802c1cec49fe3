#!/bin/bash
# The campaign of this folder against simulated parties, all on this machine:
# one engine plays the 20 people who are called, a second one calls them.
#
#   demo.sh /path/to/moondial
#
# Exit status 0 only if every lead has ended as expected.csv says.
set -euo pipefail
moondial=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
scripts=$(cd "$here/../../scripts" && pwd)
work=$here/../../build/demo
campaign=appointment-reminders

rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)
cd "$work"

bold() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() {
	printf 'demo: %s\n' "$*" >&2
	tail -n 15 "$work"/*.log >&2 || true
	exit 1
}

pids=()
stop_all() {
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
	done
}
trap stop_all EXIT

# Wait until engine PID has said in LOG that it is ready.
wait_ready() {
	local pid=$1 log=$2 i
	for ((i = 0; i < 200; i++)); do
		if grep -q ' ready: ' "$log"; then return; fi
		kill -0 "$pid" 2>/dev/null || fail "an engine has not started"
		sleep 0.05
	done
	fail "an engine was not ready within 10 s"
}

# Free ports, so that the demo disturbs nothing else on this machine.
free_port() {
	local port
	for ((port = $1; port < $1 + 200; port++)); do
		if ! { grep -qi "$(printf ':%04X ' "$port")" /proc/net/udp; }; then
			echo "$port"
			return
		fi
	done
	fail "no free UDP port near $1"
}
callee_port=$(free_port 15070)
caller_port=$(free_port 15280)

bold "the called parties: $scripts/callee_simulator.lua on port $callee_port"
"$moondial" run --sip "udp:127.0.0.1:$callee_port" --db callees.db \
	--set rtp.port_min=23000 --set rtp.port_max=23999 \
	"$scripts/callee_simulator.lua" >callees.log 2>&1 &
pids+=($!)
wait_ready $! callees.log

bold "the campaign: $here/campaign.lua"
# The example waits minutes and hours between attempts; the demo, seconds.
CARRIER=127.0.0.1:$callee_port "$moondial" run -c "$here/moondial.lua" \
	--sip "udp:127.0.0.1:$caller_port" --db campaign.db \
	--set recordings="$work/recordings" \
	--set rtp.port_min=24000 --set rtp.port_max=24999 \
	--set campaign.retry.busy=2 --set campaign.retry.no_answer=2 \
	--set campaign.timeout=5 --set campaign.compliance=false \
	"$here/campaign.lua" >campaign.log 2>&1 &
engine=$!
pids+=("$engine")
wait_ready "$engine" campaign.log

began=$SECONDS
last=
while kill -0 "$engine" 2>/dev/null; do
	[ $((SECONDS - began)) -lt 120 ] || fail "the campaign is not done after two minutes"
	line=$("$moondial" campaign status --db campaign.db "$campaign" 2>/dev/null |
		tr -s ' \n' ' ' || true)
	if [ -t 1 ]; then
		printf '\r\033[K%s' "$line"
	elif [ "$line" != "$last" ]; then
		printf '%s\n' "$line"
		last=$line
	fi
	sleep 1
done
if [ -t 1 ]; then printf '\n'; fi
wait "$engine" || fail "the engine ended with status $?"

bold "what came of it, after $((SECONDS - began)) s"
"$moondial" campaign report --db campaign.db "$campaign"

# phone,disposition,attempts of each lead, beside what must come
"$moondial" campaign report --db campaign.db --csv "$campaign" | tr -d '\r' |
	awk -F, 'NR > 1 { print $1 "," $2 "," $3 "," $4 }' | sort >result.csv
grep -v '^phone' "$here/expected.csv" | sort >expected.csv
if ! diff -u expected.csv result.csv >difference.txt; then
	cat difference.txt
	fail "not every lead has ended as it must (- expected, + found)"
fi
bold "every lead has ended as it must"
cat <<EOT

  database     $work/campaign.db
  recordings   $work/recordings ($(find recordings -name '*.wav' | wc -l) files)
  logs         $work/campaign.log, $work/callees.log

Try next:
  $moondial cdr --db $work/campaign.db
  $moondial campaign report --csv --db $work/campaign.db $campaign
  edit $here/campaign.lua and run ./dev demo again
EOT
