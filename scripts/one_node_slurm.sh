#!/usr/bin/env bash
# Run a command beside a Slurm of one node, which begins and ends with it.
#
#   ROOT=FOLDER scripts/one_node_slurm.sh WORK bash contrib/slurm/submit.sh generate ... -o WORK/all
#
# Slurm lies in ROOT, such as Debian's packages slurmctld, slurmd, slurm-client,
# slurm-wlm-basic-plugins and their libraries unpacked there by `dpkg -x`, or in / when it is
# installed. Nothing is installed, no user and no key are needed: nobody is asked who they are,
# and all ports are of this machine alone. When the command has ended, jobs are waited for.
set -euo pipefail

work=$(mkdir -p "$1" && cd "$1" && pwd)
shift
root=${ROOT:-}
libraries=$root/usr/lib/x86_64-linux-gnu
node=$(hostname -s)
export LD_LIBRARY_PATH=$libraries:$libraries/slurm-wlm${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PATH=$root/usr/bin:$PATH SLURM_CONF=$work/slurm.conf
mkdir -p "$work/state" "$work/spool"

cat > "$SLURM_CONF" <<EOF
ClusterName=one
SlurmctldHost=$node(127.0.0.1)
AuthType=auth/none
CredType=cred/none
PluginDir=$libraries/slurm-wlm
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SlurmdParameters=config_overrides
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000
PartitionName=main Nodes=ALL Default=YES State=UP
EOF

"$root/usr/sbin/slurmctld-wlm" -D > "$work/slurmctld.log" 2>&1 &
controller=$!
"$root/usr/sbin/slurmd-wlm" -D -d "$root/usr/sbin/slurmstepd-wlm" > "$work/slurmd.log" 2>&1 &
daemon=$!
trap 'kill $daemon $controller; wait' EXIT
until sinfo --noheader --format %T 2> "$work/sinfo.log" | grep -q idle; do sleep 1; done

"$@"
while [ -n "$(squeue --noheader)" ]; do sleep 1; done
