//! `payhub processors list|show`: the adapters that are compiled in, and all that an operator needs to know to take
//! payments with one: what to do at the processor, which webhook events to choose, what to write into the config.
//!
//! All of it is the adapter's descriptor, so it cannot differ from what the hub does.

use std::process::ExitCode;

use payhub::connector::native::{native_adapter, native_adapters};
use payhub::operator::Failure;
use processor_sdk::{Capabilities, Descriptor, LookUp};
use serde_json::{Value, json};

use super::descriptor::{currencies, currency_count, hosts, proof, secret, setting, webhook_path};
use super::{columns, failure, print, refused};

/// The widest line of text, in characters; lists of names are broken there.
const LINE_CHARS_MAX: usize = 100;

#[derive(clap::Subcommand)]
pub(crate) enum Processors {
    /// The adapters that are compiled in.
    List {
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// How to take payments with one: what to do at the processor, webhook events, settings, what it can do.
    Show {
        /// The adapter's name.
        name: String,
        /// Answer as JSON: the adapter's descriptor.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(processors: &Processors) -> ExitCode {
    match processors {
        Processors::List { json: true } => print(&format!("{:#}", list_as_json())),
        Processors::List { json: false } => print(&list_as_text()),
        Processors::Show { name, json } => match descriptor(name) {
            Ok(descriptor) if *json => print(&format!("{:#}", json!(descriptor))),
            Ok(descriptor) => print(&shown(&descriptor)),
            Err(failure) => refused(&failure, *json),
        },
    }
}

/// The descriptor of an adapter that is compiled in.
pub(crate) fn descriptor(name: &str) -> Result<Descriptor, Failure> {
    native_adapter(name).map(|adapter| adapter.descriptor()).ok_or_else(|| {
        let known = native_adapters().collect::<Vec<_>>().join(", ");
        let message = format!(
            "there is no adapter `{name}` compiled in; there are: {known}. A plugin is shown by payhub plugin inspect"
        );
        Failure { field: Some("name".to_owned()), ..failure("no_such_processor", message) }
    })
}

fn all() -> impl Iterator<Item = Descriptor> {
    native_adapters().filter_map(native_adapter).map(|adapter| adapter.descriptor())
}

fn list_as_json() -> Value {
    let rows = all().map(|descriptor| {
        json!({
            "name": descriptor.name,
            "title": descriptor.title,
            "version": descriptor.version,
            "documentation": descriptor.documentation,
            "currencies": currency_count(&descriptor),
        })
    });
    json!({ "processors": rows.collect::<Vec<_>>() })
}

fn list_as_text() -> String {
    let mut rows = vec![["NAME", "PROCESSOR", "CURRENCIES", "CAPTURE", "REFUND"].map(str::to_owned).to_vec()];
    rows.extend(all().map(|descriptor| {
        let (currencies, capabilities) = (currency_count(&descriptor), descriptor.capabilities);
        vec![descriptor.name, descriptor.title, currencies, capture(capabilities), refund(capabilities)]
    }));
    format!("{}\npayhub processors show NAME tells how to take payments with one.\n", columns(&rows))
}

fn shown(descriptor: &Descriptor) -> String {
    let Descriptor { name, title, version, documentation, .. } = descriptor;
    let mut text = format!("{title}: adapter = \"{name}\", version {version}\n{documentation}\n");
    let mut section = |heading: &str, body: &str| text.push_str(&format!("\n{heading}\n{body}"));
    section("Set it up", &numbered(descriptor));
    section("Webhooks", &webhooks(descriptor));
    section("Settings", &fields(descriptor.settings.iter().map(|field| (&field.name, setting(field)))));
    section("Secrets", &fields(secrets(descriptor).iter().map(|(name, text)| (name, text.clone()))));
    section("What it can do", &abilities(descriptor));
    section("Currencies", &wrapped(&currencies(descriptor), "  ", "  "));
    section(
        "Where the hub goes",
        &columns(&[
            vec!["  requests".to_owned(), hosts(&descriptor.hosts)],
            vec!["  shoppers".to_owned(), hosts(&descriptor.checkout_hosts)],
        ]),
    );
    text
}

fn numbered(descriptor: &Descriptor) -> String {
    let name = &descriptor.name;
    let own = [
        format!(
            "payhub init --out hub.toml {name} writes the config. Put each secret into a file that only the hub \
             can read, and fill in what it leaves open."
        ),
        "payhub config check hub.toml names what is missing; payhub serve --config hub.toml starts the hub."
            .to_owned(),
    ];
    let steps = descriptor.setup.iter().chain(&own).enumerate();
    steps.map(|(index, step)| wrapped(step, &format!("{:>3}. ", index + 1), "     ")).collect()
}

fn webhooks(descriptor: &Descriptor) -> String {
    let mut text = match webhook_path(descriptor) {
        Some(path) => {
            let secret = if path.ends_with("SECRET") { ", SECRET its webhook_path_secret" } else { "" };
            format!(
                "  webhook address: public_url and {path}\n  CONNECTOR is the name of the connector{secret}\n"
            )
        }
        None => String::new(),
    };
    text.push_str(&wrapped(proof(descriptor), "  ", "  "));
    if !descriptor.events.is_empty() {
        text.push_str("  events:\n");
        descriptor.events.iter().for_each(|event| text.push_str(&format!("    {event}\n")));
    }
    text
}

/// The secrets that the adapter wants, and the one that the hub itself wants where deliveries prove nothing.
fn secrets(descriptor: &Descriptor) -> Vec<(String, String)> {
    let path = webhook_path(descriptor).filter(|path| path.ends_with("SECRET")).map(|_| {
        let help =
            "required, beside settings and secrets: the end of the webhook address: openssl rand -hex 16";
        ("webhook_path_secret".to_owned(), help.to_owned())
    });
    let own = descriptor.secrets.iter().map(|field| (field.name.clone(), secret(field)));
    path.into_iter().chain(own).collect()
}

fn fields<'a>(fields: impl Iterator<Item = (&'a String, String)>) -> String {
    let text: String =
        fields.map(|(name, help)| format!("  {name}\n{}", wrapped(&help, "    ", "    "))).collect();
    if text.is_empty() { "  none\n".to_owned() } else { text }
}

