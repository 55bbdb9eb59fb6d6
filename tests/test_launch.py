"""Launch scripts: valid shell, a dry run prints every command, arithmetic is checked before."""

import subprocess

import pytest
import yaml

from cr_utils import launch, params, paths
from cr_utils.errors import UserError

CASES = [("paper-7b", False), ("paper-7b", True), ("paper-14b", True), ("colab", False)]


def bash(text, **env):
    """Run a script's text with an environment that has no interpreter, no Slurm and no GPU to start."""
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin", **env})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{'slurm' if case[1] else 'node'}")
def made(request):
    name, slurm = request.param
    values = params.load(name)
    return values, launch.script(values, slurm=slurm)


def test_scripts_are_valid_shell(made, tmp_path):
    path = tmp_path / "script.sh"
    path.write_text(made[1])
    done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == ""


def test_a_dry_run_prints_every_command_and_starts_none(made, tmp_path):
    values, text = made
    shown = bash(text, DRY_RUN="1", PYTHON="/nowhere/python", VLLM="/nowhere/vllm").splitlines()
    assert all(line.startswith("+ ") for line in shown)
    wanted = ["run 01_data 02_distill", "train 03_sft", "run 03_sft", "train 04_grpo", "run 04_grpo",
              "run 05_eval 06_ablations", "report"]
    steps = [line for line in shown if "-m cr_utils " in line]
    assert [word in line for word, line in zip(wanted, steps, strict=True)] == [True] * len(wanted)
    assert all(f"--profile {values['profile']}" in line for line in steps)
    assert sum("serve" in line for line in shown) == (values["launch"].get("vllm") == "server")


def test_trainings_start_one_process_per_gpu(made):
    values, text = made
    count = params.processes(values)
    lines = [line for line in text.splitlines() if "cr_utils train" in line]
    assert len(lines) == 2
    for line in lines:
        assert (f"--num_processes {count} " in line) == (count > 1)
        assert (f"params/accelerate/{values['launch'].get('sharding')}.yaml" in line) == (count > 1)


def test_several_nodes_agree_on_a_master_and_leave_one_to_the_server():
    text = launch.script(params.load("paper-14b"), slurm=True)
    assert "#SBATCH --nodes=3" in text
    shown = bash(text, DRY_RUN="1")
    assert "--nodelist=node1,node2" in shown
    model = str(paths.stage_dir("paper-14b", "03_sft") / "model")
    assert shown.index("run 03_sft") < shown.index(f" serve {model} ") < shown.index("train 04_grpo")
    assert shown.index("train 04_grpo") < shown.index("kill vLLM") < shown.index("run 04_grpo")


def test_the_server_ends_before_answers_are_asked_for():
    """The lines about the server with others in the place of its command and of the training."""
    text = launch.script(params.load("paper-14b", {"launch": {"vllm": "server", "gpus": 8}}))
    start, rest = text.index("export CR_VLLM_HOST"), text.index("run \"$PYTHON\" -m cr_utils run 04_grpo")
    lines = text[start:rest].splitlines()
    lines = [line for line in lines if not line.startswith("run ")]
    served = next(i for i, line in enumerate(lines) if line.endswith(" &"))
    lines[served] = "    sleep 60 &"
    script = "set -euo pipefail\nDRY_RUN= VLLM=vllm\ncurl() { return 0; }\n" + "\n".join(lines)
    assert bash(script + '\nkill -0 "$SERVER" 2>/dev/null && echo alive || echo ended').endswith("ended\n")


def test_parameters_with_spaces_survive_both_shells():
    given = ("-p", "grpo_extra", "{top_k: 5, use_vllm: true}")
    text = launch.script(params.load("paper-14b"), slurm=True, given=given)
    # `bash -c` of the training, with an interpreter that prints the words it gets
    line = next(line for line in text.splitlines() if "train 04_grpo" in line)
    script = 'run() { shift 4; "$@"; }\nexport PYTHON=show MASTER=m SLURM_NODEID=1 TRAINERS=t\n'
    script += 'show() { printf "%s\\n" "$@"; }; export -f show\n' + line
    words = bash(script).splitlines()
    assert words[-1] == "{top_k: 5, use_vllm: true}" and words[words.index("--machine_rank") + 1] == "1"


