#!/usr/bin/env bash
# What a unit of the node tier runs: the life of a `run.sh --once` agent against the stand-in's control API.
# Takes AZP_URL, AZP_POOL, AZP_TOKEN as a real agent does; MODE=hog eats memory once it has a job.
set -euo pipefail
control="${AZP_URL%%/_apis*}"; control="$(echo "$control" | sed 's|^\(https*://[^/]*\).*|\1|')/control"
name=$(hostname)
api() { curl -sSk --fail-with-body --retry 5 --retry-connrefused "$@"; }
register() {
  api -X POST "$control/agents" -H 'Content-Type: application/json' -d "{\"pool\":\"$AZP_POOL\",\"name\":\"$name\",\"host\":\"$name\",\"token\":\"$AZP_TOKEN\",
    \"capabilities\":{\"ADO_ORCHESTRATOR_INSTANCE\":\"$ADO_ORCHESTRATOR_INSTANCE\"}}" | sed 's/.*"id": *\([0-9]*\).*/\1/'
}
id=$(register)
unregister() { api -X DELETE "$control/agents/$id" >/dev/null || true; }
trap 'unregister; exit 143' TERM INT
echo "registered as $name (agent $id)"
while job=$(api "$control/agents/$id/job?wait=20&format=text") && [ -z "$job" ]; do :; done
read -r request seconds _ <<< "$job"
echo "running job of request $request for $seconds s"
[ "${MODE:-}" != hog ] || { tail /dev/zero; }
sleep "$seconds" & wait $!
api -X POST "$control/agents/$id/finish" -H 'Content-Type: application/json' -d '{}' >/dev/null
unregister
