"""The ledger of claims: every statement that is checked, and the tests that check it.

    python tools/claims.py            # print it as a Markdown table

The statements are in tests/claims.toml, the checks are tests marked `@pytest.mark.claim("label")`.
Exit status 1 if a statement has no test, or a test names no statement.
"""

import sys
import tomllib
from collections import defaultdict
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


class Collector:
    """A pytest plugin that notes the labels of the tests that were collected."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note each claim's tests, parametrised ones once."""
        for item in session.items:
            for mark in item.iter_markers("claim"):
                self.tests[mark.args[0]].add(item.nodeid.split("[")[0])


def statements() -> dict[str, str]:
    """Label -> what is claimed."""
    return tomllib.loads((ROOT / "tests" / "claims.toml").read_text(encoding="utf-8"))


def checks() -> dict[str, set[str]]:
    """Label -> the tests that check it; nothing is run."""
    collector = Collector()
    with redirect_stdout(StringIO()) as output:
        status = pytest.main(
            ["--collect-only", "-q", "-p", "no:cacheprovider", str(ROOT / "tests" / "unit")],
            plugins=[collector],
        )
    if status != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest could not collect the tests:\n{output.getvalue()}")
    return dict(collector.tests)


def problems(claimed: dict[str, str], checked: dict[str, set[str]]) -> list[str]:
    """What does not match, one line each.

    >>> problems({"a": "A holds."}, {"b": {"test_b"}})
    ['claim a has no test', 'claim b of test_b has no statement']
    """
    untested = [f"claim {label} has no test" for label in sorted(claimed.keys() - checked.keys())]
    unstated = [
        f"claim {label} of {', '.join(sorted(checked[label]))} has no statement"
        for label in sorted(checked.keys() - claimed.keys())
    ]
    return untested + unstated


def main() -> int:
    """Print the ledger; complain on stderr."""
    claimed, checked = statements(), checks()
    print("| claim | statement | checked by |\n|---|---|---|")
    for label, statement in claimed.items():
        tests = "<br>".join(f"`{name}`" for name in sorted(checked.get(label, ())))
        print(f"| {label} | {statement} | {tests} |")
    found = problems(claimed, checked)
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
