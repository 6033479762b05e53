"""Only what Ordergroove signed is taken. Vectors: computed by hand from the documented recipe."""

import hmac
import json
from hashlib import sha256
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.ordergroove.webhooks.refusal import Refusal
from sources.ordergroove.webhooks.signature import verify
from tests.json_values import PATIENT

K1 = b"whk_test_0123456789abcdef"
K0 = b"whk_old_fedcba9876543210"
TS = 1767225600
BODY_A = (
    b'{"id":"evt_0001","type":"order.delete","created":1767225590,"data":{"object":{"type":"order"'
    b',"merchant":"m_test","public_id":"ord_0001","customer":"cust_1"}},"context":null,'
    b'"snapshot":{}}'
)
BODY_B = (
    '{"id":"evt_0002","type":"subscriber.create","created":1767225591,"data":{"object":{"type":'
    '"subscriber","first_name":"Zoë","last_name":"Nuñez"}}}'
).encode()
K1_A = b"f903b32af65a8aa1eeecb1c55140c5faf3541028cbbc5dcd06a7b6a46ab93b97"
K0_A = b"3723182bb416f13689aa04d115c0b5ef87a9ff836eea80c3d208a65756e4a836"
REDUMPED = b"b34d829dcdbadfe99e23f9c6e30dc99d1ec9539e164d195d1120d419833fd3e9"
OTHER_TS = b"d1c75357d768f5dd0ef84b9b900c149676444c40d1bb8dd59229fd27f6bdb4f8"
K1_EMPTY = b"7ed40d87783d46883f5134bbca85a37f2a9d9ce454ff19c3d9eee3f322644263"
K1_B = b"e864d65b33447bb8b771a6631b6e735cfda12d4d72b8bace4bf560a7a7802cfe"


def header(*signatures: bytes, ts: int | str = TS) -> bytes:
    return b",".join([f"ts={ts}".encode(), *(b"sig=" + one for one in signatures)])


def reason(
    head: bytes | None,
    body: bytes = BODY_A,
    keys: tuple[bytes, ...] = (K1,),
    *,
    now: float = TS,
    tolerance_s: float = 300.0,
) -> str:
    """Why a delivery is refused; empty when it is taken."""
    try:
        verify(head, body, keys, now=now, tolerance_s=tolerance_s)
    except Refusal as refusal:
        return refusal.reason if refusal.status == HTTPStatus.UNAUTHORIZED else "wrong status"
    return ""


def test_the_vectors_are_of_the_sizes_that_were_written_down() -> None:
    assert (len(BODY_A), len(BODY_B)) == (187, 146)


@pytest.mark.parametrize(
    ("head", "body", "keys"),
    [
        (header(K1_A), BODY_A, (K1,)),
        (header(K0_A), BODY_A, (K0,)),
        (header(K1_EMPTY), b"", (K1,)),
        (header(K1_B), BODY_B, (K1,)),
        # for a day after a rotation: whoever has one of the two keys, or both, in any order
        (header(K1_A, K0_A), BODY_A, (K1,)),
        (header(K1_A, K0_A), BODY_A, (K0,)),
        (header(K0_A), BODY_A, (K1, K0)),
        (header(K1_A), BODY_A, (K0, K1)),
        # what a proxy or a later version of the sender may make of it
        (b"sig=" + K1_A + b", ts=1767225600", BODY_A, (K1,)),
        (header(K1_A) + b",v=2", BODY_A, (K1,)),
    ],
)
def test_a_genuine_delivery_is_taken(head: bytes, body: bytes, keys: tuple[bytes, ...]) -> None:
    assert reason(head, body, keys) == ""


@pytest.mark.parametrize(
    ("head", "body", "keys"),
    [
        (header(REDUMPED), BODY_A, (K1,)),
        (header(OTHER_TS), BODY_A, (K1,)),
        (header(K1_A, ts=TS + 1), BODY_A, (K1,)),
        (header(K1_A), BODY_A + b"\n", (K1,)),
        (header(K1_A), BODY_B, (K1,)),
        (header(K1_A), BODY_A, (K0,)),
        (header(K1_A), BODY_A, ()),
        (header(K1_A[:-1]), BODY_A, (K1,)),
        (header(K1_A.upper()[:8]), BODY_A, (K1,)),
    ],
)
def test_a_delivery_that_is_not_signed_as_it_says_is_refused(
    head: bytes, body: bytes, keys: tuple[bytes, ...]
) -> None:
    assert reason(head, body, keys) == "no signature matches a configured key"


def test_a_body_that_was_read_and_written_again_is_not_what_was_signed() -> None:
    redumped = json.dumps(json.loads(BODY_A)).encode()
    assert reason(header(REDUMPED), redumped) == ""
    assert reason(header(K1_A), redumped) != ""


@pytest.mark.parametrize(
    ("head", "hint"),
    [
        (None, "no OrderGroove-Signature"),
        (b"", "no OrderGroove-Signature"),
        (b"sig=" + K1_A, "(ts)"),
        # one legacy page shows two signatures and no time
        (b"sig=" + K1_A + b",sig=" + K0_A, "(ts)"),
        (header(K1_A) + b",ts=1", "(ts)"),
        (header(K1_A, ts="soon"), "(ts)"),
        (header(K1_A, ts="-5"), "(ts)"),
        (header(K1_A, ts="٣"), "(ts)"),
        (header(K1_A, ts="9" * 13), "(ts)"),
        (header(), "(sig)"),
        (header(b""), "(sig)"),
        (header(*[K0_A] * 100), "too long"),
    ],
)
def test_a_malformed_header_is_refused_with_the_reason(head: bytes | None, hint: str) -> None:
    assert hint in reason(head)


@pytest.mark.parametrize(
    ("now", "tolerance_s", "is_taken"),
    [
        (TS + 300, 300, True),
        (TS - 300, 300, True),
        (TS + 301, 300, False),
        (TS - 301, 300, False),
        (TS + 86_400, 0, True),
    ],
)
def test_a_delivery_is_taken_for_as_long_as_it_is_fresh(
    now: float, tolerance_s: float, is_taken: bool
) -> None:
    told = reason(header(K1_A), now=now, tolerance_s=tolerance_s)

    assert (told == "") is is_taken


def test_whether_a_signature_is_stale_is_told_only_of_genuine_ones() -> None:
    assert "301 s ago" in reason(header(K1_A), now=TS + 301)
    assert "no signature" in reason(header(K0_A), now=TS + 301)


@PATIENT
@given(head=st.binary(max_size=200), body=st.binary(max_size=50))
def test_no_header_and_no_body_is_a_surprise(head: bytes, body: bytes) -> None:
    assert reason(head, body) != ""


@PATIENT
@given(pieces=st.lists(st.sampled_from([b"ts", b"sig", b"=", b",", b" ", b"1", b"\xff", K1_A])))
def test_no_wrong_arrangement_of_the_right_pieces_is_a_surprise(pieces: list[bytes]) -> None:
    assert reason(b"".join(pieces), b"another body") != ""


@PATIENT
@given(body=st.binary(max_size=200), ts=st.integers(0, 10**12 - 1), key=st.binary(min_size=1))
def test_whatever_is_signed_by_the_recipe_is_taken(body: bytes, ts: int, key: bytes) -> None:
    signature = hmac.new(key, f"{ts}.".encode() + body, sha256).hexdigest().encode()

    assert reason(header(signature, ts=ts), body, (key,), now=ts) == ""
