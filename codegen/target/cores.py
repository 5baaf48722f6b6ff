"""The Cortex-M cores that models are built for and measured on."""

from __future__ import annotations

from dataclasses import dataclass


class TargetError(RuntimeError):
    """A core, compiler or image that cannot be used. The message says which and what to do."""


@dataclass(frozen=True)
class Core:
    """One core, always with soft float: the generated C has no floating point."""

    name: str
    architecture: str
    """'v6-m', 'v7-m', 'v7e-m' or 'v8-m.main': which instructions there are."""
    dsp: bool
    """Whether it has the DSP extension (`__ARM_FEATURE_DSP`)."""
    unaligned: bool
    """Whether loads and stores may be unaligned."""
    model: str
    """The emulator's name for it: UC_CPU_ARM_<model>."""

    @property
    def gcc_flags(self) -> tuple[str, ...]:
        """What arm-none-eabi-gcc needs to know."""
        return (f"-mcpu={self.name}", "-mthumb", "-mfloat-abi=soft")

    @property
    def zig_flags(self) -> tuple[str, ...]:
        """What `zig cc` needs to know."""
        # clang takes an M33 to lack its optional DSP extension, gcc takes it to have it: as the core here says
        dsp = "+dsp" if self.dsp and self.architecture == "v8-m.main" else ""
        return ("-target", "thumb-freestanding-eabi", f"-mcpu={self.name.replace('-', '_')}{dsp}")


CORES = {
    core.name: core
    for core in (
        Core("cortex-m0plus", "v6-m", dsp=False, unaligned=False, model="CORTEX_M0"),
        Core("cortex-m3", "v7-m", dsp=False, unaligned=True, model="CORTEX_M3"),
        Core("cortex-m4", "v7e-m", dsp=True, unaligned=True, model="CORTEX_M4"),
        Core("cortex-m7", "v7e-m", dsp=True, unaligned=True, model="CORTEX_M7"),
        Core("cortex-m33", "v8-m.main", dsp=True, unaligned=True, model="CORTEX_M33"),
    )
}


def find_core(name: str) -> Core:
    """The core of a name. Raises TargetError naming the cores there are."""
    try:
        return CORES[name]
    except KeyError:
        raise TargetError(f"core {name!r} is unknown: choose from {', '.join(CORES)}") from None
