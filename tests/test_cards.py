"""Model cards say what was recorded and no more; nothing is pushed that is not finished."""

import pytest

from cr_utils import cards, params, record
from cr_utils.errors import UserError

VALUES = params.load("smoke")


def finished(stage, metrics):
    """A stage of the smoke profile with a model folder and a card."""
    run = record.start(stage, VALUES)
    run.path("model/weights").write_text("w")
    cards.write(run, metrics)
    run.finish(["model"], metrics)
    return run


def test_a_card_states_settings_accuracy_and_n():
    run = finished("03_sft", {"val_accuracy": 0.125, "val_n": 8})
    text = (run.dir / "model" / "README.md").read_text()
    assert text.startswith("---\nlibrary_name: ") and "12.5 % of n = 8" in text
    assert "| `sft_lr` | `0.002` |" in text and "grpo_lr" not in text and "all parameters" in text
    assert "model/README.md" in record.manifest("smoke", "03_sft")["outputs"]


def test_what_was_not_measured_is_not_claimed():
    text = cards.text("04_grpo", params.load("colab"), {})
    assert "was not measured" in text and "LoRA adapter of rank 16 on 4-bit weights" in text
    assert "base_model: Qwen/Qwen2.5-Coder-0.5B-Instruct" in text and "library_name: peft" in text


def test_a_finished_stage_keeps_its_card():
    run = finished("03_sft", {"val_accuracy": 0.5, "val_n": 8})
    before = (run.dir / "model" / "README.md").read_text()
    cards.write(record.start("03_sft", VALUES), {"val_accuracy": 0.9, "val_n": 9})
    assert (run.dir / "model" / "README.md").read_text() == before


def test_only_finished_models_are_pushed_and_private_by_default(monkeypatch, capsys):
    import huggingface_hub
    seen = []

    class Api:
        def create_repo(self, name, private, exist_ok):
            seen.append((name, private))

        def upload_folder(self, repo_id, folder_path):
            return f"hub/{repo_id}"

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    with pytest.raises(UserError, match="not finished"):
        cards.main(["03_sft", "--profile", "smoke", "--to", "me/it"])
    finished("03_sft", {})
    assert cards.main(["03_sft", "--profile", "smoke", "--to", "me/it"]) == 0
    assert seen == [("me/it", True)] and capsys.readouterr().out == "hub/me/it\n"


def test_a_hub_out_of_reach_is_one_line(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import HTTPError

    class Api:
        def create_repo(self, *_, **__):
            raise HTTPError("Name or service not known\nand more")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    finished("03_sft", {})
    with pytest.raises(UserError, match="^me/it was not pushed: Name or service not known [(]log in"):
        cards.main(["03_sft", "--profile", "smoke", "--to", "me/it"])
