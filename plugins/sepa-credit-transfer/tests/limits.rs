//! Every field's limit, and the codes that others have published.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use plugin_sepa_credit_transfer::SepaCreditTransfer;
use plugin_sepa_credit_transfer::account::{Account, account};
use plugin_sepa_credit_transfer::payload::{AMOUNT_MINOR_MAX, PAYLOAD_BYTES_MAX, Remittance, Transfer};
use plugin_sepa_credit_transfer::reference::creditor_reference;
use processor_sdk::{
    Adapter, Answer, Ask, Call, CaptureMode, CheckoutOrder, Currency, Customer, Door, DoorKind, Fault, Money,
    Operation, Question, Reply, Scannable, Settings, Shopper, Timestamp, run,
};
use serde_json::{Value, json};

const IBAN: &str = "DE02120300000000202051";

fn euros(minor: i64) -> Money {
    Money::new(minor, Currency::EUR).unwrap()
}

fn settings(changes: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::from([
        ("name", "Test Recipient".into()),
        ("iban", IBAN.into()),
        ("reference", "structured".into()),
    ]);
    for (name, value) in changes {
        settings.0.insert((*name).to_owned(), (*value).into());
    }
    settings
}

fn call(settings: Settings, amount: Money, order_reference: Option<&str>) -> Call {
    Call {
        operation: Operation::OpenCheckout(CheckoutOrder {
            description: None,
            order_reference: order_reference.map(str::to_owned),
            lines: vec![],
            customer: Customer::default(),
            shopper: Shopper::default(),
            return_url: "https://hub.example.com/return/1".to_owned(),
            cancel_url: "https://hub.example.com/return/1".to_owned(),
            webhook_url: "https://hub.example.com/webhooks/1".to_owned(),
            expires_at: Timestamp::UNIX_EPOCH,
        }),
        key: "k3yk3yk3yk3y0001".to_owned(),
        echo: "539007547034".to_owned(),
        amount,
        capture: CaptureMode::Automatic,
        references: [].into(),
        created_at: Timestamp::UNIX_EPOCH,
        settings,
        livemode: true,
    }
}

/// The code's data, or the field that was refused.
fn opened(call: Call) -> Result<String, String> {
    match run(&SepaCreditTransfer, &Ask::new(Question::Call(call))) {
        Reply::Answer(Answer::Said { door: Some(Door { kind, .. }), .. }) => match kind {
            DoorKind::Instructions { scannable: Some(Scannable::Qr { payload }), .. } => Ok(payload),
            other => panic!("{other:?}"),
        },
        Reply::Fault(Fault::CannotAsk { field, .. }) => Err(field),
        other => panic!("{other:?}"),
    }
}

/// The setting that is refused.
fn account_of(changes: &[(&str, &str)]) -> Result<Account, String> {
    account(&settings(changes)).map_err(|fault| match fault {
        Fault::CannotAsk { field, .. } => field,
        other => panic!("{other:?}"),
    })
}

#[test]
fn the_guidelines_own_examples_come_out() {
    // EPC069-12, version 3.1, section 2.3. The first is in version 001 of the data, the second in ISO 8859-1;
    // this adapter writes version 002 in UTF-8, and always two decimals.
    let first = "BCD\n001\n1\nSCT\nBHBLDEHHXXX\nFranz Mustermänn\nDE71110220330123456789\nEUR12.3\nGDDS\n\
                 RF18539007547034";
    let second = "BCD\n002\n2\nSCT\n\nFrançois D'Alsace S.A.\nFR1420041010050500013M02606\nEUR12.3\n\n\n\
                  Client:Marie Louise La Lune";
    // As long as the guideline says: 96 bytes of UTF-8; 103 characters.
    assert_eq!((first.len(), second.chars().count()), (96, 103));
    let structured = Remittance::Structured(creditor_reference("539007547034").unwrap());
    let text = Remittance::Text("Client:Marie Louise La Lune".to_owned());
    let franz = [("name", "Franz Mustermänn"), ("iban", "DE71110220330123456789"), ("bic", "BHBLDEHHXXX")];
    let francois = [("name", "François D'Alsace S.A."), ("iban", "FR1420041010050500013M02606")];
    for (example, of, purpose, remittance) in
        [(first, &franz[..], Some("GDDS"), structured), (second, &francois[..], None, text)]
    {
        let account = account_of(of).unwrap();
        let transfer = Transfer { account: &account, amount: euros(1230), purpose, remittance };
        let ours = example
            .replacen("\n001\n1\n", "\n002\n1\n", 1)
            .replacen("\n002\n2\n", "\n002\n1\n", 1)
            .replacen("EUR12.3\n", "EUR12.30\n", 1);
        assert_eq!(transfer.payload().unwrap(), ours);
    }
}

