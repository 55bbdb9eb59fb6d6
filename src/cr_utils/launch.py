"""`python -m cr_utils launch`: scripts that run a profile on several GPUs, on one node or under Slurm.

Data, evaluation and the records are made by the driver in one process; the two trainings by `python -m
cr_utils train` in many, started by accelerate; rollouts by vLLM in these processes, or by a server on GPUs
of its own. Runs nothing itself. Every script prints what it does, and only that where DRY_RUN is set.
"""

import argparse
import shlex
from pathlib import Path

from cr_utils import jsonl, params, paths
from cr_utils.errors import UserError

PORT, SERVER_PORT = 29500, 8000
HEAD = """#!/usr/bin/env bash
# Written by `{command}`.
{sbatch}# DRY_RUN=1 prints every command and runs none. Run it from the checkout. PYTHON: the interpreter.
set -euo pipefail
PYTHON=${{PYTHON:-.venv/bin/python}}
VLLM=${{VLLM:-.venv/bin/vllm}}
DRY_RUN=${{DRY_RUN:-}}
export TOKENIZERS_PARALLELISM=false HF_HUB_DISABLE_TELEMETRY=1
shown() {{
    printf '+'
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./:=,@%-]*) word=${{word@Q}} ;; esac
        printf ' %s' "$word"
    done
    echo
}}
run() {{ shown "$@"; [ -n "$DRY_RUN" ] || "$@"; }}
"""
HOSTS = """if [ -n "$DRY_RUN" ]; then HOSTS=({stand_in}); else
    mapfile -t HOSTS < <(scontrol show hostnames "$SLURM_JOB_NODELIST"); fi
MASTER=${{HOSTS[{first}]}}
TRAINERS=$(IFS=,; echo "${{HOSTS[*]:{first}}}")
export PYTHON MASTER
shown export PYTHON="$PYTHON" MASTER="$MASTER"
"""
SERVE = """export CR_VLLM_HOST={host}
echo "+ export CR_VLLM_HOST=$CR_VLLM_HOST"
echo "+ {shown} &"
if [ -z "$DRY_RUN" ]; then
    {command} &
    SERVER=$!
    trap 'kill "$SERVER" 2>/dev/null || true' EXIT
    until curl -sf "http://$CR_VLLM_HOST:{port}/health" >/dev/null; do
        kill -0 "$SERVER" || {{ echo "the vLLM server ended" >&2; exit 1; }}
        sleep 5
    done
fi
"""
STOP = """echo "+ kill vLLM"
[ -n "$DRY_RUN" ] || { kill "$SERVER"; wait "$SERVER" || true; }
"""


def batches(values: dict) -> list[str]:
    """The arithmetic of a profile's batches in words, as trained on all its processes."""
    count = params.processes(values)
    sequences = values["sft_batch_size"] * values["sft_grad_accum"] * count
    rollouts = values["grpo_prompts"] * values["grpo_group"]
    passes = rollouts // values["grpo_batch_size"] // count
    return [
        f"SFT: {count} x {values['sft_batch_size']} x {values['sft_grad_accum']} = {sequences} sequences "
        f"an update, {values['sft_steps'] * sequences} in {values['sft_steps']} updates",
        f"GRPO: {values['grpo_prompts']} prompts x {values['grpo_group']} = {rollouts} rollouts "
        f"a generation, {passes} passes of {count} x {values['grpo_batch_size']}, "
        f"{values['grpo_updates']} updates of {rollouts // values['grpo_updates']}",
        f"GRPO: {values['grpo_steps'] // values['grpo_updates']} generations in {values['grpo_steps']} "
        f"updates, a checkpoint every {values['grpo_save_every']}",
    ]


def script(values: dict, slurm: bool = False, given: tuple = (), hours: int = 48) -> str:
    """The text of a launch script.

    values: a checked profile; given: the -p words it was made with; hours: Slurm's time limit. Raises
    UserError where the profile does not fit one node and `slurm` is off.
    """
    launch = values["launch"]
    nodes, vllm = launch.get("nodes", 1), launch.get("vllm", "none")
    if nodes > 1 and not slurm:
        raise UserError(f"profile {values['profile']} trains on {nodes} nodes: add --slurm, or -p launch "
                        "'{nodes: 1, gpus: 8}' with batch sizes that fit")
    options = ["--profile", values["profile"], *given]
    command = shlex.join(["python", "-m", "cr_utils", "launch", *options, *(["--slurm"] if slurm else [])])
    parts = [HEAD.format(command=command, sbatch=_sbatch(values, hours) if slurm else "")]
    if slurm:
        extra = int(vllm == "server")
        stand_in = " ".join(f"node{i}" for i in range(nodes + extra))
        parts.append(HOSTS.format(stand_in=stand_in, first=extra))
    parts += [f"# {line}\n" for line in batches(values)]
    parts.append(_driver("01_data 02_distill", options))
    parts += [_train("03_sft", values, options, slurm), _driver("03_sft", options)]
    if vllm == "server":
        parts.append(_serve(values, slurm))
    parts.append(_train("04_grpo", values, options, slurm))
    if vllm == "server":
        parts.append(STOP)  # it holds GPUs that answers may need
    parts.append(_driver("04_grpo", options))
    parts.append(_driver("05_eval 06_ablations", options))
    parts.append("run \"$PYTHON\" -m cr_utils report --profile " + shlex.quote(values["profile"]) + "\n")
    return "".join(parts)


