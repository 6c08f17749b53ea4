//! The server of a twin: takes requests, lets faults strike, and gives tests a hand on everything.
//!
//! Invariant: the state changes under one lock, one request at a time; waiting is done without it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::cord::{Cord, CuttableListener};
use super::desk::{Desk, Ledger};
use super::faults::Fault;
use super::outbox::{self, How, Manner, Order, Parcel, Progress};
use super::{Processor, Reply, Request};
use crate::support::cart::plain_client;
use crate::support::eventually;

/// What the server and the test share.
pub(crate) struct Shared<P> {
    state: Mutex<(P, Desk)>,
    /// Something may have to be sent.
    pub(crate) news: Notify,
    /// Counts how often stalled answers were let go.
    go: watch::Sender<u64>,
    pub(crate) client: reqwest::Client,
    base_url: String,
    count: AtomicU64,
}

impl<P> Shared<P> {
    /// Looks at the state, or changes it, and has the outbox look as well.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut P, &mut Desk) -> T) -> T {
        let seen = self.quietly(look);
        self.news.notify_one();
        seen
    }

    /// The same for the outbox itself, which would wake itself for ever.
    pub(crate) fn quietly<T>(&self, look: impl FnOnce(&mut P, &mut Desk) -> T) -> T {
        // A test that failed while it held the lock has said so already.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (processor, desk) = &mut *state;
        look(processor, desk)
    }
}

/// A processor's twin that runs until it is dropped.
pub(crate) struct Twin<P> {
    shared: Arc<Shared<P>>,
    pub(crate) base_url: String,
    tasks: Vec<JoinHandle<()>>,
}

impl<P: Processor> Twin<P> {
    /// Starts a twin on a port of its own.
    pub(crate) async fn start(processor: P, webhook_secret: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let mut desk = Desk::default();
        desk.webhook_secrets = vec![webhook_secret.to_owned()];
        let shared = Arc::new(Shared {
            state: Mutex::new((processor, desk)),
            news: Notify::new(),
            go: watch::Sender::new(0),
            client: plain_client(),
            base_url: base_url.clone(),
            count: AtomicU64::new(1),
        });
        let router = Router::new().fallback(take::<P>).with_state(Arc::clone(&shared));
        let service = router.into_make_service_with_connect_info::<Cord>();
        let serving = async move {
            axum::serve(CuttableListener(listener), service).await.expect("the twin serves");
        };
        let tasks = vec![tokio::spawn(serving), tokio::spawn(outbox::run(Arc::clone(&shared)))];
        Self { shared, base_url, tasks }
    }

    /// Looks at the state, or changes it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut P, &mut Desk) -> T) -> T {
        self.shared.with(look)
    }

    pub(crate) fn host(&self) -> String {
        self.base_url.trim_start_matches("http://").to_owned()
    }

    /// The next request of an operation has a bad day.
    pub(crate) fn fault(&self, operation: &'static str, fault: Fault) {
        self.faults(operation, fault, 1);
    }

    /// So many requests of an operation have one.
    pub(crate) fn faults(&self, operation: &'static str, fault: Fault, times: u32) {
        self.with(|_, desk| desk.faults.add(operation, fault, times));
    }

    pub(crate) fn no_more_faults(&self) {
        self.with(|_, desk| desk.faults.clear());
    }

    /// That every fault that was asked for has struck.
    pub(crate) fn struck(&self) {
        assert_eq!(
            self.with(|_, desk| desk.faults.left()),
            Vec::<String>::new(),
            "faults that did not strike"
        );
    }

    /// Lets stalled answers go.
    pub(crate) fn let_go(&self) {
        self.shared.go.send_modify(|times| *times += 1);
    }

    /// Moves the clock forward.
    pub(crate) fn jump(&self, seconds: i64) {
        self.with(|_, desk| desk.ahead_s += seconds);
    }

    /// What moves its clock forward, for whoever moves several at once.
    pub(crate) fn clock(&self) -> impl Fn(i64) + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move |seconds| shared.with(|_, desk| desk.ahead_s += seconds)
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.with(|_, desk| desk.ledger.clone())
    }

    /// How many requests of an operation came.
    pub(crate) fn count_asked(&self, operation: &str) -> usize {
        self.with(|_, desk| desk.count_asked(operation))
    }

    /// All requests to the API in the order in which they came. One whose answer was lost stands here as well.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let mut requests = self.with(|_, desk| desk.requests.clone());
        requests.sort_by_key(|request| request.number);
        requests
    }

    /// Where webhooks go; nothing switches them off.
    pub(crate) fn send_webhooks_to(&self, url: Option<&str>) {
        self.with(|_, desk| desk.webhook_url = url.map(str::to_owned));
    }

    /// How events leave from now on.
    pub(crate) fn webhooks(&self, manner: Manner) {
        self.with(|_, desk| desk.manner = manner);
    }

    /// The secrets that sign, the newest first.
    pub(crate) fn sign_with(&self, secrets: &[&str]) {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        self.with(|_, desk| desk.webhook_secrets = secrets);
    }

    /// Sends held events, one after the other, each once; gives what they were answered.
    pub(crate) async fn release(&self, order: Order) -> Vec<u16> {
        let mut held = self.with(|_, desk| {
            let held = desk.parcels.iter_mut().filter(|parcel| parcel.progress == Progress::Held);
            let taken = held.map(|parcel| {
                parcel.progress = Progress::Delivered;
                parcel.clone()
            });
            taken.collect::<Vec<_>>()
        });
        if order == Order::Reversed {
            held.reverse();
        }
        let mut answers = Vec::new();
        for parcel in held {
            answers.push(self.deliver(&parcel, &How::Well).await);
        }
        answers
    }

    /// Sends an event once (again), in this way; gives the status.
    pub(crate) async fn deliver(&self, parcel: &Parcel, how: &How) -> u16 {
        let answered = outbox::send(&self.shared, parcel, how).await;
        answered.unwrap_or_else(|| panic!("no answer to the webhook {}", parcel.kind))
    }

    /// The events so far, oldest first.
    pub(crate) fn events(&self) -> Vec<Parcel> {
        self.with(|_, desk| desk.parcels.clone())
    }

    /// The newest event of a type.
    #[track_caller]
    pub(crate) fn event(&self, kind: &str) -> Parcel {
        let newest = self.events().into_iter().rfind(|parcel| parcel.kind == kind);
        newest.unwrap_or_else(|| panic!("no event {kind}"))
    }

    /// Waits until no webhook is on its way.
    pub(crate) async fn until_quiet(&self) {
        quiet(&self.shared).await;
    }

    /// Ends the story: nothing was sent that should not have been, every fault has struck, no webhook failed.
    pub(crate) async fn finish(&self) {
        self.until_quiet().await;
        self.struck();
        self.with(|_, desk| {
            assert_eq!(
                desk.violations,
                Vec::<String>::new(),
                "requests that the published API does not allow"
            );
            let failed = desk.parcels.iter().filter(|parcel| parcel.progress == Progress::Failed);
            let failed: Vec<_> = failed.map(|parcel| (&parcel.kind, parcel.answered)).collect();
            assert!(failed.is_empty(), "webhooks that were never accepted: {failed:?}");
        });
    }
}

