"""Who may import whom: hybrid -> codegen -> {feature_extractors, tree_backends}; firmware imports nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "hybrid": {"hybrid", "codegen", "feature_extractors", "tree_backends"},
    "codegen": {"codegen", "feature_extractors", "tree_backends"},
    "feature_extractors": {"feature_extractors"},
    "tree_backends": {"tree_backends"},
    "firmware": set(),
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_packages_import_only_what_stands_below_them(package):
    for path in (ROOT / package).rglob("*.py"):
        own = {name.partition(".")[0] for name in imports(path)} & {*ALLOWED, "tests", "benchmarks"}
        assert own <= ALLOWED[package], f"{path}: imports {own - ALLOWED[package]}"


def test_torch_stays_in_the_trunk():
    for package in ALLOWED:
        for path in (ROOT / package).rglob("*.py"):
            if "torch" in {n.partition(".")[0] for n in imports(path)}:
                assert path.parent.name == "cnn", path


def test_codegen_reads_irs_of_the_two_packages_below_only():
    below = {"feature_extractors.graph", "feature_extractors.tiles", "tree_backends.forest", "tree_backends.evaluate",
             "tree_backends.ensemble"}  # fmt: skip
    for path in (ROOT / "codegen").rglob("*.py"):
        used = {n for n in imports(path) if n.startswith(("feature_extractors", "tree_backends"))}
        extra = {n for n in used - below if not n.startswith("feature_extractors.ops")}
        assert not extra - {"feature_extractors.fixed_fft", "feature_extractors.log2", "feature_extractors.mel"}, path


def test_import_codegen_loads_no_training_library():
    code = "import codegen, codegen.header, codegen.interpret, codegen.artifacts, sys;"
    code += "print([m for m in ('torch', 'lightgbm', 'librosa', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_help_is_there_at_once():
    """Neither the commands nor their help load what only running them takes."""
    code = "import sys; from click.testing import CliRunner; from hybrid.cli import cli;"
    code += "assert all(CliRunner().invoke(cli, [name, '--help']).exit_code == 0 for name in cli.commands);"
    code += "print([m for m in ('torch', 'numpy', 'lightgbm', 'matplotlib', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_every_op_has_an_emitter_and_a_test():
    import codegen.emit  # noqa: F401
    from codegen.emit.base import EMITTERS
    from feature_extractors.ops.base import REGISTRY

    computed = {name for name, op in REGISTRY.items() if op.family != "source"}
    assert computed == set(EMITTERS)
    text = "".join(p.read_text("utf-8") for p in (ROOT / "tests").rglob("*.py"))
    missing = [op.__name__ for op in REGISTRY.values() if op.__name__ not in text and op.name not in text]
    assert not missing
