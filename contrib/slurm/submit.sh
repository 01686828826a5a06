#!/usr/bin/env bash
# Submit every shard that is missing as one array of Slurm jobs.
#
#   contrib/slurm/submit.sh generate --model pretrained -n 1000000 --seed 7 \
#     --shards 200 -o /shared/million
#
# takes the words of `calo4pqvae generate` or `simulate`, with --shards and a folder that all
# nodes see. Give it again when the array has ended: it submits what is still missing or was
# altered, and nothing when all is there.
#
# Variables: AT_ONCE jobs run at a time (100), MINUTES and MEMORY of each (60, 1G), SBATCH more
# words for sbatch, such as "--account=physics --constraint=milan", GPUS=1 one GPU for each job,
# PRINT=1 prints the job instead of submitting it.
#
# Showers are the same to the last bit on one type of processor only, and a shard of another type
# is refused: name one with --constraint where nodes differ.
set -euo pipefail

missing=$(calo4pqvae "$@" --list-missing)
if [ -z "$missing" ]; then
  echo "nothing is missing"
  exit 0
fi

job() {
  cat <<EOF
#!/bin/bash
#SBATCH --job-name=showers
#SBATCH --array=$missing%${AT_ONCE:-100}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=${MEMORY:-1G}
#SBATCH --time=${MINUTES:-60}
#SBATCH --requeue
#SBATCH --output=showers-%A-%a.log
${GPUS:+#SBATCH --gpus-per-task=$GPUS}
set -euo pipefail
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1
exec calo4pqvae$(printf ' %q' "$@") --shard "\$SLURM_ARRAY_TASK_ID"
EOF
}

if [ -n "${PRINT:-}" ]; then
  job "$@"
else
  # shellcheck disable=SC2086
  job "$@" | sbatch ${SBATCH:-}
fi
