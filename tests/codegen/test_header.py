"""The generated header as a C programmer meets it."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from codegen.artifacts import test_vectors as vectors_text
from codegen.artifacts import write_code
from codegen.header import c_string, header
from codegen.host import WARNINGS, CompilerError, compile_c, find_compiler
from codegen.interpret import run
from codegen.runtime import runtime_header
from tests.compilers import COMPILERS
from tests.random_plans import deep_plan, random_plan

USER = """\
#define RND_IMPLEMENTATION
#include "rnd.h"
rnd_context ctx;
int32_t decide(const int16_t *pcm);
int32_t decide(const int16_t *pcm) { return rnd_classify(&ctx, pcm).label; }
"""


@pytest.fixture
def folder(tmp_path):
    plan, pcm = random_plan(11)
    write_code(plan, tmp_path)
    chosen = [0, 3, 5]
    (tmp_path / "rnd_vectors.h").write_text(vectors_text(plan, pcm, run(plan, pcm), chosen))
    (tmp_path / "user.c").write_text(USER)
    return tmp_path


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("language", [["-std=c99"], ["-x", "c++", "-std=c++11"]])
def test_the_header_is_clean_under_warnings_as_errors(folder, compiler, language):
    flags = [w for w in WARNINGS if language[0] == "-std=c99" or w != "-Wstrict-prototypes"]
    compile_c([folder / "user.c"], folder / "user.o", ["-c", "-O2", *language, *flags], compiler)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_example_builds_alone_and_agrees_with_the_vectors(folder, compiler):
    empty = folder / "empty"
    empty.mkdir()
    for name in ("rnd.h", "hyb_runtime.h", "example_main.c", "rnd_vectors.h"):
        shutil.copy(folder / name, empty)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-DRND_SELF_TEST"]
    compile_c([empty / "example_main.c"], empty / "example", flags, compiler)
    done = subprocess.run([empty / "example"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "self test: all 3 vectors agree\n")


def test_another_runtime_version_is_an_error_that_names_the_remedy(folder):
    runtime = folder / "hyb_runtime.h"
    runtime.write_text(runtime.read_text().replace("#define HYB_RUNTIME_API 3", "#define HYB_RUNTIME_API 1"))
    with pytest.raises(CompilerError, match="regenerate the model"):
        compile_c([folder / "user.c"], folder / "user.o", ["-c", "-std=c99"])


@pytest.mark.parametrize("setting", ["RND_EAGER", "HYB_TRACE"])
def test_files_that_expect_another_context_do_not_link(folder, setting):
    """One file's context would be too small for the other's functions."""
    main = "int main(void) { static rnd_context ctx; rnd_init(&ctx); return 0; }"
    (folder / "main.c").write_text(f'#define {setting}\n#include "rnd.h"\n{main}\n')
    with pytest.raises(CompilerError):
        compile_c([folder / "main.c", folder / "user.c"], folder / "main", ["-std=c99"])
    (folder / "user.c").write_text(f"#define {setting}\n{USER}")
    compile_c([folder / "main.c", folder / "user.c"], folder / "main", ["-std=c99"])


@pytest.mark.parametrize("stream", [False, True])
def test_no_malloc_no_floating_point_no_libm(folder, stream):
    """Undefined symbols of the Cortex-M0+ object: memory moves and integer helpers only, and no double in sight."""
    if stream:
        plan, _ = deep_plan(0)
        write_code(plan, folder)
        (folder / "user.c").write_text('#define DEEP_IMPLEMENTATION\n#define DEEP_STREAM\n#include "deep.h"\n')
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "thumb-freestanding-eabi", "-mcpu=cortex_m0plus"]
    (folder / "string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\nvoid *memset(void *, int, size_t);\n"
        "void *memmove(void *, const void *, size_t);\n"
    )
    target = folder / "user.o"
    subprocess.run([*command, "-O2", "-c", "-I", folder, "-o", target, folder / "user.c"], check=True)
    from elftools.elf.elffile import ELFFile

    with target.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        missing = {s.name for s in table.iter_symbols() if s["st_shndx"] == "SHN_UNDEF" and s.name}
    allowed = {"memcpy", "memset", "memmove", "__aeabi_memcpy", "__aeabi_memcpy4", "__aeabi_memset", "__aeabi_memclr",
               "__aeabi_memclr4", "__aeabi_memclr8", "__aeabi_memset4", "__aeabi_memset8", "__aeabi_memcpy8",
               "__aeabi_idiv", "__aeabi_uidiv", "__aeabi_idivmod", "__aeabi_uidivmod", "__aeabi_lmul", "__aeabi_lasr",
               "__aeabi_llsl", "__aeabi_llsr"}  # fmt: skip
    missing = {name for name in missing if not name.startswith("__aeabi_unwind")}  # exception tables, not code
    assert missing <= allowed, missing - allowed


def test_the_header_has_no_word_of_floating_point_or_allocation(folder):
    text = (folder / "rnd.h").read_text() + (folder / "hyb_runtime.h").read_text()
    for word in ("malloc(", "float ", "double ", "printf", "<math.h>"):
        assert word not in text, word


def test_same_plan_same_bytes_whatever_the_hash_seed():
    code = "from tests.random_plans import deep_plan, random_plan; from codegen.header import header; import hashlib;"
    code += "print(hashlib.sha256(header(random_plan(4)[0]).encode()).hexdigest())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1


def test_size_grows_with_maps_and_nodes_not_with_tiles():
    """A window ten times as long has ten times the tiles; its header may differ in digits only."""
    from tests.codegen.test_laziness import chain

    short, long = chain(samples=16), chain(samples=160)
    assert long.graph["avg"].grid.size == 10 * short.graph["avg"].grid.size
    texts = [header(plan).replace("uint8_t before[", "[") for plan in (long, short)]
    texts = [re.sub(r"\[\d+\]; (?=\w+ x\[|HYB_SCRATCH)", "", text) for text in texts]  # the first block has none before
    texts = [re.sub(r"(model chain )[0-9a-f]{16}", r"\1", text) for text in texts]  # the hash that a dump names
    assert re.sub(r"\d+", "N", texts[0]) == re.sub(r"\d+", "N", texts[1])


def test_labels_are_safe_string_literals(tmp_path):
    hostile = 'a"b\\c??/\n%s ü */'
    body = f"int main(void) {{ fputs({c_string(hostile)}, stdout); return 0; }}"
    (tmp_path / "s.c").write_text(f"#include <stdio.h>\n{body}\n")
    compile_c([tmp_path / "s.c"], tmp_path / "s", ["-std=c99", "-trigraphs"])
    assert subprocess.run([tmp_path / "s"], capture_output=True, check=True).stdout == hostile.encode()


@pytest.mark.parametrize("name", ["no-such-compiler", "'", " "])
def test_a_missing_compiler_is_named(name, monkeypatch):
    monkeypatch.setenv("HYBRID_CC", name)
    with pytest.raises(CompilerError, match=f"compiler {re.escape(repr(name))}"):
        find_compiler()


def test_the_runtime_header_stands_alone():
    text = runtime_header()
    assert '#include "' not in text
    assert text.count("#define HYB_RUNTIME_API") == 1
