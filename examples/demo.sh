#!/bin/bash
# An example against simulated parties, all on this machine: one engine plays those
# who are called (and the telephones of agents), a second one runs the campaign.
#
#   demo.sh /path/to/moondial NAME [SECONDS]
#
# NAME is a folder beside this file. Its `demo.conf` says what is run:
#
#   campaign             its name
#   script, arguments    what runs it, and what follows it on the command line
#   callees              the script that plays those who are called, and its arguments
#   hurry                settings: seconds where the example waits minutes and hours
#   agents               who logs in
#   look                 what is worth a look afterwards: commands, with @ for --db
#
# It ends when each lead is done, or after SECONDS. Exit status 0 only if each lead
# has ended as the folder's `expected.csv` says, where there is one.
# What the engines write goes to build/demo/NAME, or to DEMO_WORK.
set -euo pipefail
[ $# -ge 2 ] || { echo "demo.sh /path/to/moondial NAME [SECONDS]" >&2; exit 2; }
moondial=$(realpath "$1")
name=$2
examples=$(cd "$(dirname "$0")" && pwd)
here=$examples/$name
top=$(dirname "$examples")
work=${DEMO_WORK:-$top/build/demo/$name}

bold() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() {
	printf 'demo: %s\n' "$*" >&2
	tail -n 15 "$work"/*.log >&2 || true
	exit 1
}

arguments=() agents=() hurry=() look=()
source "$here/demo.conf"
rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)
cd "$work"
cp "$here/leads.csv" .

pids=()
stop_all() {
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
	done
}
trap stop_all EXIT

# start LOG ARGUMENT…: an engine at a port that the system chooses. Returns when it
# is ready, with its process in `engine`.
start() {
	local log=$1 i
	shift
	: >"$log"
	# two engines on a small machine may be late now and then: no call is refused for it
	"$moondial" run --sip udp:127.0.0.1:0 --set drain=1 --set limits.delay=0 "$@" >"$log" 2>&1 &
	engine=$!
	pids+=("$engine")
	for ((i = 0; i < 600; i++)); do
		if grep -q ' ready: ' "$log"; then return; fi
		kill -0 "$engine" 2>/dev/null || fail "an engine has not started"
		sleep 0.05
	done
	fail "an engine was not ready within 30 s"
}

bold "the called parties: ${callees[*]}"
start callees.log --db callees.db --set rtp.port_min=23000 --set rtp.port_max=23999 \
	"$top/${callees[0]}" "${callees[@]:1}"
CARRIER=$(sed -n 's/.* ready: .* on udp:\([0-9.:]*\).*/\1/p' callees.log)
export CARRIER

bold "the campaign: moondial run -c examples/$name/moondial.lua $script ${arguments[*]}"
[ -e "$top/$script" ] || top=$here
start campaign.log -c "$here/moondial.lua" --db campaign.db \
	--set recordings="$work/recordings" --set rtp.port_min=24000 --set rtp.port_max=24999 \
	"${hurry[@]/#/--set=}" "$top/$script" "${arguments[@]}"
for agent in "${agents[@]}"; do
	"$moondial" agent login --db campaign.db "$agent" >/dev/null
done

began=$SECONDS
limit=${3:-600}
ended=false
last=
until $ended || [ $((SECONDS - began)) -ge "$limit" ]; do
	text=$("$moondial" campaign status --db campaign.db "$campaign" 2>&1 || true)
	# one with agents goes on for those who call back
	if ! kill -0 "$engine" 2>/dev/null || grep -q "^$campaign *done " <<<"$text"; then ended=true; fi
	if [ -t 1 ]; then printf '\033[H\033[2J%s\n' "$text"; fi
	line=$(tr -s ' \n' ' ' <<<"$text")
	if ! [ -t 1 ] && [ "$line" != "$last" ]; then printf '%s\n' "$line"; fi
	last=$line
	$ended || sleep 1
done
if ! kill -0 "$engine" 2>/dev/null; then
	wait "$engine" || fail "the engine ended with status $?"
fi

bold "what came of it, after $((SECONDS - began)) s"
"$moondial" campaign report --db campaign.db "$campaign"
if [ ${#agents[@]} -gt 0 ]; then "$moondial" agent list --db campaign.db || true; fi

if [ -e "$here/expected.csv" ]; then
	$ended || fail "the campaign is not done after $limit s"
	# phone,state,disposition,attempts of each lead, beside what must come
	"$moondial" campaign report --db campaign.db --csv "$campaign" | tr -d '\r' |
		awk -F, 'NR > 1 { print $1 "," $2 "," $3 "," $4 }' | sort >result.csv
	grep -v '^phone' "$here/expected.csv" | sort >expected.csv
	if ! diff -u expected.csv result.csv >difference.txt; then
		cat difference.txt
		fail "not every lead has ended as it must (- expected, + found)"
	fi
	bold "every lead has ended as it must"
fi
cat <<EOT

  database     $work/campaign.db
  logs         $work/campaign.log, $work/callees.log$(
	[ ! -d recordings ] || printf '\n  recordings   %s' "$work/recordings"
)

Try next:
EOT
for command in "${look[@]}"; do
	printf '  %s %s\n' "$moondial" "${command/@/--db $work/campaign.db}"
done
