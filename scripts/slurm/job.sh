# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # the templates set what is not set here
# What the templates beside this file share: how to launch, to pass on Slurm's warnings, to requeue. Sourced by them; nothing to edit.
# They set: config, run, launcher (srun or mpirun), binding, network, restarts, and may set settings, an array of KEY=VALUE.

say() { echo "$(date '+%F %T') job $SLURM_JOB_ID: $*"; }

# Settings of Open MPI, by its environment so that both launchers see them.
network_settings() {
  # Ethernet: one socket between two hosts is half-duplex for large messages; two carry 10 MB of gradients 1.8 times as fast.
  export OMPI_MCA_btl_tcp_links=${OMPI_MCA_btl_tcp_links:-2}
  # mpirun notices a host that vanished after 3 + 3 x 1 s of silence, not after 8 minutes.
  export OMPI_MCA_oob_tcp_keepalive_time=3 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
  # mpirun that gets SIGTERM (scancel, end of the grace of a preemption) gives its ranks 2 x 10 s to save instead of 2 x 1.
  export OMPI_MCA_odls_base_sigkill_timeout=10
  [ -z "${network:-}" ] || export OMPI_MCA_btl_tcp_if_include=$network OMPI_MCA_oob_tcp_if_include=$network
}

# launch ARGUMENTS OF lockstep...: on all tasks of the job
launch() {
  local threads=${SLURM_CPUS_PER_TASK:-1} words hold=()
  export OMP_NUM_THREADS=$threads
  # Who is warned before he can listen would be ended by that: the launcher does not hear it yet, for a rank it waits.
  trap '' USR1
  ! env --block-signal=USR1 true 2>/dev/null || hold=(env --block-signal=USR1)
  case $launcher in
    srun) # since Slurm 22.05 a step does not inherit the job's --cpus-per-task; without --mpi=pmix there is no MPI
      read -ra words <<<"${binding:---cpu-bind=cores}"
      exec srun --mpi=pmix --cpus-per-task="$threads" "${words[@]}" "${hold[@]}" lockstep "$@" ;;
    mpirun) # hosts and slots come from Slurm; alone it would bind each rank to one core, whatever its threads
      read -ra words <<<"${binding:---map-by slot:PE=$threads --bind-to core}"
      exec mpirun -n "$SLURM_NTASKS" "${words[@]}" "${hold[@]}" lockstep "$@" ;;
    *) say "launcher is '$launcher', must be srun or mpirun" && exit 2 ;;
  esac
}

# What a site forgets to edit, said before the launcher says it in its own way.
check_edited() {
  command -v lockstep >/dev/null || { say "there is no lockstep in the PATH of $(hostname): edit setup() at the top of the template" && exit 2; }
  [ -r "$config" ] || { say "config=$config: no such file, seen from $PWD, where sbatch was called: edit it at the top of the template" && exit 2; }
}

newest_checkpoint() { find "$run/checkpoints" -name 'ckpt-*.h5' 2>/dev/null | sort | tail -n 1; }

# One task of an array is named after the array; its plain job id may mean them all.
requeue() {
  local id=$SLURM_JOB_ID
  [ -z "${SLURM_ARRAY_TASK_ID:-}" ] || id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
  if [ "${SLURM_RESTART_COUNT:-0}" -ge "${restarts:-0}" ]; then
    say "$1; not requeued: ${restarts:-0} restarts are allowed. Submit it again to go on"
    return 1
  fi
  say "$1; requeued (restart $((${SLURM_RESTART_COUNT:-0} + 1)) of $restarts)"
  scontrol requeue "$id"
}

# conclude STATUS MARK CHECKPOINT: what the end of the training means; the last two as they were before it. Exits.
conclude() {
  local status=$1 done_before=$2 checkpoint_before=$3
  # The launcher's status proves nothing (srun returns 0 when a node goes down under it); the mark in the run folder does.
  if [ -e "$run/done" ] && { [ "$status" = 0 ] || [ "$(cat "$run/done")" != "$done_before" ]; }; then
    say "finished"
    exit 0
  fi
  [ -z "$ended" ] || { say "ended by Slurm, status $status"; exit 75; }
  case $status in
    2) say "the command line or the config is wrong: not requeued"; exit 2 ;;
    75) requeue "stopped with a checkpoint" ;;
    *)
      if [ -z "$warned" ] && [ "$(newest_checkpoint)" = "$checkpoint_before" ]; then
        say "failed with status $status and without a new checkpoint: not requeued"
        [ "$status" != 0 ] || status=1
        exit "$status"
      fi
      requeue "failed with status $status" ;;
  esac
  exit 75
}

# Has the launcher nobody left? PMIx 4.2 makes mpirun wait for ever in its own end when a rank dies while it holds a lock that they share.
# Ranks, and the srun that mpirun starts on other nodes, are its children.
alone() {
  local states
  [ "$launcher" = mpirun ] && ps -p "$1" >/dev/null 2>&1 || return 1
  states=$(ps -o stat= --ppid "$1")
  [[ ! $states =~ (^|$'\n')[^Z] ]]
}

# Train, or go on. A warning, `--signal=B:USR1@...`, comes to this shell alone, perhaps before there is anything to warn, and is passed on
# until it has been heeded: the ranks save at one step and leave with 75. SIGTERM comes to the ranks as well, so it is only outlived here.
# Never trap CONT: Slurm sends it just before USR1 and TERM, and a trapped CONT ends bash's `wait` so that the USR1 is acted on only
# when the training has ended. For the same reason the wait is in pieces of a second.
train() {
  local mark checkpoint status child passed=-5 company
  check_edited
  ended=
  mark=$(cat "$run/done" 2>/dev/null)
  checkpoint=$(newest_checkpoint)
  network_settings
  say "start ${SLURM_RESTART_COUNT:-0}: $SLURM_NTASKS ranks x ${SLURM_CPUS_PER_TASK:-1} threads on $SLURM_JOB_NODELIST, by $launcher"
  local arguments=(train "$config" --out "$run" --verbose 2) setting
  for setting in "${settings[@]}"; do arguments+=(--set "$setting"); done
  trap 'ended=yes' TERM
  launch "${arguments[@]}" &
  child=$!
  company=$SECONDS
  while kill -0 "$child" 2>/dev/null; do
    sleep 1 & wait $!
    [ -z "$warned" ] || [ "$SECONDS" -lt $((passed + 5)) ] || { kill -USR1 "$child" 2>/dev/null && passed=$SECONDS; }
    alone "$child" || company=$SECONDS
    [ "$SECONDS" -lt $((company + 60)) ] || { say "mpirun does not end, though its ranks have: ended" && kill -KILL "$child"; }
  done
  wait "$child"
  status=$?
  conclude "$status" "$mark" "$checkpoint"
}
