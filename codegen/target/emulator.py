"""An emulated core in this process (the `unicorn` wheel) that counts exactly what it executes.

Counting is done by two small C hooks, compiled for this machine: a Python function per block would be a hundred times
slower. A conditional instruction whose condition fails counts, as in qemu. The emulated Cortex-M0 traps unaligned
access and 32-bit instructions that it lacks by itself; what other cores lack, `instructions.check` finds.
"""

from __future__ import annotations

import ctypes
import functools
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from codegen.host import compile_c
from codegen.target.cores import Core, TargetError
from codegen.target.cross import FLASH, FLASH_BYTES, RAM, RAM_BYTES
from codegen.target.image import Image

EXIT = FLASH + FLASH_BYTES - 16
STACK_TOP = RAM + RAM_BYTES - 64
STACK_BYTES = 64 * 1024
PATTERN = 0xA5
PAGE = 4096
FRAMES = 256
MOST = 4_000_000_000
"""Instructions after which a call is taken to hang."""


class _Frame(ctypes.Structure):
    _fields_ = [
        ("back", ctypes.c_uint32), ("sp", ctypes.c_uint32),
        ("track", ctypes.c_int32), ("row", ctypes.c_int32), ("column", ctypes.c_int32),
    ]  # fmt: skip


class _Counter(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_void_p), ("base", ctypes.c_uint32), ("halfwords", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("executed", ctypes.c_void_p), ("track", ctypes.c_void_p), ("rows", ctypes.c_void_p),
        ("columns", ctypes.c_void_p), ("calls", ctypes.c_void_p), ("table", ctypes.c_void_p),
        ("width", ctypes.c_int32), ("depth", ctypes.c_int32), ("sp_id", ctypes.c_int32), ("lr_id", ctypes.c_int32),
        ("last", ctypes.c_uint32), ("end", ctypes.c_uint32), ("taken", ctypes.c_void_p), ("limit", ctypes.c_uint64),
        ("reg", ctypes.c_void_p), ("stop", ctypes.c_void_p), ("overflow", ctypes.c_int32),
        ("paused", ctypes.c_int32),
        ("frames", _Frame * FRAMES),
    ]  # fmt: skip


@functools.cache
def _hooks() -> ctypes.CDLL:
    """The C hooks, compiled for this machine."""
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        source, library = Path(scratch) / "counter.c", Path(scratch) / "counter.so"
        source.write_text((files("codegen") / "target" / "counter.c").read_text("utf-8"), encoding="utf-8")
        compile_c([source], library, ["-std=c99", "-O2", "-shared", "-fPIC"])
        return ctypes.CDLL(str(library))


