"""The ledger of claims: every statement that is checked, where the book makes it, its tests.

    python tools/claims.py            # what does not match; exit status 1 if anything

The statements are in tests/claims.toml, the checks are tests marked `@pytest.mark.claim("label")`,
and book/claims.toml says which theorem or chapter of the book makes which claim. The book's
claims page (tools/claims_page.py) shows all three, and the build fails where they do not match.
"""

import ast
import sys
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def statements(root: Path = ROOT) -> dict[str, str]:
    """Label of a claim -> what is claimed."""
    return tomllib.loads((root / "tests" / "claims.toml").read_text(encoding="utf-8"))


def places(root: Path = ROOT) -> dict[str, list[str]]:
    """Label in the book -> the claims that are made there."""
    return tomllib.loads((root / "book" / "claims.toml").read_text(encoding="utf-8"))


def checks(root: Path = ROOT) -> dict[str, set[str]]:
    """Label of a claim -> the tests that check it, as `file::function`; nothing is imported."""
    tests = defaultdict(set)
    for path in sorted((root / "tests").rglob("test_*.py")):
        file = path.relative_to(root).as_posix()
        for label, function in marks(path.read_text(encoding="utf-8"), file):
            tests[label].add(f"{file}::{function}")
    return dict(tests)


def marks(source: str, file: str) -> list[tuple[str, str]]:
    """The claims of a test file and the functions that carry them.

    >>> marks('@pytest.mark.claim("a")\\ndef test_a(): ...', "test_a.py")
    [('a', 'test_a')]

    Raises
    ------
    ValueError : a mark stands elsewhere than on a test function, or is no plain string.
    """
    tree, found = ast.parse(source), []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            for mark in filter(_is_claim, node.decorator_list):
                match mark:
                    case ast.Call(args=[ast.Constant(value=str(label))]):
                        found.append((label, node.name))
    if len(found) != sum(map(_is_claim, ast.walk(tree))):
        raise ValueError(f'{file}: a claim is marked by @pytest.mark.claim("label") on a function')
    return found


def _is_claim(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="claim")):
            return True
    return False


def problems(claimed: Mapping[str, str], checked: Mapping[str, set[str]]) -> list[str]:
    """What does not match between statements and tests, one line each.

    >>> problems({"a": "A holds."}, {"b": {"test_b"}})
    ['claim a has no test', 'claim b of test_b has no statement']
    """
    untested = [f"claim {label} has no test" for label in sorted(claimed.keys() - checked.keys())]
    unstated = [
        f"claim {label} of {', '.join(sorted(checked[label]))} has no statement"
        for label in sorted(checked.keys() - claimed.keys())
    ]
    return untested + unstated


def unknown(claimed: Mapping[str, str], placed: Mapping[str, list[str]]) -> list[str]:
    """Claims that a place of the book names and nobody states, one line each.

    >>> unknown({"a": "A holds."}, {"thm-a": ["a"], "thm-b": ["b"], "thm-c": []})
    ['thm-c names no claim', 'claim b of thm-b has no statement']
    """
    found = [f"{place} names no claim" for place, labels in placed.items() if not labels]
    for place, labels in placed.items():
        missing = [label for label in labels if label not in claimed]
        found += [f"claim {label} of {place} has no statement" for label in missing]
    return found


def misplaced(
    placed: Mapping[str, list[str]], theorems: set[str], other_labels: set[str]
) -> list[str]:
    """What does not match between book/claims.toml and the labels of the book, one line each.

    >>> misplaced({"thm-a": ["a"], "ch-x": ["b"]}, {"thm-c"}, {"ch-x"})
    ['thm-c has no line in book/claims.toml', 'thm-a of book/claims.toml is no label of the book']
    """
    missing = sorted(theorems - placed.keys())
    absent = sorted(placed.keys() - theorems - other_labels)
    return [f"{label} has no line in book/claims.toml" for label in missing] + [
        f"{label} of book/claims.toml is no label of the book" for label in absent
    ]


def main() -> int:
    """Complain on stderr of what can be seen without building the book."""
    claimed = statements()
    found = problems(claimed, checks()) + unknown(claimed, places())
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
