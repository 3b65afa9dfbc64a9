# SPDX-License-Identifier: MIT
# one set in several files, by a list and by a pattern, gives the digest of one file; what does not fit together is named
awk "BEGIN { print \"a,b,class\"; for (i = 0; i < 90; i++) printf \"%d,%d,%d\\n\", i % 7, i % 5, (i % 7 > 3) }" >t.csv
awk "BEGIN { print \"a,b,c,class\"; for (i = 0; i < 9; i++) printf \"%d,%d,1,%d\\n\", i % 7, i % 5, (i % 7 > 3) }" >u.csv
{
  lockstep convert t.csv -o whole.h5 --labels
  lockstep convert t.csv -o part-1.h5 --labels --rows 0:31
  lockstep convert t.csv -o part-2.h5 --labels --rows 31:60 --chunk-rows 8 --deflate 1
  lockstep convert t.csv -o part-3.h5 --labels --rows 60: --chunk-rows 7
  lockstep convert u.csv -o other.h5 --labels
  gzip -c whole.h5 >whole.h5.gz
} >convert.txt
cat >t.yaml <<END
data: {train: whole.h5}
model: {layers: [Dense: {units: 2, activation: softmax, input_shape: 2}]}
compile: {optimizer: Adam, loss: sparse_categorical_crossentropy}
fit: {epochs: 2, batch_size: 8, verbose: 0, shuffle: blocks, shuffle_block: 4, shuffle_window: 3}
END
train() {
  lockstep train t.yaml --out "$1" --threads 1 --set "data.train=$2" || echo "exit code $?"
}
train whole whole.h5
train list "[part-1.h5, part-2.h5, part-3.h5]"
train pattern "part-*.h5"
lockstep digest whole/model.h5 list/model.h5 pattern/model.h5 | cut -d " " -f 1 | uniq | wc -l
lockstep evaluate whole/model.h5 whole.h5 >one.txt
lockstep evaluate whole/model.h5 "part-?.h5" >several.txt
cmp one.txt several.txt
train bad "[part-1.h5, other.h5]"
train bad "none-*.h5"
train bad whole.h5.gz
train bad "part-[2-1].h5"
