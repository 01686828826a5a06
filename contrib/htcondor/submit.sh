#!/usr/bin/env bash
# Submit every shard that is missing as one cluster of HTCondor jobs.
#
#   contrib/htcondor/submit.sh generate --model pretrained -n 1000000 --seed 7 \
#     --shards 200 -o /shared/million
#
# takes the words of `calo4pqvae generate` or `simulate`, with --shards and a folder on a file
# system that all machines share. Give it again when the jobs have ended: it submits what is still
# missing or was altered, and nothing when all is there.
#
# Variables: MEMORY of each job (1GB), GPUS=1 one GPU for each, REQUIREMENTS of the machines, such
# as 'TARGET.Microarch == "x86_64-v4"', PRINT=1 prints the description instead of submitting it.
#
# Showers are the same to the last bit on one type of processor only, and a shard of another type
# is refused: name one in REQUIREMENTS where machines differ.
set -euo pipefail

missing=$(calo4pqvae "$@" --list-missing lines)
if [ -z "$missing" ]; then
  echo "nothing is missing"
  exit 0
fi

# In HTCondor's own quoting a word stands between ' and ', and " is doubled.
words() {
  local word
  for word in "$@"; do
    word=${word//\'/\'\'}
    printf " '%s'" "${word//\"/\"\"}"
  done
}

jobs() {
  cat <<EOF
universe = vanilla
executable = $(command -v calo4pqvae)
arguments = "$(words "$@" | cut -c2-) --shard \$(shard)"
environment = "OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1"
initialdir = $PWD
getenv = PATH, HOME, PYTHONPATH
should_transfer_files = NO
request_cpus = 1
request_memory = ${MEMORY:-1GB}
${GPUS:+request_gpus = $GPUS}
requirements = ${REQUIREMENTS:-True}
max_retries = 3
output = showers-\$(Cluster)-\$(shard).out
error = showers-\$(Cluster)-\$(shard).err
log = showers-\$(Cluster).log
queue shard from (
$missing
)
EOF
}

if [ -n "${PRINT:-}" ]; then
  jobs "$@"
else
  jobs "$@" | condor_submit
fi