#[test]
fn creditor_references_have_their_check_digits() {
    for (echo, reference) in [
        // The guideline's own; the others are computed apart from this code.
        ("539007547034", Some("RF18539007547034")),
        ("2348231", Some("RF712348231")),
        ("1", Some("RF741")),
        ("000000000000000000000", Some("RF04000000000000000000000")),
        ("zzzzzzzzzzzzzzzzzzzzz", Some("RF09ZZZZZZZZZZZZZZZZZZZZZ")),
        ("01kb2x7q9v3m8d5tz4rw", Some("RF1001KB2X7Q9V3M8D5TZ4RW")),
        ("", None),
        ("a-b", None),
        ("a b", None),
        ("ä", None),
        ("0000000000000000000000", None),
    ] {
        assert_eq!(creditor_reference(echo).ok().as_deref(), reference, "{echo:?}");
    }
}

#[test]
fn accounts_are_checked() {
    let ibans = [
        // The examples of the IBAN registry.
        ("AD1200012030200359100100", "settings.bic"),
        ("AT611904300234573201", ""),
        ("BE68539007547034", ""),
        ("CH9300762011623852957", "settings.bic"),
        ("DE89370400440532013000", ""),
        ("ES9121000418450200051332", ""),
        ("FR1420041010050500013M02606", ""),
        ("GB29NWBK60161331926819", "settings.bic"),
        ("IE29AIBK93115212345678", ""),
        ("LI21088100002324013AA", ""),
        ("MT84MALT011000012345MTLCAST001S", ""),
        ("NL91ABNA0417164300", ""),
        ("NO9386011117947", ""),
        ("SM86U0322509800000000270100", "settings.bic"),
        ("VA59001123000012345678", "settings.bic"),
        // As people write them.
        ("de02 1203 0000 0000 2020 51", ""),
        // One digit wrong, two changed places, one missing, one too many, not a country in SEPA.
        ("DE02120300000000202052", "settings.iban"),
        ("DE02120300000000205021", "settings.iban"),
        ("DE0212030000000020205", "settings.iban"),
        ("DE021203000000002020510", "settings.iban"),
        ("BR1800360305000010009795493C1", "settings.iban"),
        ("US64SVBKUS6S3300958879", "settings.iban"),
        ("DE02-1203-0000-0000-2020-51", "settings.iban"),
        ("DEX2120300000000202051", "settings.iban"),
        ("ÄE02120300000000202051", "settings.iban"),
        ("", "settings.iban"),
    ];
    for (iban, refused) in ibans {
        let field = account_of(&[("iban", iban)]).err().unwrap_or_default();
        assert_eq!(field, refused, "{iban}");
    }
    for (bic, good) in [
        ("POFICHBEXXX", true),
        ("poficHBE", true),
        ("BHBL DE HH", true),
        ("", false),
        ("POFICHB", false),
        ("POFICHBEX", false),
        ("POFICHBEXXXX", false),
        ("POFI12BE", false),
        ("PÖFICHBE", false),
        ("POFI-CHB", false),
    ] {
        let account = account_of(&[("iban", "CH9300762011623852957"), ("bic", bic)]);
        assert_eq!(account.is_ok(), good, "{bic}: {account:?}");
    }
}

#[test]
fn each_character_of_an_iban_counts() {
    for place in 4..IBAN.len() {
        for digit in '0'..='9' {
            let mut other = IBAN.to_owned();
            other.replace_range(place..=place, &digit.to_string());
            assert_eq!(account_of(&[("iban", &other)]).is_ok(), other == IBAN, "{other}");
        }
    }
}

