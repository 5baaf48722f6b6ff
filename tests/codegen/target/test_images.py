"""Linking, reading and sizing images; what is missing or damaged is told in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from codegen.target import cross
from codegen.target.cores import TargetError, find_core
from codegen.target.image import read_image
from codegen.target.size import REST, size_of
from tests.codegen.target.assembly import naked

PLAIN = naked("f", "bx lr")
TABLE = "static const char table[1000] = {1};\nENTRY const char *g(void);\nconst char *g(void) { return table; }\n"


def test_an_unknown_core_names_those_there_are() -> None:
    with pytest.raises(TargetError, match="core 'cortex-m5' is unknown: choose from cortex-m0plus, cortex-m3"):
        find_core("cortex-m5")


def test_gcc_is_taken_where_it_is_and_zig_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert cross.find_cross() == cross.GCC and cross.find_cross("zig") == "zig"
    monkeypatch.setattr(cross.shutil, "which", lambda name: None)
    assert cross.find_cross() == "zig"
    with pytest.raises(TargetError, match=r"was not found: install it .*or use --compiler zig"):
        cross.find_cross(cross.GCC)
    monkeypatch.setattr(cross.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TargetError, match="no cross compiler was found: pip install ziglang"):
        cross.find_cross()
    with pytest.raises(TargetError, match="'icc' is unknown: choose from arm-none-eabi-gcc, zig"):
        cross.find_cross("icc")


def test_a_refused_source_is_told_with_the_compilers_first_error(tmp_path: Path) -> None:
    (tmp_path / "bad.c").write_text("int f(void) { return nothing; }\n")
    with pytest.raises(TargetError, match=r"failed: .*nothing") as caught:
        cross.link([tmp_path / "bad.c"], tmp_path / "bad.elf", find_core("cortex-m4"), "zig")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_linked_program_is_refused(linked, tmp_path: Path) -> None:
    path = tmp_path / "program.elf"
    for content in (b"", b"\x7fELF", b"no ELF file at all" * 100, Path(sys.executable).read_bytes()):
        path.write_bytes(content)
        with pytest.raises(TargetError, match="is no linked ELF file"):
            read_image(path)


def test_a_truncated_program_is_refused_or_read_but_never_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "source.c").write_text("int f(void);\n__attribute__((section(\".entry\"))) int f(void) { return 1; }\n")
    path = tmp_path / "program.elf"
    cross.link([tmp_path / "source.c"], path, find_core("cortex-m4"), "zig")
    whole, refused = path.read_bytes(), 0
    for size in range(0, len(whole), max(1, len(whole) // 100)):
        path.write_bytes(whole[:size])
        try:
            read_image(path)
        except TargetError:
            refused += 1
    assert refused > 50


def test_flash_is_what_a_program_adds_to_an_empty_one(linked) -> None:
    empty, program = linked(PLAIN, "cortex-m4"), linked(PLAIN + TABLE, "cortex-m4")
    size = size_of(program, empty)
    assert size.by_symbol["table"] == 1000 == size.tables
    assert size.flash == sum(size.by_symbol.values()) and size.flash - 1000 == size.code + size.by_symbol.get(REST, 0)
    assert "f" not in size.by_symbol and 4 <= size.by_symbol["g"] <= 16
    assert size.static_ram == 0 and next(iter(size.by_symbol)) == "table"


def test_variables_take_ram_and_their_initial_values_flash(linked) -> None:
    source = "int zeros[100];\nint ones[50] = {1};\nENTRY int g(int i);\n" \
             "int g(int i) { return zeros[i]++ + ones[i]++; }\n"  # fmt: skip
    size = size_of(linked(PLAIN + source, "cortex-m4"), linked(PLAIN, "cortex-m4"))
    assert size.static_ram == 600 and 200 < size.flash < 300


def test_a_function_under_two_names_is_counted_once(linked) -> None:
    source = naked("g", "movs r0, #1\nbx lr") + 'int h(int a, int b) __attribute__((alias("g"), used));\n'
    size = size_of(linked(PLAIN + source, "cortex-m4"), linked(PLAIN, "cortex-m4"))
    assert size.by_symbol["g"] == 4 == size.code and "h" not in size.by_symbol and size.flash <= 6


def test_an_address_is_named_by_its_function(linked) -> None:
    image = linked(naked("f", "nop\nnop\nbx lr"), "cortex-m4")
    at = image.symbols["f"].address
    assert image.place(at + 2) == "f+0x2" and image.place(0x1234) == "0x1234"
    assert [s.name for s in image.variants("f")] == ["f"] and image.variants("g") == []