def _driver(stages: str, options: list[str]) -> str:
    """The line that runs stages in one process."""
    return f'run "$PYTHON" -m cr_utils run {stages} {shlex.join(options)}\n'


def _sbatch(values: dict, hours: int) -> str:
    launch = values["launch"]
    nodes = launch.get("nodes", 1) + (launch.get("vllm") == "server")
    lines = [f"job-name={values['profile']}", f"nodes={nodes}", "ntasks-per-node=1", "exclusive",
             f"gpus-per-node={max(launch.get('gpus', 1), launch.get('vllm_gpus', 1))}", f"time={hours}:00:00",
             "output=slurm-%j.log"]
    return "".join(f"#SBATCH --{line}\n" for line in lines)


def _train(stage: str, values: dict, options: list[str], slurm: bool) -> str:
    """The line that trains a stage in all processes."""
    launch = values["launch"]
    nodes, gpus = launch.get("nodes", 1), launch.get("gpus", 1)
    config = f"params/accelerate/{launch.get('sharding', 'none')}.yaml"
    work = f"-m cr_utils train {stage} {shlex.join(options)}"
    if nodes * gpus == 1:
        return f'run "$PYTHON" {work}\n'
    start = (f'"$PYTHON" -m accelerate.commands.launch --config_file {config} --num_machines {nodes} '
             f"--num_processes {nodes * gpus} --main_process_port {PORT}")
    if not slurm:
        return f"run {start} {work}\n"
    # The rank of a node is known only on it: the variables are left to the inner shell.
    inner = f'{start} --main_process_ip "$MASTER" --machine_rank "$SLURM_NODEID" {work}'
    return (f'run srun --nodes={nodes} --ntasks={nodes} --nodelist="$TRAINERS" '
            f"bash -c {shlex.quote(inner)}\n")


def _serve(values: dict, slurm: bool) -> str:
    """The lines that start the vLLM server, wait for it, and end it with the script."""
    launch = values["launch"]
    gpus = launch.get("vllm_gpus", 1)
    model = paths.shown(paths.stage_dir(values["profile"], "03_sft") / "model")
    length = values["grpo_extra"].get("vllm_max_model_length", 2048 + values["grpo_max_new_tokens"])
    serve = (f'"$VLLM" serve {shlex.quote(model)} --host 0.0.0.0 --port {SERVER_PORT} '
             f"--tensor-parallel-size {gpus} --max-model-len {length} --logprobs-mode processed_logprobs "
             """--weight-transfer-config '{"backend":"nccl"}'""")
    if slurm:
        command = f'srun --nodes=1 --ntasks=1 --nodelist="${{HOSTS[0]}}" env VLLM_SERVER_DEV_MODE=1 {serve}'
        host = '"${HOSTS[0]}"'
    else:
        first = launch.get("gpus", 1)
        visible = ",".join(str(first + i) for i in range(gpus))
        command, host = f"env CUDA_VISIBLE_DEVICES={visible} VLLM_SERVER_DEV_MODE=1 {serve}", "localhost"
    shown = command.replace("\\", "\\\\").replace('"', '\\"')
    return SERVE.format(host=host, shown=shown, command=command, port=SERVER_PORT)


def main(words: list[str]) -> int:
    """Write the script of a profile to results/<profile>/launch/, or print it, and its arithmetic."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils launch", description=main.__doc__)
    asked.add_argument("--profile", default="paper-7b", help="name of a file in params/ (default: paper-7b)")
    asked.add_argument("--slurm", action="store_true", help="a script for sbatch (default: for one node)")
    asked.add_argument("--hours", type=int, default=48, help="Slurm's time limit (default: 48)")
    asked.add_argument("--dry-run", action="store_true", help="print the script and write nothing")
    asked.add_argument("-p", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), dest="given",
                       help="set a parameter (repeatable)")
    chosen = asked.parse_args(words)
    values = params.load(chosen.profile, {key: params.parse_value(key, text) for key, text in chosen.given})
    given = tuple(word for pair in chosen.given for word in ("-p", *pair))
    text = script(values, chosen.slurm, given, chosen.hours)
    print("\n".join(f"# {line}" for line in batches(values)))
    if chosen.dry_run:
        print(text, end="")
        return 0
    path: Path = paths.results(values["profile"]) / "launch" / ("slurm.sh" if chosen.slurm else "node.sh")
    path.parent.mkdir(parents=True, exist_ok=True)
    jsonl.write_text(path, text)
    print(f"{'sbatch' if chosen.slurm else 'bash'} {paths.shown(path)}")
    return 0
