//! A question with prepared responses, for an adapter's own rows about words, codes and events.

use super::host::EXCHANGES_MAX;
use crate::{Adapter, Ask, Exchange, HttpRequest, HttpResponse, Question, Reply, Step, StepAnswer, run};

/// Carries a question to its end with prepared responses, one for each request in turn: the requests, and the reply.
///
/// Every signature passes, for tests of what a delivery says; those of signatures use [`super::run_through`].
///
/// # Errors
/// What went otherwise, in words: a request too many, a response that nobody asked for, a digest that is wanted, more
/// than [`EXCHANGES_MAX`] steps.
pub fn rehearse(
    adapter: &dyn Adapter,
    question: Question,
    responses: Vec<HttpResponse>,
) -> Result<(Vec<HttpRequest>, Reply), String> {
    let mut responses = responses.into_iter();
    let mut requests = vec![];
    let mut ask = Ask::new(question);
    for _ in 0..=EXCHANGES_MAX {
        let step = match run(adapter, &ask) {
            Reply::Step(step) => step,
            reply => {
                let left = responses.len();
                let rest = format!("{left} prepared responses were not asked for");
                return if left == 0 { Ok((requests, reply)) } else { Err(rest) };
            }
        };
        let answer = match &step {
            Step::Send(request) => {
                requests.push(request.clone());
                let response = responses.next();
                StepAnswer::Response(response.ok_or_else(|| format!("a request too many: {}", request.url))?)
            }
            Step::Verify(_) => StepAnswer::Verified,
            Step::Mac(_) => return Err("it wants a digest".to_owned()),
        };
        ask.transcript.push(Exchange { step, answer });
    }
    Err(format!("no reply after {EXCHANGES_MAX} steps"))
}
