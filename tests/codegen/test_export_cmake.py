"""The exported CMake library, configured and built: installed and found, fetched, and for a Cortex-M4."""

import shutil
import subprocess

import pytest

from codegen.artifacts import write_test_vectors
from codegen.export import export
from codegen.interpret import run
from tests.random_plans import random_plan

USER = """\
#include "rnd_stream.h"
#include "rnd_vectors.h"
#include <stdio.h>
static rnd_context ctx;
int main(void) {
  rnd_init(&ctx);
  printf("%d of %d\\n", rnd_self_test(&ctx), RND_VECTORS);
  return 0;
}
"""
FIND = """\
cmake_minimum_required(VERSION 3.16)
project(user C)
find_package(rnd 1.2 CONFIG REQUIRED)
add_executable(user user.c)
target_link_libraries(user PRIVATE rnd::rnd)
"""
FETCH = """\
cmake_minimum_required(VERSION 3.16)
project(user C)
include(FetchContent)
FetchContent_Declare(rnd SOURCE_DIR {library})
FetchContent_MakeAvailable(rnd)
add_executable(user user.c)
target_link_libraries(user PRIVATE rnd::rnd)
install(TARGETS user DESTINATION bin)
"""

pytestmark = pytest.mark.skipif(
    shutil.which("cmake") is None, reason="NOT CHECKED: cmake was not found (Debian: cmake; or pip install cmake ninja)"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "rnd"
    folder.mkdir()
    export(random_plan(11)[0], "cmake", folder, "1.2.3")
    return folder


@pytest.fixture
def user(tmp_path):
    """A project that uses the library and checks its answers."""
    plan, pcm = random_plan(11)
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "user.c").write_text(USER)
    write_test_vectors(plan, pcm, run(plan, pcm), folder)
    return folder


def cmake(*args):
    done = subprocess.run(["cmake", *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{args}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"


def built_user(folder, *options):
    cmake("-S", folder, "-B", folder / "build", *options)
    cmake("--build", folder / "build")
    return subprocess.run([folder / "build" / "user"], capture_output=True, text=True, check=True).stdout


def test_it_is_installed_and_found(library, user, tmp_path):
    cmake("-S", library, "-B", tmp_path / "build")
    cmake("--build", tmp_path / "build")
    assert (tmp_path / "build" / "examples" / "pc" / "rnd_example").is_file()
    cmake("--install", tmp_path / "build", "--prefix", tmp_path / "installed")
    (user / "CMakeLists.txt").write_text(FIND)
    assert built_user(user, f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}").startswith("0 of ")


def test_it_is_fetched_and_installs_nothing_of_its_own(library, user, tmp_path):
    (user / "CMakeLists.txt").write_text(FETCH.format(library=library.as_posix()))
    assert built_user(user).startswith("0 of ")
    cmake("--install", user / "build", "--prefix", tmp_path / "installed")
    assert [p.name for p in (tmp_path / "installed").rglob("*") if p.is_file()] == ["user"]


def test_it_is_built_for_a_cortex_m4_by_its_own_toolchain_file(library, tmp_path):
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("NOT CHECKED: arm-none-eabi-gcc was not found (Debian: gcc-arm-none-eabi, libnewlib-arm-none-eabi)")
    from elftools.elf.elffile import ELFFile

    cmake("-S", library, "-B", tmp_path / "m4", "--toolchain", library / "cmake" / "arm-none-eabi.cmake")
    cmake("--build", tmp_path / "m4")
    with (tmp_path / "m4" / "examples" / "nucleo_l476rg" / "rnd_nucleo.elf").open("rb") as stream:
        elf = ELFFile(stream)
        assert elf["e_machine"] == "EM_ARM" and elf["e_entry"] > 0x08000000


def test_without_the_compiler_the_toolchain_file_names_the_package(library, tmp_path, monkeypatch):
    program = shutil.which("cmake")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    command = [program, "-S", library, "-B", tmp_path / "m4", "--toolchain", library / "cmake" / "arm-none-eabi.cmake",
               "-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF"]  # fmt: skip
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "Debian: gcc-arm-none-eabi" in done.stderr, done.stderr
