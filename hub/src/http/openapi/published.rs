//! The events that the hub sends to merchants' endpoints, as the `webhooks` of the document.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::api_objects::envelopes::{Event, Subject, event_types};
use crate::api_objects::{DisputeObject, OrderObject, PaymentIntentObject, RefundObject};

/// Every event type with its payload.
pub(super) fn events(generator: &mut SchemaGenerator) -> Value {
    let mut webhooks = Map::new();
    about::<PaymentIntentObject<'_>>(&mut webhooks, generator);
    about::<OrderObject<'_>>(&mut webhooks, generator);
    about::<RefundObject<'_>>(&mut webhooks, generator);
    about::<DisputeObject<'_>>(&mut webhooks, generator);
    Value::Object(webhooks)
}

fn about<T: Subject>(webhooks: &mut Map<String, Value>, generator: &mut SchemaGenerator) {
    for kind in event_types::<T>() {
        let mut schema = generator.subschema_for::<Event<'_, T>>().to_value();
        schema["properties"] = json!({ "type": { "const": kind } });
        webhooks.insert(kind.to_owned(), json!({ "post": sent(kind, &schema) }));
    }
}

fn sent(kind: &str, schema: &Value) -> Value {
    let header = |name: &str, says: &str| {
        json!({
            "name": name,
            "in": "header",
            "required": true,
            "description": says,
            "schema": { "type": "string" },
        })
    };
    json!({
        "operationId": format!("on.{kind}"),
        "summary": kind,
        "description":
            "Signed by the Standard Webhooks specification. The same event may come twice, and events may \
             come out of order: remember `id`, compare `sequence`, which only grows within a payment.",
        "parameters": [
            header("webhook-id", "The event's id; the same for every try."),
            header("webhook-timestamp", "When this try was sent, in seconds since 1970."),
            header("webhook-signature", "`v1,` and a signature, for each active secret, apart by a space."),
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } },
        "responses": {
            "2XX": { "description": "Taken. Do the work afterwards." },
            "410": { "description": "Not wanted any more: the endpoint is switched off." },
            "default": { "description": "Sent again later, for about three days." },
        },
        "security": [],
    })
}
