#!/usr/bin/env python3
"""A newcomer's first payment, from outside: what the README promises, checked against a running demo.

It knows only the file that `payhub demo --ready-file PATH` writes, HTTP, and the Standard Webhooks library.

    first_payment.py --ready-file PATH                  everything
    first_payment.py --ready-file PATH --save FILE      and keep an answer for the next line
    first_payment.py --ready-file PATH --replay FILE    only: the kept request has the kept answer
"""

import argparse
import html.parser
import http.server
import json
import pathlib
import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

# Seconds that anything may take to come about.
PATIENCE_S = 30
# Seconds between two looks.
LOOK_AGAIN_S = 0.02
# Seconds from the first request of all to the end of the first payment.
FIRST_PAYMENT_S_MAX = 60
# Requests at once under one key.
CONCURRENT = 64


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Where a redirect leads is what is checked here."""

    def redirect_request(self, *_arguments):
        return None


BROWSER = urllib.request.build_opener(NoRedirects)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.bytes = response.read()

    def json(self):
        return json.loads(self.bytes)

    def __str__(self):
        return f"{self.status} {self.headers} {self.bytes.decode(errors='replace')}"


def send(method, url, headers=None, body=None):
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with BROWSER.open(request, timeout=PATIENCE_S) as response:
            return Answer(response)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error)


def post_form(url, fields):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return send("POST", url, headers, urllib.parse.urlencode(fields).encode())


def check(truth, *words):
    if not truth:
        raise SystemExit("FAILED: " + " ".join(str(word) for word in words))


def eventually(what, look):
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = look()
        if found:
            return found
        check(time.monotonic() < deadline, what, "is not so within", PATIENCE_S, "s")
        time.sleep(LOOK_AGAIN_S)


class Hub:
    """The API, as a cart uses it."""

    def __init__(self, ready):
        self.base_url = ready["base_url"]
        self.key = ready["api_key"]
        self.sandbox_url = ready["sandbox_url"]

    def get(self, path):
        answer = send("GET", self.base_url + path, {"Authorization": f"Bearer {self.key}"})
        check(answer.status == 200, "GET", path, answer)
        return answer.json()

    def post(self, path, body, key=None):
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "Idempotency-Key": key or str(uuid.uuid4()),
        }
        return send("POST", self.base_url + path, headers, json.dumps(body).encode())

    def create(self, **fields):
        answer = self.post("/v1/payment_intents", fields)
        check(answer.status == 201, "create", answer)
        return answer.json()

    def intent(self, intent_id):
        return self.get(f"/v1/payment_intents/{intent_id}")

    def becomes(self, intent_id, status):
        """Waits for a status; gives the intent."""

        def look():
            intent = self.intent(intent_id)
            return intent if intent["status"] == status else None

        return eventually(f"{intent_id} {status}", look)

    def admin(self, method, path, body=None):
        """The processor's own desk."""
        bytes_ = None if body is None else json.dumps(body).encode()
        answer = send(method, self.sandbox_url + path, {"Content-Type": "application/json"}, bytes_)
        check(answer.status < 300, method, path, answer)
        return answer.json()

    def strike(self, operation):
        """The processor does the next operation of this kind and drops its answer."""
        self.admin("POST", "/admin/faults", {"operation": operation, "fault": "drop_after", "times": 1})

    def struck(self):
        return self.admin("GET", "/admin/faults")["data"] == []

    def ledger(self, intent_id):
        """What the processor has booked for an intent."""
        sessions = {
            reference["id"]
            for attempt in self.intent(intent_id)["attempts"]
            for reference in attempt["references"]
            if reference["kind"] == "session"
        }
        entries = self.admin("GET", "/admin/ledger")["entries"]
        return sorted((entry["kind"], entry["amount"]) for entry in entries if entry["session"] in sessions)


class Shop:
    """The merchant's own server: the page where shoppers return, and the endpoint that hears events."""

    def __init__(self, hub):
        self.returns = queue.Queue()
        self.deliveries = queue.Queue()
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                # Asked at this very moment: the shopper stands on the page.
                status = hub.intent(query["payment_intent"])["status"]
                shop.returns.put((query, status))
                self.answer(b"Thank you.")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.deliveries.put(({name.lower(): value for name, value in self.headers.items()}, body))
                self.answer(b"")

            def answer(self, body):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


