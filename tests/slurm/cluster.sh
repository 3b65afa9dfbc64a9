# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A Slurm of our own on this machine: munged, slurmctld and slurmd daemons on 127.0.0.1, all in one folder, without accounting,
# cgroups or systemd. Sourced. Tried with Debian 12's slurm-wlm 22.05.8 and munge 0.5.15, as root.
#
#   cluster_up DIR NODES CPUS_A_NODE PORT   exports SLURM_CONF; DIR must be short (socket paths end at 107 bytes)
#   cluster_down DIR                        cancels what runs, ends the daemons by their pid files and waits for them
#
# Why the odd lines of slurm.conf:
#   CgroupPlugin=cgroup/v1  slurmd looks for cgroups at its start, though nothing uses them here, and dies where there are none
#   TmpFS=.../%n            nodes on one machine would make one PMIx folder
#   cred_expire=5           a requeued job waits this long and a second; 5 is the least, 120 the default
#   config_overrides        nodes may claim more cores than there are
#   KillWait=5, GraceTime=4 short tests; partition hi requeues jobs of partition lo

cluster_conf() { # DIR NODES CPUS PORT
  local dir=$1 nodes=$2 cpus=$3 port=$4 host i names=
  host=$(hostname -s)
  cat <<END
ClusterName=lockstep
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
SlurmctldPort=$port
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$dir/munge/sock,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
TmpFS=$dir/tmp/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PropagateResourceLimits=NONE
ReturnToService=2
SlurmdParameters=config_overrides
JobRequeue=1
KillWait=5
OverTimeLimit=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
END
  for ((i = 1; i <= nodes; i++)); do
    echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + i)) CPUs=$cpus Boards=1 SocketsPerBoard=1" \
      "CoresPerSocket=$cpus ThreadsPerCore=1 RealMemory=500 State=UNKNOWN"
    names+=${names:+,}n$i
  done
  echo "PartitionName=ci Nodes=$names Default=YES MaxTime=INFINITE State=UP PriorityTier=5 PreemptMode=off"
  echo "PartitionName=lo Nodes=$names MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=4"
  echo "PartitionName=hi Nodes=$names MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=off"
}

cluster_up() { # DIR NODES CPUS PORT
  local dir=$1 nodes=$2 i
  mkdir -p "$dir"/{munge,state,log,run}
  for ((i = 1; i <= nodes; i++)); do mkdir -p "$dir/spool/n$i" "$dir/tmp/n$i"; done
  chmod 755 "$dir" && chmod 711 "$dir/munge" # munged wants its folders closed to the group's pen
  (umask 077 && head -c 1024 /dev/urandom >"$dir/munge/key")
  munged --key-file="$dir/munge/key" --socket="$dir/munge/sock" --pid-file="$dir/run/munged.pid" \
    --log-file="$dir/munge/log" --seed-file="$dir/munge/seed" --num-threads=2 || return 1
  echo 'CgroupPlugin=cgroup/v1' >"$dir/cgroup.conf"
  cluster_conf "$@" >"$dir/slurm.conf"
  export SLURM_CONF=$dir/slurm.conf
  slurmctld -c || return 1
  for ((i = 1; i <= nodes; i++)); do slurmd -N "n$i" || return 1; done
  for ((i = 0; i < 300; i++)); do
    [ "$(sinfo -h -N -p ci -o %T 2>/dev/null | grep -c '^idle$')" -lt "$nodes" ] || return 0
    sleep 0.1
  done
  echo "the nodes did not come up:"
  tail -n 20 "$dir"/log/*.log
  return 1
}

# gone PID SECONDS: has the process ended, or ends so soon? A zombie that nobody waits for has.
gone() {
  local i
  for ((i = 0; i < 10 * $2; i++)); do
    case $(ps -o stat= -p "$1" 2>/dev/null) in '' | Z*) return 0 ;; esac
    sleep 0.1
  done
  return 1
}

cluster_down() { # DIR
  local dir=$1 file pid i
  export SLURM_CONF=$dir/slurm.conf
  timeout 10 scancel --user="$(id -un)" 2>/dev/null
  for ((i = 0; i < 100; i++)); do # slurmstepd would outlive its slurmd
    [ -n "$(timeout 5 squeue -h 2>/dev/null)" ] || break
    sleep 0.1
  done
  for file in "$dir"/run/slurmd.*.pid "$dir/run/slurmctld.pid" "$dir/run/munged.pid"; do
    [ -f "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null
    gone "$pid" 10 || kill -KILL "$pid" 2>/dev/null
  done
}
