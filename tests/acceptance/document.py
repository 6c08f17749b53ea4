#!/usr/bin/env python3
"""Holds a running demo against its own document, with schemathesis: requests that nobody would write by hand.

Each call is asked with what the document allows, with what it forbids, and with ids of things that are there.
No answer may be a 5xx, or one that the document does not describe: status, headers, media type, body. And each
call of `/v1` must have been answered well at least once, so that not everything ends at a door.

    document.py --ready-file PATH                             short, and the same every time
    document.py --ready-file PATH --max-examples 200 --seed 7 long, and another one
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from first_payment import Hub, Shop, check, eventually, paid_intent, processor_page, shopper_pays

# Cases that are made up for each call, beside those at the bounds of each field.
EXAMPLES = 4
SEED = 1
# Seconds that any one answer may take: capture and cancel wait five for the processor.
ANSWER_S_MAX = 20
# Seconds for all of it.
RUN_S_MAX = 3600
HERE = pathlib.Path(__file__).parent

# Whether a body that keeps to the schema is taken depends on more than it: on sums, hosts, what is left to refund.
NOT_CHECKED = "positive_data_acceptance"


def world(hub, shop):
    """One of everything, under the names of the document's calls."""
    wish = {"amount": 100, "currency": "EUR", "return_url": f"{shop.url}/thanks", "connector": "sandbox_a"}
    authorized = hub.create(**wish, capture="manual")
    shopper_pays(processor_page(authorized["checkout_url"]))
    hub.becomes(authorized["id"], "requires_capture")
    paid = hub.becomes(paid_intent(hub, shop), "succeeded")
    refund = hub.post("/v1/refunds", {"payment_intent": paid["id"], "amount": 10}).json()
    references = paid["attempts"][0]["references"]
    payment = next(reference["id"] for reference in references if reference["kind"] == "payment")
    hub.admin("POST", f"/admin/payments/{payment}/dispute", {"amount": 10})
    dispute = eventually("the dispute", lambda: hub.get("/v1/disputes")["data"])[0]
    event = hub.get(f"/v1/events?payment_intent={paid['id']}")["data"][0]
    # Nothing listens there, so that nothing is sent anywhere.
    endpoints = [
        hub.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hooks", "event_types": ["dispute.lost"]})
        for _ in range(2)
    ]
    kept, removed = (endpoint.json()["id"] for endpoint in endpoints)
    open_intent = hub.create(**wish)
    return {
        "capturePaymentIntent": {"path.id": authorized["id"]},
        "cancelPaymentIntent": {"path.id": open_intent["id"]},
        "getPaymentIntent": {"path.id": paid["id"]},
        "createRefund": {"body.payment_intent": paid["id"]},
        "getRefund": {"path.id": refund["id"]},
        "getOrder": {"path.id": paid["order"]},
        "getDispute": {"path.id": dispute["id"]},
        "getEvent": {"path.id": event["id"]},
        "resendEvent": {"path.id": event["id"], "body.webhook_endpoint": kept},
        "getWebhookEndpoint": {"path.id": kept},
        "updateWebhookEndpoint": {"path.id": kept},
        "deleteWebhookEndpoint": {"path.id": removed},
        "rotateWebhookEndpointSecret": {"path.id": kept},
        "listWebhookEndpointDeliveries": {"path.id": kept},
        "listRefunds": {"query.payment_intent": paid["id"]},
        "openCheckout": {"path.token": open_intent["checkout_url"].rsplit("/", 1)[1]},
        "chooseConnector": {"path.token": open_intent["checkout_url"].rsplit("/", 1)[1]},
        "explainProblem": {"path.slug": "validation"},
        "deliver": {"path.connector": "sandbox_a"},
    }


def settings(values):
    """The configuration of schemathesis: where it finds ids that are there."""
    lines = []
    for operation, parameters in values.items():
        for parameter, value in parameters.items():
            lines += [f"[dictionaries.{operation}_{parameter.replace('.', '_')}]", f"values = {json.dumps([value])}"]
    for operation, parameters in values.items():
        lines += ["[[operations]]", f'include-operation-id = "{operation}"', "[operations.parameters]"]
        for parameter in parameters:
            name = f"{operation}_{parameter.replace('.', '_')}"
            lines.append(f'"{parameter}" = {{ dictionary = "{name}", probability = 0.7 }}')
    return "\n".join(lines) + "\n"


def run(hub, folder, arguments):
    config, answers = folder / "schemathesis.toml", folder / "answers.jsonl"
    shop = Shop(hub)
    config.write_text(settings(world(hub, shop)))
    command = [
        str(pathlib.Path(sys.executable).parent / "schemathesis"),
        f"--config-file={config}",
        "run",
        f"{hub.base_url}/openapi.json",
        f"--header=Authorization: Bearer {hub.key}",
        f"--max-examples={arguments.max_examples}",
        f"--seed={arguments.seed}",
        "--generation-database=none",
        f"--exclude-checks={NOT_CHECKED}",
        f"--request-timeout={ANSWER_S_MAX}",
        "--warnings=off",
        "--continue-on-failure",
        "--no-color",
    ]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "document_hooks",
        "PYTHONPATH": str(HERE),
        "DOCUMENT_ANSWERS": str(answers),
    }
    done = subprocess.run(command, cwd=folder, env=environment, timeout=RUN_S_MAX)
    check(done.returncode == 0, "schemathesis found what is told above")
    seen = {}
    for line in answers.read_text().splitlines():
        answer = json.loads(line)
        seen.setdefault(answer["operation"], set()).add(answer["status"])
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--max-examples", type=int, default=EXAMPLES)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    hub = Hub(json.loads(pathlib.Path(arguments.ready_file).read_text()))
    with tempfile.TemporaryDirectory() as folder:
        seen = run(hub, pathlib.Path(folder), arguments)
    for name, statuses in sorted(seen.items()):
        print(f"{name}: {' '.join(map(str, sorted(statuses)))}")
    document = hub.get("/openapi.json")
    calls = 0
    for path, methods in document["paths"].items():
        for operation in methods.values():
            name = operation["operationId"]
            calls += 1
            # Whoever holds the document has asked for it.
            if path == "/openapi.json":
                continue
            check(name in seen, name, "was never asked")
            good = any(status < 300 for status in seen[name])
            check(good or not path.startswith("/v1/"), name, "was never answered well:", sorted(seen[name]))
    check(calls > 20, "the calls were not found")


if __name__ == "__main__":
    main()
