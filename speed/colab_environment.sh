#!/usr/bin/env bash
# The notebooks' first cell, and a session lost and taken up again, in an environment that looks like Colab's.
# usage: speed/colab_environment.sh [FOLDER]   (2 GB and ten minutes; FOLDER is kept, default: a new one)
# Looks like: COLAB_RELEASE_TAG is set; torch, numpy and pillow are there already, in other versions than here;
# the package is installed from a copy of this checkout. Not like it: no GPU, and a folder in place of Drive.
set -euo pipefail
cd "$(dirname "$0")/.."
FOLDER=${1:-$(mktemp -d)}
PYTHON=${PYTHON:-python3}
SOURCE=$PWD
mkdir -p "$FOLDER"
if [ ! -f "$FOLDER/env/whole" ]; then # an interrupted one is made again
    rm -rf "$FOLDER/env"
    "$PYTHON" -m venv "$FOLDER/env"
    "$FOLDER/env/bin/pip" install -q torch "numpy<2.4" "pillow<13" pandas matplotlib ipykernel psutil requests
    touch "$FOLDER/env/whole"
fi
rm -rf "$FOLDER/checkout" "$FOLDER/drive" && mkdir -p "$FOLDER/checkout"
git archive HEAD | tar -x -C "$FOLDER/checkout"
unset PYTHONPATH VIRTUAL_ENV
export COLAB_RELEASE_TAG=release-imitated CR_CHECKOUT=$FOLDER/checkout CR_RESULTS=$FOLDER/drive/results
export PATH="$FOLDER/env/bin:$PATH" CR_PROGRESS_SECONDS=0
cd "$FOLDER"
before=$("$FOLDER/env/bin/pip" list --format=freeze 2>/dev/null | grep -iE '^(torch|numpy|pillow)==')

echo "== the first cell of 03_sft.ipynb"
"$FOLDER/env/bin/python" - "$SOURCE/notebooks/03_sft.ipynb" > cell.py <<'CELL'
import json, sys
cells = json.load(open(sys.argv[1]))["cells"]
print(next("".join(c["source"]) for c in cells if "colab" in c["metadata"].get("tags", [])))
CELL
mv cell.py cell.ipy
"$FOLDER/env/bin/ipython" --no-banner --colors=NoColor cell.ipy
after=$("$FOLDER/env/bin/pip" list --format=freeze 2>/dev/null | grep -iE '^(torch|numpy|pillow)==')
[ "$before" = "$after" ] || { echo "changed: $before -> $after"; exit 1; }
echo "unchanged: $(echo "$after" | tr '\n' ' ')"
"$FOLDER/env/bin/python" -c "import cr_utils; print('package:', cr_utils.__file__)"

echo "== smoke profile, killed in the middle of 03_sft, taken up by the same command"
run() { "$FOLDER/env/bin/python" -m cr_utils run --profile smoke -p benchmarks never -p sft_steps 60 "$@"; }
run 01_data 02_distill
setsid "$FOLDER/env/bin/python" -m cr_utils run 03_sft --profile smoke -p sft_steps 60 > lost.log 2>&1 &
session=$!
until ls "$CR_RESULTS"/smoke/03_sft/checkpoints/checkpoint-*/trainer_state.json > /dev/null 2>&1; do
    kill -0 "$session" || { cat lost.log; exit 1; }
    sleep 0.2
done
kill -9 "$session"
sleep 5 # the kernel notices that its driver is gone
[ ! -f "$CR_RESULTS/smoke/03_sft/manifest.json" ] || { echo "it finished before it could be lost"; exit 1; }
run 03_sft | tee taken.log
grep -q "taking up the unfinished 03_sft" taken.log
run
echo "== it works: installed beside what was there, and a lost session goes on"
