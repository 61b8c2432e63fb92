"""Signed notes: RFC 8032's keys, what is refused, and Go's implementation as a judge of notes and of proofs."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.transparency.checkpoint import Checkpoint, checkpoint_of, verified
from ledger.audit.transparency.merkle import EMPTY, inclusion, leaf_hash
from ledger.audit.transparency.note import (
    ED25519,
    Signer,
    Verifier,
    new_signer,
    opened,
    signed_note,
    signer_of,
    verifier_of,
)
from ledger.audit.transparency.proof import Proof, proof_of
from ledger.errors import CheckpointInvalid, KeyUnusable
from tests.audit.roots import root_of
from tests.audit.test_merkle import NODES
from tests.waiting import PATIENCE

# RFC 8032, section 7.1, tests 1 to 3: seed, key, message, signature.
RFC_8032 = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
            "be24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
            "2aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716e"
            "d28dc027beceea1ec40a"
        ),
    ),
)
_QUICKLY = ("-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w")
"""Builds Go's library, where that was not yet, in two thirds of the processor time: it runs for milliseconds."""
SIGNER = Signer("ledger.example", bytes(range(32)))
OTHER = Signer("witness.example", bytes(32))
CHECKPOINT = Checkpoint("ledger.example/events-0", 7, leaf_hash(b"root"))
NOTE = CHECKPOINT.signed([SIGNER, OTHER]).encode()


@pytest.mark.parametrize(("seed", "key", "message", "signature"), RFC_8032)
def test_the_published_signatures(seed: str, key: str, message: str, signature: str) -> None:
    signer = Signer("rfc", bytes.fromhex(seed))
    assert signer.verifier.key.hex() == key
    assert signer.sign(bytes.fromhex(message)).hex() == signature
    assert signer.verifier.verifies(bytes.fromhex(message), bytes.fromhex(signature))
    assert not signer.verifier.verifies(bytes.fromhex(message) + b"\0", bytes.fromhex(signature))


def test_a_checkpoint_comes_back_as_it_was_signed() -> None:
    assert verified(NOTE, [SIGNER.verifier]) == CHECKPOINT
    assert opened(NOTE, [OTHER.verifier, SIGNER.verifier]).signed_by == ("ledger.example", "witness.example")


@given(st.integers(0, len(CHECKPOINT.text.encode()) - 1), st.integers(1, 255))
def test_no_other_text_passes(place: int, difference: int) -> None:
    changed = bytearray(NOTE)
    changed[place] ^= difference
    with pytest.raises(CheckpointInvalid):
        verified(bytes(changed), [SIGNER.verifier])


def test_signatures_of_others_are_passed_over_and_wrong_ones_of_a_trusted_key_are_not() -> None:
    stranger = Verifier("ledger.example", bytes(31) + b"\1")
    with pytest.raises(CheckpointInvalid, match="no key that is trusted"):
        opened(NOTE, [stranger])
    forged = signed_note(CHECKPOINT.text, [SIGNER]).replace("\n7\n", "\n8\n")
    with_a_good_one = (
        forged + signed_note(CHECKPOINT.text.replace("\n7\n", "\n8\n"), [OTHER]).rpartition("\n\n")[2]
    )
    with pytest.raises(CheckpointInvalid, match=r"the signature of ledger\.example"):
        opened(with_a_good_one.encode(), [OTHER.verifier, SIGNER.verifier])
    assert opened(with_a_good_one.encode(), [OTHER.verifier]).signed_by == ("witness.example",)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        b"text\n\nno signature\n",
        "text\n\n— ledger.example AAAA\n".encode(),
        "text\n\n— ledger.example ====\n".encode(),
        b"\xff\n\n\n",
        b"a\0b\n\n\n",
        b"x" * 1_000_001,
        NOTE[:-1],
        NOTE + b"\n",
        b"text\n\n" + NOTE.rpartition(b"\n\n")[2] * 51,
    ],
)
def test_what_is_no_note_is_refused(note: bytes) -> None:
    with pytest.raises(CheckpointInvalid):
        opened(note, [SIGNER.verifier])