def test_what_a_dry_run_prints_can_be_pasted():
    given = ("-p", "grpo_extra", "{top_k: 5, use_vllm: true}")
    text = launch.script(params.load("paper-14b"), slurm=True, given=given)
    shown = bash(text, DRY_RUN="1", PYTHON="show")
    assert "+ export CR_VLLM_HOST=node0\n" in shown
    lines = [line[2:] for line in shown.splitlines() if "export" in line or "train 04_grpo" in line]
    script = 'srun() { shift 3; "$@"; }; show() { printf "%s\\n" "$@"; }; export -f show\n' + "\n".join(lines)
    words = bash(script, SLURM_NODEID="1").splitlines()
    assert words[-1] == given[-1] and words[words.index("--main_process_ip") + 1] == "node1"


def test_several_nodes_need_slurm():
    with pytest.raises(UserError, match="2 nodes.*--slurm"):
        launch.script(params.load("paper-14b"))


@pytest.mark.parametrize(("profile", "changed", "words"), [
    ("paper-7b", {"grpo_batch_size": 24}, "grpo_prompts.*1024.*8 processes = 384"),
    ("paper-7b", {"launch": {"gpus": 7}}, "1024.*7 processes"),
    ("paper-7b", {"launch": {"gpus": "8"}}, "gpus is '8'"),
    ("paper-7b", {"launch": {"sharding": "zero2"}}, "sharding is 'zero2'.*zero3"),
    ("paper-7b", {"launch": {"gpu": 8}}, "did you mean gpus"),
    ("paper-7b", {"grpo_save_every": 41}, "grpo_save_every = 41"),
    ("colab", {"model_lora": 0}, "model_lora"),
    ("colab", {"launch": {"vllm": "colocate"}}, "4-bit weights to vLLM"),
])
def test_arithmetic_is_checked_before_anything_starts(profile, changed, words):
    with pytest.raises(UserError, match=words):
        params.load(profile, changed)


def test_the_papers_batches_are_those_of_the_recipe():
    for profile in ("paper-7b", "paper-14b"):
        sft, grpo, _ = launch.batches(params.load(profile))
        assert "= 128 sequences an update" in sft
        assert "128 prompts x 8 = 1024" in grpo and "2 updates of 512" in grpo


@pytest.mark.parametrize("name", ["paper-7b", "paper-14b"])
def test_every_training_value_of_the_paper_profiles_is_marked(name):
    lines = (paths.params_dir() / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    for before, line in zip(lines, lines[1:], strict=False):
        if line.startswith(("model:", "launch:", "data_train:", "distill_", "sft_", "grpo_")):
            assert "known" in line or "assumed" in line or "known" in before or "assumed" in before, line


@pytest.mark.parametrize("name", ["paper-7b", "paper-14b"])
def test_no_value_of_the_paper_profiles_is_without_a_mark(name):
    """On its own line, or on a line of comment above; only the profile's name has none."""
    lines = (paths.params_dir() / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    unmarked = [line for before, line in zip(lines, lines[1:], strict=False) if line and line[0] not in "# "
                and not ("known:" in line or "assumed" in line)
                and not (before.startswith("#") and ("known" in before or "assumed" in before))]
    assert unmarked == [f"profile: {name}"]


def test_the_command_writes_or_prints(results, capsys):
    assert launch.main(["--profile", "paper-7b", "--dry-run"]) == 0
    assert not results.exists() and "accelerate.commands.launch" in capsys.readouterr().out
    assert launch.main(["--profile", "paper-14b", "--slurm"]) == 0
    assert (results / "paper-14b" / "launch" / "slurm.sh").is_file()


SETTINGS = sorted((paths.params_dir() / "accelerate").glob("*.yaml"))


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.stem)
def test_accelerate_reads_its_settings(path):
    from accelerate.commands.config.config_args import load_config_from_file
    config = load_config_from_file(str(path))
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert config.distributed_type.value.startswith(written["distributed_type"])
    assert config.rdzv_backend == "c10d" and config.mixed_precision == "bf16"
