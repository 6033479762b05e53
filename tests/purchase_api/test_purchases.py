"""Purchase POST: the client over the sandbox's desk, and against all the documented answers."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sources.ordergroove.errors import EntityError, KeyRefused, NoPage, OrdergrooveError
from sources.ordergroove.purchase.client import Purchases, encoded
from sources.ordergroove.purchase.outcome import Outcome, State, of_result, of_sending
from sources.ordergroove.purchase.storefront import authorization
from sources.ordergroove.sandbox import DEMO_KEY, Fault, Rules, Sandbox, World
from tests.answering import in_turn

NOW = datetime(2026, 6, 2, 15, tzinfo=UTC)
UNKNOWN = State.UNRESOLVED
TAKEN = {"result": "Subscription request received", "subs_req_id": "r1"}


@pytest.fixture
def world() -> World:
    return World(seed=3, customers=1, now=NOW, days=5, alive=False)


def purchase(world: World, *products: str, order_id: str = "A&B=1 %+ü") -> dict[str, Any]:
    return {
        "merchant_id": world.shop.public_id,
        "merchant_order_id": order_id,
        "og_cart_tracking": False,
        "user": {"user_id": "me", "first_name": "A", "last_name": "B", "email": "a@mail.example"},
        "payment": {"token_id": "t", "payment_method": "paypal"},
        "products": [
            {"product": product, "sku": "s", "subscription_info": {"quantity": 1}}
            for product in products or (known_product(world),)
        ],
    }


def known_product(world: World) -> str:
    return str(world.rows("products")[0].record["external_product_id"])


def buying(sandbox: Sandbox, **settings: Any) -> Purchases:
    given: dict[str, Any] = {"key": DEMO_KEY, "pace": 0.001} | settings
    transport = httpx.MockTransport(sandbox.handle)
    return Purchases(base_url="https://sc.test", transport=transport, **given)


def told(*answers: httpx.Response | Exception, **settings: Any) -> Purchases:
    given: dict[str, Any] = {"key": "k", "pace": 0.001, "retry_limit_s": 0.3} | settings
    return Purchases(base_url="https://sc.test", transport=in_turn(*answers), **given)


def sent(client: Purchases) -> Outcome:
    return client.send({"merchant_order_id": "o1"})


def made_for(world: World, order_id: str) -> list[str]:
    return [
        row.record["public_id"]
        for row in world.rows("subscriptions")
        if row.record["merchant_order_id"] == order_id
    ]


def test_the_body_is_one_form_field_encoded_as_the_reference_says() -> None:
    body = encoded({"merchant_id": "m_test", "merchant_order_id": "A&B=1 %"})
    assert body == (
        b"create_request=%7B%22merchant_id%22%3A%22m_test%22%2C%22merchant_order_id%22%3A%22A%26B"
        b"%3D1%20%25%22%7D"
    )


def test_a_purchase_is_made_and_its_result_is_waited_for(world: World) -> None:
    sandbox = Sandbox(world, rules=Rules(pending_results=3))
    client = buying(sandbox)
    wish = purchase(world)
    accepted = client.send(wish)
    assert (accepted.state, accepted.status, accepted.sends) == (State.ACCEPTED, 200, 1)

    done = client.result(accepted, lines=1)
    assert done.state is State.CREATED
    assert done.customer == "me"
    assert [key for _, key in done.subscriptions] == made_for(world, wish["merchant_order_id"])
    assert [call.status for call in sandbox.calls] == [200, 202, 202, 202, 200]


def test_a_known_customer_is_matched_and_not_doubled(world: World) -> None:
    client = buying(Sandbox(world))
    for order_id in ("one", "two"):
        assert client.send(purchase(world, order_id=order_id)).state is State.ACCEPTED
    customers = [row.record["merchant_user_id"] for row in world.rows("customers")]
    assert customers.count("me") == 1


def test_a_time_out_after_sending_ends_with_one_subscription_not_two(world: World) -> None:
    sandbox = Sandbox(world, faults=[Fault(kind="timeout", entity="purchase", nth=1)])
    outcome = buying(sandbox).send(purchase(world, order_id="once"))

    assert (outcome.state, outcome.sends) == (State.DUPLICATE, 2)
    assert len(made_for(world, "once")) == 1


@pytest.mark.parametrize("kind", ["500", "503", "423", "429", "reset", "truncated", "502 html"])
def test_what_passes_is_sent_again_under_the_same_order_id(world: World, kind: str) -> None:
    sandbox = Sandbox(world, faults=[Fault(kind=kind, entity="purchase", nth=1)])
    outcome = buying(sandbox).send(purchase(world, order_id="again"))

    assert outcome.state is State.DUPLICATE
    assert len(made_for(world, "again")) == 1


def test_no_repeat_goes_unsaid(world: World, caplog: pytest.LogCaptureFixture) -> None:
    sandbox = Sandbox(world, faults=[Fault(kind="503", entity="purchase", nth=1)])
    buying(sandbox).send(purchase(world))
    assert "sent again under the same order id" in caplog.text
    assert "mail.example" not in caplog.text


@pytest.mark.parametrize("status", [0, 206, 207])
def test_a_partial_success_names_the_line_that_failed(world: World, status: int) -> None:
    client = buying(Sandbox(world, rules=Rules(partial_status=status)))
    outcome = client.send(purchase(world, known_product(world), "faux"))
    outcome = client.result(outcome, lines=2)

    assert outcome.state is State.PARTIAL
    assert [product for product, _ in outcome.subscriptions] == [known_product(world)]
    assert any("faux" in error for error in outcome.errors)


def test_a_checkout_without_subscription_makes_none(world: World) -> None:
    client = buying(Sandbox(world))
    wish = purchase(world)
    del wish["payment"], wish["products"][0]["subscription_info"]
    outcome = client.result(client.send(wish), lines=0)
    assert (outcome.state, outcome.subscriptions) == (State.CREATED, ())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"merchant_id": "x"}, "Invalid Merchant"),
        ({"merchant_order_id": ""}, "order id cannot be null"),
        ({"og_cart_tracking": True}, "Session id"),
        ({"payment": None}, "Missing payment"),
        ({"products": []}, "products"),
        ({"user": {"user_id": "u"}}, "customer.email: email is a required field"),
    ],
)
def test_each_refusal_of_the_desk_is_told(world: World, change: dict[str, Any], word: str) -> None:
    outcome = buying(Sandbox(world)).send(purchase(world) | change)
    assert (outcome.state, outcome.status) == (State.REFUSED, 400)
    assert word in "; ".join(outcome.errors)


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"error": "Invalid Merchant m"}, "Invalid Merchant m"),
        ({"error": "Merchant ID must be a string"}, "Merchant ID must be"),
        ({"error_message": "Merchant order id cannot be null"}, "Merchant order id cannot"),
        ({"error_message": "Session id cannot be null"}, "Session id cannot be null"),
        ({"error_message": "Session ID must be a string"}, "Session ID must be"),
        ({"error_message": "Missing payment data to create record"}, "Missing payment data"),
        ({"error_message": "The credit card encryption is not valid"}, "The credit card"),
        ({"error_message": "Expiration date is not valid, received: "}, "Expiration date is not"),
        ({"error_message": "Paymetric tokenization error"}, "Paymetric tokenization"),
        ({"errors": {"session_id": "Session ID cannot be null."}}, "session_id: Session ID"),
        ({"errors": {"user_id": "User ID is a required field."}}, "user_id: User ID is a required"),
        ({"errors": {"products": "Products is a required field."}}, "products: Products is"),
        (
            {"errors": {"customer": {"first_name": ["first_name is a required field"]}}},
            "customer.first_name: first_name is a required",
        ),
        (
            {"shipping_address": {"zip_postal_code": ["bad"]}},
            "shipping_address.zip_postal_code: bad",
        ),
        ({"payment": {"token_id": ["bad"]}}, "payment.token_id: bad"),
        ({"subscriptions": [{"quantity": ["bad"]}]}, "subscriptions.quantity: bad"),
        ({"customer": {"email": ["bad", "worse"]}}, "customer.email: bad, worse"),
        ({"products": [{"sku": ["is required"]}]}, "products.sku: is required"),
    ],
)
def test_every_documented_shape_of_a_400_is_read(document: dict[str, Any], error: str) -> None:
    outcome = sent(told(httpx.Response(400, json=document)))
    assert outcome.state is State.REFUSED
    assert outcome.errors[0].startswith(error)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (httpx.Response(200, json=TAKEN), State.ACCEPTED),
        (httpx.Response(201, json=TAKEN), State.ACCEPTED),
        (httpx.Response(206, json=TAKEN), State.ACCEPTED),
        (httpx.Response(207, json={"errors": {"products": ["x"]}}), State.PARTIAL),
        # the documented sample is no JSON
        (httpx.Response(207, text='{"errors": {"products": [{"sku is a required"}]}'), UNKNOWN),
        (httpx.Response(429), State.UNRESOLVED),
        (httpx.Response(200, json={"subscriptions": [{"p": "s"}]}), State.CREATED),
        (httpx.Response(200, text="<html>"), State.UNRESOLVED),
        (httpx.Response(409), State.DUPLICATE),
        (httpx.Response(400, text="<html>"), State.REFUSED),
        (httpx.Response(423), State.UNRESOLVED),
        (httpx.Response(503), State.UNRESOLVED),
        (httpx.ReadTimeout("x"), State.UNRESOLVED),
        (httpx.ConnectError("x"), State.UNRESOLVED),
    ],
)
def test_each_answer_has_its_state(answer: httpx.Response | Exception, state: State) -> None:
    assert sent(told(answer)).state is state


@pytest.mark.parametrize(
    ("status", "kind"), [(401, KeyRefused), (403, KeyRefused), (404, EntityError), (302, NoPage)]
)
def test_a_host_that_takes_no_purchases_is_an_error(
    status: int, kind: type[OrdergrooveError]
) -> None:
    with pytest.raises(kind) as caught:
        sent(told(httpx.Response(status, headers={"Location": "https://two.test"})))
    assert caught.value.state == "Nothing was created."


def test_a_result_that_never_comes_is_unresolved() -> None:
    accepted = of_sending("o1", 200, TAKEN, 1)
    for answer in (httpx.Response(202), httpx.Response(404), httpx.Response(503)):
        client = told(answer, result_limit_s=30.0)
        outcome = client.result(accepted, lines=1)
        assert outcome.state is State.UNRESOLVED
        assert outcome.request_id == "r1"


def test_a_result_that_is_not_visible_at_once_is_asked_for_again() -> None:
    accepted = of_sending("o1", 200, TAKEN, 1)
    found = httpx.Response(200, json={"subscriptions": [{"p": "s"}], "errors": {}})
    client = told(httpx.Response(404), httpx.Response(404), httpx.Response(202), found)
    assert client.result(accepted, lines=1).state is State.CREATED


def test_fewer_subscriptions_than_lines_are_no_success() -> None:
    accepted = of_sending("o1", 200, TAKEN, 1)
    outcome = of_result(accepted, 200, {"subscriptions": [{"p": "s"}], "errors": {}}, 2)
    assert outcome.state is State.PARTIAL
    assert "1 of 2 missing" in outcome.errors[0]


def test_both_ways_of_encoding_are_taken_by_the_desk(world: World) -> None:
    wish = purchase(world, order_id="guide")
    with httpx.Client(transport=httpx.MockTransport(Sandbox(world).handle)) as client:
        plain = client.post(
            "https://x/subscription/create/",
            content="create_request=" + httpx.Response(200, json=wish).text,
            headers={"x-api-key": DEMO_KEY},
        )
    assert plain.status_code == 200


def test_a_cancelled_subscription_stays_and_its_open_items_go(world: World) -> None:
    client = buying(Sandbox(world))
    done = client.result(client.send(purchase(world, order_id="c")), lines=1)
    key = done.subscriptions[0][1]
    with httpx.Client(transport=httpx.MockTransport(Sandbox(world).handle)) as http:
        answer = http.patch(
            f"https://x/subscriptions/{key}/cancel/", headers={"x-api-key": DEMO_KEY}
        )
    assert answer.json()["live"] is False
    assert world.items_of(key) == []


@pytest.mark.parametrize("number", ["1", 4711])
def test_ids_may_be_numbers(number: object) -> None:
    done = {"customer": 1, "subscriptions": [{"77": number}], "errors": {}}
    client = told(httpx.Response(201, json={"subs_req_id": number}), httpx.Response(200, json=done))
    outcome = client.result(sent(client), lines=1)
    assert (outcome.state, outcome.request_id) == (State.CREATED, str(number))
    assert outcome.subscriptions == (("77", str(number)),)


def test_a_result_that_cannot_be_read_is_asked_for_again() -> None:
    done = {"customer": "c", "subscriptions": [{"p": "s"}], "errors": {}}
    client = told(
        httpx.Response(200, json=TAKEN),
        httpx.Response(200, text='{"customer": "c", "subscr'),
        httpx.Response(200, json=done),
    )
    assert client.result(sent(client), lines=1).state is State.CREATED


def redirected(to: str) -> tuple[Purchases, list[str]]:
    """A client of a host that leads elsewhere, and where it was asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if len(asked) > 1:
            return httpx.Response(200, json=TAKEN)
        return httpx.Response(301, headers={"Location": to})

    transport = httpx.MockTransport(answer)
    return Purchases(base_url="https://sc.test", key="k", pace=0.001, transport=transport), asked