class Emulator:
    """One image loaded on one core. `call` runs a function; counts add up until `reset`.

    executed, taken: per halfword of the code, how often the instruction that begins there ran, and how often another
    than the next one followed it.

    rows, columns: names of functions whose instructions are told apart, callees included, in a table
    (1 + rows, 1 + columns); row and column 0 stand for everything else. Raises TargetError without `unicorn`.
    """

    def __init__(self, image: Image, core: Core, rows: Sequence[str] = (), columns: Sequence[str] = ()) -> None:
        self.image, self.core = image, core
        self._load()
        self._count(rows, columns)

    def _load(self) -> None:
        try:
            import unicorn
            from unicorn import arm_const
            from unicorn.unicorn_py3 import unicorn as binding
        except ImportError:
            raise TargetError("emulated cores need unicorn: pip install 'hybrid[device]'") from None
        self._arm, self._failure, self._library = arm_const, unicorn.UcError, binding.uclib
        # not UC_MODE_MCLASS: with it unicorn takes its Cortex-M33, whatever model is named
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        self._uc.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{self.core.model}"))
        self._exception = unicorn.UC_ERR_EXCEPTION
        self._map()
        self._block_hook = unicorn.UC_HOOK_BLOCK
        self._paint_stack()

    def _map(self) -> None:
        """Flash, RAM, and pages for segments that lie elsewhere; then the segments' bytes."""
        regions = [(FLASH, FLASH + FLASH_BYTES), (RAM, RAM + RAM_BYTES)]
        elsewhere = set()
        for address, content in self.image.segments:
            if not any(low <= address and address + len(content) <= high for low, high in regions):
                elsewhere |= set(range(address // PAGE, (address + len(content) - 1) // PAGE + 1))
        try:
            for low, high in regions + [(page * PAGE, (page + 1) * PAGE) for page in sorted(elsewhere)]:
                self._uc.mem_map(low, high - low)
            for address, content in self.image.segments:
                self._uc.mem_write(address, content)
        except self._failure as error:
            raise TargetError(f"the image does not fit the emulated memory ({error})") from None

    def _count(self, rows: Sequence[str], columns: Sequence[str]) -> None:
        code = np.frombuffer(self.image.code + b"\0\0\0\0", dtype="<u2").copy()
        track = np.full(len(code), -1, dtype=np.int32)
        names = [*rows, *columns]
        for number, name in enumerate(names):
            for symbol in self.image.variants(name):
                track[(symbol.address - self.image.code_base) // 2] = number
        of_row = np.array([i + 1 for i in range(len(rows))] + [-1] * len(columns) + [-1], dtype=np.int32)
        of_column = np.array([-1] * len(rows) + [i + 1 for i in range(len(columns))] + [-1], dtype=np.int32)
        self.executed, self.taken = (np.zeros(len(code), dtype=np.uint64) for _ in range(2))
        self.calls = np.zeros(len(names) + 1, dtype=np.uint64)
        self.table = np.zeros((len(rows) + 1, len(columns) + 1), dtype=np.uint64)
        self._kept = (code, track, of_row, of_column)
        pointer = [a.ctypes.data for a in (self.executed, track, of_row, of_column, self.calls, self.table)]
        reg, stop = (ctypes.cast(getattr(self._library, f), ctypes.c_void_p) for f in ("uc_reg_read", "uc_emu_stop"))
        self._state = _Counter(
            code.ctypes.data, self.image.code_base, len(self.image.code) // 2, 0, *pointer,
            len(columns) + 1, 0, self._arm.UC_ARM_REG_SP, self._arm.UC_ARM_REG_LR, 0, 0, self.taken.ctypes.data, MOST,
            reg, stop,
        )  # fmt: skip
        self._hook(self._block_hook, "hyb_count_block")

    def _hook(self, kind: int, function: str) -> None:
        handle, address = ctypes.c_size_t(0), ctypes.cast(getattr(_hooks(), function), ctypes.c_void_p)
        add = self._library.uc_hook_add
        code = add(
            self._uc._uch, ctypes.byref(handle), kind, address, ctypes.byref(self._state),
            ctypes.c_uint64(1), ctypes.c_uint64(0),
        )  # fmt: skip
        if code:
            raise TargetError(f"the emulator refuses the hook {function} (error {code})")

    def _paint_stack(self) -> None:
        self._uc.mem_write(STACK_TOP - STACK_BYTES, bytes([PATTERN]) * STACK_BYTES)

    @property
    def total(self) -> int:
        """Instructions executed since the last reset."""
        return int(self._state.total)

    def reset(self) -> None:
        """Set all counts to zero and forget the stack's high-water mark."""
        self._state.total = 0
        for counts in (self.executed, self.taken, self.calls, self.table):
            counts[:] = 0
        self._paint_stack()

    def pause(self) -> None:
        """Stop counting, until `resume`."""
        self._state.paused = 1

    def resume(self) -> None:
        """Count again."""
        self._state.paused = 0

    def address(self, symbol: str) -> int:
        """The address of a symbol. Raises TargetError."""
        try:
            return self.image.symbols[symbol].address
        except KeyError:
            raise TargetError(f"the image has no symbol {symbol}") from None

    def write(self, where: str | int, content: bytes | np.ndarray) -> None:
        """Write bytes, or an array's, at a symbol or address."""
        data = content.tobytes() if isinstance(content, np.ndarray) else content
        self._uc.mem_write(self.address(where) if isinstance(where, str) else where, data)

    def read(self, where: str | int, size: int) -> bytes:
        """Read bytes at a symbol or address."""
        return bytes(self._uc.mem_read(self.address(where) if isinstance(where, str) else where, size))

    def call(self, function: str, *arguments: int) -> int:
        """Run a function of up to four word arguments to its return; its result (r0, signed).

        Raises TargetError for an access outside memory, one that the core traps (unaligned, or an instruction that it
        lacks), or a hang.
        """
        arm, uc = self._arm, self._uc
        for register, value in zip((arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3),
                                   arguments, strict=False):  # fmt: skip
            uc.reg_write(register, value & 0xFFFFFFFF)
        uc.reg_write(arm.UC_ARM_REG_SP, STACK_TOP)
        uc.reg_write(arm.UC_ARM_REG_LR, EXIT | 1)
        self._state.depth = self._state.end = 0
        self._state.limit = self._state.total + MOST
        try:
            uc.emu_start(self.address(function) | 1, EXIT)
        except self._failure as error:
            raise TargetError(self._told(function, error)) from None
        if self._state.total > self._state.limit:
            raise TargetError(f"{function} has not returned after {MOST:,} instructions on the {self.core.name}")
        if self._state.end:
            self.taken[self._state.last] += np.uint64(1)  # the return to here
        if self._state.overflow:
            raise TargetError(f"{function}: more than {FRAMES} of the counted functions call each other")
        result = uc.reg_read(arm.UC_ARM_REG_R0)
        return result - (1 << 32) if result >= 1 << 31 else result

    def _told(self, function: str, error: Exception) -> str:
        """What went wrong and where."""
        place = self.image.place(self._uc.reg_read(self._arm.UC_ARM_REG_PC))
        reason = str(error)
        if getattr(error, "errno", None) == self._exception:
            reason = "a fault" if self.core.unaligned else "an unaligned access, which this core does not have"
        return f"{function} failed on the emulated {self.core.name} at {place}: {reason}"

    @property
    def stack_used(self) -> int:
        """Bytes of stack touched since the last reset: the high-water mark."""
        content = np.frombuffer(self.read(STACK_TOP - STACK_BYTES, STACK_BYTES), dtype=np.uint8)
        touched = np.flatnonzero(content != PATTERN)
        return STACK_BYTES - int(touched[0]) if len(touched) else 0

    def by_function(self) -> dict[str, int]:
        """Instructions executed in each function itself, callees left out; the most first."""
        found = {}
        for symbol in self.image.functions:
            first = (symbol.address - self.image.code_base) // 2
            found[symbol.name] = int(self.executed[first : first + max(1, symbol.size // 2)].sum())
        return dict(sorted(((n, c) for n, c in found.items() if c), key=lambda pair: (-pair[1], pair[0])))
