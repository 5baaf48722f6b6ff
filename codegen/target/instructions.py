"""Which instructions each architecture has, and a check that an image holds no others: the emulator lets some pass.

Lists: Armv6-M, Armv7-M and Armv8-M Architecture Reference Manuals (Arm DDI 0419, DDI 0403, DDI 0553), chapter
"Thumb instruction details". Coprocessor and floating-point instructions are in none: models are built without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codegen.target.cores import Core, TargetError
from codegen.target.image import Image

V6M_WIDE = frozenset(["bl", "msr", "mrs", "dmb", "dsb", "isb", "udf"])
"""The only 32-bit instructions of Armv6-M."""
V6M_NOT = frozenset(["cbz", "cbnz", "it", "setend"])
"""16-bit Thumb instructions that Armv6-M lacks."""
_V6M_TEXT = """
adc add adr and asr b bic bkpt bl blx bx cmn cmp cps dmb dsb eor hint isb ldm ldr ldrb ldrh ldrsb ldrsh lsl lsr mov
movs mrs msr mul mvn neg nop orr pop push rev rev16 revsh ror rsb sbc sev stm str strb strh sub svc sxtb sxth tst udf
uxtb uxth wfe wfi yield
"""
V6M = frozenset(_V6M_TEXT.split())
_V7M_TEXT = """
addw bfc bfi cbnz cbz clrex clz csdb dbg it ldmdb ldrbt ldrd ldrex ldrexb ldrexh ldrht ldrsbt ldrsht ldrt mla mls movt
movw orn pld pli rbit rrx sbfx sdiv smlal smull ssat ssbb pssbb stmdb strbt strd strex strexb strexh strht strt subw
tbb tbh teq ubfx udiv umlal umull usat
"""
V7M = V6M | frozenset(_V7M_TEXT.split())
_DSP_TEXT = """
pkhbt pkhtb qadd qadd16 qadd8 qasx qdadd qdsub qsax qsub qsub16 qsub8 sadd16 sadd8 sasx sel shadd16 shadd8 shasx shsax
shsub16 shsub8 smlabb smlabt smlatb smlatt smlad smladx smlalbb smlalbt smlaltb smlaltt smlald smlaldx smlawb smlawt
smlsd smlsdx smlsld smlsldx smmla smmlar smmls smmlsr smmul smmulr smuad smuadx smulbb smulbt smultb smultt smulwb
smulwt smusd smusdx ssat16 ssax ssub16 ssub8 sxtab sxtab16 sxtah sxtb16 uadd16 uadd8 uasx uhadd16 uhadd8 uhasx uhsax
uhsub16 uhsub8 umaal uqadd16 uqadd8 uqasx uqsax uqsub16 uqsub8 usad8 usada8 usat16 usax usub16 usub8 uxtab uxtab16
uxtah uxtb16
"""
DSP = frozenset(_DSP_TEXT.split())
_V8M_TEXT = "bxns blxns lda ldab ldah ldaex ldaexb ldaexh sg stl stlb stlh stlex stlexb stlexh tt tta ttat ttt"
V8M = V7M | frozenset(_V8M_TEXT.split())
ALLOWED = {"v6-m": V6M, "v7-m": V7M, "v7e-m": V7M | DSP, "v8-m.main": V8M}


def disassembled(image: Image) -> Iterator[Any]:
    """Every instruction of the code, as capstone shows it with details, data left out. Raises TargetError."""
    try:
        import capstone
    except ImportError:
        raise TargetError("reading machine code needs capstone: pip install 'hybrid[device]'") from None
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8)
    decoder.detail = True
    for first, end in _code_ranges(image):
        at = first
        for found in decoder.disasm(image.code[first - image.code_base : end - image.code_base], first):
            yield found
            at = found.address + found.size
        if end - at >= 2:
            raise TargetError(f"{image.place(at)} ({at:#x}) is no Thumb instruction")


def _code_ranges(image: Image) -> Iterator[tuple[int, int]]:
    at = image.code_base
    for first, end in image.data_ranges:
        if first > at:
            yield at, first
        at = end
    if at < image.code_base + len(image.code):
        yield at, image.code_base + len(image.code)


def name_of(instruction: Any) -> str:
    """The instruction's name without condition, flags and width: 'add' for 'addseq.w'."""
    return str(instruction.insn_name())


def is_allowed(instruction: Any, core: Core) -> bool:
    """Whether the core has this instruction."""
    name = name_of(instruction)
    if core.architecture == "v6-m":
        return name in (V6M_WIDE if instruction.size == 4 else V6M) and name not in V6M_NOT
    return name in ALLOWED[core.architecture] or (core.dsp and name in DSP)


def check(image: Image, core: Core) -> int:
    """Raise TargetError, naming the first place, if the image holds an instruction that the core lacks.

    Returns the number of instructions looked at.
    """
    seen, outside = 0, []
    for found in disassembled(image):
        seen += 1
        if not is_allowed(found, core):
            outside.append(f"{found.mnemonic} {found.op_str} at {found.address:#x} ({image.place(found.address)})")
    if outside:
        raise TargetError(
            f"{len(outside)} instructions are not of {core.name} ({core.architecture}), first {outside[0]}: "
            f"build for this core"
        )
    return seen
