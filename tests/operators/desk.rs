//! An operator's desk: a hub and a processor as processes, a shell to give commands in, and a shopper.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::processes::http::{Answer, admin, send};
use crate::processes::world::{Kind, World, text};
use crate::processes::{binaries, eventually};

/// Who gives the commands, unless a test says otherwise.
pub(crate) const OPERATOR: &str = "Nora";

/// A hub that runs, and everything around it.
pub(crate) struct Desk {
    pub(crate) world: World,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let code = output.status.code().expect("it ended by itself");
        Self { code, out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The answer, if it was done.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }

    /// The answer as JSON, if it was done.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).expect("JSON")
    }

    /// The machine's form of a failure: its code and its field.
    #[track_caller]
    pub(crate) fn error(&self) -> (String, String) {
        assert_eq!((self.code, self.err.as_str()), (1, ""), "{self:?}");
        let error = serde_json::from_str::<Value>(&self.out).expect("JSON")["error"].clone();
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        (text(&error, "code"), error["field"].as_str().unwrap_or_default().to_owned())
    }
}

/// Runs `payhub` with nothing in its environment but what is named here.
pub(crate) fn payhub(arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    let output = Command::new(binaries::payhub())
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .expect("payhub starts");
    Said::of(&output)
}

impl Desk {
    /// A hub with one connector and the default policies.
    pub(crate) fn start() -> Self {
        Self { world: World::start(Kind::Serve) }
    }

    /// A hub with two connectors to the same processor, and these lines at the end of its config.
    pub(crate) fn with_second_connector(lines: &str) -> Self {
        let second = |config: &str| {
            let (_, rest) = config.split_once("[connectors.sandbox]").expect("a connector");
            let first = rest.split("\n[").next().expect("its lines");
            format!("\n[connectors.second]{first}")
        };
        let world = World::prepare(Kind::Serve);
        let mut config = std::fs::read_to_string(world.config_file()).expect("a config");
        config.push_str(&second(&config));
        config.push_str(lines);
        std::fs::write(world.config_file(), config).expect("the config can be written");
        let mut desk = Self { world };
        desk.world.start_hub();
        desk.world.api.key = desk.world.first_key();
        desk
    }

    /// Gives a command about this hub.
    pub(crate) fn ask(&self, words: &[&str]) -> Said {
        let config = self.world.config_file();
        let config = ["--config", config.to_str().expect("UTF-8")];
        let environment = [&crate::processes::world::SECRETS[..], &[("USER", OPERATOR)]].concat();
        payhub(&[words, &config].concat(), &environment)
    }

    /// A payment as the cart sees it.
    pub(crate) fn payment(&self, id: &str) -> Value {
        self.world.api.show(&format!("/v1/payment_intents/{id}"))
    }

    /// Waits until a payment is as wanted.
    pub(crate) fn until(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{id} {what}"), || Some(self.payment(id)).filter(&wanted))
    }

    /// Creates a payment of 19.99 EUR with what `overrides` say; its id.
    pub(crate) fn create(&self, order: &str, overrides: &Value) -> Value {
        let mut body = json!({
            "amount": 1999, "currency": "EUR", "order_reference": order,
            "customer": { "email": "ann@customer.example", "name": "Ann Private" },
            "return_url": "http://127.0.0.1:9/thanks",
        });
        for (name, value) in overrides.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let answer = self.world.api.post("/v1/payment_intents", order, &body).expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Opens the processor's page; its session.
    pub(crate) fn open(&self, payment: &Value) -> String {
        self.visit("GET", payment, b"")
    }

    /// Opens the page of one of several connectors.
    pub(crate) fn choose(&self, payment: &Value, connector: &str) -> String {
        self.visit("POST", payment, format!("connector={connector}").as_bytes())
    }

    fn visit(&self, method: &str, payment: &Value, form: &[u8]) -> String {
        let url = text(payment, "checkout_url");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let headers: &[_] = if form.is_empty() { &[] } else { &headers };
        let page = eventually("the processor's page", || {
            send(method, &url, headers, form).expect("an answer").location()
        });
        page.rsplit('/').next().expect("a session").to_owned()
    }

    /// Pays at the processor. The shopper does not come back.
    pub(crate) fn pay(&self, session: &str) {
        self.admin("POST", &format!("sessions/{session}/act"), &json!({ "action": "pay" }));
    }

    /// The shopper comes back from the processor's page, and the hub asks how it went.
    pub(crate) fn come_back(&self, session: &str) {
        let sessions = self.admin("GET", "sessions", &Value::Null)["data"].clone();
        let found = sessions.as_array().expect("a list").iter().find(|known| known["id"] == session);
        let url = text(found.expect("the session"), "return_url");
        let answer = send("GET", &url, &[], b"").expect("an answer");
        assert!(answer.status < 400, "{}", answer.text());
    }

    /// A paid payment's id.
    pub(crate) fn paid(&self, order: &str) -> String {
        let payment = self.create(order, &json!({}));
        self.pay(&self.open(&payment));
        let id = text(&payment, "id");
        self.until(&id, "paid", |payment| payment["status"] == "succeeded");
        id
    }

    /// The processor's payment of a session.
    pub(crate) fn processor_payment(&self, id: &str) -> String {
        let payment = self.payment(id);
        let references = payment["attempts"][0]["references"].as_array().expect("references").clone();
        let found = references.iter().find(|reference| reference["kind"] == "payment");
        text(found.expect("the processor's payment"), "id")
    }

    /// Asks for a refund; its id.
    pub(crate) fn refund(&self, id: &str, amount: i64) -> String {
        let body = json!({ "payment_intent": id, "amount": amount, "reason": "A page is missing" });
        let answer = self.world.api.post("/v1/refunds", &format!("{id}-{amount}"), &body).expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        text(&answer.json(), "id")
    }

    /// Waits until a refund has a status.
    pub(crate) fn until_refund(&self, id: &str, status: &str) {
        let path = format!("/v1/refunds/{id}");
        eventually(&format!("{id} {status}"), || {
            (self.world.api.show(&path)["status"] == status).then_some(())
        });
    }

    /// Asks the processor's dashboard.
    pub(crate) fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        admin(&self.world.sandbox_url, method, &format!("/admin/{path}"), body)
    }

    /// What the processor's books say it took and gave back.
    pub(crate) fn ledger(&self) -> (i64, i64) {
        let totals = self.admin("GET", "ledger", &Value::Null)["totals"].clone();
        let total = |name: &str| totals[name].as_i64().expect("a total");
        (total("charged"), total("refunded"))
    }

    /// A request under an API key.
    pub(crate) fn under(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {key}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "of-the-desk"),
        ];
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        send(method, &format!("{}{path}", self.world.api.base_url), &headers, &bytes).expect("an answer")
    }

    /// Whether a text is anywhere in the data folder.
    pub(crate) fn keeps(&self, secret: &str) -> bool {
        let files = std::fs::read_dir(self.world.data_dir()).expect("the data folder");
        files
            .filter_map(|file| std::fs::read(file.expect("a file").path()).ok())
            .any(|bytes| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
    }
}
