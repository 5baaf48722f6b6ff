"""LightGBM on a machine without the system's libgomp: hidden here from the loader by an audit library."""

import os
import subprocess
import sys

import pytest

from codegen.host import compile_c

HIDE = """\
#define _GNU_SOURCE
#include <link.h>
#include <string.h>
unsigned int la_version(unsigned int version) { (void)version; return LAV_CURRENT; }
char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag) {
  (void)cookie;
  if (flag != LA_SER_ORIG && strstr(name, "libgomp.so.1") != 0 && strstr(name, "torch") == 0) return 0;
  if (flag == LA_SER_ORIG && name[0] == '/' && strstr(name, "libgomp") != 0 && strstr(name, "site-packages") == 0)
    return 0;
  return (char *)name;
}
"""
CODE = """\
import ctypes, sys
try:
    ctypes.CDLL("libgomp.so.1")
    sys.exit("libgomp was not hidden")
except OSError:
    pass
{before}
from tree_backends.lightgbm import load_lightgbm
print(load_lightgbm().__version__)
"""


@pytest.fixture
def hidden(tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("hiding a library needs the GNU loader")
    (tmp_path / "hide.c").write_text(HIDE)
    try:
        compile_c([tmp_path / "hide.c"], tmp_path / "hide.so", ["-shared", "-fPIC"])
    except RuntimeError as error:
        pytest.skip(f"no audit library: {error}")
    return {**os.environ, "LD_AUDIT": str(tmp_path / "hide.so"), "PYTHONPATH": os.getcwd()}


def run(before, environment):
    command = [sys.executable, "-c", CODE.format(before=before)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_copy_in_the_torch_wheel_is_used(hidden):
    done = run("", hidden)
    assert done.returncode == 0, done.stderr[-800:]


def test_without_any_copy_the_remedy_is_named(hidden):
    before = "import tree_backends.lightgbm as m; m._bundled_libgomp = lambda: []"
    done = run(before, hidden)
    assert "apt install libgomp1" in done.stderr, done.stderr[-800:]
