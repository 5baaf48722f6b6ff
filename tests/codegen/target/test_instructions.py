"""Instructions outside a core are found, data among the code is not taken for them."""

from __future__ import annotations

import sys

import pytest

from codegen.target.cores import CORES, TargetError, find_core
from codegen.target.instructions import check, disassembled, is_allowed
from tests.codegen.target.assembly import naked

SMLAD = naked("multiply", "smlad r0, r0, r1, r0\nbx lr")
DIVIDE = naked("divide", "udiv r0, r0, r1\nbx lr")
FLOAT = naked("add", ".inst.w 0xee300a20\nbx lr")
ACQUIRE = naked("acquire", "lda r0, [r0]\nbx lr")
SKIP = naked("skip", "cmp r0, #0\nit eq\nmoveq r0, #1\nbx lr")
BRANCH = naked("branch", "cbz r0, 1f\nmovs r0, #1\n1: bx lr")
# the literal is the SMLAD above, read as data
LITERAL = naked("literal", "ldr r0, 1f\nbx lr\n.balign 4\n1: .word 0xf101fb20")


@pytest.mark.parametrize(
    ("source", "built_for", "named", "what"),
    [
        (SMLAD, "cortex-m4", "cortex-m3", "smlad"),
        (SMLAD, "cortex-m4", "cortex-m0plus", "smlad"),
        (DIVIDE, "cortex-m3", "cortex-m0plus", "udiv"),
        (SKIP, "cortex-m3", "cortex-m0plus", "it"),
        (BRANCH, "cortex-m3", "cortex-m0plus", "cbz"),
        (FLOAT, "cortex-m4", "cortex-m4", "vadd"),
        (FLOAT, "cortex-m4", "cortex-m33", "vadd"),
        (ACQUIRE, "cortex-m33", "cortex-m7", "lda"),
    ],
)
def test_an_instruction_outside_the_named_core_is_refused(linked, source, built_for, named, what) -> None:
    image = linked(source, built_for)
    with pytest.raises(TargetError, match=rf"1 instructions are not of {named} .*first {what}"):
        check(image, find_core(named))


@pytest.mark.parametrize("core", CORES)
def test_code_built_for_a_core_passes(linked, core: str) -> None:
    """The runtime libraries that the compiler links, too."""
    source = "ENTRY int64_t f(int64_t a, int64_t b);\nint64_t f(int64_t a, int64_t b) { return a / b + (a >> b); }\n"
    assert check(linked(source, core), find_core(core)) > 50


def test_dsp_instructions_pass_where_the_core_has_them(linked) -> None:
    image = linked(SMLAD, "cortex-m4")
    for name in ("cortex-m4", "cortex-m7", "cortex-m33"):
        assert check(image, find_core(name)) == 2


def test_a_literal_that_looks_like_a_foreign_instruction_is_data(linked) -> None:
    image = linked(LITERAL, "cortex-m3")
    assert image.data_ranges
    assert [i.mnemonic.split(".")[0] for i in disassembled(image)] == ["ldr", "bx"]
    check(image, find_core("cortex-m0plus"))


def test_without_capstone_one_line_names_the_remedy(linked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "capstone", None)
    with pytest.raises(TargetError, match=r"needs capstone: pip install 'hybrid\[device\]'"):
        check(linked(SMLAD, "cortex-m4"), find_core("cortex-m4"))


def test_v6m_takes_16_bit_instructions_and_few_others(linked) -> None:
    core = find_core("cortex-m0plus")
    image = linked(naked("f", "dmb\nmrs r0, primask\nmovs r0, #1\nadds r0, r0, r1\nbl f\nbx lr"), "cortex-m0plus")
    assert all(is_allowed(i, core) for i in disassembled(image))
    wide = linked(naked("f", "movw r0, #1000\nadd.w r0, r0, #1\nbx lr"), "cortex-m3")
    assert [is_allowed(i, core) for i in disassembled(wide)] == [False, False, True]
