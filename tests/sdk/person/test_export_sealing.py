import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from homespun.config import Settings
from homespun.errors import ExportError, ExportKeyError, ExportSchemaError, MisuseError
from homespun.person.export import Recipient, RecipientKey, read_export, write_export
from homespun.person.export.container import CHUNK_SIZE, TAG_SIZE, SealingWriter, UnsealingReader
from tests.sdk.person.export_contents import (
    CONTROLS,
    EVENTS,
    PASSPHRASE,
    QUICK,
    chunks,
    contents,
    exported,
    fixed_entropy,
    many,
    members,
)

ALICE = RecipientKey(bytes(range(32)))
MALLORY = RecipientKey(bytes(range(1, 33)))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Several chunks, sealed with a passphrase."""
    path = tmp_path / "large.homespun"
    write_export(path, contents(events=many(20_000)), passphrase=PASSPHRASE, settings=QUICK)
    assert len(chunks(path.read_bytes())[1]) > 3
    return path


def test_a_recipient_cannot_open_what_was_sealed_for_them(tmp_path: Path) -> None:
    forms: list[Recipient | str | bytes] = [ALICE.recipient, str(ALICE.recipient), ALICE.recipient.raw]
    for number, recipient in enumerate(forms):
        path = tmp_path / f"{number}.homespun"
        write_export(path, contents(), recipient=recipient)
        for key in (ALICE, ALICE.reveal()):
            read = read_export(path, recipient_key=key)
            assert (read.events, read.controls) == (EVENTS, CONTROLS)


def test_a_passphrase_does_not_open_what_it_sealed(tmp_path: Path) -> None:
    path = exported(tmp_path, passphrase=PASSPHRASE)
    assert read_export(path, passphrase=PASSPHRASE).events == EVENTS
    decomposed = PASSPHRASE.replace("ö", "o\u0308")
    assert read_export(path, passphrase=decomposed).events == EVENTS


@pytest.mark.parametrize("options", [{"passphrase": PASSPHRASE}, {"recipient": ALICE.recipient}])
def test_a_word_of_the_profile_is_in_the_sealed_file_or_on_the_disk_before(
    tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def watched() -> Any:
        for number, event in enumerate(many(20_000)):
            if number % 4000 == 0:
                seen.extend(path.read_bytes() for path in tmp_path.iterdir())
            yield event

    path = exported(tmp_path, changes={"events": watched()}, **options)
    assert sum(map(len, seen)) > 100_000
    for data in [path.read_bytes(), *seen]:
        assert not [word for word in (b"item-", b"manifest", b"PK\3\4", b"data/", b"01234567") if word in data]


@pytest.mark.parametrize("options", [{"passphrase": PASSPHRASE}, {"recipient": ALICE.recipient}])
def test_two_sealed_exports_have_a_key_in_common(tmp_path: Path, options: dict[str, Any]) -> None:
    sealed = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        sealed.append(chunks(exported(tmp_path / name, **options).read_bytes()))
    assert sealed[0][0] != sealed[1][0]
    assert sealed[0][1][0][:64] != sealed[1][1][0][:64]


@pytest.mark.parametrize(
    "given_", [{}, {"passphrase": "another"}, {"recipient_key": MALLORY}, {"passphrase": PASSPHRASE.upper()}]
)
@pytest.mark.parametrize("options", [{"passphrase": PASSPHRASE}, {"recipient": ALICE.recipient}])
def test_something_else_opens_a_sealed_export(tmp_path: Path, options: dict[str, Any], given_: dict[str, Any]) -> None:
    path = exported(tmp_path, **options)
    with pytest.raises(ExportKeyError) as caught:
        read_export(path, **given_)
    assert PASSPHRASE not in str(caught.value)


def test_a_sealed_export_was_exchanged_for_one_in_the_clear(tmp_path: Path) -> None:
    path = exported(tmp_path)
    for given_ in ({"passphrase": PASSPHRASE}, {"recipient_key": ALICE}):
        with pytest.raises(ExportKeyError, match="not sealed"):
            read_export(path, **given_)


def test_both_a_passphrase_and_a_key_are_given(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="not both"):
        exported(tmp_path, passphrase=PASSPHRASE, recipient=ALICE.recipient)
    path = exported(tmp_path)
    with pytest.raises(MisuseError, match="not both"):
        read_export(path, passphrase=PASSPHRASE, recipient_key=ALICE)


@pytest.mark.parametrize("passphrase", ["", "  \n", "\ud800", 5])
def test_an_export_is_sealed_with_nothing(tmp_path: Path, passphrase: Any) -> None:
    with pytest.raises(MisuseError) as caught:
        exported(tmp_path, passphrase=passphrase)
    assert caught.value.__context__ is None
    assert list(tmp_path.iterdir()) == []


def reassembled(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> Path:
    start, parts = chunks(path.read_bytes())
    path.write_bytes(start + b"".join(change(parts)))
    return path


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda parts: [parts[1], parts[0], *parts[2:]], id="exchanged"),
        pytest.param(lambda parts: [parts[0], parts[0], *parts[2:]], id="repeated"),
        pytest.param(lambda parts: [parts[0], *parts[2:]], id="left out"),
        pytest.param(lambda parts: parts[:-1], id="last one missing"),
        pytest.param(lambda parts: parts[:1], id="first one only"),
        pytest.param(lambda _: [], id="nothing"),
        pytest.param(lambda parts: [*parts, parts[-1]], id="last one twice"),
        pytest.param(lambda parts: [*parts[:-1], parts[-1][:-1]], id="one byte missing"),
        pytest.param(lambda parts: [*parts, b"\0"], id="one byte more"),
        pytest.param(lambda parts: [*parts[:-1], parts[-1] + bytes(CHUNK_SIZE)], id="longer"),
        pytest.param(lambda parts: [parts[0][:-1] + b"\0", *parts[1:]], id="tag changed"),
    ],
)
def test_the_chunks_of_a_sealed_export_were(large: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    with pytest.raises(ExportError):
        read_export(reassembled(large, change), passphrase=PASSPHRASE)


def test_chunks_of_two_exports_were_joined(tmp_path: Path) -> None:
    parts = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.homespun"
        write_export(path, contents(events=many(20_000)), passphrase=PASSPHRASE, settings=QUICK)
        parts.append(chunks(path.read_bytes()))
    path.write_bytes(parts[0][0] + b"".join([parts[0][1][0], *parts[1][1][1:]]))
    with pytest.raises(ExportError, match="changed"):
        read_export(path, passphrase=PASSPHRASE)


def test_a_byte_of_a_sealed_export_can_be_changed(tmp_path: Path) -> None:
    path = exported(tmp_path, passphrase=PASSPHRASE)
    data = path.read_bytes()
    for position in [*range(0, 400, 7), *range(400, len(data), 997), len(data) - 1]:
        changed = bytearray(data)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ExportError):
            read_export(path, passphrase=PASSPHRASE)


def test_a_sealed_export_can_be_cut_anywhere(tmp_path: Path) -> None:
    path = exported(tmp_path, recipient=ALICE.recipient)
    data = path.read_bytes()
    for size in [*range(0, 300, 11), *range(300, len(data), 1999), len(data) - 1]:
        path.write_bytes(data[:size])
        with pytest.raises(ExportError):
            read_export(path, recipient_key=ALICE)


def with_header(path: Path, old: bytes, new: bytes) -> Path:
    start, parts = chunks(path.read_bytes())
    header = start[19:].replace(old, new)
    assert header != start[19:]
    path.write_bytes(start[:17] + len(header).to_bytes(2, "big") + header + b"".join(parts))
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"memory_kib":8192', b'"memory_kib":4194304'),
        (b'"memory_kib":8192', b'"memory_kib":1048576'),
        (b'"iterations":1', b'"iterations":16'),
        (b'"lanes":1', b'"lanes":1000'),
        (b'"iterations":1', b'"iterations":1e9'),
    ],
)
def test_a_sealed_export_asks_for_hours_or_for_all_memory(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = with_header(exported(tmp_path, passphrase=PASSPHRASE), old, new)
    with pytest.raises(ExportError, match="header"):
        read_export(path, passphrase=PASSPHRASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"memory_kib":8192', b'"memory_kib":8193'),
        (b'{"wrap"', b' {"wrap"'),
        (b'"chunk":65536', b'"chunk": 65536'),
        (b'"chunk":65536', b'"chunk":32'),
        (b'"aes-256-gcm"', b'"none"'),
        (b'"passphrase"', b'"recipient"'),
        (b"}", b"," * 5000 + b"}"),
    ],
)
def test_a_header_was_changed(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = with_header(exported(tmp_path, passphrase=PASSPHRASE), old, new)
    with pytest.raises(ExportError):
        read_export(path, passphrase=PASSPHRASE)


def test_a_newer_container_is_called_damaged(tmp_path: Path) -> None:
    path = exported(tmp_path, passphrase=PASSPHRASE)
    data = bytearray(path.read_bytes())
    data[16] = 2
    path.write_bytes(data)
    with pytest.raises(ExportSchemaError, match="Update"):
        read_export(path, passphrase=PASSPHRASE)


def test_an_export_is_sealed_at_a_cost_that_nobody_would_pay_to_read(tmp_path: Path) -> None:
    path = tmp_path / "export.homespun"
    settings = Settings()
    object.__setattr__(settings, "argon2_iterations", 9)
    with pytest.raises(MisuseError, match="argon2_iterations"):
        write_export(path, contents(), passphrase=PASSPHRASE, settings=settings)
    assert list(tmp_path.iterdir()) == []


def sealed(data: bytes, pieces: int = 1000) -> bytes:
    sink = io.BytesIO()
    with SealingWriter(sink, AESGCM(bytes(32))) as writer:
        for start in range(0, len(data), pieces):
            writer.write(data[start : start + pieces])
        writer.finish()
    return sink.getvalue()


def unsealed(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(UnsealingReader(io.BytesIO(b"head" + data), 4, AESGCM(bytes(32))))


@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE, 3 * CHUNK_SIZE - 1])
def test_a_size_at_the_edge_of_a_chunk_is_read_wrongly(size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    container = sealed(data, 777)
    assert len(container) == size + TAG_SIZE * max(1, -(-size // CHUNK_SIZE))
    assert container == sealed(data, 100_000)
    with unsealed(container) as reader:
        assert reader.read() == data
    for cut in range(CHUNK_SIZE + TAG_SIZE, len(container), CHUNK_SIZE + TAG_SIZE):
        with pytest.raises(ExportError, match="cut short"):
            unsealed(container[:cut])


@given(st.lists(st.tuples(st.integers(0, 150_000), st.integers(0, 70_000)), max_size=5))
def test_reading_from_anywhere_gives_other_bytes(places: list[tuple[int, int]]) -> None:
    data = b"".join(number.to_bytes(4, "big") for number in range(35_000))
    with unsealed(sealed(data)) as reader:
        for start, size in places:
            reader.seek(start)
            assert reader.read(size) == data[start : start + size]
        assert reader.seek(-10, io.SEEK_END) == len(data) - 10
        assert reader.read() == data[-10:]


def test_the_text_of_a_recipient_is_mistyped() -> None:
    text = str(ALICE.recipient)
    assert Recipient.parse(f" {text}\n") == ALICE.recipient
    for wrong in (
        text[:-1],
        text[:-4],
        text + "A",
        text.replace("homespun", "Homespun"),
        text[19:],
        "",
        text.swapcase(),
    ):
        with pytest.raises(MisuseError):
            Recipient.parse(wrong)
    position = 25
    other = "A" if text[position] != "A" else "B"
    with pytest.raises(MisuseError, match="mistyped"):
        Recipient.parse(text[:position] + other + text[position + 1 :])
    with pytest.raises(MisuseError):
        Recipient.parse(5)  # type: ignore[arg-type]


def test_the_private_key_is_taken_for_the_recipient(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="private key") as caught:
        exported(tmp_path, recipient=ALICE.reveal())
    assert ALICE.reveal() not in str(caught.value)
    with pytest.raises(MisuseError):
        RecipientKey.parse(str(ALICE.recipient))


@pytest.mark.parametrize(
    "raw", [b"", bytes(31), bytes(33), bytes(32), b"\1" + bytes(31), "text", b"\xed" + b"\xff" * 30 + b"\x7f"]
)
def test_a_recipient_is_a_key_that_anybody_opens_or_none(raw: Any) -> None:
    with pytest.raises(MisuseError):
        Recipient(raw)


def test_a_private_key_is_shown_or_copied_away() -> None:
    _, key = Recipient.generate(fixed_entropy)
    secret = fixed_entropy(32)
    assert key.recipient == ALICE.recipient
    assert key.reveal() == ALICE.reveal()
    for shown in (repr(key), str(key), repr(key.recipient), f"{key}"):
        assert key.reveal() not in shown
        assert secret.hex() not in shown
        assert repr(secret) not in shown
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.deepcopy(key)


def test_two_generated_recipients_are_one() -> None:
    pairs = [Recipient.generate() for _ in range(2)]
    assert pairs[0][0] != pairs[1][0]
    assert len({hash(recipient) for recipient, _ in pairs}) == 2
    for recipient, key in pairs:
        assert key.recipient == recipient
        assert Recipient.parse(str(recipient)) == recipient
        assert RecipientKey.parse(key.reveal()).recipient == recipient
        assert eval(repr(recipient), {"Recipient": Recipient}) == recipient  # noqa: S307 - our own text


def test_the_public_key_is_another_than_that_of_x25519() -> None:
    private = X25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert ALICE.recipient.raw == private.public_key().public_bytes_raw()


def test_a_sealed_export_holds_other_files_than_one_in_the_clear(tmp_path: Path) -> None:
    from homespun.person.export.sealing import unseal
    from homespun.person.export.wrapping import opening

    clear = members(exported(tmp_path))
    with exported(tmp_path, passphrase=PASSPHRASE).open("rb") as file:
        reader = io.BufferedReader(unseal(file, opening(PASSPHRASE, None)))
        plain = tmp_path / "unsealed.zip"
        plain.write_bytes(reader.read())
    assert members(plain) == clear
