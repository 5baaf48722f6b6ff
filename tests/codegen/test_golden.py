"""The generated C of a small plan, byte for byte. `pytest --update-golden` rewrites it; look at the difference."""

from pathlib import Path

from codegen.header import header
from tests.codegen.test_laziness import chain

GOLDEN = Path(__file__).parent / "golden" / "chain.h"


def test_the_header_of_the_chain_is_the_golden_one(request):
    text = header(chain())
    if request.config.getoption("--update-golden"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text("utf-8") == text
