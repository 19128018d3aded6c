from base64 import urlsafe_b64decode, urlsafe_b64encode

from hypothesis import given
from hypothesis import strategies as st

from libs.kernel.messages import Caller
from libs.live.cursor import Cursor, CursorSigner, hash_of_question

cursors = st.builds(
    Cursor,
    question=st.binary(min_size=12, max_size=12),
    epoch=st.binary(min_size=8, max_size=8),
    position=st.integers(0, 2**64 - 1),
    digest=st.binary(min_size=12, max_size=12),
)


@given(cursors, st.binary(min_size=1))
def test_cursor_reads_as_written_when_the_secret_is_the_same(cursor: Cursor, secret: bytes) -> None:
    text = CursorSigner(secret).write(cursor)
    assert len(text) == 76
    assert CursorSigner(secret).read(text) == cursor


@given(cursors)
def test_cursor_is_refused_when_another_secret_signed_it(cursor: Cursor) -> None:
    assert CursorSigner(b"one").read(CursorSigner(b"other").write(cursor)) is None


@given(cursors, st.integers(0, 56), st.integers(1, 255))
def test_cursor_is_refused_when_a_byte_was_changed(cursor: Cursor, at: int, flip: int) -> None:
    signer = CursorSigner(b"secret")
    raw = bytearray(urlsafe_b64decode(signer.write(cursor)))
    raw[at] ^= flip
    assert signer.read(urlsafe_b64encode(raw).decode()) is None


@given(st.text() | st.text(alphabet="AZaz09-_=é\x00", min_size=76, max_size=76))
def test_cursor_is_refused_when_it_is_any_text(text: str) -> None:
    assert CursorSigner(b"secret").read(text) is None


def test_question_differs_when_query_arguments_or_caller_do() -> None:
    alice, moderator = Caller("alice", ("member",)), Caller("alice", ("moderator",))
    questions = {
        hash_of_question("a.b", b"{}", None),
        hash_of_question("a.bc", b"{}", None),
        hash_of_question("a.b", b"{ }", None),
        hash_of_question("a.b", b"{}", alice),
        hash_of_question("a.b", b"{}", moderator),
        hash_of_question("a.b", b"{}", Caller("bob", ("member",))),
    }
    assert len(questions) == 6