fn abilities(descriptor: &Descriptor) -> String {
    let can = descriptor.capabilities;
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let row = |name: &str, value: String| vec![format!("  {name}"), value];
    columns(&[
        row("capture", capture(can)),
        row("void", yes(can.void)),
        row("refund", refund(can)),
        row("closing a page", yes(can.expire_checkout)),
        row("look-up of payments", look_up(can.fetch_payment)),
        row("look-up of refunds", look_up(can.fetch_refund)),
        row("look-up of disputes", look_up(can.fetch_dispute)),
    ])
}

fn capture(can: Capabilities) -> String {
    if !can.manual_capture {
        return "automatic".to_owned();
    }
    let mut words = vec!["automatic or manual"];
    words.extend(can.partial_capture.then_some("in part"));
    words.extend(can.multiple_captures.then_some("several times"));
    words.join(", ")
}

fn refund(can: Capabilities) -> String {
    if !can.refund {
        return "no".to_owned();
    }
    let mut words = vec!["whole"];
    words.extend(can.partial_refund.then_some("in part"));
    words.extend(can.multiple_refunds.then_some("several times"));
    words.join(", ")
}

fn look_up(depth: LookUp) -> String {
    match depth {
        LookUp::None => "none: its webhook tells, or an operator",
        LookUp::ById => "by the processor's id",
        LookUp::PageById => "of the page only, by the processor's id",
        LookUp::ByEcho => "by the processor's id, or by the hub's own",
    }
    .to_owned()
}

/// A text in lines, the first behind `first`, the others behind `rest`.
pub(crate) fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let (mut lines, mut line, mut width) = (String::new(), first.to_owned(), first.chars().count());
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let chars = word.chars().count();
        if !is_empty && width + 1 + chars > LINE_CHARS_MAX {
            lines.push_str(&line);
            lines.push('\n');
            (line, width, is_empty) = (rest.to_owned(), rest.chars().count(), true);
        }
        if !is_empty {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += chars;
        is_empty = false;
    }
    lines.push_str(&line);
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let long = "a".repeat(LINE_CHARS_MAX);
        let half = "b".repeat(LINE_CHARS_MAX / 2);
        for (text, expected) in [
            ("", "1. \n".to_owned()),
            ("one  two", "1. one two\n".to_owned()),
            (&long, format!("1. {long}\n")),
            (&format!("{half} {half} {half}"), format!("1. {half}\n   {half}\n   {half}\n")),
        ] {
            assert_eq!(wrapped(text, "1. ", "   "), expected, "{text}");
        }
    }
}
