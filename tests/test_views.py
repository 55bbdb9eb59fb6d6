"""Views show the run that really happened, escaped."""

from cr_utils import views

PROBLEM = {"code": "def f(s):\n    t = s + '<b>'\n    return t", "entry_point": "f", "input": "'a'",
           "output": "'a<b>'"}


def test_run_lines_follow_the_run():
    lines = views.run_lines(PROBLEM)
    assert lines[0].startswith("call") and "s = 'a'" in lines[0]
    assert lines[1].startswith("  2  t = s + '<b>'") and lines[1].endswith("t = 'a<b>'")
    assert lines[2].startswith("  3  return t")


def test_side_by_side_escapes_program_text():
    html = views.side_by_side(PROBLEM, {"completion": "<reasoning>\nx\n</reasoning>"}).data
    assert "<b>'" not in html and "&lt;b&gt;" in html and "&lt;reasoning&gt;" in html