#[test]
fn every_field_has_its_limit() {
    let long = |character: char, count: usize| character.to_string().repeat(count);
    let (longest, too_long) = (long('n', 70), long('n', 71));
    // 70 letters of three bytes each leave room in the code; of four bytes they do not.
    let (wide, too_wide) = (long('\u{1e02}', 70), long('\u{10400}', 70));
    for (name, value, refused) in [
        ("name", "n", ""),
        ("name", &longest, ""),
        ("name", &wide, ""),
        ("name", &too_wide, "settings.name"),
        ("name", &too_long, "settings.name"),
        ("name", "", "settings.name"),
        ("name", "  ", "settings.name"),
        ("name", "one\nEUR1", "settings.name"),
        ("name", "one\rtwo", "settings.name"),
        ("name", "one\u{2028}two", "settings.name"),
        ("purpose", "G", ""),
        ("purpose", "GDDS", ""),
        ("purpose", "GDDSX", "settings.purpose"),
        ("purpose", "gdds", "settings.purpose"),
        ("purpose", "G S", "settings.purpose"),
        ("purpose", "", "settings.purpose"),
        ("reference", "text", ""),
        ("reference", "other", "settings.reference"),
    ] {
        let opened = opened(call(settings(&[(name, value)]), euros(1999), None));
        assert_eq!(opened.as_ref().err().map_or("", String::as_str), refused, "{name} {value:?}");
        if let Ok(payload) = opened {
            assert!(payload.len() <= PAYLOAD_BYTES_MAX && payload.lines().count() <= 11, "{payload}");
        }
    }
}

#[test]
fn amounts_are_written_as_banks_read_them() {
    let of = |minor, currency| Money::new(minor, currency).unwrap();
    for (amount, written) in [
        (euros(1), Ok("EUR0.01")),
        (euros(10), Ok("EUR0.10")),
        (euros(100), Ok("EUR1.00")),
        (euros(1999), Ok("EUR19.99")),
        (euros(AMOUNT_MINOR_MAX), Ok("EUR999999999.99")),
        (euros(AMOUNT_MINOR_MAX + 1), Err("amount")),
        (euros(0), Err("amount")),
        (of(1999, Currency::USD), Err("amount")),
        (of(1999, Currency::JPY), Err("amount")),
    ] {
        let line = opened(call(settings(&[]), amount, None));
        let line = line.map(|payload| payload.lines().nth(7).unwrap().to_owned());
        assert_eq!(line, written.map(str::to_owned).map_err(str::to_owned), "{amount}");
    }
    let manual = Call { capture: CaptureMode::Manual, ..call(settings(&[]), euros(1), None) };
    assert_eq!(opened(manual).err().as_deref(), Some("capture"));
}

#[test]
fn the_order_number_is_there_where_it_fits() {
    let reference = "RF18539007547034";
    let long = |count: usize| "x".repeat(count);
    let text = settings(&[("reference", "text")]);
    let wide_name = "\u{1e02}".repeat(70);
    let wide = settings(&[("reference", "text"), ("name", &wide_name)]);
    for (settings, number, line) in [
        (&text, None, reference.to_owned()),
        (&text, Some("A-7".to_owned()), format!("{reference} A-7")),
        (&text, Some(long(123)), format!("{reference} {}", long(123))),
        (&text, Some(long(124)), reference.to_owned()),
        (&text, Some("A\nB".to_owned()), reference.to_owned()),
        // Beside a name of 210 bytes there is no room for it.
        (&wide, Some(long(55)), reference.to_owned()),
        (&wide, Some(long(54)), format!("{reference} {}", long(54))),
    ] {
        let payload = opened(call(settings.clone(), euros(1999), number.as_deref())).unwrap();
        let lines: Vec<_> = payload.split('\n').collect();
        assert_eq!((lines.len(), lines[9], lines[10]), (11, "", line.as_str()), "{payload}");
    }
    // In the structured field there is the reference alone, and then nothing follows it.
    let payload = opened(call(settings_structured(), euros(1999), Some("A-7"))).unwrap();
    assert!(payload.ends_with(&format!("\n{reference}")) && payload.split('\n').count() == 10, "{payload}");
}

fn settings_structured() -> Settings {
    settings(&[("reference", "structured")])
}

#[test]
fn the_descriptor_says_what_the_code_can_hold() {
    let descriptor: Value = serde_json::to_value(SepaCreditTransfer.descriptor()).unwrap();
    assert_eq!(
        descriptor["currencies"],
        json!({ "listed": [{ "currency": "EUR", "minimum": 1, "maximum": 99_999_999_999_i64 }] })
    );
    assert_eq!(
        (&descriptor["hosts"], &descriptor["secrets"], &descriptor["deliveries"]),
        (&json!([]), &json!([]), &json!("none"))
    );
}
