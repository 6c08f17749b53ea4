//! The laws have teeth: for each there is an adapter that breaks it, and only it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/acme/adapter.rs"]
mod acme;
#[path = "support/bent.rs"]
mod bent;

use std::collections::BTreeSet;
use std::path::Path;

use bent::{Bent, fetch};
use processor_sdk::conformance::{Fixture, Report, Subject, check_all, laws, mac};
use processor_sdk::{
    Adapter, HttpResponse, KeyCarrier, MacAlgorithm, MacRequest, Part, Question, SecretRef, Settings,
    SignedDeliveries, TextEncoding,
};

const SECRETS: [(&str, &str); 2] =
    [("api_key", "acme-test-key-7c1f"), ("webhook_secret", "acme-test-webhook-19d4")];

/// Where a broken adapter's fixtures come from.
enum Fixtures {
    /// The good adapter's.
    Good,
    /// Recorded anew from the same responses.
    Anew,
    /// The same, with one more response for each delivery.
    AnewWithResponse,
    /// The good adapter's without the named one.
    Without(&'static str),
    /// Recorded anew from deliveries that are signed over the body alone.
    SignedBodyOnly,
}

struct Row {
    /// The law that must be reported, and no other.
    law: &'static str,
    what: &'static str,
    adapter: Bent,
    fixtures: Fixtures,
}

fn good_fixtures() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme/fixtures");
    Fixture::read_folder(&folder).unwrap()
}

fn subject(adapter: &dyn Adapter, fixtures: Vec<Fixture>) -> Subject<'_> {
    Subject::new(adapter, fixtures, SECRETS, Settings::default()).unwrap()
}

fn report(row: &Row) -> Report {
    let good = subject(&row.adapter, good_fixtures());
    // What a look-up made while receiving finds: the same as any other look-up.
    let found = good.fixtures.iter().find(|fixture| fixture.name == "fetch_paid").unwrap();
    let spare: HttpResponse = found.responses().next().unwrap().clone();
    let fixtures = match row.fixtures {
        Fixtures::Good => return check_all(&good),
        Fixtures::Anew => bent::recorded_anew(&good, None),
        Fixtures::AnewWithResponse => bent::recorded_anew(&good, Some(&spare)),
        Fixtures::Without(name) => {
            good_fixtures().into_iter().filter(|fixture| fixture.name != name).collect()
        }
        Fixtures::SignedBodyOnly => {
            let fixtures = good.fixtures.iter().cloned().map(signed_over_body_only).collect();
            bent::recorded_anew(&subject(&row.adapter, fixtures), None)
        }
    };
    check_all(&subject(&row.adapter, fixtures))
}

fn signed_over_body_only(mut fixture: Fixture) -> Fixture {
    if let Question::Delivery(delivery) = &mut fixture.ask {
        let request = MacRequest {
            algorithm: MacAlgorithm::HmacSha256,
            key: Some(SecretRef::named("webhook_secret")),
            over: vec![Part::DeliveryBody],
            encoding: TextEncoding::Hex,
        };
        let secrets = SECRETS.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let digest = mac(&request, Some(delivery), &secrets).unwrap();
        delivery.headers.0.retain(|(name, _)| name != "acme-signature");
        delivery.headers.push("acme-signature", &format!("1767323100,{digest}"));
    }
    fixture
}

#[test]
fn the_good_adapter_keeps_every_law() {
    let declared_by_field = Bent { descriptor: |descriptor| bent::sign_fields(descriptor, ""), ..Bent::GOOD };
    for adapter in [&acme::Acme as &dyn Adapter, &Bent::GOOD, &declared_by_field] {
        let report = check_all(&subject(adapter, good_fixtures()));
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.verdicts.len(), laws().len());
    }
}

#[test]
fn deliveries_that_are_not_signed_keep_the_laws_by_looking_up() {
    let row = Row {
        law: "none",
        what: "looks up what an unsigned delivery mentions",
        adapter: Bent { descriptor: bent::unsigned, receive: bent::receive_by_look_up, ..Bent::GOOD },
        fixtures: Fixtures::AnewWithResponse,
    };
    let report = report(&row);
    assert!(report.is_clean(), "{report}");
}

#[test]
fn every_law_is_broken_by_an_adapter_that_breaks_only_it() {
    let rows = rows();
    for row in &rows {
        let report = report(row);
        let broken: Vec<_> = report.broken().collect();
        assert_eq!(broken, [row.law], "{}\n{report}", row.what);
    }
    let covered: BTreeSet<_> = rows.iter().map(|row| row.law).collect();
    let named: BTreeSet<_> = laws().iter().map(|law| law.name).collect();
    assert_eq!(covered, named, "each law needs an adapter that breaks it");
}

