"""All exercises: whatever the reader's code does, it gets a sentence and no traceback."""

import pytest

from r1lab.notebook.exercises import check, names


def divides_by_zero(*arguments):
    return 1 / 0


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("answer", [divides_by_zero, lambda: None, lambda *_: "?", None, "?", ()])
def test_no_answer_leads_to_a_traceback(name, answer, capsys):
    assert not check(name, answer)
    assert capsys.readouterr().out.startswith("not yet: ")


@pytest.mark.parametrize(
    "name",
    [
        *("app-a-empty-model", "app-a-balance", "ch01-best-loss", "ch01-paper-sign", "ch02-push"),
        *("ch06-noise", "ch06-consensus-step", "ch06-stuck", "ch08-zeros", "ch08-step-limit"),
    ],
)
def test_the_hint_says_how_a_function_failed(name, capsys):
    check(name, divides_by_zero)
    assert "your function failed: ZeroDivisionError" in capsys.readouterr().out