ROOT = b64encode(EMPTY).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"o\n1\n{ROOT}\nmore\n",
        f"\n1\n{ROOT}\n",
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n1.0\n{ROOT}\n",
        f"o\n{10**18}\n{ROOT}\n",
        "o\n1\nAAAA\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{ROOT}",
        "o\n1\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(CheckpointInvalid):
        checkpoint_of(text)


def test_a_key_lies_in_a_private_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "key"
    signer = new_signer("ledger.example", bytes(range(32)), file)
    assert signer_of(file) == signer == SIGNER
    assert file.stat().st_mode & 0o777 == 0o600
    assert verifier_of(str(signer.verifier)) == signer.verifier
    assert SIGNER.to_text() not in repr(signer)
    with pytest.raises(KeyUnusable, match="exists"):
        new_signer("ledger.example", bytes(32), file)
    file.chmod(0o640)
    with pytest.raises(KeyUnusable, match="0640"):
        signer_of(file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ledger.example",
        "ledger.example+00000000+AAAA",
        str(SIGNER.verifier).replace("ledger", "lodger"),
        f"ledger.example+00000000+{b64encode(ED25519 + bytes(32)).decode()}",
        f"ledger.example+00000000+{b64encode(bytes(33)).decode()}",
        SIGNER.to_text(),
    ],
)
def test_what_is_no_key_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable):
        verifier_of(text)
    file = tmp_path / "key"
    file.write_text(text.replace("PRIVATE+KEY+", "PUBLIC+KEY+"))
    file.chmod(0o600)
    with pytest.raises(KeyUnusable):
        signer_of(file)


@pytest.mark.parametrize("name", ["", "with space", "with+plus", "n" * 201])
def test_a_name_that_a_note_cannot_hold(name: str, tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="no name"):
        new_signer(name, bytes(32), tmp_path / "key")


def a_proof(index: int, size: int) -> Proof:
    hashes = [NODES(0, number) for number in range(size)]
    note = Checkpoint("ledger.example/events-0", size, root_of(hashes)).signed([SIGNER]).encode()
    return Proof(index, tuple(inclusion(NODES, index, size)), note)


def test_a_proof_comes_back_from_its_file() -> None:
    proof = a_proof(3, 11)
    assert proof_of(proof.to_bytes()) == proof
    assert proof.check(NODES(0, 3), [SIGNER.verifier]).size == 11
    with pytest.raises(CheckpointInvalid, match="leaf 3"):
        proof.check(NODES(0, 4), [SIGNER.verifier])


@given(st.data())
def test_no_change_of_a_proof_passes(data: st.DataObject) -> None:
    content = bytearray(a_proof(3, 11).to_bytes())
    place = data.draw(st.integers(0, content.index(b"\n\n") - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CheckpointInvalid):
        proof_of(bytes(content)).check(NODES(0, 3), [SIGNER.verifier])


def test_another_implementation_agrees(tmp_path: Path) -> None:
    """Go's `sumdb/note` opens what we sign, and its `tlog` checks what we prove."""
    if shutil.which("go") is None:
        pytest.skip("Go is not installed: its implementation of notes and proofs is not asked")
    judge = tmp_path / "judge"
    shutil.copytree(Path(__file__).parent / "judge", judge)

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, check=False, cwd=judge, capture_output=True, text=True, timeout=PATIENCE
        )

    try:
        built = run("go", "build", *_QUICKLY, "-o", "judge", ".")
    except subprocess.TimeoutExpired:
        pytest.skip("golang.org/x/mod cannot be loaded here in time: Go is not asked")
    if built.returncode and "golang.org/x/mod@" in built.stderr:
        pytest.skip("golang.org/x/mod cannot be loaded here: Go is not asked")
    assert built.returncode == 0, built.stderr
    file = tmp_path / "proof"
    for index, size in ((0, 1), (0, 2), (1, 2), (0, 7), (6, 7), (4, 8), (0, 33), (16, 33), (32, 33)):
        file.write_bytes(a_proof(index, size).to_bytes())
        told = run(judge / "judge", str(SIGNER.verifier), file, NODES(0, index).hex())
        assert told.stdout == f"leaf {index} of ledger.example/events-0, {size} leaves\n", told.stderr
    assert run(judge / "judge", str(SIGNER.verifier), file, EMPTY.hex()).returncode == 1
