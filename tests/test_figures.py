"""Figures draw what their frames hold, survive empty ones, and are the same bytes every time."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import simulated
from matplotlib import pyplot as plt

from cr_utils import answer_figures, answer_tables, curves, figure_style, figures, frames, steps, tables


@pytest.fixture(scope="module")
def rows():
    return simulated.problems(240)


@pytest.fixture(scope="module")
def items(rows):
    return simulated.items(rows)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def words(ax):
    return " ".join(text.get_text() for text in ax.texts)


def test_frames_know_programs(rows):
    frame = frames.problems(rows)
    assert list(frame.columns) == frames.PROBLEMS and len(frame) == len(rows)
    assert set(frame["lines"]) == {5} and "control 2" in set(frame["setting"])
    assert [frames.step_bin(n) for n in (5, 6, 41, None)] == ["1-5", "6-10", "over 40", None]
    assert [frames.type_name(t) for t in ("'a'", "set()", "{1}", "f(x)")] == ["str", "set", "set", "other"]
    assert set(frames.shapes(frame)["source"]) == {"train", "heldout", "heldout_ood"}
    assert "code" not in frames.shape("cruxeval", "x = 1", "1")


def test_outcomes_join_the_problem(rows, items):
    frame = frames.outcomes(items, frames.problems(rows))
    assert len(frame) == len(items)
    assert frame.loc[frame["benchmark"] == "heldout", "setting"].notna().all()
    assert frame.loc[frame["benchmark"] == "cruxeval", "setting"].isna().all()
    assert "setting" not in frames.outcomes(items)


def test_log_merges_training_and_validation():
    frame = frames.log(simulated.sft_log(40))
    assert list(frame["step"]) == list(range(1, 41)) and frame["val_accuracy"].notna().sum() == 2


def test_filters(rows):
    ax = figures.filters(tables.data([{"step": "generated", "n": 40}, {"step": "runs", "n": 10}]))
    assert labels(ax) == ["generated", "runs"] and "10 · 25%" in words(ax)


def test_constraint_coverage_counts(rows):
    frame = frames.problems(rows)
    ax = figures.constraint_coverage(frame)
    n = ((frame["type"] == "builtins") & (frame["setting"] == "nested")).sum()
    assert ax.texts[0].get_text().split("\n")[0] == str(n)


def test_distributions_reach_one(rows):
    found = figures.distributions(frames.shapes(frames.problems(rows),
                                                [frames.shape("cruxeval", "a\nb", "1")]))
    assert len(found) == 3
    assert all(line.get_ydata()[-1] == 1 for line in found[0].lines if len(line.get_ydata()))


def test_accuracy_draws_every_rate_once(items):
    frame = tables.main(items, split=lambda _: "dev")
    found = figures.accuracy(frame)
    assert "strict rule" in found[0].get_figure().get_supxlabel()
    published = figures.accuracy(frame, mode="parity")[0].get_figure()
    assert "published rule" in published.get_supxlabel()
    drawn = sorted(x for line in found[0].lines for x in np.atleast_1d(line.get_xdata())
                   if line.get_marker() != "None")
    part = frame[(frame["benchmark"] == "heldout") & frame["task"].isin(tables.TASKS)]
    assert drawn == pytest.approx(sorted(part["accuracy"]))
    assert labels(found[0]) == list(tables.TASKS)


def test_models_keep_their_colour():
    shades = [figure_style.color(name) for name in tables.MODELS]
    assert len(set(shades)) == len(shades)
    assert figure_style.color("mine", ("mine",)) == figure_style.OTHER_COLORS[0]
    assert {figure_style.INK, figure_style.GRID, figure_style.PAPER}.isdisjoint(shades)


def test_ablations_say_what_was_not_run(rows):
    arms = [one for one in simulated.arms(rows) if one["arm"] != "no_sft"]
    found = figures.ablations(tables.ablations(arms, asked=["no_sft"]))
    assert "without SFT" in labels(found[0]) and "not run" in words(found[0])


def test_length_failures_constructs(rows, items):
    outcomes = frames.outcomes(items, frames.problems(rows))
    assert "SFT, right" in " ".join(labels(figures.answer_length(outcomes)))
    found = figures.failure_kinds(answer_tables.failures(items))
    assert labels(found[0])[-1] == "SFT + GRPO"
    found = figures.constructs(outcomes)
    assert "control 3" in labels(found[0]) and len(found) == 4


def test_given_models_are_in_every_figure_of_answers(rows, items):
    given = [{**one, "model": "gpt-x", "key": one["key"].replace("sft", "gpt-x")} for one in items
             if one["model"] == "sft"]
    told = steps.annotate([*items, *given], rows)
    departed, outcomes = answer_tables.departures(told), frames.outcomes(told, frames.problems(rows))
    assert labels(figures.failure_kinds(answer_tables.failures(told))[0])[-1] == "gpt-x"
    assert "gpt-x, wrong" in labels(figures.answer_length(outcomes))[-1]
    assert labels(answer_figures.departures(departed))[-1].startswith("gpt-x (n=")
    for drawn in (figures.constructs(outcomes), figures.accuracy(tables.main(told, split=lambda _: "dev")),
                  answer_figures.overthinking(answer_tables.length(told), departed)):
        legend, = np.ravel(drawn)[0].get_figure().legends
        assert legend.get_texts()[-1].get_text() == "gpt-x"


def test_a_group_that_only_unseen_cells_have_is_marked_and_no_other_is_mixed():
    rows = [{"model": "sft", "benchmark": benchmark, "task": "output", "verdict": verdict, "setting": setting,
             "depth": depth, "type": "str", "bin": "1-5"}
            for benchmark, setting, depth, verdict in (("heldout", "control 2", 2, True),
                                                       ("heldout_ood", "control 2", 2, False),
                                                       ("heldout_ood", "control 3", 3, False))
            for _ in range(12)]
    found = figures.constructs(pd.DataFrame(rows))
    assert labels(found[0]) == ["control 2", "control 3 (unseen)"]
    assert labels(found[1]) == ["depth 2", "depth 3 (unseen)"]
    kept = figures._seen_first(pd.DataFrame(rows), "setting")
    assert kept.groupby("setting")["verdict"].mean().to_dict() == {"control 2": 1.0,
                                                                   "control 3 (unseen)": 0.0}


def test_titles_side_by_side_and_legends_fit_their_figure(items):
    """No title reaches the next panel, and no legend leaves the page, with many models of long names."""
    given = [{**one, "model": f"some-organisation-{n}", "key": f"{n}" + one["key"]} for one in items
             if one["model"] == "sft" for n in range(6)]
    found = figures.accuracy(tables.main([*items, *given], split=lambda _: "dev"))
    figure = found[0].get_figure()
    figure.canvas.draw()
    ends = [one._left_title.get_window_extent().x1 for one in found]
    starts = [one.get_window_extent().x0 for one in found]
    assert all(end < start for end, start in zip(ends, starts[1:], strict=False))
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1


def test_a_percent_axis_has_no_needless_decimals(items):
    one = figures.accuracy(tables.main(items, split=lambda _: "dev"))[0]
    said = [one.xaxis.get_major_formatter()(x, 0) for x in (0.0, 0.1, 0.30000000000000004, 0.025, 1.0)]
    assert said == ["0%", "10%", "30%", "2.5%", "100%"]


def test_departures_reach_one_and_overthinking_has_a_dot_each(rows, items):
    told = steps.annotate(items, rows)
    departed, length = answer_tables.departures(told), answer_tables.length(told)
    ax = answer_figures.departures(departed)
    ends = {}
    for bar in ax.patches:
        ends[bar.get_y()] = max(ends.get(bar.get_y(), 0), bar.get_x() + bar.get_width())
    assert len(ends) == 5 and all(end == pytest.approx(1) for end in ends.values())
    ax = answer_figures.overthinking(length, departed)
    assert labels(ax) == ["cut off", "loops at its end", "more steps than the run"]
    part = length[(length["benchmark"] == "heldout") & (length["task"] == "output")
                  & (length["model"] == "sft")]
    drawn = [x for line in ax.lines for x in np.atleast_1d(line.get_xdata())]
    assert any(x == pytest.approx(part["truncated"].iloc[0]) for x in drawn)


def test_curves_mark_the_chosen_checkpoint():
    found = curves.grpo_curves(frames.log(simulated.grpo_log()), chosen=20)
    assert all(any(list(line.get_xdata()) == [20, 20] for line in ax.lines) for ax in found)
    assert len(curves.sft_curves(frames.log(simulated.sft_log()))) == 2


def test_without_records_figures_say_so():
    none = frames.problems([])
    for drawn in (figures.filters(tables.data([])), figures.constraint_coverage(none),
                  figures.distributions(frames.shapes(none)), figures.chain_lengths(frames.chains([])),
                  figures.accuracy(tables.main([])), figures.ablations(tables.ablations([])),
                  figures.answer_length(frames.outcomes([])),
                  figures.failure_kinds(answer_tables.failures([])),
                  answer_figures.departures(answer_tables.departures([])),
                  answer_figures.overthinking(answer_tables.length([]), answer_tables.departures([])),
                  figures.constructs(frames.outcomes([])), curves.sft_curves(frames.log([])),
                  curves.grpo_curves(frames.log([]))):
        assert "—" in words(np.ravel(drawn)[0])


def test_saved_bytes_do_not_depend_on_the_moment_or_the_settings(tmp_path, items):
    frame = answer_tables.failures(items)
    for folder in ("a", "b"):
        matplotlib.rcParams["font.size"] = 10 if folder == "a" else 14
        figure_style.save(figures.failure_kinds(frame), tmp_path / folder, "failures")
    matplotlib.rcdefaults()
    for name in ("failures.png", "failures.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert not plt.get_fignums()


def test_a_notebook_shows_the_figures_of_every_cell_not_only_of_the_first(monkeypatch):
    import nbclient
    import nbformat

    monkeypatch.delenv("MPLBACKEND")
    cells = ["from cr_utils.figure_style import axes", *["axes().plot([1, 2]);"] * 3]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(book, kernel_name="python3", timeout=250).execute()
    shown = [[kind for output in cell.outputs for kind in output.get("data", {})] for cell in book.cells]
    assert ["image/png" in kinds for kinds in shown] == [False, True, True, True]