@pytest.mark.parametrize("to", ["/subscription/create/", "https://sc.test/subscription/create/"])
def test_the_host_may_want_a_slash_at_the_end(to: str) -> None:
    client, asked = redirected(to)
    assert sent(client).state is State.ACCEPTED
    assert asked[1:] == ["https://sc.test/subscription/create/"]


@pytest.mark.parametrize("to", ["https://two.test/subscription/create/", "/login/", ""])
def test_a_purchase_follows_no_other_redirect(to: str) -> None:
    client, asked = redirected(to)
    with pytest.raises(NoPage):
        sent(client)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("customer", "signature"), [("cust_1", "HDxjlMot+SPZ8s6JqV/DaSNkT0nl+Mxg/AmfnCzmBq4=")]
)
def test_the_storefront_signature_is_the_documented_one(customer: str, signature: str) -> None:
    at = datetime.fromtimestamp(1_767_225_600, UTC)
    told = json.loads(authorization("sf_test_key", merchant="m", customer=customer, at=at))
    assert told == {"public_id": "m", "sig_field": customer, "ts": 1_767_225_600, "sig": signature}


def test_a_purchase_may_be_signed_for_its_customer_in_place_of_the_key(world: World) -> None:
    sandbox = Sandbox(world)
    client = buying(sandbox, storefront_key="sandbox-storefront-key")
    seen: list[httpx.Headers] = []
    client._http.event_hooks = {"request": [lambda request: seen.append(request.headers)]}
    outcome = client.result(client.send(purchase(world, order_id="signed")), lines=1)

    assert outcome.state is State.CREATED
    assert "x-api-key" not in seen[0]
    # the result is asked for with the key of the application
    assert [("authorization" in headers, "x-api-key" in headers) for headers in seen[1:]] == [
        (False, True)
    ] * (len(seen) - 1)
    with pytest.raises(KeyRefused):
        buying(sandbox, storefront_key="wrong").send(purchase(world, order_id="forged"))
    assert made_for(world, "forged") == []
