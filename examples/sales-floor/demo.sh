#!/bin/bash
# The sales floor of this folder against simulated people, all on this machine: one
# engine plays those who are called and the telephones of ten agents, a second one
# runs the campaign.
#
#   demo.sh /path/to/moondial [SECONDS]
#
# Ends when every lead is done, or after so many seconds.
set -euo pipefail
moondial=$(realpath "$1")
seconds=${2:-600}
here=$(cd "$(dirname "$0")" && pwd)
scripts=$(cd "$here/../../scripts" && pwd)
work=$here/../../build/sales-floor

rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)
cd "$work"
cp "$here/leads.csv" .

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
people_port=$(free_port 15470)
floor_port=$(free_port 15680)

bold "240 people and the telephones of ten agents: $scripts/floor_simulator.lua on port $people_port"
"$moondial" run --sip "udp:127.0.0.1:$people_port" --db people.db \
	--set rtp.port_min=25000 --set rtp.port_max=25999 --set drain=1 \
	"$scripts/floor_simulator.lua" answer=60 ring=3 talk=12 >people.log 2>&1 &
pids+=($!)
wait_ready $! people.log

# The example waits minutes and hours between attempts; the demo, seconds.
bold "the campaign: $scripts/predictive.lua with $here/moondial.lua"
PEOPLE=127.0.0.1:$people_port "$moondial" run -c "$here/moondial.lua" \
	--sip "udp:127.0.0.1:$floor_port" --db floor.db \
	--set recordings="$work/recordings" --set drain=1 \
	--set rtp.port_min=26000 --set rtp.port_max=26999 \
	--set campaign.retry.busy=15 --set campaign.retry.no_answer=20 --set campaign.timeout=15 --set campaign.retry.abandoned=false \
	"$scripts/predictive.lua" >floor.log 2>&1 &
floor=$!
pids+=("$floor")
wait_ready "$floor" floor.log

for ((i = 1; i <= 10; i++)); do
	"$moondial" agent login --db floor.db "agent$i" >/dev/null
done

status() { "$moondial" campaign status --db floor.db sales-floor; }
began=$SECONDS
while [ $((SECONDS - began)) -lt "$seconds" ]; do
	kill -0 "$floor" 2>/dev/null || fail "the engine has ended"
	text=$(status)
	if [ -t 1 ]; then printf '\033[H\033[2J'; fi
	printf '%s\n' "$text"
	! grep -q '^sales-floor *done ' <<<"$text" || break
	sleep 2
done

bold "what came of it, after $((SECONDS - began)) s"
"$moondial" campaign report --db floor.db sales-floor
"$moondial" agent list --db floor.db
cat <<EOT

  database     $work/floor.db
  logs         $work/floor.log, $work/people.log

Try next:
  $moondial simulate --agents 10 --seeds 5 --svg days.svg
  edit $here/moondial.lua and run ./dev demo sales-floor again
EOT
