"""The house: imports run one way, the face is light, files and functions stay small."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "r1lab"
FILES = sorted(CODE.rglob("*.py"))
WRITTEN = [
    p for place in ("r1lab", "tests", "tools", "benchmarks") for p in (ROOT / place).rglob("*")
]
OURS = [p for p in WRITTEN if p.suffix in (".py", ".js")] + list(
    (ROOT / "book/_assets").glob("*.js")
)

# Floors, from the ground up: what stands on one imports from it and from those below it.
FLOORS = (
    ("losses", "penalties", "gamma"),
    ("step", "doctor", "monitor", "distributed"),
    ("theory",),
    ("images",),
    ("notebook",),
)
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Every module that a file imports anywhere, `from r1lab import losses` as r1lab.losses."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(module: str) -> str:
    return module.split(".")[1] if module.startswith("r1lab.") else ""


def test_every_module_has_a_floor():
    assert {room(module_of(path)) for path in FILES} - {"", "__main__"} == FLOOR.keys()


def test_imports_go_down_or_stay_on_their_floor():
    upward = [
        (module_of(path), name)
        for path in FILES
        for name in imported(path)
        if (own := FLOOR.get(room(module_of(path)))) is not None
        if FLOOR.get(room(name), -1) > own
    ]
    assert upward == []


def test_rooms_of_the_ground_floor_do_not_need_each_other():
    across = {
        (module_of(path), name)
        for path in FILES
        for name in imported(path)
        if (own := room(module_of(path))) in FLOORS[0] and room(name) in FLOOR.keys() - {own}
    }
    assert across == set()


def test_nothing_is_longer_than_a_reader_can_hold():
    long = {str(p.relative_to(ROOT)): n for p in OURS if (n := len(lines(p))) > 400}
    assert long == {}


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("suffix", [".py", ".js"])
def test_functions_fit_on_a_screen(suffix):
    measure = python_functions if suffix == ".py" else javascript_functions
    long = {
        f"{path.relative_to(ROOT)}: {name}": length
        for path in OURS
        if path.suffix == suffix
        for name, length in measure(path)
        if length > 60
    }
    assert long == {}


def python_functions(path: Path) -> list[tuple[str, int]]:
    """Name and lines of each function, its docstring left out."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            text = first.end_lineno - first.lineno + 1 if is_text else 0
            found.append((node.name, node.end_lineno - node.lineno + 1 - text))
    return found


def javascript_functions(path: Path) -> list[tuple[str, int]]:
    """Name and lines of each function at the margin: it ends with the next brace there."""
    found, begun = [], None
    for number, line in enumerate(lines(path)):
        if start := re.match(r"(?:export )?(?:default )?(?:async )?function\*? ?(\w*)", line):
            begun = (start[1], number)
        if begun and line.startswith("}"):
            found.append((begun[0], number - begun[1] + 1))
            begun = None
    assert begun is None, f"{path}: {begun} has no end"
    return found


def test_the_face_imports_in_a_fifth_of_a_second():
    """Of processor time, which other programs do not lengthen; the best of five."""
    code = "import os; import r1lab; print(os.times().user)"
    empty = "import os; print(os.times().user)"
    seconds = [min(seconds_of(source) for _ in range(5)) for source in (code, empty)]
    assert seconds[0] - seconds[1] < 0.2


def seconds_of(code: str) -> float:
    return float(fresh(code))


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    command, environment = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def test_the_theory_imports_neither_torch_nor_scipy_but_where_it_says_so():
    light = "dirac, r1lab.theory.divergences, r1lab.theory.dynamics, r1lab.theory.solvable"
    code = f"import sys, r1lab.theory.{light}; print({{'torch', 'scipy'}} & set(sys.modules))"
    assert fresh(code) == "set()\n"


def test_the_face_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'scipy', 'matplotlib', 'PIL'}"
    assert fresh(f"import sys, r1lab; print({heavy} & set(sys.modules))") == "set()\n"