#[test]
fn a_report_reads_well_and_survives_json() {
    let row = rows().into_iter().find(|row| row.law == "declared_doors").unwrap();
    let report = report(&row);
    let text = report.to_string();
    assert!(text.contains("acme 1.0.0: 26 laws kept, 1 broken, checked with 8 fixtures"), "{text}");
    assert!(text.contains("open_checkout: the door https://pay.acme.example/chk_41"), "{text}");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[expect(clippy::too_many_lines, reason = "a table of one row per flaw")]
fn rows() -> Vec<Row> {
    let row = |law, what, fixtures, adapter| Row { law, what, adapter, fixtures };
    vec![
        row(
            "descriptor_is_sane",
            "a secret without help",
            Fixtures::Good,
            Bent { descriptor: |descriptor| descriptor.secrets[0].help.clear(), ..Bent::GOOD },
        ),
        row(
            "descriptor_is_sane",
            "an acknowledgement that processors repeat for",
            Fixtures::Good,
            Bent { descriptor: |descriptor| descriptor.acknowledgement.status = 500, ..Bent::GOOD },
        ),
        row(
            "descriptor_is_sane",
            "names hosts and says that nothing is sent",
            Fixtures::Good,
            Bent {
                descriptor: |descriptor| descriptor.idempotency.carrier = KeyCarrier::NothingSent,
                ..Bent::GOOD
            },
        ),
        row("fixtures_cover", "no fixture of a refund", Fixtures::Without("refund"), Bent::GOOD),
        row("fixtures_cover", "no delivery with facts", Fixtures::Without("webhook_paid"), Bent::GOOD),
        row(
            "support_is_declared",
            "closes checkouts without saying that it can",
            Fixtures::Good,
            Bent { perform: bent::supports_what_it_does_not_say, ..Bent::GOOD },
        ),
        row(
            "support_is_declared",
            "refunds without saying that it can",
            Fixtures::Good,
            Bent { descriptor: |descriptor| descriptor.capabilities.refund = false, ..Bent::GOOD },
        ),
        row(
            "support_is_declared",
            "reads a delivery and says that there are none",
            Fixtures::Good,
            Bent { descriptor: |descriptor| descriptor.deliveries = SignedDeliveries::None, ..Bent::GOOD },
        ),
        row(
            "recorded_reply",
            "reads paid as pending",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_misreading_paid), ..Bent::GOOD },
        ),
        row(
            "deterministic",
            "counts its runs",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_counting), ..Bent::GOOD },
        ),
        row(
            "ends",
            "asks until it likes the answer",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_until_success), ..Bent::GOOD },
        ),
        row(
            "never_panics",
            "unwraps what it reads",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_unwrapping), ..Bent::GOOD },
        ),
        row(
            "stop_is_passed_on",
            "swallows a stop with .ok()",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_swallowing), ..Bent::GOOD },
        ),
        row(
            "json_round_trip",
            "nests deeper than JSON readers go",
            Fixtures::Anew,
            Bent {
                perform: |call, dialogue| {
                    let request =
                        |call: &_, order: &_| bent::refund_request_with(call, order, bent::deep_metadata);
                    bent::refund_by(call, dialogue, request)
                },
                ..Bent::GOOD
            },
        ),
        row(
            "declared_hosts",
            "follows redirects",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_following_redirects), ..Bent::GOOD },
        ),
        row(
            "secrets_declared",
            "names a secret that is not declared",
            Fixtures::Anew,
            Bent { perform: fetch!(bent::fetch_with_another_secret), ..Bent::GOOD },
        ),
        row(
            "secrets_declared",
            "sends a secret that must not leave",
            Fixtures::Anew,
            Bent { perform: fetch!(bent::fetch_with_the_webhook_secret), ..Bent::GOOD },
        ),
        row(
            "idempotency_key",
            "forgets the key of a refund",
            Fixtures::Anew,
            Bent {
                perform: |call, dialogue| {
                    bent::refund_by(call, dialogue, |call, order| {
                        let mut request = acme::refund_request(call, order)?;
                        request.headers.0.clear();
                        Ok(request)
                    })
                },
                ..Bent::GOOD
            },
        ),
        row(
            "idempotency_key",
            "cuts the key",
            Fixtures::Anew,
            Bent {
                perform: |call, dialogue| {
                    bent::refund_by(call, dialogue, |call, order| {
                        let mut request = acme::refund_request(call, order)?;
                        request.headers.0[0].1 = call.key.chars().take(8).collect();
                        Ok(request)
                    })
                },
                ..Bent::GOOD
            },
        ),
        row(
            "idempotency_key",
            "carries the key elsewhere than it declares",
            Fixtures::Good,
            Bent {
                descriptor: |descriptor| {
                    descriptor.idempotency.carrier =
                        KeyCarrier::BodyField { pointer: "/idempotency_key".to_owned() };
                },
                // The header now holds the key where nothing but the carrier may, which is the next law's.
                perform: |call, dialogue| {
                    let keyless = processor_sdk::Call { key: "k3yk3yk3yk3y0001".to_owned(), ..call.clone() };
                    acme::Acme.perform(&keyless, dialogue)
                },
                ..Bent::GOOD
            },
        ),
        row(
            "key_changes_nothing_else",
            "puts the key into the body as well",
            Fixtures::Anew,
            Bent {
                perform: |call, dialogue| {
                    let request =
                        |call: &_, order: &_| bent::refund_request_with(call, order, bent::request_id);
                    bent::refund_by(call, dialogue, request)
                },
                ..Bent::GOOD
            },
        ),
        row(
            "reads_only_read",
            "looks up by POST without listing it",
            Fixtures::Anew,
            Bent { perform: fetch!(bent::fetch_by_post), ..Bent::GOOD },
        ),
        row(
            "no_secret_leaks",
            "quotes what it could not read",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_quoting_errors), ..Bent::GOOD },
        ),
        row(
            "declared_doors",
            "opens a door that is not declared",
            Fixtures::Good,
            Bent { descriptor: bent::doors_elsewhere, ..Bent::GOOD },
        ),
        row(
            "garbage_never_settles",
            "takes a missing status for paid",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_presuming_paid), ..Bent::GOOD },
        ),
        row(
            "garbage_never_settles",
            "takes an empty answer for a refund done",
            Fixtures::Good,
            Bent { perform: bent::refund_presumed_done, ..Bent::GOOD },
        ),
        row(
            "unheard_word_never_settles",
            "takes a new word for declined",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_presuming_declined), ..Bent::GOOD },
        ),
        row(
            "unknown_fields_ignored",
            "refuses new fields",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_denying_fields), ..Bent::GOOD },
        ),
        row(
            "amounts_not_invented",
            "says the amount that was asked",
            Fixtures::Good,
            Bent { perform: fetch!(bent::fetch_inventing_amounts), ..Bent::GOOD },
        ),
        row(
            "missing_signature",
            "takes an unsigned delivery for a hint",
            Fixtures::Good,
            Bent { receive: bent::receive_unsigned, ..Bent::GOOD },
        ),
        row(
            "empty_secret",
            "takes a digest without a key",
            Fixtures::Good,
            Bent { receive: bent::receive_with_unkeyed_digest, ..Bent::GOOD },
        ),
        row(
            "wrong_secret",
            "takes a wrong signature for a hint",
            Fixtures::Good,
            Bent { receive: bent::receive_wrongly_signed, ..Bent::GOOD },
        ),
        row(
            "stale_delivery",
            "does not look at the time",
            Fixtures::Anew,
            Bent { receive: bent::receive_at_any_time, ..Bent::GOOD },
        ),
        row(
            "stale_delivery",
            "believes a time that is not signed",
            Fixtures::SignedBodyOnly,
            Bent { receive: bent::receive_with_unsigned_time, ..Bent::GOOD },
        ),
        row(
            "flipped_bit",
            "takes the event's id from an unsigned header",
            Fixtures::Anew,
            Bent { receive: bent::receive_with_header_id, ..Bent::GOOD },
        ),
        row(
            "flipped_bit",
            "takes the event's id from a delivery that nobody signed",
            Fixtures::AnewWithResponse,
            Bent {
                descriptor: bent::unsigned,
                receive: bent::receive_by_look_up_with_event_id,
                ..Bent::GOOD
            },
        ),
        row(
            "signed_fields_declared",
            "uses the amount without declaring it signed",
            Fixtures::Good,
            Bent { descriptor: |descriptor| bent::sign_fields(descriptor, "/checkout/amount"), ..Bent::GOOD },
        ),
        row(
            "verified_first",
            "asks the processor before it verifies",
            Fixtures::AnewWithResponse,
            Bent { receive: bent::receive_after_a_look, ..Bent::GOOD },
        ),
    ]
}