class Buttons(html.parser.HTMLParser):
    """The form of a page, as somebody without scripts sees it."""

    def __init__(self, page):
        super().__init__()
        self.action = None
        self.buttons = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "form":
            self.action = values.get("action", "")
        if tag == "button":
            self.buttons.append((values["name"], values["value"]))


def processor_page(checkout_url, connector="sandbox_a"):
    """Goes through the hub's door: straight on, or by the chooser, or after a wait."""

    def look():
        answer = send("GET", checkout_url)
        if answer.status == 200:
            form = Buttons(answer.bytes.decode())
            if ("connector", connector) in form.buttons:
                action = urllib.parse.urljoin(checkout_url, form.action)
                answer = post_form(action, {"connector": connector})
        check(answer.status in (200, 303), "the door", answer)
        return answer.headers.get("location")

    return eventually("the door opens", look)


def shopper_pays(page):
    """Presses the page's own button, and follows the way back until the shop."""
    answer = send("GET", page)
    check(answer.status == 200, "the processor's page", answer)
    form = Buttons(answer.bytes.decode())
    check(("action", "pay") in form.buttons, "no way to pay on", page, form.buttons)
    answer = post_form(urllib.parse.urljoin(page, form.action or page), {"action": "pay"})
    while answer.status == 303:
        answer = send("GET", answer.headers["location"])
    return answer


def first_payment(hub, shop):
    """Acceptance 1: from the ready file to a verified delivery."""
    endpoint = hub.post("/v1/webhook_endpoints", {"url": f"{shop.url}/events"})
    check(endpoint.status == 201, "the endpoint", endpoint)
    secret = endpoint.json()["secret"]
    for connector in ("sandbox_a", None):
        wish = {"amount": 1999, "currency": "EUR", "return_url": f"{shop.url}/thanks?basket=7"}
        if connector:
            wish["connector"] = connector
        intent = hub.create(**wish)
        check(intent["status"] == "requires_checkout", intent)
        check(intent["checkout_url"].startswith(hub.base_url), intent)
        page = processor_page(intent["checkout_url"])
        check(page.startswith(hub.sandbox_url), "the page", page, "is not the processor's")
        landed = shopper_pays(page)
        check(landed.bytes == b"Thank you.", "the shopper landed elsewhere:", landed)
        query, status = shop.returns.get(timeout=PATIENCE_S)
        check(query == {"basket": "7", "payment_intent": intent["id"]}, "the return carries", query)
        check(status == "succeeded", "the shopper was back while the intent was", status)
        told(hub, shop, secret, intent["id"])


def told(hub, shop, secret, intent_id):
    """The events are listed, and each one is delivered under a signature that the library accepts."""
    events = {event["id"]: event for event in hub.get(f"/v1/events?payment_intent={intent_id}")["data"]}
    kinds = sorted(event["type"] for event in events.values())
    check(kinds == ["order.paid", "payment_intent.created", "payment_intent.succeeded"], kinds)
    check(sorted(event["sequence"] for event in events.values()) == [1, 2, 3], events)
    webhook = Webhook(secret)
    missing = set(events)
    while missing:
        headers, body = shop.deliveries.get(timeout=PATIENCE_S)
        event = webhook.verify(body, headers)
        check(event == events[event["id"]], "delivered", event, "and listed", events[event["id"]])
        check(headers["webhook-id"] == event["id"], headers)
        missing.discard(event["id"])
        for broken in (body.replace(b"1999", b"1998"), body + b" "):
            try:
                webhook.verify(broken, headers)
            except WebhookVerificationError:
                continue
            check(broken == body, "a changed delivery was accepted")


def same_key(hub, shop, save):
    """Acceptance 2: one key is one request, however often and however many at once."""
    body = {"amount": 500, "currency": "EUR", "return_url": f"{shop.url}/thanks"}
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(CONCURRENT) as pool:
        answers = list(pool.map(lambda _: hub.post("/v1/payment_intents", body, key), range(CONCURRENT)))
    for answer in answers:
        in_progress = answer.status == 409 and answer.json()["code"] == "idempotency_in_progress"
        check(answer.status == 201 or in_progress, "under one key:", answer)
    created = {answer.json()["id"] for answer in answers if answer.status == 201}
    check(len(created) == 1, CONCURRENT, "requests under one key made", created)
    fresh = [answer for answer in answers if "idempotency-replayed" not in answer.headers and answer.status == 201]
    check(len(fresh) == 1, len(fresh), "answers under one key were not replays")
    kept = {"body": body, "key": key, "answer": fresh[0].bytes.decode()}
    replay(hub, kept)
    other = hub.post("/v1/payment_intents", {**body, "amount": 501}, key)
    check(other.status == 422 and other.json()["code"] == "idempotency_mismatch", "another body:", other)
    if save:
        pathlib.Path(save).write_text(json.dumps(kept))