impl<P> Drop for Twin<P> {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn quiet<P: Processor>(shared: &Shared<P>) {
    let on_its_way = |parcel: &Parcel| matches!(parcel.progress, Progress::Pending | Progress::Leaving);
    eventually("no webhook on its way", || async {
        shared.with(|_, desk| !desk.parcels.iter().any(on_its_way)).then_some(())
    })
    .await;
}

async fn take<P: Processor>(
    State(shared): State<Arc<Shared<P>>>,
    ConnectInfo(cord): ConnectInfo<Cord>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        number: shared.count.fetch_add(1, Ordering::Relaxed),
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body: body.to_vec(),
        base_url: shared.base_url.clone(),
    };
    // A client that hangs up ends nothing that has begun.
    let answering = tokio::spawn(async move { reply(&shared, &request, &cord).await });
    response(answering.await.expect("the twin answers"))
}

async fn reply<P: Processor>(shared: &Shared<P>, request: &Request, cord: &Cord) -> Reply {
    let operation = shared.with(|processor, _| processor.operation(request));
    let fault = operation.and_then(|operation| shared.with(|_, desk| desk.faults.strike(operation)));
    let reply = answer(shared, request, fault, cord).await;
    shared.with(|processor, desk| {
        processor.is_over(request);
        if let Some(operation) = operation {
            desk.asked.push(operation);
            desk.requests.push(request.clone());
        }
    });
    reply
}

async fn answer<P: Processor>(
    shared: &Shared<P>,
    request: &Request,
    fault: Option<Fault>,
    cord: &Cord,
) -> Reply {
    if let Some(fault) = fault.filter(|fault| fault.keeps_it_away()) {
        if fault == Fault::DropBefore {
            cord.pull();
        }
        let is_throttled = fault == Fault::TooMany;
        return shared.with(
            |processor, _| {
                if is_throttled { processor.too_many() } else { processor.broken() }
            },
        );
    }
    // Whoever is let go must have come before.
    let mut go = shared.go.subscribe();
    let run = fault.map_or(super::Run::Whole, Fault::run);
    let reply = shared.with(|processor, desk| processor.answer(desk, request, run));
    match fault {
        Some(Fault::DropAfter) => cord.pull(),
        Some(Fault::ErrorAfter) => return shared.with(|processor, _| processor.broken()),
        Some(Fault::Garbage) => {
            let headers = vec![("content-type", "text/html".to_owned())];
            return Reply { status: 200, headers, body: "<html>One moment, please</html>".to_owned() };
        }
        Some(Fault::Stall) => drop(go.changed().await),
        Some(Fault::WebhooksFirst) => quiet(shared).await,
        Some(
            Fault::DropBefore
            | Fault::ErrorBefore
            | Fault::BreaksBefore
            | Fault::BreaksAfter
            | Fault::TooMany,
        )
        | None => {}
    }
    reply
}

fn response(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).expect("a status");
    for (name, value) in reply.headers {
        let value = HeaderValue::from_str(&value).expect("a header's value");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}
