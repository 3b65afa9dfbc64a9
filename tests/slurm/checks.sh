#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The templates of scripts/slurm, under a real Slurm that is brought up and taken down here. Usage: checks.sh LOCKSTEP SOURCE_DIR SHIM
# Each check trains; each must end with the digest of a run that nothing disturbed. LS_SLURM_LONG=1 adds a minute: a time limit with the
# margin that the trainer learns by itself.
set -uo pipefail
lockstep=$1 source_dir=$2 shim=$3
# shellcheck source=tests/slurm/cluster.sh
. "$source_dir/tests/slurm/cluster.sh"
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }
for tool in munged slurmctld slurmd sbatch srun mpirun; do
  command -v $tool >/dev/null || { echo "skipped: no $tool (Debian: slurm-wlm munge)"; exit 77; }
done

work=$(mktemp -d /tmp/lsl.XXXX)
chmod 755 "$work" # munged asks for it
cleanup() {
  cluster_down "$work/c"
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' TERM INT HUP
mkdir "$work/bin"
ln -s "$lockstep" "$work/bin/lockstep"
export PATH=$work/bin:$PATH
cd "$work" || exit 1

# Two nodes on one kernel: Open MPI's shared memory would mix them up, and both would bind to the same cores.
export OMPI_MCA_btl=tcp,self OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
unset OMPI_MCA_hwloc_base_binding_policy OMPI_MCA_rmaps_base_oversubscribe

make_training() {
  awk 'BEGIN { srand(7); for (i = 0; i < 256; i++) { a = rand(); b = rand(); printf "%.6f,%.6f,%d\n", a, b, (a > b) } }' >t.csv
  lockstep convert t.csv --out t.h5 --labels >/dev/null
  cat >net.yaml <<END
data: {train: $work/t.h5}
model:
  layers:
    - Dense: {units: 16, activation: tanh, input_shape: 2}
    - Dropout: {rate: 0.1}
    - Dense: {units: 2, activation: softmax}
compile: {optimizer: {name: Adam, learning_rate: 0.01}, loss: sparse_categorical_crossentropy, metrics: accuracy}
fit: {epochs: 8, batch_size: 16}
checkpoint: {every_steps: 1, background: false} # beside the training they would not slow it down
END
}

# Under Slurm each checkpoint takes 20 ms longer, so that a run lasts long enough to be disturbed, on any machine.
slow_down() { sed -i "s|^  # module load openmpi|  export LD_PRELOAD=$shim LS_FAULT='slow ckpt- 20'|" "$1"; }

# edit TEMPLATE NAME KEY=VALUE...: a copy as a site would edit it, NAME.sbatch
edit() {
  local copy=$work/$2.sbatch assignment
  cp "$source_dir/scripts/slurm/$1.sbatch" "$copy"
  slow_down "$copy"
  shift 2
  for assignment in "config=$work/net.yaml" "$@"; do
    grep -q "^${assignment%%=*}=" "$copy" || { echo "the template has no ${assignment%%=*}"; return 1; }
    sed -i "s|^${assignment%%=*}=.*|${assignment%%=*}='${assignment#*=}'|" "$copy"
  done
}

submit() { # NAME OPTION...: the job's id
  local name=$1
  shift
  LOCKSTEP_SLURM=$source_dir/scripts/slurm sbatch --parsable --output="$work/$name.log" --cpus-per-task=1 "$@" "$work/$name.sbatch"
}

state() { scontrol show job "$1" --oneliner 2>/dev/null | grep -o 'JobState=[A-Z_]*' | cut -d= -f2 | sort -u | tr '\n' ' '; }

# await WHAT SECONDS COMMAND...: until the command succeeds
await() {
  local what=$1 i n=$((10 * $2))
  shift 2
  for ((i = 0; i < n; i++)); do
    "$@" && return 0
    sleep 0.1
  done
  echo "     waited in vain for: $what"
  return 1
}
is() { [ "$(state "$1")" = "$2 " ]; }
finished() { [ -e "$work/$1/done" ]; }
has_checkpoint() { compgen -G "$work/$1/checkpoints/ckpt-*.h5" >/dev/null; }
digest_of() { lockstep digest "$1/model.h5" | cut -d' ' -f1; }

# report WHAT STATUS LOG...
report() {
  if [ "$2" = 0 ]; then
    echo "ok   $1 (at $SECONDS s)"
    return
  fi
  echo "FAIL $1 (at $SECONDS s)"
  shift 2
  tail -n 40 "$@"
}

# completed RUN JOB: the job ends well, with the undisturbed digest
completed() {
  await "$1: job $2 to complete" 180 is "$2" COMPLETED && finished "$1" && [ "$(digest_of "$1")" = "${3:-$expected}" ]
}
said() { grep -qs -- "$2" "$work/$1.log" || { echo "     $1.log lacks: $2"; return 1; }; }

# ---- one after another: what is refused ----
refuses() { # WHAT WORDS COMMAND...
  local what=$1 words=$2 status
  shift 2
  "$@" >refused.log 2>&1
  status=$?
  [ "$status" = 1 ] && [ "$(grep -c "$words" refused.log)" = 1 ] && [ ! -e refused ]
  report "refused: $what" $? refused.log
}
check_refusals() {
  local train=(lockstep train net.yaml --out refused)
  refuses "srun without --mpi=pmix" 'lockstep: error: srun started 2 task(s) without PMIx' timeout 60 srun -n2 "${train[@]}"
  refuses "srun with another MPI" "OMPI was not built with SLURM" timeout 60 srun --mpi=pmi2 -n1 "${train[@]}"
  refuses "no launcher in a job of 4" 'lockstep: error: the Slurm allocation is for 4 processes' \
    timeout 60 salloc -Q -n4 "${train[@]}"
}

# ---- what trains ----
binding() { if [ "$1" = srun ]; then echo --cpu-bind=none; else echo --bind-to none; fi; }

check_plain() { # TEMPLATE LAUNCHER NODES
  local name=$1-$2 job
  edit "$1" "$name" "run=$work/$name" "launcher=$2" "binding=$(binding "$2")"
  job=$(submit "$name" "$3" --ntasks=2 --ntasks-per-node=2)
  completed "$name" "$job" && said "$name" ': finished'
  report "$1.sbatch by $2" $? "$work/$name.log"
}

check_sweep() {
  local job other
  edit sweep sweep "launcher=srun" "binding=--cpu-bind=none"
  sed -i "s|^run=.*|run=$work/sweep-\$SLURM_ARRAY_TASK_ID|; s|^  \"compile.optimizer.learning_rate=0.1\"|  \"fit.seed=0 fit.epochs=8\"|; s|^  \"compile.optimizer.learning_rate=0.03\"|  \"fit.seed=9\"|" "$work/sweep.sbatch"
  job=$(submit sweep --array=0-1,9)
  lockstep train net.yaml --out other --verbose 0 --threads 1 --set fit.seed=9
  other=$(digest_of other)
  await "the tasks" 120 is "$job" 'COMPLETED FAILED' && said sweep 'sweep has no line 9' && [ "$(digest_of sweep-0)" = "$expected" ] && [ "$(digest_of sweep-1)" = "$other" ]
  report "sweep.sbatch: a task of an array each" $? "$work/sweep.log"
}

# As a user does it: templates copied with blanks in their paths, called from elsewhere with paths of there; warned before it has begun.
check_places() {
  local site="$work/my site" job unedited
  mkdir -p "$site/the slurm" "$site/here" && cp "$source_dir"/scripts/slurm/* "$site/the slurm" && cp net.yaml "$site/here/my net.yaml"
  sed -e "s|^config=.*|config='my net.yaml'|; s|^run=.*|run='runs/my net'|" "$site/the slurm/one_node.sbatch" >"$site/the slurm/my job.sbatch"
  sed -i "s|^restarts=.*|restarts=3|; s|^binding=.*|binding=--cpu-bind=none|; s|^setup\$|sleep 2; setup|" "$site/the slurm/my job.sbatch"
  slow_down "$site/the slurm/my job.sbatch"
  unedited=$(cd "$site/here" && sbatch --parsable --ntasks=2 -o "$work/unedited.log" "$site/the slurm/one_node.sbatch")
  job=$(cd "$site/here" && sbatch --parsable --ntasks=2 -o "$work/places.log" "$site/the slurm/my job.sbatch" "an /argument")
  await "the job to begin" 30 is "$job" RUNNING && sleep 1 && scancel --batch --signal=USR1 "$job"
  await "it to fail" 30 is "$unedited" FAILED && said unedited 'config=configs/fashion_mnist.yaml: no such file' &&
    completed "my site/here/runs/my net" "$job" && said places 'start 1' && said places 'stopped by SIGUSR1 at epoch 1'
  report "blanks in paths, an unedited template, a warning too early" $? "$work/unedited.log" "$work/places.log"
}

# Warned by USR1 at the batch shell alone: all ranks save at one step, 75, requeue, resume.
check_warning() { # LAUNCHER
  local name=warned-$1 job
  edit preemptible "$name" "run=$work/$name" "launcher=$1" "binding=$(binding "$1")"
  job=$(submit "$name" --nodes=2 --ntasks-per-node=2)
  await "a checkpoint" 60 has_checkpoint "$name"
  scancel --batch --signal=USR1 "$job"
  completed "$name" "$job" && said "$name" 'stopped by SIGUSR1 at epoch' && said "$name" 'requeued (restart 1 of 1000)' &&
    said "$name" 'Resuming from' && said "$name" ': start 1'
  report "preemptible.sbatch by $1: USR1, checkpoint, requeue, resume" $? "$work/$name.log"
}

# Slurm takes the nodes for a job of the partition hi: SIGTERM after the grace.
check_preemption() { # LAUNCHER
  local name=preempted-$1 job
  edit preemptible "$name" "run=$work/$name" "launcher=$1" "binding=$(binding "$1")"
  sed -i '/^#SBATCH --signal/d' "$work/$name.sbatch"
  job=$(submit "$name" --partition=lo --nodes=2 --ntasks-per-node=2)
  await "a checkpoint" 60 has_checkpoint "$name"
  sbatch -Q --partition=hi --nodes=2 --exclusive -o /dev/null --wrap 'sleep 1'
  completed "$name" "$job" && said "$name" ': start 1' && said "$name" 'Resuming from'
  report "preempted under $1: requeued by Slurm, resumed" $? "$work/$name.log"
}

# The end of the job, which nobody tells the program: it stops in time, 75, requeue.
check_time_limit() { # nothing, or "learnt": with the margin the trainer learns, half a minute longer
  local name=time-limit${1:-} job settings=fit.epochs=1000000
  [ -n "${1:-}" ] || settings+=" checkpoint.before_end_seconds=50"
  edit many_nodes "$name" "run=$work/$name" "launcher=mpirun" "binding=--bind-to none"
  sed -i "s|^setup\$|settings=($settings); setup|" "$work/$name.sbatch"
  job=$(submit "$name" --nodes=2 --ntasks-per-node=1 --time=1)
  await "a requeue" 100 grep -qs 'requeued (restart 1 of 10)' "$work/$name.log" &&
    said "$name" 'Slurm ends this job in 0:0[01]:' && said "$name" 'stopped by the time limit at epoch' &&
    await "the job to be waiting" 30 is "$job" PENDING && [ ! -e "$work/$name/done" ]
  report "$name: stops in time for a checkpoint, requeued" $? "$work/$name.log"
  scancel "$job"
}

# A node goes down under srun, which may return 0: not finished, requeued, resumed.
check_node_down() {
  local name=node-down job
  edit preemptible "$name" "run=$work/$name" "launcher=srun" "binding=--cpu-bind=none"
  job=$(submit "$name" --nodes=2 --ntasks-per-node=1)
  await "a checkpoint" 60 has_checkpoint "$name"
  scontrol update nodename=n2 state=down reason=test
  sleep 2
  scontrol update nodename=n2 state=resume 2>/dev/null # unless it has come back by itself
  completed "$name" "$job" && said "$name" ': start 1'
  report "a node goes down under srun: requeued, resumed" $? "$work/$name.log"
}

check_killed_rank() {
  local name=killed job pid
  edit many_nodes "$name" "run=$work/$name" "launcher=srun" "binding=--cpu-bind=none"
  job=$(submit "$name" --nodes=1 --ntasks-per-node=2)
  await "a checkpoint" 60 has_checkpoint "$name"
  for pid in $(pgrep -f "^[^ ]*lockstep train $work/net.yaml --out $work/$name "); do kill -KILL "$pid" && break; done
  completed "$name" "$job" && said "$name" 'failed with status' && said "$name" 'Resuming from'
  report "a rank killed: requeued, resumed" $? "$work/$name.log"
}

check_done() { # a finished run submitted again
  local job
  job=$(submit one_node-srun --ntasks=2)
  await "the job" 60 is "$job" COMPLETED && said one_node-srun 'this run is complete'
  report "a finished run submitted again says so" $? "$work/one_node-srun.log"
}

check_config_error() {
  local name=wrong job
  edit preemptible "$name" "run=$work/$name" "launcher=srun" "binding=--cpu-bind=none" "config=$work/wrong.yaml"
  sed 's/epochs/epocs/' net.yaml >wrong.yaml
  job=$(submit "$name" --nodes=1 --ntasks-per-node=2)
  await "the job to fail" 60 is "$job" FAILED && said "$name" 'not requeued' && [ "$(grep -c "lockstep: error: .*epocs" "$work/$name.log")" = 1 ]
  report "a wrong config is not requeued" $? "$work/$name.log"
}

make_training
lockstep train net.yaml --out reference --verbose 0 --threads 1 || exit 1
expected=$(digest_of reference)
cluster_up "$work/c" 2 4 27100 || exit 1
echo "Slurm is up (at $SECONDS s)"

# together CHECK...: beside each other, as they mostly wait; each is a function and its arguments in one word
failed=0
together() {
  local check words outputs=() output pids=() pid
  for check in "$@"; do
    read -ra words <<<"$check"
    output=$work/out.${#pids[@]}
    outputs+=("$output")
    "${words[@]}" >"$output" 2>&1 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  cat "${outputs[@]}"
  failed=$((failed + $(cat "${outputs[@]}" | grep -c '^FAIL')))
}

together check_refusals
together "check_plain one_node srun --nodes=1" "check_plain one_node mpirun --nodes=1" \
  "check_plain many_nodes srun --nodes=2" "check_plain many_nodes mpirun --nodes=2"
together check_done check_config_error check_sweep check_places check_time_limit
together "check_warning srun" "check_warning mpirun" check_killed_rank
together "check_preemption srun" "check_preemption mpirun"
together check_node_down
[ -z "${LS_SLURM_LONG:-}" ] || together "check_time_limit learnt"
[ "$failed" = 0 ]