def replay(hub, kept):
    again = hub.post("/v1/payment_intents", kept["body"], kept["key"])
    check(again.status == 201, "the same key and body:", again)
    check(again.headers.get("idempotency-replayed") == "true", "not marked as a replay:", again)
    check(again.bytes.decode() == kept["answer"], again, "is not", kept["answer"])


def paid_intent(hub, shop, **more):
    wish = {"amount": 100, "currency": "EUR", "return_url": f"{shop.url}/thanks", "connector": "sandbox_a"}
    intent = hub.create(**wish, **more)
    shopper_pays(processor_page(intent["checkout_url"]))
    return intent["id"]


def two_refunds(hub, shop):
    """Acceptance 3: two refunds of 60 on 100, at once. One is accepted."""
    intent_id = paid_intent(hub, shop)
    hub.becomes(intent_id, "succeeded")
    with ThreadPoolExecutor(2) as pool:
        ask = lambda _: hub.post("/v1/refunds", {"payment_intent": intent_id, "amount": 60})
        answers = sorted(pool.map(ask, range(2)), key=lambda answer: answer.status)
    check(answers[0].status == 201, "no refund was accepted:", answers[0])
    refused = answers[1]
    check(refused.status == 422 and refused.json()["code"] == "exceeds_captured", "the second:", refused)
    eventually("the refund", lambda: hub.intent(intent_id)["amount_refunded"] == 60)
    check(hub.ledger(intent_id) == [("charge", 100), ("refund", 60)], hub.ledger(intent_id))


def lost_answers(hub, shop):
    """Acceptance 4: the processor does it and its answer is lost. It becomes right by itself, once."""
    hub.strike("open")
    intent_id = paid_intent(hub, shop)
    check(hub.struck(), "the opening's answer was not lost")
    hub.becomes(intent_id, "succeeded")
    check(hub.ledger(intent_id) == [("charge", 100)], hub.ledger(intent_id))

    intent_id = paid_intent(hub, shop, capture="manual")
    hub.becomes(intent_id, "requires_capture")
    hub.strike("capture")
    captured = hub.post(f"/v1/payment_intents/{intent_id}/capture", {})
    check(captured.status in (200, 202), "the capture", captured)
    hub.becomes(intent_id, "succeeded")
    check(hub.struck(), "the capture's answer was not lost")
    check(hub.ledger(intent_id) == [("authorization", 100), ("capture", 100)], hub.ledger(intent_id))

    hub.strike("refund")
    refund = hub.post("/v1/refunds", {"payment_intent": intent_id, "amount": 40})
    check(refund.status == 201, "the refund", refund)
    refund_id = refund.json()["id"]
    eventually("the refund", lambda: hub.get(f"/v1/refunds/{refund_id}")["status"] == "succeeded")
    check(hub.struck(), "the refund's answer was not lost")
    check(hub.intent(intent_id)["amount_refunded"] == 40, hub.intent(intent_id))
    booked = [("authorization", 100), ("capture", 100), ("refund", 40)]
    check(hub.ledger(intent_id) == booked, hub.ledger(intent_id))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--save", help="file for the request that --replay repeats later")
    parser.add_argument("--replay", help="only repeat what --save kept")
    arguments = parser.parse_args()
    began = time.monotonic()
    hub = Hub(json.loads(pathlib.Path(arguments.ready_file).read_text()))
    if arguments.replay:
        replay(hub, json.loads(pathlib.Path(arguments.replay).read_text()))
        print("the same key has the same answer after a restart")
        return
    shop = Shop(hub)
    parts = [
        ("first payment", first_payment, ()),
        ("one key, one request", same_key, (arguments.save,)),
        ("two refunds at once", two_refunds, ()),
        ("lost answers", lost_answers, ()),
    ]
    for name, part, more in parts:
        part_began = time.monotonic()
        part(hub, shop, *more)
        print(f"{name}: {time.monotonic() - part_began:.2f} s")
        if part is first_payment:
            check(time.monotonic() - began < FIRST_PAYMENT_S_MAX, "the first payment took too long")


if __name__ == "__main__":
    main()
