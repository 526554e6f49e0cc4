"""The contract reference says what the proto says."""

import contract
from pages import ROOT


def test_the_reference_is_made_from_the_proto_as_it_is():
    expected = contract.page()
    made = ROOT / "target" / "contract.md"
    made.parent.mkdir(exist_ok=True)
    made.write_text(expected, encoding="utf-8")
    committed = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    assert committed == expected, "docs/contract.md is not what proto/playlist/v1/playlist.proto says; do `cp target/contract.md docs/contract.md`"
