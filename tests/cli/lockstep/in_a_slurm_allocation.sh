# SPDX-License-Identifier: MIT
# As in a batch script of 4 tasks, and in salloc's shell: looking is fine, training with one process is refused.
printf '0,0\n1,1\n' >t.csv
cat >c.yaml <<'END'
data: {train: t.h5}
model: {layers: [Dense: {units: 1, input_shape: 1}]}
compile: {loss: mse}
fit: {verbose: 0}
END
lockstep convert t.csv -o t.h5 >/dev/null
lockstep train c.yaml --out run
export SLURM_JOB_ID=7 SLURM_JOBID=7 SLURM_NODELIST=node1 SLURM_NTASKS=4 SLURM_NPROCS=4 SLURM_PROCID=0 SLURM_LOCALID=0
looks() {
  lockstep summary c.yaml >/dev/null
  lockstep summary run/model.h5 >/dev/null
  lockstep convert t.csv -o u.h5 >/dev/null
  lockstep inspect u.h5 >/dev/null
  lockstep digest run/model.h5 >/dev/null
  lockstep diff run/model.h5 run/model.h5
  lockstep evaluate run/model.h5 t.h5 >/dev/null
  lockstep predict run/model.h5 t.h5 --out p.h5
  lockstep train c.yaml --out other || echo "exit $?"
  ls -d other 2>/dev/null || echo "nothing written"
}
looks
SLURM_STEP_ID=4294967290 SLURM_STEPID=4294967290 SLURM_STEP_NUM_TASKS=1 looks
echo "srun --pty bash: one task"
SLURM_STEP_ID=0 SLURM_STEPID=0 SLURM_STEP_NUM_TASKS=1 SLURM_NTASKS=1 lockstep train c.yaml --out other
